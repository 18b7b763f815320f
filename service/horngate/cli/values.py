"""``--input NAME=VALUE`` as an array of the dtype and shape that the model's input has.

A VALUE is ``@FILE`` (a picture, JSON or ``.npy``), JSON, or plain text where the input takes
strings. Knows no server: what an input takes is handed in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np

from horngate.cli.picture import read_picture
from horngate.client.arrays import as_array
from horngate.errors import InvalidInput
from horngate.tensors import Array, DType, Signature, TensorSpec, format_shape

_PICTURES: Final = (".png", ".jpg", ".jpeg")


def read_inputs(arguments: Iterable[str], signature: Signature) -> dict[str, Array]:
    """The arrays of all ``NAME=VALUE`` arguments. Whether any is missing, the server says.

    Raises:
        InvalidInput: an argument without "=", an input that is unknown or given twice, or a
            value that does not fit.
    """
    arrays: dict[str, Array] = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals or not name:
            raise InvalidInput(f"--input: expected NAME=VALUE, received {argument!r}")
        spec = signature.inputs.get(name)
        if spec is None:
            takes = ", ".join(f"{key} {spec}" for key, spec in signature.inputs.items())
            raise InvalidInput(
                f"--input: expected an input of signature {signature.name!r} ({takes}), "
                f"received {name!r}",
                name=name,
            )
        if name in arrays:
            raise InvalidInput(f"--input: expected {name!r} once, received it twice", name=name)
        arrays[name] = read_value(value, spec)
    return arrays


def read_value(text: str, spec: TensorSpec) -> Array:
    """One VALUE. A batch dimension is added where the value has one dimension less.

    Raises:
        InvalidInput: a file that cannot be read, or a value that does not fit ``spec``.
    """
    value = _read_file(Path(text[1:]), spec) if text.startswith("@") else _inline(text, spec)
    array = as_array(spec.name, value, spec)
    if array.ndim == len(spec.shape) - 1 and spec.shape[0] in {None, 1}:
        array = array[np.newaxis]
    if not spec.accepts_shape(array.shape):
        raise InvalidInput(
            f"input {spec.name!r}: expected shape {format_shape(spec.shape)}, received "
            f"{format_shape(array.shape)}; the first dimension counts rows and may be left out "
            "for one row",
            name=spec.name,
        )
    return array


def _inline(text: str, spec: TensorSpec) -> Any:
    if spec.dtype is DType.STRING:
        # Plain text needs no quotes; a list does, and so does text that starts with "@".
        return _strings(text)
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise InvalidInput(
            f"input {spec.name!r}: expected {spec} as JSON or @FILE, received {text!r}; write "
            "numbers as 0.5 or [0.1, 0.9], or the path of a file after an @",
            name=spec.name,
        ) from None


def _strings(text: str) -> Any:
    if text.startswith(("[", '"')):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


def _read_file(path: Path, spec: TensorSpec) -> Any:
    kind = path.suffix.lower()
    try:
        if kind in _PICTURES:
            return read_picture(path, spec)
        if kind == ".npy":
            return np.load(path, allow_pickle=False)
        if kind == ".json":
            return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"input {spec.name!r}: expected a readable {kind} file, received {path}: {error}",
            name=spec.name,
        ) from error
    raise InvalidInput(
        f"input {spec.name!r}: expected a file that ends in {', '.join(_PICTURES)}, .json or "
        f".npy, received {path}",
        name=spec.name,
    )
