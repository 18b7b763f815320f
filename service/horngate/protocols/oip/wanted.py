"""The outputs that a request asks for, and in what form: into shared memory, or classified.

Classification is Triton's extension: the highest values of an output, as text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from horngate.errors import InvalidRequest, Unsupported
from horngate.protocols.oip.parameters import number, text
from horngate.protocols.oip.regions import Region, Regions
from horngate.protocols.pb.inference.grpc_service_pb2 import InferParameter, ModelInferRequest
from horngate.tensors import STRING_BYTES, Array

REGION: Final = "shared_memory_region"
OFFSET: Final = "shared_memory_offset"
SIZE: Final = "shared_memory_byte_size"
CLASSIFICATION: Final = "classification"


class Part(NamedTuple):
    """A part of a shared memory region that holds one tensor."""

    region: Region
    offset: int
    byte_size: int

    def read(self) -> bytes:
        """Its bytes.

        Raises:
            InvalidRequest: it is not within the region.
        """
        return self.region.read(self.offset, self.byte_size)


class Wanted(NamedTuple):
    """An output that is asked for: as it is, or its ``classes`` highest values; into ``part``."""

    name: str
    classes: int = 0
    part: Part | None = None


def read_wanted(
    outputs: Iterable[ModelInferRequest.InferRequestedOutputTensor], regions: Regions | None
) -> tuple[Wanted, ...]:
    """The outputs that a request lists.

    Raises:
        InvalidRequest: a parameter of another kind.
        RegionNotFound, Unsupported: shared memory that is not there or not allowed.
    """
    return tuple(
        _wanted(output, regions) if output.parameters else Wanted(output.name) for output in outputs
    )


def read_part(
    parameters: Mapping[str, InferParameter], regions: Regions | None, where: str
) -> Part | None:
    """Where a tensor is in shared memory; None where it is not.

    Raises:
        InvalidRequest: a part of the parameters alone, or of another kind.
        RegionNotFound: no such region.
        Unsupported: shared memory is not allowed.
    """
    if REGION not in parameters:
        if OFFSET in parameters or SIZE in parameters:
            raise InvalidRequest(
                f"{where}: expected the parameter {REGION} beside {OFFSET} and {SIZE}"
            )
        return None
    if regions is None:
        raise Unsupported(
            f"{where}: shared memory is not allowed by this server; start it with "
            "--allow-shared-memory, or send the tensor in the message"
        )
    region = regions.find(text(parameters, REGION, where))
    offset = number(parameters, OFFSET, where) if OFFSET in parameters else 0
    return Part(region, offset, number(parameters, SIZE, where))


def _wanted(
    output: ModelInferRequest.InferRequestedOutputTensor, regions: Regions | None
) -> Wanted:
    where = f"output {output.name!r}"
    parameters = output.parameters
    classes = 0
    if CLASSIFICATION in parameters:
        classes = number(parameters, CLASSIFICATION, where)
        if not classes:
            raise InvalidRequest(
                f"{where}: expected a {CLASSIFICATION} of at least 1, received 0; leave it out for "
                "the values themselves"
            )
    return Wanted(output.name, classes, read_part(parameters, regions, where))


_KEY_BYTES: Final = 16
"""What sorting takes for each value: a key and a place."""


def classified(
    name: str, array: Array, count: int, labels: Sequence[str] = (), *, batched: bool
) -> Array:
    """The ``count`` highest values of each row as ``value:index[:label]``, highest first.

    Args:
        name: the output's, for the error.
        array: the output, numeric, [n, …] where ``batched``.
        count: how many; all of them where there are fewer.
        labels: what the classes are called, as far as that is known.
        batched: whether the first dimension counts rows.

    Returns:
        An object array of ``bytes``, [n, count] or [count].

    Raises:
        InvalidRequest: an output that is not numeric.
    """
    if array.dtype == object or array.dtype.kind in "bc":
        raise InvalidRequest(
            f"output {name!r}: expected numbers to classify by, received {array.dtype.name}"
        )
    number = len(array) if batched else 1
    # Told and not left to numpy, which cannot work out the size of rows of which there are none.
    rows = array.reshape(number, math.prod(array.shape[1:] if batched else array.shape))
    # With every bit turned round integers sort the other way: a float would mix up large ones.
    keys = ~rows if rows.dtype.kind in "iu" else -rows.astype(np.float64)
    order = np.argsort(keys, axis=1, kind="stable")[:, :count]
    texts = np.empty(order.shape, object)
    for row, column in np.ndindex(*order.shape):
        index = int(order[row, column])
        label = f":{labels[index]}" if index < len(labels) and labels[index] else ""
        texts[row, column] = f"{_value(rows[row, index])}:{index}{label}".encode()
    return texts if batched else texts[0]


def classification_bytes(
    array: Array, count: int, labels: Sequence[str] = (), *, batched: bool
) -> int:
    """What ``classified`` takes with the same arguments."""
    rows = len(array) if batched else 1
    text = STRING_BYTES + max(map(len, labels), default=0)
    return array.size * _KEY_BYTES + min(array.size, rows * count) * text


def _value(value: np.generic) -> str:
    return str(int(value)) if value.dtype.kind in "iu" else f"{float(value):f}"
