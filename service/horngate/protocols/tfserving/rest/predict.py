"""``:predict``: rows or columns of JSON to arrays, and back in the same form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from horngate.answer import Answer
from horngate.call import Call
from horngate.errors import InvalidInput, InvalidRequest
from horngate.inference import Inference
from horngate.protocols.elements import MalformedTensor, check_tensors
from horngate.protocols.http import HttpReply, HttpRequest, check_reply, read_json
from horngate.protocols.json import (
    B64,
    holds_strings,
    parsed_bytes,
    read_array,
    shown,
    to_json,
    write_array,
    written_bytes,
)
from horngate.protocols.tfserving.ask import ask
from horngate.protocols.tfserving.spec import Target
from horngate.tensors import DEFAULT_SIGNATURE, Array, Arrays, DType, Response, Signature
from horngate.versions import VersionRef

ROWS: Final = "instances"
COLUMNS: Final = "inputs"
BYTES_SUFFIX: Final = "_bytes"
"""An output of strings whose name ends so is written in base64."""


def predict(
    inference: Inference,
    read_version: Callable[[Mapping[str, str]], VersionRef],
    request: HttpRequest,
    call: Call,
) -> Answer[HttpReply]:
    """Decode, queue, and encode on the thread that asks for the answer.

    Raises:
        InvalidRequest: the body.
        RequestError: what the engine knows at once.
    """
    with call.room(parsed_bytes(request.body)):
        answer, by_row = _ask(inference, read_version, request, call)
    write = partial(_rows if by_row else _columns, request.most_bytes, call)
    return answer.then(write)


def _ask(
    inference: Inference,
    read_version: Callable[[Mapping[str, str]], VersionRef],
    request: HttpRequest,
    call: Call,
) -> tuple[Answer[Response], bool]:
    """The answer, and whether it is wanted row by row."""
    content = read_json(request.body)
    name = content.get("signature_name") or DEFAULT_SIGNATURE
    if not isinstance(name, str):
        raise InvalidRequest(f"'signature_name': expected a string, received {shown(name)!r}")
    if (ROWS in content) == (COLUMNS in content):
        received = "both" if ROWS in content else "neither"
        raise InvalidRequest(
            f"expected {ROWS!r} (row by row) or {COLUMNS!r} (input by input), received {received}"
        )
    by_row = ROWS in content

    def read(signature: Signature) -> Arrays:
        if by_row:
            return _read_rows(content[ROWS], signature)
        return _read_columns(content[COLUMNS], signature)

    target = Target(request.places["model"], read_version(request.places), name)
    return ask(inference, target, read, call), by_row


def _read_columns(value: Any, signature: Signature) -> dict[str, Array]:
    if not _named(value):
        return {name: _array(name, value, signature) for name in _only_input(signature)}
    check_tensors(len(value), "inputs")
    return {name: _array(name, each, signature) for name, each in value.items()}


def _read_rows(rows: Any, signature: Signature) -> dict[str, Array]:
    if not isinstance(rows, list) or not rows:
        raise InvalidRequest(
            f"{ROWS!r}: expected a list of at least one row, received "
            f"{'an empty list' if rows == [] else type(rows).__name__}"
        )
    named = [_named(row) for row in rows]
    if not any(named):
        return {name: _array(name, rows, signature) for name in _only_input(signature)}
    names = rows[0].keys() if named[0] else set()
    check_tensors(len(names), "inputs")
    for index, row in enumerate(rows):
        if not named[index] or row.keys() != names:
            raise InvalidRequest(
                f"{ROWS!r}: expected objects with the same names in every row, received "
                f"{_names(row)} in row {index} and {_names(rows[0])} in the first"
            )
    return {name: _array(name, [row[name] for row in rows], signature) for name in rows[0]}


def _named(value: Any) -> bool:
    """Whether the value is an object of inputs, and not one string in base64."""
    return isinstance(value, dict) and value.keys() != {B64}


def _names(row: Any) -> str:
    return shown(", ".join(map(repr, sorted(row)))) if _named(row) else "a plain value"


def _only_input(signature: Signature) -> list[str]:
    if len(signature.inputs) != 1:
        known = ", ".join(map(repr, signature.inputs))
        raise InvalidRequest(
            f"expected an object that names each of the {len(signature.inputs)} inputs ({known}), "
            "received plain values"
        )
    return list(signature.inputs)


def _array(name: str, value: Any, signature: Signature) -> Array:
    spec = signature.inputs.get(name)
    if name in signature.pictures and holds_strings(value):
        spec = replace(signature.inputs[name], dtype=DType.STRING)  # encoded, in place of numbers
    try:
        # A name that the signature lacks is the admission's to refuse, with all others.
        return read_array(value, DType.FLOAT32 if spec is None else spec.dtype)
    except MalformedTensor as error:
        if spec is None:
            known = ", ".join(map(repr, signature.inputs))
            raise InvalidInput(f"expected inputs {known}, received {name!r}", name=name) from None
        raise InvalidInput(f"input {name!r}: {error}", name=name) from None


def _columns(most_bytes: int, call: Call, response: Response) -> HttpReply:
    outputs = _outputs(response, most_bytes, call)
    only = next(iter(outputs.values())) if len(outputs) == 1 else outputs
    return HttpReply(to_json({"outputs": only}))


def _rows(most_bytes: int, call: Call, response: Response) -> HttpReply:
    arrays = response.outputs
    counts = {len(array) if array.ndim else None for array in arrays.values()}
    if len(counts) != 1 or None in counts:
        raise InvalidRequest(
            f"expected outputs of one row each for {ROWS!r}, received shapes "
            f"{[list(array.shape) for array in arrays.values()]}; ask with {COLUMNS!r}"
        )
    outputs = _outputs(response, most_bytes, call)
    if len(outputs) == 1:
        return HttpReply(to_json({"predictions": next(iter(outputs.values()))}))
    rows = len(next(iter(arrays.values())))
    predictions = [{name: each[row] for name, each in outputs.items()} for row in range(rows)]
    return HttpReply(to_json({"predictions": predictions}))


def _outputs(response: Response, most_bytes: int, call: Call) -> dict[str, Any]:
    check_reply(response.outputs.values(), most_bytes)
    call.hold(written_bytes(response.outputs.values()))
    return {
        name: write_array(array, as_b64=name.endswith(BYTES_SUFFIX))
        for name, array in response.outputs.items()
    }
