"""What a ``config.pbtxt`` says of a model, and the model held against it.

The file is Triton's and ``config/triton_file.py`` reads it. What it says of tensors may be wrong,
and a client that was written by it must not find that out request by request: what does not fit is
an error of loading. This module knows no file format and no engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple

from horngate.errors import LoadError
from horngate.store.annotations import check_picture, picture_of
from horngate.store.layout import TRITON_FILE as FILE
from horngate.tensors import DEFAULT_SIGNATURE, DType, Shape, Signature, TensorSpec

_FORMATS: Final = {False: "a SavedModel", True: "a model.onnx"}


class DeclaredTensor(NamedTuple):
    """An input or output as it is told; shapes have the batch dimension, where there is one.

    ``shape`` is what callers know, ``inner`` what the model has, where that is another.
    """

    name: str
    dtype: DType
    shape: Shape
    inner: Shape | None = None


class Sample(NamedTuple):
    """An input of a request that a model is warmed up with: made of zeros, unless told otherwise.

    ``shape`` is that of a row where there are ``rows``, all of it where ``rows`` is None; every
    size is given. The content of ``file`` is its elements as they lie in memory.
    """

    name: str
    dtype: DType
    shape: tuple[int, ...]
    rows: int | None = None
    random: bool = False
    file: Path | None = None


class DeclaredWarmUp(NamedTuple):
    """A request that a model is warmed up with, so many ``times``."""

    name: str
    inputs: tuple[Sample, ...]
    times: int = 1


@dataclass(frozen=True, slots=True)
class Declared:
    """What a ``config.pbtxt`` says, but for what became a table of ``ModelSettings``.

    Attributes:
        plain: whether the model is a plain ONNX model; None where it does not say.
        batched: whether the first dimension of every tensor is the batch.
        inputs: those that it names; a model may take no others.
        outputs: those that it names; a model may give others as well.
        labels: of the classes of an output, by its name.
        pictures: inputs that are pictures, and whether their channels come first.
        pixels: what black and white become in those; None where it does not say.
        warm_ups: requests to run before it goes live.
        refused: what it asks that is not served, each in words.
        notes: what it says that means nothing here, each in words.
    """

    plain: bool | None = None
    batched: bool = False
    inputs: tuple[DeclaredTensor, ...] = ()
    outputs: tuple[DeclaredTensor, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pictures: Mapping[str, bool] = field(default_factory=dict)
    pixels: tuple[float, float] | None = None
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
        if self.plain is not None and self.plain != plain:
            raise LoadError(
                f"{FILE}: platform: expected {_FORMATS[plain]}'s, as the version's folder has it, "
                f"received {_FORMATS[self.plain]}'s"
            )

    @property
    def reshapes(self) -> bool:
        """Whether a tensor has another shape to callers than to the model."""
        return any(each.inner is not None for each in (*self.inputs, *self.outputs))

    def hold(self, signatures: Mapping[str, Signature]) -> None:
        """Hold the model's default signature against what is told of it.

        Raises:
            LoadError: with every misfit.
        """
        if not self.inputs and not self.outputs and not self.batched:
            return
        wrong = list(self._misfits(default_signature(signatures)))
        if wrong:
            raise LoadError(f"{FILE} does not fit the model: " + "; ".join(wrong))

    def meant(self, signatures: Mapping[str, Signature]) -> dict[str, Signature]:
        """``signatures`` with what is told of labels and pictures beside what is known of them.

        Raises:
            LoadError: pixels that an input cannot hold.
        """
        return {name: self._meant(signature) for name, signature in signatures.items()}

    def _meant(self, signature: Signature) -> Signature:
        labels = {name: told for name, told in self.labels.items() if name in signature.outputs}
        pictures = dict(signature.pictures)
        for name, first in self.pictures.items():
            spec = signature.inputs.get(name)
            picture = None if spec is None else picture_of(spec, channels_first=first)
            if spec is None or picture is None:
                continue
            picture = pictures.get(name, picture)
            if self.pixels is not None:
                low, high = self.pixels
                picture = picture._replace(low=low, high=high)
            try:
                pictures[name] = check_picture(picture, spec)
            except ValueError as error:
                raise LoadError(f"{FILE}: input {name!r}: {error}") from error
        if not labels and not pictures:
            return signature
        return replace(signature, labels={**signature.labels, **labels}, pictures=pictures)

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


def default_signature(signatures: Mapping[str, Signature]) -> Signature:
    """The signature that a ``config.pbtxt`` tells of.

    Raises:
        LoadError: there are several, and none has the default's name.
    """
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
    shape = told.shape if told.inner is None else told.inner
    if spec.unknown_rank and told.inner is not None:
        return "reshape: expected a model that tells how many dimensions the tensor has"
    fits = spec.unknown_rank or (
        len(shape) == len(spec.shape)
        and all(
            None in (one, other) or one == other
            for one, other in zip(shape, spec.shape, strict=True)
        )
    )
    if fits and told.dtype is spec.dtype:
        return None
    received = TensorSpec(told.name, told.dtype, shape)
    return f"expected {spec}, as the model has it, received {received}"
