"""Server reflection, so that ``grpcurl`` and its kind need no proto files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha import reflection, reflection_pb2

from horngate.errors import Overloaded
from horngate.transports.grpcio.handlers import Context
from horngate.transports.grpcio.streams import Streams


def add_reflection(
    server: grpc.aio.Server, services: Iterable[str], pool: DescriptorPool, streams: Streams
) -> None:
    """Describe ``services``, and reflection itself, out of ``pool``; count it among ``streams``."""
    # The library describes itself out of the default pool, and the services out of ours.
    pool.AddSerializedFile(reflection_pb2.DESCRIPTOR.serialized_pb)
    names: list[Any] = [*sorted(services), reflection.SERVICE_NAME]
    servicer = reflection.aio.ReflectionServicer(names, pool=pool)

    async def serve(messages: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
        try:
            streams.enter(anybody=True)
        except Overloaded as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        # Read here: the library's own reading logs a trace for each message that is none.
        try:
            async for reply in servicer.ServerReflectionInfo(_requests(messages), context):
                yield reply.SerializeToString()
        except DecodeError:
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"expected a {reflection_pb2.ServerReflectionRequest.DESCRIPTOR.full_name}, "
                "received bytes that cannot be read as one",
            )
        finally:
            streams.leave(anybody=True)

    handler: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(serve)
    methods = {"ServerReflectionInfo": handler}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(reflection.SERVICE_NAME, methods),)
    )


async def _requests(messages: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    async for data in messages:
        yield reflection_pb2.ServerReflectionRequest.FromString(data)
