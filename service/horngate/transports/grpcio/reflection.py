"""Server reflection, so that ``grpcurl`` and its kind need no proto files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection, reflection_pb2


def add_reflection(server: grpc.aio.Server, services: Iterable[str], pool: DescriptorPool) -> None:
    """Describe ``services``, and reflection itself, out of ``pool``."""
    # The library describes itself out of the default pool, and the services out of ours.
    pool.AddSerializedFile(reflection_pb2.DESCRIPTOR.serialized_pb)
    names: list[Any] = [*sorted(services), reflection.SERVICE_NAME]
    reflection.enable_server_reflection(names, server, pool=pool)
