"""The gate that every call passes before its handler is asked: who calls, and how often."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from horngate.access.caller import Caller, Tokens
from horngate.access.proxies import Proxies
from horngate.errors import ConfigError, RateLimited
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


BURST_SECONDS: Final = 1.0
"""A client that was quiet may make so many seconds' calls at once."""

MOST_CLIENTS: Final = 10_000
"""Clients remembered; beyond that the one that was quiet the longest is forgotten, whose bucket is
the likeliest to be full."""


class Rates:
    """Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, rate: float) -> None:
        """Count a call of ``client``, who may make ``rate`` a second.

        Raises:
            RateLimited: it is one too many; the message says when there is room again.
        """
        size = max(1.0, rate * BURST_SECONDS)
        now = self._clock()
        with self._lock:
            left, at = self._buckets.pop(client, (size, now))
            left = min(size, left + (now - at) * rate)
            allowed = left >= 1.0
            self._buckets[client] = (left - 1.0 if allowed else left, now)
            if len(self._buckets) > MOST_CLIENTS:
                self._buckets.popitem(last=False)
        if not allowed:
            raise RateLimited(
                f"expected at most {rate:g} requests a second from one client, received more; "
                f"retry in {(1.0 - left) / rate:.3f} s",
                retry_after=(1.0 - left) / rate,
            )


def check_rate(key: str, rate: float) -> None:
    """Check a setting.

    Raises:
        ConfigError: it is no rate.
    """
    if not 0.001 <= rate <= 1e6:
        raise ConfigError(f"{key}: expected 0.001 to 1000000 requests a second, received {rate}")
