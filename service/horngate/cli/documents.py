"""Arrays and signatures as JSON: what ``--json`` prints."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

from horngate.tensors import Array, Signature, TensorSpec


def dump(document: Any) -> str:
    """``document`` as JSON that any parser reads: no NaN outside of strings."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False)


def array_document(array: Array) -> Any:
    """Nested lists, or one value for an array without dimensions.

    Bytes become text where they are UTF-8, ``{"b64": …}`` otherwise (TensorFlow Serving's form);
    a complex number [real, imaginary]; what JSON has no number for "NaN", "Infinity" or
    "-Infinity" (protobuf's form).
    """
    return _element(array.tolist())


def signature_document(signature: Signature) -> dict[str, Any]:
    """Its inputs and outputs, each with dtype and shape; ``null`` is any size."""
    return {"inputs": _specs(signature.inputs), "outputs": _specs(signature.outputs)}


def _specs(specs: Mapping[str, TensorSpec]) -> dict[str, Any]:
    return {
        name: {"dtype": spec.dtype.value, "shape": list(spec.shape)} for name, spec in specs.items()
    }


def _element(value: Any) -> Any:
    match value:
        case list():
            return [_element(element) for element in value]
        case bytes():
            return _text(value)
        case complex():
            return [_element(value.real), _element(value.imag)]
        case bool() | int():
            return value
    number = float(value)  # bfloat16's elements are numpy's own
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else ("Infinity" if number > 0 else "-Infinity")


def _text(value: bytes) -> Any:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode("ascii")}
