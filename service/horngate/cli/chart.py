"""Arrays and signatures shown: to people as bars, or compactly; to programs as JSON. Pure."""

from __future__ import annotations

import base64
import json
import math
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TextIO

import numpy as np

from horngate.tensors import Array, DType, Signature, TensorSpec, format_shape

_MAX_ROWS: Final = 8
_MAX_BARS: Final = 40
_MAX_BAR_WIDTH: Final = 50  # wider bars say no more and are harder to read beside their number
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_GREEN: Final = "\x1b[1;32m"
_RESET: Final = "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Style:
    """What the output can show.

    Attributes:
        width: columns.
        colour: whether escape sequences for colours are understood and wanted.
        blocks: whether block characters can be written.
    """

    width: int = 80
    colour: bool = False
    blocks: bool = True

    @classmethod
    def of(cls, stream: TextIO) -> Style:
        """What ``stream`` can show. Colours only on a terminal, and never under NO_COLOR."""
        terminal = stream.isatty()
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        try:
            "█▏◀…".encode(stream.encoding or "ascii")
            blocks = True
        except UnicodeEncodeError:
            blocks = False
        width = shutil.get_terminal_size().columns if terminal else 80
        return cls(width, terminal and not plain, blocks)


def render(name: str, array: Array, style: Style) -> list[str]:
    """One output as lines: its name, dtype and shape, then bars or values."""
    lines = [f"{name}  {_dtype(array)}{format_shape(array.shape)}"]
    if not _like_probabilities(array):
        return lines + _indented(_values(array, style.width - 2))
    for number, row in enumerate(array[:_MAX_ROWS]):
        if len(array) > 1:
            lines.append(f"  row {number}")
        lines += _indented(bars(row, style))
    if len(array) > _MAX_ROWS:
        lines.append(f"  and {len(array) - _MAX_ROWS} more rows; --json prints all")
    return lines


def bars(row: Array, style: Style) -> list[str]:
    """One row of shape (n,), numbers in 0..1, as a bar each; a full bar is 1.

    The largest, or the first of them, is marked.
    """
    winner = int(np.argmax(row))
    digits = len(str(len(row) - 1))
    # Two columns of indent, "9 ", a space and "0.1234", and the mark.
    room = max(4, min(_MAX_BAR_WIDTH, style.width - 2 - digits - 1 - 7 - 2))
    mark = "◀" if style.blocks else "<"
    lines = []
    for index, value in enumerate(row.tolist()):
        bar = _bar(float(value), room, blocks=style.blocks)
        line = f"{index:>{digits}} {bar} {float(value):.4f}"
        if index == winner:
            line = f"{line} {mark}"
            line = f"{_GREEN}{line}{_RESET}" if style.colour else line
        lines.append(line)
    return lines


def _bar(value: float, room: int, *, blocks: bool) -> str:
    if not blocks:
        return ("#" * round(value * room)).ljust(room)
    whole, eighths = divmod(round(value * room * 8), 8)
    return ("█" * whole + (_EIGHTHS[eighths] if eighths else "")).ljust(room)


def _like_probabilities(array: Array) -> bool:
    return (
        array.ndim == 2
        and len(array) > 0
        and 2 <= array.shape[1] <= _MAX_BARS
        and _dtype(array) in {"float16", "bfloat16", "float32", "float64"}
        # NaN is in no range, so it is printed as the number it is not.
        and bool(np.all((array >= 0) & (array <= 1)))
    )


def _values(array: Array, width: int) -> list[str]:
    if array.dtype == object:
        # ``repr``, for a string may hold what would move the terminal's cursor.
        readable = [element.decode(errors="backslashreplace") for element in array.ravel()]
        array = np.array([*readable, None], object)[:-1].reshape(array.shape)
    text = np.array2string(array, max_line_width=max(20, width), threshold=64, edgeitems=4)
    return text.splitlines()


def _dtype(array: Array) -> str:
    return DType.of(array).value


def _indented(lines: list[str]) -> list[str]:
    return ["  " + line for line in lines]


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
