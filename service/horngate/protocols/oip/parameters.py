"""What a request's small fields mean: version, signature, values in the protocol's open maps.

The protocol has no word for signatures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from horngate.errors import InvalidRequest, SignatureNotFound
from horngate.protocols.pb.inference.grpc_service_pb2 import InferParameter
from horngate.tensors import DEFAULT_SIGNATURE, Signature
from horngate.versions import VersionRef, parse_version

ENGINE_REASON: Final = "engine_reason"
"""Of a model's configuration: why no engine of earlier choice runs it."""

ROWS_REASON: Final = "rows_reason"
"""Of the same: why requests that could share a run by their shapes do not."""

ANNOTATIONS: Final = "annotations"
"""Of the same: what tensors mean, by signature, as JSON (``store/annotations.py``)."""

VERSION_LABELS: Final = "version_labels"
"""Of the same: the labels in effect, a JSON object with the version that each means."""

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


def read_version(text: str) -> VersionRef:
    """``model_version``: a number, else a label; empty means the newest live version."""
    number = parse_version(text)
    return number if number is not None else text or None


def default_signature(signatures: Mapping[str, Signature]) -> Signature:
    """``serving_default``, or the only one there is.

    Raises:
        SignatureNotFound: several, and none has that name.
    """
    if DEFAULT_SIGNATURE in signatures:
        return signatures[DEFAULT_SIGNATURE]
    if len(signatures) == 1:
        return next(iter(signatures.values()))
    raise SignatureNotFound(
        f"expected the request parameter signature_name, since there is no signature "
        f"{DEFAULT_SIGNATURE!r}; the signatures are {', '.join(sorted(signatures)) or 'none'}",
        signature=DEFAULT_SIGNATURE,
    )
