"""From a method's path to what serves it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

Context = grpc.aio.ServicerContext[Any, Any]
TurnedAway = Callable[[grpc.HandlerCallDetails], "grpc.RpcMethodHandler[Any, Any] | None"]


class Handlers(grpc.GenericRpcHandler):
    """Finds a method by its path; asked last, so that it also answers for unknown ones.

    Args:
        handlers: by path.
        turned_away: asked first, before a message is read; what to call instead, if anything.
    """

    def __init__(self, handlers: Any, turned_away: TurnedAway) -> None:
        self._handlers = dict(handlers)
        self._turned_away = turned_away

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any]:
        path = handler_call_details.method
        if path not in self._handlers:
            return grpc.stream_stream_rpc_method_handler(_unserved(path))
        return self._turned_away(handler_call_details) or self._handlers[path]


def _unserved(path: str) -> Callable[[AsyncIterator[bytes], Context], Awaitable[None]]:
    async def refuse(_messages: AsyncIterator[bytes], context: Context) -> None:
        await context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            f"{path[:200]} is not served here; server reflection lists what is",
        )

    return refuse
