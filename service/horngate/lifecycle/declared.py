"""What a ``config.pbtxt`` says of a model, and the model held against it.

The file is Triton's and ``config/triton_file.py`` reads it. What it says of tensors may be wrong,
and a client that was written by it must not find that out request by request: what does not fit is
an error of loading. This module knows no file format and no engine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from horngate.errors import LoadError
from horngate.lifecycle.warm_up import Recorded
from horngate.store.cost import MADE_UP_BYTES
from horngate.store.layout import TRITON_FILE as FILE
from horngate.tensors import DEFAULT_SIGNATURE, Array, DType, Shape, Signature, TensorSpec

_FORMATS: Final = ("a SavedModel", "a model.onnx")


class DeclaredTensor(NamedTuple):
    """An input or output as it is told; ``shape`` has the batch dimension, where there is one."""

    name: str
    dtype: DType
    shape: Shape


class DeclaredWarmUp(NamedTuple):
    """A request that a model is to be warmed up with: made of zeros, or at random."""

    name: str
    inputs: tuple[tuple[DeclaredTensor, bool], ...]
    """Each with whether it is random; every size of the shape is given."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What a ``config.pbtxt`` says, but for what became a table of ``ModelSettings``.

    Attributes:
        plain: whether the model is a plain ONNX model; None where it does not say.
        batched: whether the first dimension of every tensor is the batch.
        inputs: those that it names; a model may take no others.
        outputs: those that it names; a model may give others as well.
        labels: of the classes of an output, by its name.
        warm_ups: requests to be made up.
        refused: what it asks that is not served, each in words.
        notes: what it says that means nothing here, each in words.
    """

    plain: bool | None = None
    batched: bool = False
    inputs: tuple[DeclaredTensor, ...] = ()
    outputs: tuple[DeclaredTensor, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    warm_ups: tuple[DeclaredWarmUp, ...] = ()
    refused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def check(self, *, plain: bool) -> None:
        """Refuse what is not served, before anything is loaded; ``plain`` is what the folder has.

        Raises:
            LoadError: naming all of it.
        """
        if self.refused:
            raise LoadError(f"{FILE}: " + "; ".join(self.refused))
        if self.plain not in (None, plain):
            raise LoadError(
                f"{FILE}: platform: expected {_FORMATS[plain]}'s, as the version's folder has it, "
                f"received {_FORMATS[bool(self.plain)]}'s"
            )

    def hold(self, signatures: Mapping[str, Signature]) -> None:
        """Hold the model's default signature against what is told of it.

        Raises:
            LoadError: with every misfit.
        """
        if not self.inputs and not self.outputs and not self.batched:
            return
        wrong = list(self._misfits(_default(signatures)))
        if wrong:
            raise LoadError(f"{FILE} does not fit the model: " + "; ".join(wrong))

    def recorded(self, signatures: Mapping[str, Signature]) -> Iterator[Recorded]:
        """The requests of ``warm_ups``, made up; always the same.

        Raises:
            LoadError: one that would take too much.
        """
        generator = np.random.default_rng(0)
        for each in self.warm_ups:
            where = f"{FILE}: model_warmup {each.name!r}"
            sizes = [tensor.dtype.numpy.itemsize * _size(tensor) for tensor, _ in each.inputs]
            if sum(sizes) > MADE_UP_BYTES:
                raise LoadError(
                    f"{where}: expected at most {MADE_UP_BYTES} bytes, received {sum(sizes)}"
                )
            inputs = {
                tensor.name: _made_up(tensor, generator if random else None)
                for tensor, random in each.inputs
            }
            signature = _default(signatures)
            yield Recorded(where, signature.name, inputs)

    def _misfits(self, signature: Signature) -> Iterator[str]:
        if self.batched:
            specs = (*signature.inputs.values(), *signature.outputs.values())
            fixed = [spec for spec in specs if not (spec.batched or spec.unknown_rank)]
            if fixed:
                yield (
                    "max_batch_size: expected 0, because the first dimension is not free of "
                    + ", ".join(f"{spec.name!r} ({spec})" for spec in fixed[:3])
                )
                return
        if self.inputs:
            for name in signature.inputs.keys() - {each.name for each in self.inputs}:
                yield f"input: expected {name!r} too, which the model needs"
        for side, told, known in (
            ("input", self.inputs, signature.inputs),
            ("output", self.outputs, signature.outputs),
        ):
            for tensor in told:
                wrong = _misfit(tensor, known.get(tensor.name), known)
                if wrong:
                    yield f"{side} {tensor.name!r}: {wrong}"


def _default(signatures: Mapping[str, Signature]) -> Signature:
    found = signatures.get(DEFAULT_SIGNATURE)
    if found is None and len(signatures) == 1:
        found = next(iter(signatures.values()))
    if found is None:
        raise LoadError(
            f"{FILE}: expected a model with the signature {DEFAULT_SIGNATURE!r}, received one with "
            + ", ".join(map(repr, signatures))
        )
    return found


def _misfit(
    told: DeclaredTensor, spec: TensorSpec | None, known: Mapping[str, TensorSpec]
) -> str | None:
    if spec is None:
        return f"expected one of {', '.join(map(repr, list(known)[:8]))}"
    fits = spec.unknown_rank or (
        len(told.shape) == len(spec.shape)
        and all(
            None in (one, other) or one == other
            for one, other in zip(told.shape, spec.shape, strict=True)
        )
    )
    if fits and told.dtype is spec.dtype:
        return None
    received = TensorSpec(told.name, told.dtype, told.shape)
    return f"expected {spec}, as the model has it, received {received}"


def _size(tensor: DeclaredTensor) -> int:
    return math.prod(size or 1 for size in tensor.shape)


def _made_up(tensor: DeclaredTensor, generator: np.random.Generator | None) -> Array:
    shape = [size or 1 for size in tensor.shape]
    if tensor.dtype is DType.STRING:
        return np.full(shape, b"" if generator is None else b"warm-up", object)
    if generator is None:
        return np.zeros(shape, tensor.dtype.numpy)
    if tensor.dtype.numpy.kind in "iub":
        return generator.integers(0, 2, shape).astype(tensor.dtype.numpy)
    return generator.random(shape).astype(tensor.dtype.numpy)
