"""From a Keras model to a SavedModel whose inputs and outputs have names.

Keras' own export calls a single output ``output_0``, and trips over dict inputs and over several
outputs. Here the signature is stated: inputs by the names of the ``Input`` layers or the keys of a
dict, outputs by the names of the output layers or the keys of a dict, the batch dimension free.
"""

from __future__ import annotations

import inspect
import keyword
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import keras
import tensorflow as tf

from horngate.errors import PublishError
from horngate.tensors import DEFAULT_SIGNATURE, Arrays

Tensors = dict[str, Any]

INPUT_NAME: Final = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.>/\-]*")
"""What TensorFlow makes both a graph node and a function's argument of; outputs are free."""


class NamedModel:
    """A Keras model that is called by names, with arrays or tensors, and answers by names.

    ``inputs`` say the dtypes of a subclassed model's, of which Keras keeps the shapes alone.
    """

    def __init__(self, model: keras.Model, inputs: Arrays | None = None) -> None:
        model = self._model = functional(model, inputs)
        structure = _structure(model, "input")
        if isinstance(structure, dict):
            _flat(list(structure.values()), "input")
            self._keyed, self._inputs = True, dict(structure)
        else:
            self._keyed = False
            self._inputs = _by_name(_flat(structure, "input"), _input_names(model))
        for name in self._inputs:
            _check_input_name(name)
        outputs = _structure(model, "output")
        if isinstance(outputs, dict):
            _flat(list(outputs.values()), "output")
            self._output_names = None
        else:
            self._output_names = list(_by_name(_flat(outputs, "output"), _output_names(model)))
        self._alone = not isinstance(structure, dict | list | tuple)

    @property
    def model(self) -> keras.Model:
        """The model itself."""
        return self._model

    @property
    def inputs(self) -> Tensors:
        """Keras' symbols of its inputs, by name."""
        return dict(self._inputs)

    @property
    def outputs(self) -> Tensors:
        """The same of its outputs."""
        structure = _structure(self._model, "output")
        if self._output_names is None:
            return {str(key): value for key, value in structure.items()}
        return dict(zip(self._output_names, _flat(structure, "output"), strict=True))

    @property
    def input_specs(self) -> dict[str, tf.TensorSpec]:
        """Each input's shape, None where any size goes, and dtype, by name."""
        return {
            name: tf.TensorSpec(self._shape(tensor), tensor.dtype, name=name)
            for name, tensor in self._inputs.items()
        }

    def _shape(self, tensor: Any) -> list[int | None]:
        shape = list(tensor.shape)
        # A Sequential that was built by a call took the number of rows of that call for its own.
        if isinstance(self._model, keras.Sequential) and not _stateful(self._model):
            shape[0] = None
        return shape

    def __call__(self, inputs: Tensors) -> Tensors:
        """Run the model, not in training: outputs by name."""
        answer = self._model(self._arranged(inputs), training=False)
        if self._output_names is None:
            return {str(key): value for key, value in answer.items()}
        answers = answer if isinstance(answer, list | tuple) else [answer]
        return dict(zip(self._output_names, answers, strict=True))

    def _arranged(self, inputs: Tensors) -> Any:
        if self._keyed:
            return inputs
        ordered = [inputs[name] for name in self._inputs]
        return ordered[0] if self._alone else ordered

    def export(self, folder: Path) -> None:
        """Write the SavedModel, one signature, to ``folder``."""
        archive = keras.export.ExportArchive()
        archive.track(self._model)
        # One dict as the only argument: its keys become the signature's names, and need not be
        # Python identifiers.
        archive.add_endpoint(DEFAULT_SIGNATURE, self, input_signature=[self.input_specs])
        archive.write_out(str(folder), verbose=False)


