"""Tensors and messages as JSON, for both protocols' REST forms.

orjson does the work; where it follows the standard to the letter and the peers do not (NaN and
infinities are no JSON), the standard library's ``json`` steps in.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import reprlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Final

import numpy as np
import orjson
from google.protobuf.message import Message

from horngate.errors import InvalidRequest, Unsupported
from horngate.protocols.elements import MAX_RANK, MalformedTensor, from_strings
from horngate.tensors import STRING_BYTES, Array, DType

B64: Final = "b64"

MOST_LISTS: Final = 2 * 1024 * 1024
MOST_STRINGS: Final = 4 * 1024 * 1024
MOST_SLOW: Final = 4 * 1024 * 1024
"""Lists and objects, strings, and values beside NaN that a text may hold. However short, each takes
up to a hundred bytes and half a microsecond in which no other thread runs. Marks within strings are
counted as well."""

MARKED: Final = 64 * 1024
"""Bytes from which on a text is looked through for what it takes once it is parsed."""

_VALUE_BYTES: Final = 64
_LIST_BYTES: Final = 96
_OBJECT_BYTES: Final = 240
_WRITTEN_BYTES: Final = 26
"""A number with its place in a list, as orjson reads it and as Python has it; a small list and a
small object; the longest number, with a comma."""

_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_BRIEF: Final = reprlib.Repr()
_KINDS: Final = {"b": "true and false", "i": "integers", "u": "integers", "f": "numbers"}


def parse_json(text: bytes) -> Any:
    """Any JSON value; NaN, Infinity and -Infinity may stand for numbers.

    Raises:
        InvalidRequest: it is not JSON in UTF-8, with the place where it stops being; or it holds
            more lists, objects or strings than one request may.
    """
    if len(text) > MOST_LISTS:  # a shorter one has no room for so many, and counting takes time
        _check_number(text.count(b"[") + text.count(b"{"), "lists and objects", MOST_LISTS)
        _check_number(text.count(b'"') // 2, "strings", MOST_STRINGS)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if text.count(b",") > MOST_SLOW:
            raise InvalidRequest(
                f"JSON Parse error: {error}; expected a JSON object, in which NaN and Infinity "
                f"stand among at most {MOST_SLOW} values"
            ) from None
    try:
        decoded = text.decode("utf-8-sig")
        content = json.loads(decoded)
        # orjson refuses half of a surrogate pair. json does not, and no message could carry it.
        if _SURROGATE.search(decoded):
            json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"JSON Parse error: {error}; expected a JSON object") from None
    return content


def parsed_bytes(text: bytes) -> int:
    """What ``text`` takes at most once it is parsed, by its marks; 0 for one of no account."""
    if len(text) < MARKED:
        return 0
    values = text.count(b",") + 1
    strings = text.count(b'"') // 2
    return (
        2 * len(text)  # the reader's own copy, and what strings say
        + values * _VALUE_BYTES
        + text.count(b"[") * _LIST_BYTES
        + text.count(b"{") * _OBJECT_BYTES
        + strings * STRING_BYTES
    )


def written_bytes(arrays: Iterable[Array]) -> int:
    """What ``arrays`` take at most as JSON, without the characters of their strings."""
    return sum(array.size for array in arrays) * _WRITTEN_BYTES


def _check_number(number: int, what: str, most: int) -> None:
    if number > most:
        raise InvalidRequest(
            f"expected JSON of at most {most} {what}, received {number}; send fewer rows, or ask "
            "over gRPC"
        )


def to_json(content: Any) -> bytes:
    """``content`` as JSON; numpy arrays as nested lists, NaN and infinities by name."""
    try:
        if all(map(_finite, _arrays(content))):
            return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:
        pass  # an array that orjson does not take, of bfloat16 say
    return json.dumps(content, default=_plain_array, separators=(",", ":")).encode()


def shown(value: Any, most: int = 80) -> str:
    """The beginning of a JSON value for an error's message, however long or deep the value is."""
    return (value[:most] if isinstance(value, str) else _BRIEF.repr(value))[:most]


def holds_strings(value: Any) -> bool:
    """Whether a JSON value is of strings, as far as its first element tells."""
    while isinstance(value, list) and value:
        value = value[0]
    return isinstance(value, str | dict)


def read_array(value: Any, dtype: DType) -> Array:
    """The JSON value as an array of ``dtype``: a number, text, or lists of equal lengths of them.

    Raises:
        MalformedTensor: lists of unequal lengths, or values that ``dtype`` does not have.
    """
    if dtype is DType.STRING:
        return _read_strings(value)
    if isinstance(value, list) and not _all_numbers(value):
        odd = next(_no_numbers(value), None)
        raise _ragged() if odd is None else _other_kind(dtype, _described(odd[0]))
    try:
        array = np.asarray(value)
    except ValueError:
        raise _ragged() from None
    kind = array.dtype.kind
    wanted = dtype.numpy.kind
    if not array.size and kind == "f":
        return array.astype(dtype.numpy)
    if dtype in (DType.COMPLEX64, DType.COMPLEX128):
        raise MalformedTensor(f"expected a dtype that JSON can write, received {dtype.value}")
    if wanted == "b" and kind == "b":
        return array
    if wanted == "u" and kind == "f":
        # numpy has no dtype for numbers beyond 2**63 beside smaller ones.
        array = np.asarray(value, object)
        kind = "O" if any(type(each) is not int for each in array.flat) else "u"
    if wanted in "iu" and kind in "iu":
        return _narrowed(array, dtype)
    if wanted not in "biu" and kind in "iuf":
        with np.errstate(over="ignore"):  # what is beyond a narrow dtype's range is infinite there
            return array.astype(dtype.numpy)
    flat = array.ravel()
    raise _other_kind(dtype, _described(flat[:1].tolist()[0]) if flat.size else "none")


