"""What the client gives back, beside arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from horngate.tensors import Array, Arrays, Signature


class Prediction(dict[str, Array]):
    """The outputs by name, and which version and signature gave them.

    A plain ``dict`` of arrays to whoever wants no more. Numeric arrays share memory with the
    reply and are read-only; ``array.copy()`` is writable. Strings are object arrays of ``bytes``.
    """

    def __init__(self, outputs: Arrays, *, model: str, version: int, signature: str) -> None:
        super().__init__(outputs)
        self.model = model
        self.version = version
        self.signature = signature


@dataclass(frozen=True, slots=True)
class Serving:
    """How a live version is run.

    ``engine`` is its engine's name; ``reason`` says why no engine of earlier choice runs it, ""
    where none would. ``rows_reason`` says why requests that could share a run by their shapes do
    not, "" where they do. A server that does not tell leaves all empty.
    """

    engine: str
    reason: str
    rows_reason: str = ""


@dataclass(frozen=True, slots=True)
class Metadata:
    """How a live version can be called: its signatures by name."""

    model: str
    version: int
    signatures: Mapping[str, Signature]