def functional(model: keras.Model, inputs: Arrays | None = None) -> keras.Model:
    """``model``, or one around it whose tensors are known where it is a class of somebody's own.

    Keras keeps the shapes that such a model was built for. The arguments of its ``call`` name the
    inputs, or the keys of a dict; outputs are the keys of a dict, or ``output_0`` and so on, as
    Keras' own export has them.

    Raises:
        PublishError: it was never built, or cannot be called on what it was built for.
    """
    built = getattr(model, "_build_shapes_dict", None)
    if isinstance(model, keras.Sequential) or hasattr(model, "inputs") or not built:
        return model
    named = _arguments(model, built, inputs or {})
    dtypes = {name: array.dtype.name for name, array in (inputs or {}).items()}
    made: dict[str, Any] = {}

    def tensors(shape: Any, name: str) -> Any:
        if isinstance(shape, Mapping):
            return {key: tensors(each, str(key)) for key, each in shape.items()}
        if all(size is None or isinstance(size, int) for size in shape):
            dtype = dtypes.get(name, model.input_dtype)
            # An array of objects holds texts.
            dtype = "string" if dtype == "object" else dtype
            made[name] = keras.Input(tuple(shape)[1:], dtype=dtype, name=name)
            return made[name]
        return [tensors(each, f"{name}_{place}") for place, each in enumerate(shape)]

    arguments = {name: tensors(shape, name) for name, shape in named.items()}
    try:
        first, *others = arguments
        answer = model(arguments[first], **{name: arguments[name] for name in others})
    except Exception as error:
        raise PublishError(
            f"expected {type(model).__name__} {model.name!r} to be called on what it was built "
            f"for, {dict(named)}, received {type(error).__name__}: {error}; give publish_keras "
            "its inputs by name"
        ) from error
    if not isinstance(answer, dict):
        answers = list(answer) if isinstance(answer, list | tuple) else [answer]
        answer = {f"output_{place}": each for place, each in enumerate(answers)}
    return keras.Model(made, answer)


def _arguments(model: keras.Model, built: Mapping[str, Any], inputs: Arrays) -> dict[str, Any]:
    """The shapes that ``model`` was built for, by the arguments of its ``call``.

    Where Keras kept that of the first alone, ``inputs`` tell the others'.
    """
    found = inspect.signature(model.call).parameters.values()
    names = [each.name for each in found if each.name not in ("training", "mask")]
    if len(built) > 1:
        return {name.removesuffix("_shape"): shape for name, shape in built.items()}
    shapes = {names[0]: next(iter(built.values()))}
    return shapes | {name: inputs[name].shape for name in names[1:] if name in inputs}


def _structure(model: keras.Model, side: str) -> Any:
    """A model's ``inputs`` or ``outputs`` as it was given them: a tensor, a list or a dict."""
    try:
        if isinstance(model, keras.Sequential):  # which has one of each, and only in a list
            return getattr(model, f"{side}s")[0]
        return getattr(model, side)
    except (AttributeError, ValueError, IndexError, TypeError) as error:
        raise PublishError(
            f"expected a model with known {side}s, received {type(model).__name__} "
            f"{model.name!r}, of which Keras knows none; give it Input layers, or call it once on "
            "data before it is published or saved"
        ) from error


def _check_input_name(name: str) -> None:
    # Said here, because TensorFlow says it in terms of its own insides.
    if not INPUT_NAME.fullmatch(name) or keyword.iskeyword(name) or name == "self":
        raise PublishError(
            "input names: expected ASCII letters, digits, '_', '-', '.', '/' and '>', the first a "
            "letter, a digit or '.', and neither a keyword of Python's nor 'self'; received "
            f"{name!r}; wrap the model in one whose Input layer is named so: model(keras.Input(…))"
        )


def _input_names(model: keras.Model) -> list[str]:
    # The layers' and not the tensors', which Keras numbers anew where an Input has no name and
    # which change when the model is saved.
    origins = [tensor._keras_history for tensor in model.inputs]  # noqa: SLF001 - no public way
    return [str(origin.operation.name) for origin in origins]


def _stateful(model: keras.Sequential) -> bool:
    """Whether a layer keeps a state for each row, which fixes their number."""
    return any(getattr(layer, "stateful", False) for layer in model.layers)


def _output_names(model: keras.Model) -> list[str]:
    if isinstance(model, keras.Sequential):
        return [str(model.layers[-1].name)]
    return [str(name) for name in model.output_names]


def _flat(structure: Any, side: str) -> list[Any]:
    tensors = list(structure) if isinstance(structure, list | tuple) else [structure]
    for tensor in tensors:
        if isinstance(tensor, dict | list | tuple):
            raise PublishError(
                f"expected {side}s as one tensor, a list or a dict of tensors, received a nested "
                "structure; flatten it, so that every tensor has one name"
            )
    return tensors


def _by_name(tensors: list[Any], names: list[str]) -> dict[str, Any]:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise PublishError(
            f"expected every name once, received {twice[0]!r} {names.count(twice[0])} times; name "
            "the layers apart, or give the model a dict"
        )
    return dict(zip(names, tensors, strict=True))
