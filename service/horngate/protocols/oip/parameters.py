"""Values in the protocol's open maps: reading those of requests, and names of our own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from horngate.errors import InvalidRequest
from horngate.protocols.pb.inference.grpc_service_pb2 import InferParameter

ENGINE_REASON: Final = "engine_reason"
"""Of a model's configuration: why no engine of earlier choice runs it."""

ROWS_REASON: Final = "rows_reason"
"""Of the same: why requests that could share a run by their shapes do not."""

_NUMBERS: Final = ("int64_param", "uint64_param")


def text(parameters: Mapping[str, InferParameter], name: str, where: str) -> str:
    """The string ``name``, which is there or not.

    Raises:
        InvalidRequest: it is not there, or of another kind.
    """
    value = parameters[name] if name in parameters else InferParameter()
    if value.WhichOneof("parameter_choice") != "string_param":
        raise _wrong(name, where, "string_param", value)
    return value.string_param


def number(parameters: Mapping[str, InferParameter], name: str, where: str) -> int:
    """The whole number ``name``, 0 or more.

    Raises:
        InvalidRequest: it is not there, of another kind, or below 0.
    """
    value = parameters[name] if name in parameters else InferParameter()
    kind = value.WhichOneof("parameter_choice")
    if kind not in _NUMBERS:
        raise _wrong(name, where, "int64_param", value)
    found: int = getattr(value, kind)
    if found < 0:
        raise InvalidRequest(f"{where}: the parameter {name} has to be 0 or more, received {found}")
    return found


def _wrong(name: str, where: str, expected: str, value: InferParameter) -> InvalidRequest:
    received = value.WhichOneof("parameter_choice") or "nothing"
    return InvalidRequest(
        f"{where}: expected the parameter {name} as {expected}, received {received}"
    )
