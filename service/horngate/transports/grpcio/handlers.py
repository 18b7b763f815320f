"""From a method's path to what serves it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

Context = grpc.aio.ServicerContext[Any, Any]


class Handlers(grpc.GenericRpcHandler):
    """Finds a method by its path; asked last, so that it also answers for unknown ones."""

    def __init__(self, handlers: Any) -> None:
        self._handlers = dict(handlers)

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any]:
        known = self._handlers.get(handler_call_details.method)
        return known or grpc.stream_stream_rpc_method_handler(
            _unserved(handler_call_details.method)
        )


def _unserved(path: str) -> Callable[[AsyncIterator[bytes], Context], Awaitable[None]]:
    async def refuse(requests: AsyncIterator[bytes], context: Context) -> None:  # noqa: ARG001
        await context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            f"{path[:200]} is not served here; server reflection lists what is",
        )

    return refuse
