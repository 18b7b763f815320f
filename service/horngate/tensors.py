"""Names, dtypes, shapes and arrays: what a model takes and gives, engine and wire apart.

This module knows numpy and nothing else of the world. A tensor is a numpy array; a string
tensor is an object array of ``bytes``. bfloat16 is ``ml_dtypes.bfloat16``, the dtype that
TensorFlow and JAX register with numpy.

>>> spec = TensorSpec("image", DType.FLOAT32, (None, 28, 28, 1))
>>> spec.accepts_shape((4, 28, 28, 1)), spec.accepts_shape((4, 28, 28))
(True, False)
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from horngate.versions import VersionRef

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Shape = tuple[int | None, ...]
"""A shape with ``None`` where any size is accepted."""

STRING_BYTES: Final = 64
"""What a string takes beside its characters: a reference, and an object's head. Its characters are
bounded by the message that they came in."""

DEFAULT_SIGNATURE: Final = "serving_default"
"""The signature that a request without a signature name means (TensorFlow Serving's rule)."""


class DType(enum.Enum):
    """The element types that Horngate serves, valued by their numpy names."""

    BOOL = "bool"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    COMPLEX64 = "complex64"
    COMPLEX128 = "complex128"
    STRING = "string"

    @cached_property
    def numpy(self) -> np.dtype[Any]:
        """The numpy dtype: ``object`` (of ``bytes``) for STRING."""
        special: dict[DType, Any] = {DType.STRING: object, DType.BFLOAT16: ml_dtypes.bfloat16}
        dtype: np.dtype[Any] = np.dtype(special.get(self, self.value))
        return dtype

    @classmethod
    def of(cls, array: Array) -> DType:
        """The type of ``array``; numpy's ``S``, ``U`` and ``object`` arrays count as STRING.

        Raises:
            ValueError: numpy can hold it and no model input can (datetime64, float128, …).
        """
        if array.dtype.kind in "OSU":
            return cls.STRING
        return cls(array.dtype.name)


FLOATS: Final = frozenset({DType.FLOAT16, DType.BFLOAT16, DType.FLOAT32, DType.FLOAT64})


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One named input or output: its dtype and its shape, ``None`` where any size goes.

    ``unknown_rank`` says that even the number of dimensions is open; ``shape`` is () then.
    ``tensor`` is what a graph calls it, "" where that is not known.
    """

    name: str
    dtype: DType
    shape: Shape
    unknown_rank: bool = False
    tensor: str = field(default="", compare=False)
    row: tuple[int, ...] | None = field(init=False, repr=False, compare=False)
    """The shape of one row; None where a dimension after the first is free, or all are."""

    def __post_init__(self) -> None:
        sizes = [size for size in self.shape[1:] if size is not None]
        fixed = len(sizes) == len(self.shape[1:]) and not self.unknown_rank
        object.__setattr__(self, "row", tuple(sizes) if fixed else None)

    @property
    def batched(self) -> bool:
        """Whether the first dimension is free, which makes it the batch dimension."""
        return bool(self.shape) and self.shape[0] is None

    def accepts_shape(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of ``shape`` fits: same rank, equal wherever a size is fixed."""
        if self.row is not None and len(shape) == len(self.shape) > 0:
            first = self.shape[0]
            return shape[1:] == self.row and (first is None or first == shape[0])
        return self.unknown_rank or (len(shape) == len(self.shape) and self.begins_with(shape))

    def begins_with(self, shape: tuple[int, ...]) -> bool:
        """Whether the first dimensions are those of ``shape``, the others left out."""
        return len(shape) <= len(self.shape) and all(
            expected is None or expected == size
            for expected, size in zip(self.shape, shape, strict=False)
        )

    def __str__(self) -> str:
        shape = "[any shape]" if self.unknown_rank else format_shape(self.shape)
        return f"{self.dtype.value}{shape}"


class Picture(NamedTuple):
    """How an encoded picture, a JPEG say, becomes a row of an input.

    ``height`` and ``width`` are in pixels, None where the model takes any size. ``channels`` is 1
    (grey) or 3 (RGB), after the pixels unless ``channels_first``. ``low`` and ``high`` are what
    black and white become.
    """

    height: int | None
    width: int | None
    channels: int
    channels_first: bool = False
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class Signature:
    """One way to call a model: named inputs and outputs, each with dtype and shape.

    ``batched`` says whether rows of several requests may share one call: every input and
    every output has a free first dimension. ``defaults`` are what inputs are where a request leaves
    them out, ``labels`` what the classes of an output are called, by its name. ``pictures`` are the
    inputs that take encoded pictures too. ``activations`` are what outputs end with, by name, where
    that is known: "softmax" for one class of several, "sigmoid" for each by itself, "linear" for
    numbers such as a regression's or an embedding's.
    """

    name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    method: str = "tensorflow/serving/predict"
    defaults: Arrays = field(default_factory=dict, compare=False)
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)
    pictures: Mapping[str, Picture] = field(default_factory=dict, compare=False)
    activations: Mapping[str, str] = field(default_factory=dict, compare=False)

    @cached_property
    def batched(self) -> bool:
        """Whether every input and output has a batch dimension."""
        specs = [*self.inputs.values(), *self.outputs.values()]
        return bool(self.inputs) and all(spec.batched for spec in specs)

    @cached_property
    def row_bytes(self) -> int | None:
        """What the inputs of one row take; None where rows differ, by their shapes or strings."""
        specs = self.inputs.values()
        if not self.batched or any(
            spec.row is None or spec.dtype is DType.STRING for spec in specs
        ):
            return None
        return sum(math.prod(spec.row or ()) * spec.dtype.numpy.itemsize for spec in specs)

    @cached_property
    def free(self) -> tuple[str, ...]:
        """The inputs whose rows may differ in shape from one request to the next."""
        return tuple(name for name, spec in self.inputs.items() if spec.row is None)


class Request(NamedTuple):
    """One prediction as a protocol decoded it, not yet held against any signature.

    ``outputs`` empty means all of them. ``priority`` 1 goes before 2; 0 is none, which goes last.
    """

    model: str
    inputs: Arrays
    version: VersionRef = None
    signature: str = DEFAULT_SIGNATURE
    outputs: tuple[str, ...] = ()
    priority: int = 0


class Response(NamedTuple):
    """The answer to one ``Request``: which version and signature ran, and its outputs."""

    model: str
    version: int
    signature: Signature
    outputs: Arrays


def tensor_bytes(arrays: Arrays) -> int:
    """Bytes that ``arrays`` take once every element of them is there; of strings at most."""
    size = 0
    for array in arrays.values():
        size += array.size * STRING_BYTES if array.dtype.hasobject else array.nbytes
    return size


def format_shape(shape: Shape | tuple[int, ...]) -> str:
    """A shape for people: ``[?, 28, 28, 1]``, with ``?`` where any size goes."""
    return "[" + ", ".join("?" if size is None else str(size) for size in shape) + "]"