def write_array(array: Array, *, as_b64: bool = False) -> Any:
    """``array`` as ``to_json`` takes it; text as strings, or in base64 where it is no text.

    ``as_b64`` puts all of it in base64.

    Raises:
        Unsupported: complex numbers, which JSON lacks.
    """
    if array.dtype.kind == "c":
        raise Unsupported(
            f"expected outputs that JSON can write, received {array.dtype.name}; ask over gRPC"
        )
    if array.dtype == object:
        return _map_strings(array.tolist(), as_b64=as_b64)
    return np.ascontiguousarray(array) if array.ndim else array[()]


def message_to_plain(message: Message) -> dict[str, Any]:
    """``message`` as dictionaries, lists and numbers, with every field that has a default.

    Unlike protobuf's own form numbers of 64 bits stay numbers, as Triton writes them.
    """
    plain: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            plain[field.name] = {
                key: _plain_value(field.message_type.fields_by_name["value"], each)
                for key, each in value.items()
            }
        elif field.is_repeated:
            plain[field.name] = [_plain_value(field, each) for each in value]
        elif not field.has_presence or message.HasField(field.name):
            plain[field.name] = _plain_value(field, value)
    return plain


def _plain_value(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return message_to_plain(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return value if known is None else known.name
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def _read_strings(value: Any) -> Array:
    shape: list[int] = []
    level = value
    while isinstance(level, list):
        shape.append(len(level))
        level = level[0] if level else None
    if len(shape) > MAX_RANK:
        raise MalformedTensor(f"expected at most {MAX_RANK} dimensions, received {len(shape)}")
    # Collected and not filled in: a shape may promise far more than is there.
    flat: list[bytes] = []
    _collect(value, shape, flat)
    return from_strings(flat, len(flat)).reshape(shape)


def _collect(value: Any, shape: list[int], flat: list[bytes]) -> None:
    if not shape:
        flat.append(_read_string(value))
        return
    if not isinstance(value, list) or len(value) != shape[0]:
        raise _ragged()
    for each in value:
        _collect(each, shape[1:], flat)


def _read_string(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and value.keys() == {B64} and isinstance(value[B64], str):
        try:
            return base64.b64decode(value[B64], validate=True)
        except (binascii.Error, ValueError):
            raise MalformedTensor(
                f"expected base64 in {{{B64!r}: …}}, received {value[B64][:40]!r}"
            ) from None
    raise MalformedTensor(
        f"expected strings, or objects {{{B64!r}: …}}, received {type(value).__name__}"
    )


def _narrowed(array: Array, dtype: DType) -> Array:
    limits = np.iinfo(dtype.numpy)
    if array.size and not (limits.min <= int(array.min()) and int(array.max()) <= limits.max):
        wrong = int(array.max()) if int(array.max()) > limits.max else int(array.min())
        raise MalformedTensor(
            f"expected {dtype.value} values from {limits.min} to {limits.max}, received {wrong}"
        )
    return array.astype(dtype.numpy)


def _all_numbers(value: list[Any]) -> bool:
    """Whether the lists hold numbers and nothing else, as deep as the first of them go.

    Asked before numpy is: that makes room for the longest text in every element, and one long text
    among many numbers would fill the memory. Adding up looks at each of them faster than a loop.
    """
    leaves: Iterable[Any] = value
    first = value[0] if value else None
    while isinstance(first, list):
        leaves = chain.from_iterable(leaves)
        first = first[0] if first else None
    try:
        sum(leaves)
    except (TypeError, OverflowError):
        return False
    return True


def _no_numbers(value: Any) -> Iterator[tuple[Any]]:
    """What is neither a list nor a number of 64 bits, in order, each in a tuple of its own."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting.extend(reversed(each))
        elif not (isinstance(each, float) or (isinstance(each, int) and abs(each) < 2**64)):
            yield (each,)


def _ragged() -> MalformedTensor:
    return MalformedTensor(
        "expected lists of equal lengths, received ragged ones; fill the shorter ones up"
    )


def _other_kind(dtype: DType, received: str) -> MalformedTensor:
    return MalformedTensor(
        f"expected {_KINDS.get(dtype.numpy.kind, 'numbers')} for {dtype.value}, received "
        f"{received}; lists must be of equal lengths and hold nothing else"
    )


def _described(element: Any) -> str:
    return f"{type(element).__name__} {shown(element, 40)!r}"


def _map_strings(value: Any, *, as_b64: bool) -> Any:
    if isinstance(value, list):
        return [_map_strings(each, as_b64=as_b64) for each in value]
    data = value.encode() if isinstance(value, str) else bytes(value)
    if not as_b64:
        try:
            return data.decode()
        except UnicodeDecodeError:
            pass
    return {B64: base64.b64encode(data).decode()}


def _arrays(content: Any) -> Iterable[Any]:
    if isinstance(content, np.ndarray | np.generic):
        yield content
    elif isinstance(content, dict):
        for value in content.values():
            yield from _arrays(value)
    elif isinstance(content, list):
        for value in content:
            yield from _arrays(value)


def _finite(array: Any) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _plain_array(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        # bfloat16 gives its own scalars, which nobody can write; all of it fits in float64.
        return value.astype(np.float64).tolist() if value.dtype.kind == "V" else value.tolist()
    raise TypeError(type(value).__name__)
