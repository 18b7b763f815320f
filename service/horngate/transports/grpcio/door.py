"""Who may not call is told so before the message is read.

gRPC hands a handler the whole message: until the handler could refuse it, whoever shows no token
would fill the memory with messages that never end. Rates are counted by the gate alone, later.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import grpc

from horngate.access.gate import Gate
from horngate.errors import Unauthenticated
from horngate.protocols.method import CallObserver, Method
from horngate.servable import Clock
from horngate.transports.grpcio.calls import CODES, call_of
from horngate.transports.grpcio.handlers import Context
from horngate.transports.port import Failure, Report, authorization, failure


class Door:
    """Stands before every method that is not open, where the gate asks for tokens."""

    def __init__(
        self,
        methods: Sequence[Method],
        gate: Gate,
        *,
        observer: CallObserver,
        report: Report,
        clock: Clock,
    ) -> None:
        self._methods = {each.path: each for each in methods if gate.asks and not each.open}
        self._gate = gate
        self._observer = observer
        self._report = report
        self._clock = clock

    def turned_away(
        self, details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """What refuses a call whose caller is not known; None for one that may come in."""
        method = self._methods.get(details.method)
        if method is None:
            return None
        try:
            self._gate.known(authorization(details.invocation_metadata or ()))
        except Unauthenticated as error:
            told = failure(method, error, self._report)
            return grpc.stream_stream_rpc_method_handler(self._refusing(method, told))
        return None

    def _refusing(
        self, method: Method, told: Failure
    ) -> Callable[[AsyncIterator[bytes], Context], Awaitable[None]]:
        # As a stream of messages, of which it takes none.
        async def refuse(_messages: AsyncIterator[bytes], context: Context) -> None:
            call = call_of(context, self._clock())
            self._observer.started(method, call)
            try:
                await context.abort(CODES[told.code], told.message, told.trailers)
            finally:
                self._observer.finished(method, call, told.code, self._clock() - call.started)

        return refuse
