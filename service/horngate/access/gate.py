"""The gate that every call passes before its handler is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from horngate.access.caller import Caller
from horngate.access.proxies import Proxies
from horngate.access.rate import Rates
from horngate.access.tokens import Tokens
from horngate.servable import Clock


class Gate:
    """Tells callers apart and counts their calls. Thread-safe.

    ``closed`` is whether it has anything to do: an open gate need not be asked at all. ``asks`` is
    whether a caller has to show a token.

    Args:
        clock: monotonic seconds.
        tokens: who may call, asked at each call; None for everybody.
        rate: requests a second of one client, None for any number. A client is known by its token,
            and by its address where there are none.
        proxies: whose word is taken about the address that a call comes from.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        tokens: Callable[[], Tokens] | None = None,
        rate: float | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        self._tokens = tokens
        self._rate = rate
        self._rates = Rates(clock)
        self._proxies = proxies or Proxies()
        self.closed = tokens is not None or rate is not None
        self.asks = tokens is not None

    def known(self, authorization: str) -> Caller | None:
        """Whom a call comes from, as ``admit`` has it, without counting it.

        Raises:
            Unauthenticated: no token, or an unknown one.
        """
        return None if self._tokens is None else self._tokens().caller(authorization)

    def admit(
        self, authorization: str, address: str, forwarded: Sequence[str] = ()
    ) -> Caller | None:
        """Whom a call comes from, None where this server does not ask.

        Args:
            authorization: the value of the call's ``authorization`` header, "" for none.
            address: the caller's, without its port; "" where it is not known.
            forwarded: the values of its ``x-forwarded-for``.

        Raises:
            Unauthenticated: no token, or an unknown one.
            RateLimited: one call too many.
        """
        caller = self.known(authorization)
        rate = self._rate if caller is None or caller.rate is None else caller.rate
        if rate is None:
            return caller
        if caller is not None:
            self._rates.take(f"token {caller.name}", rate)
        elif client := self._proxies.client(address, forwarded):
            self._rates.take(client, rate)
        return caller
