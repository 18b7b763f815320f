"""What a model's tensors mean, found out at publish: pictures and their values, activations.

Part of it is told by whoever publishes, part is read off the layers of a Keras model, and what is
taken for want of either is said. What is made of it, ``store/annotations.py`` knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, TypeAlias

import keras
import numpy as np
from keras import layers

from horngate.builder.export import NamedModel
from horngate.errors import PublishError
from horngate.store.annotations import check_labels, check_picture, classes_of, picture_of
from horngate.tensors import Picture, Signature

Pixels: TypeAlias = tuple[float, float]
"""What black and white become."""

Labels: TypeAlias = Sequence[str] | Mapping[str, Sequence[str]]
"""The names of the classes of the output that has so many, or of outputs by their names."""

RANGES: Final[tuple[Pixels, ...]] = ((0.0, 255.0), (0.0, 1.0), (-1.0, 1.0))
"""What images are kept in, and what networks take."""

_CLOSE: Final = 0.02
"""1/256 stands for 1/255."""

_PASSING: Final = (
    layers.Identity,
    layers.Dropout,
    layers.SpatialDropout2D,
    layers.GaussianNoise,
    layers.GaussianDropout,
    layers.Reshape,
    layers.Permute,
    layers.ZeroPadding2D,
    layers.Cropping2D,
    layers.Resizing,
    layers.CenterCrop,
    layers.RandomCrop,
    layers.RandomFlip,
    layers.RandomRotation,
    layers.RandomTranslation,
    layers.RandomZoom,
    layers.RandomContrast,
    layers.RandomBrightness,
)
"""Layers that leave the range of values as it is, or are not there but in training."""

_ENDING: Final = (layers.Dense, layers.EinsumDense, layers.Activation)
_ENDING_SAME_VALUES: Final = (layers.Reshape, layers.Flatten, layers.Identity, layers.Dropout)
_CHANNELS: Final = ("GetItem", "Stack")
"""Operations by which RGB becomes BGR."""

_ARITHMETIC: Final = {"TrueDivide", "Divide", "Multiply", "Subtract", "Add"}


@dataclass(frozen=True)
class Meaning:
    """What is known of a model's tensors.

    Attributes:
        image_input: an input that is a picture; None where those of the shape of one are.
        pixels: its range; None where that is to be found.
        labels: names of classes.
        found: ranges that inputs begin by rescaling, by name.
        activations: what outputs end with, by name, as far as that is known.
    """

    image_input: str | None = None
    pixels: Pixels | None = None
    labels: Labels | None = None
    found: Mapping[str, Pixels] = field(default_factory=dict)
    activations: Mapping[str, str] = field(default_factory=dict)

    def of(self, named: NamedModel) -> Meaning:
        """The same with what the layers of a Keras model say."""
        found = {name: _range(tensor) for name, tensor in _places(named).items()}
        ends = {name: _activation(tensor) for name, tensor in named.outputs.items()}
        return replace(
            self,
            found={name: pixels for name, pixels in found.items() if pixels is not None},
            activations={name: end for name, end in ends.items() if end is not None},
        )


class Annotated(NamedTuple):
    """Signatures with what they mean, and what whoever publishes should know of it."""

    signatures: dict[str, Signature]
    notes: tuple[str, ...]


def annotate(signatures: Mapping[str, Signature], meaning: Meaning) -> Annotated:
    """``signatures`` with their ``meaning``.

    Raises:
        PublishError: what is told fits none of them.
    """
    notes: dict[str, None] = {}
    pictures = {name: _pictures(each, meaning, notes) for name, each in signatures.items()}
    _check_told(signatures, pictures, meaning)
    labels = _labels(signatures, meaning.labels)
    return Annotated(
        {
            name: replace(
                each,
                pictures=pictures[name],
                labels=labels[name],
                activations={k: v for k, v in meaning.activations.items() if k in each.outputs},
            )
            for name, each in signatures.items()
        },
        tuple(notes),
    )


def _pictures(signature: Signature, meaning: Meaning, notes: dict[str, None]) -> dict[str, Picture]:
    pictures = {}
    for name, spec in signature.inputs.items():
        picture = picture_of(spec)
        if picture is None or meaning.image_input not in (None, name):
            continue
        pixels = meaning.pixels or meaning.found.get(name)
        if pixels is not None:
            picture = picture._replace(low=pixels[0], high=pixels[1])
        try:
            pictures[name] = check_picture(picture, spec)
        except ValueError as error:
            raise PublishError(f"pixels: input {name!r}: {error}") from error
        sizes = "x".join("any" if size is None else str(size) for size in picture[1::-1])
        colours = "grey" if picture.channels == 1 else "RGB"
        note = (
            f"input {name!r} takes pictures, JPEG or PNG, as {sizes} {colours}, pixels "
            f"{picture.low:g}..{picture.high:g}"
        )
        if pixels is None and spec.dtype.numpy.kind not in "iu":
            note += " because nothing in the model says more; if it takes others: --pixels 0..255"
        notes[note] = None
    return pictures


def _check_told(
    signatures: Mapping[str, Signature],
    pictures: Mapping[str, Mapping[str, Picture]],
    meaning: Meaning,
) -> None:
    if any(pictures.values()) or (meaning.image_input is None and meaning.pixels is None):
        return
    inputs = {name: spec for each in signatures.values() for name, spec in each.inputs.items()}
    told = "pixels" if meaning.image_input is None else "image input"
    raise PublishError(
        f"{told}: expected an input of numbers of the shape [?, height, width, 1 or 3], or with "
        f"the channels first, {'received' if meaning.image_input is None else 'named'} "
        f"{'none' if meaning.image_input is None else repr(meaning.image_input)}; the model takes "
        + ", ".join(f"{name!r} {spec}" for name, spec in inputs.items())
    )


def _labels(
    signatures: Mapping[str, Signature], labels: Labels | None
) -> dict[str, dict[str, tuple[str, ...]]]:
    """The labels of every output, by signature."""
    found: dict[str, dict[str, tuple[str, ...]]] = {name: {} for name in signatures}
    if labels is None:
        return found
    told = labels if isinstance(labels, Mapping) else None
    wrong: dict[str, None] = {}
    for name, signature in signatures.items():
        for output, spec in signature.outputs.items():
            names = labels if told is None else told.get(output)
            if names is None:
                continue
            try:
                # An output without classes, a mask say, is meant only where it is named.
                if told is None and classes_of(spec) is None:
                    raise ValueError(f"expected classes to name, received {spec}")  # noqa: TRY301 - told like what follows
                found[name][output] = check_labels(names, spec)
            except ValueError as error:
                wrong[f"output {output!r}: {error}"] = None
                if told is not None:
                    raise PublishError(f"labels: output {output!r}: {error}") from error
    known = {output for signature in signatures.values() for output in signature.outputs}
    if told is not None and not told.keys() <= known:
        raise PublishError(
            f"labels: expected outputs of the model ({', '.join(map(repr, sorted(known)))}), "
            f"received {', '.join(map(repr, sorted(told.keys() - known)))}"
        )
    if told is None and not any(found.values()):
        raise PublishError("labels: " + "; ".join(wrong))
    return found


def _places(named: NamedModel) -> dict[str, tuple[keras.Model, Any]]:
    """Inputs that may be pictures, each with the model that it is one of."""
    inputs = named.inputs.items()
    return {name: (named.model, tensor) for name, tensor in inputs if len(tensor.shape) == 4}


def _range(place: tuple[keras.Model, Any]) -> Pixels | None:
    """What the first layer behind an input takes that says it; None where none does."""
    for operation, arguments in _first(*place):
        pixels = _taken(operation, arguments)
        if pixels is not None:
            return pixels
    return None


def _first(model: keras.Model, tensor: Any) -> Iterator[tuple[Any, Any]]:
    """What is done with ``tensor``, each with its arguments, within models as well."""
    graph = getattr(model, "_functional", None) or model
    for operation in getattr(graph, "operations", ()):
        for node in operation._inbound_nodes:  # noqa: SLF001 - no public way from a tensor onwards
            given = node.input_tensors
            if not any(each is tensor for each in given):
                continue
            if isinstance(operation, keras.Model):
                index = next(place for place, each in enumerate(given) if each is tensor)
                inputs = getattr(operation, "inputs", ())  # a class of somebody's own has none
                if index < len(inputs):
                    yield from _first(operation, inputs[index])
            elif isinstance(operation, _PASSING) or type(operation).__name__ in _CHANNELS:
                yield from _first(model, node.output_tensors[0])
            else:
                yield operation, node.arguments


def _taken(operation: Any, arguments: Any) -> Pixels | None:
    """The range of values that ``operation`` is made for; None where it may be any."""
    if isinstance(operation, layers.Rescaling):
        return _rescaled(operation.scale, operation.offset)
    if isinstance(operation, layers.Normalization):
        return _normalised(operation)
    if type(operation).__name__ not in _ARITHMETIC:
        return None
    # Keras' own ``preprocess_input`` in a functional model, or what somebody wrote like it.
    constants = [each for each in arguments.args if _is_constant(each)]
    number = np.max(np.abs(np.asarray(constants[0], float))) if constants else 0.0
    inverse = type(operation).__name__ == "Multiply" and 0 < number < 1
    return (0.0, 255.0) if number > 2 or (inverse and 1 / number > 2) else None


def _is_constant(value: Any) -> bool:
    return isinstance(value, int | float | np.ndarray | np.generic) or keras.ops.is_tensor(value)


def _rescaled(scale: Any, offset: Any) -> Pixels | None:
    """The range that ``x * scale + offset`` brings to one that networks take."""
    by, more = np.broadcast_arrays(np.asarray(scale, float), np.asarray(offset, float))
    if not np.all(by > 0):
        return None
    if by.size == 1:
        for target in RANGES[1:] + RANGES[:1]:
            low, high = ((edge - more.item()) / by.item() for edge in target)
            for known in RANGES:
                if by.item() != 1 and np.allclose((low, high), known, atol=_CLOSE * known[1]):
                    return known
    # Some other scale: is it one for bytes?
    return (0.0, 255.0) if float(np.max(by)) < 1 / 16 else None


def _normalised(layer: layers.Normalization) -> Pixels | None:
    """As the mean and the variance are that it was given or has learned."""
    mean, variance = (getattr(layer, name, None) for name in ("mean", "variance"))
    if mean is None or variance is None:
        return None
    middle = float(np.max(np.abs(keras.ops.convert_to_numpy(mean))))
    spread = float(np.sqrt(np.max(keras.ops.convert_to_numpy(variance))))
    if middle == 0 and spread == 1:  # it has learned nothing
        return None
    return (0.0, 255.0) if max(middle, spread) > 2 else (0.0, 1.0)


def _activation(tensor: Any) -> str | None:
    """What an output ends with; None where that is none of those that are known."""
    history = getattr(tensor, "_keras_history", None)
    while history is not None:
        operation, node = history.operation, history.operation._inbound_nodes[history.node_index]  # noqa: SLF001 - as above
        if isinstance(operation, keras.Model):
            graph = getattr(operation, "_functional", None) or operation
            if not hasattr(graph, "outputs"):
                return None  # what a class of somebody's own does, only its code knows
            tensor = graph.outputs[history.tensor_index]
        else:
            name = _name(operation)
            if name != "linear" or isinstance(operation, layers.Dense | layers.EinsumDense):
                return name
            if not node.input_tensors:
                return None
            tensor = node.input_tensors[0]
        history = getattr(tensor, "_keras_history", None)
    return None


def _name(operation: Any) -> str | None:
    """Of an activation; "linear" also for what only passes values on."""
    kind = type(operation).__name__
    if kind in ("Softmax", "Sigmoid"):
        return None if getattr(operation, "axis", -1) != -1 else kind.lower()
    if isinstance(operation, _ENDING_SAME_VALUES):
        return "linear"
    if not isinstance(operation, _ENDING) and not kind.startswith(("Conv", "SeparableConv")):
        return None
    name = getattr(getattr(operation, "activation", None), "__name__", None)
    return name if name in ("softmax", "sigmoid", "linear") else None
