"""Arrays and signatures shown: to people as bars, or compactly; to programs as JSON. Pure."""

from __future__ import annotations

import base64
import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TextIO

import numpy as np

from horngate.errors import printable
from horngate.tensors import Array, DType, Signature, TensorSpec, format_shape

_MAX_ROWS: Final = 8
_MAX_BARS: Final = 40
_MOST_OF_MANY: Final = 10  # of classes that do not fit a screen, so many highest ones are shown
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


class Answer(NamedTuple):
    """What is known of an output: the names of its classes, and what it ends with."""

    labels: Sequence[str] = ()
    activation: str | None = None


_UNKNOWN: Final = Answer()


def render(name: str, array: Array, style: Style, answer: Answer = _UNKNOWN) -> list[str]:
    """One output as lines: its name, dtype and shape, then bars or values.

    Bars are for what is known to be shares, and a winner for what is known to be one of several:
    numbers between 0 and 1 may mean anything.
    """
    lines = [f"{name}  {_dtype(array)}{format_shape(array.shape)}"]
    shares = answer.activation in ("softmax", "sigmoid") and _like_shares(array)
    if not shares and not (answer.labels and array.ndim == 2 and _is_real(array)):
        return lines + _indented(_values(array, style.width - 2))
    for number, row in enumerate(array[:_MAX_ROWS]):
        if len(array) > 1:
            lines.append(f"  row {number}")
        lines += _indented(_classes(row, style, answer, bars_too=shares))
    if len(array) > _MAX_ROWS:
        lines.append(f"  and {len(array) - _MAX_ROWS} more rows; --json prints all")
    return lines


def _classes(row: Array, style: Style, answer: Answer, *, bars_too: bool) -> list[str]:
    """The classes of a row, in their order; of many, the highest."""
    names = [printable(label) for label in answer.labels]
    names += [str(index) for index in range(len(names), len(row))]
    names = [name or str(index) for index, name in enumerate(names)]
    shown = list(range(len(row)))
    if len(row) > _MAX_BARS:
        shown = np.argsort(-row.astype(np.float64), kind="stable")[:_MOST_OF_MANY].tolist()
    chosen, of = row[shown], [names[index] for index in shown]
    lines = (
        bars(chosen, style, of, winner=answer.activation == "softmax")
        if bars_too
        else _named(chosen, of, style)
    )
    if len(shown) < len(row):
        lines.append(f"and {len(row) - len(shown)} lower ones; --json prints all")
    return lines


def _named(row: Array, names: Sequence[str], style: Style) -> list[str]:
    width = min(max(map(len, names)), max(8, style.width - 2 - 16))
    return [
        f"{_cut(name, width, style):<{width}} {value}"
        for name, value in zip(names, row.tolist(), strict=True)
    ]


def _cut(name: str, width: int, style: Style) -> str:
    if len(name) <= width:
        return name
    return name[: width - 1] + ("…" if style.blocks else "~")


def bars(row: Array, style: Style, names: Sequence[str] = (), *, winner: bool = True) -> list[str]:
    """One row of shape (n,), numbers in 0..1, as a bar each; a full bar is 1.

    ``names`` stand before them, else their places, and the largest is marked, or the first of them,
    where there is a ``winner``.
    """
    marked = int(np.argmax(row)) if winner else -1
    names = names or [str(index) for index in range(len(row))]
    width = min(max(map(len, names)), max(4, (style.width - 2) // 4))
    # Two columns of indent, the name, a space and "0.1234", and the mark.
    room = max(4, min(_MAX_BAR_WIDTH, style.width - 2 - width - 1 - 7 - 2))
    mark = "◀" if style.blocks else "<"
    align = ">" if all(name.isdigit() for name in names) else "<"
    lines = []
    for index, value in enumerate(row.tolist()):
        bar = _bar(float(value), room, blocks=style.blocks)
        line = f"{_cut(names[index], width, style):{align}{width}} {bar} {float(value):.4f}"
        if index == marked:
            line = f"{line} {mark}"
            line = f"{_GREEN}{line}{_RESET}" if style.colour else line
        lines.append(line)
    return lines


def _bar(value: float, room: int, *, blocks: bool) -> str:
    if not blocks:
        return ("#" * round(value * room)).ljust(room)
    whole, eighths = divmod(round(value * room * 8), 8)
    return ("█" * whole + (_EIGHTHS[eighths] if eighths else "")).ljust(room)


def _is_real(array: Array) -> bool:
    return array.size > 0 and array.dtype != object and array.dtype.kind != "c"


def _like_shares(array: Array) -> bool:
    # NaN is in no range, so it is printed as the number it is not.
    return array.ndim == 2 and _is_real(array) and bool(np.all((array >= 0) & (array <= 1)))


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
