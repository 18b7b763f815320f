"""Holds a request against its signature before it may enter a batch.

What passes here cannot harm its neighbours by its names, dtypes or shapes: those are what
arrays must agree on to be joined.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from horngate.errors import InvalidInput, InvalidOutputName, InvalidRequest, TooManyRows
from horngate.tensors import Array, Arrays, DType, Signature, TensorSpec, format_shape


class Admitted(NamedTuple):
    """What passed: how many rows it counts for, and what is wrong with its shapes, if anything.

    A ``misfit`` is run alone, and told where the engine refuses it.
    """

    rows: int
    misfit: InvalidRequest | None = None


def admit(
    signature: Signature,
    inputs: Arrays,
    *,
    max_rows: int,
    max_bytes: int = sys.maxsize,
    alone: bool = False,
    any_shape: bool = False,
) -> Admitted:
    """Check names, dtypes, shapes and row counts.

    A signature without a batch dimension, or one that runs ``alone``, counts as one row.

    Args:
        signature: what is asked.
        inputs: by name.
        max_rows: of a request whose rows may share a batch.
        max_bytes: of an input.
        alone: whether requests of the signature never share a batch.
        any_shape: whether the engine is asked about shapes that the signature does not have. It is
            where no input can spread another over more than the signature lets it.

    Raises:
        InvalidInput: a name, a dtype or a shape does not fit, or an array takes more than
            ``max_bytes``; the message names the input.
        InvalidRequest: the request is empty, or its inputs disagree on the number of rows.
        TooManyRows: more rows than ``max_rows``.
    """
    if inputs.keys() != signature.inputs.keys():
        raise _wrong_names(signature, inputs)
    misfit: InvalidRequest | None = None
    for name, spec in signature.inputs.items():
        array = inputs[name]
        if array.dtype != spec.dtype.numpy:
            raise InvalidInput(
                f"input {name!r}: expected dtype {spec.dtype.value}, received "
                f"{_dtype_name(array)}; send it as {spec.dtype.value}{_hint(spec, array)}",
                name=name,
            )
        if misfit is None and not spec.accepts_shape(array.shape):
            misfit = _wrong_shape(spec, array)
            if not any_shape or not _tried(signature, inputs):
                raise misfit
        if array.nbytes > max_bytes:
            raise _too_large(spec, array, max_bytes)
    if misfit is not None or not signature.batched:
        return Admitted(1, misfit)
    rows = _least(inputs) if alone else _rows(signature, inputs, max_rows)
    if rows:
        return Admitted(rows)
    none = InvalidRequest("expected at least 1 row, received 0; leave an empty request unsent")
    if not any_shape:
        raise none
    return Admitted(1, none)


def _hint(spec: TensorSpec, array: Array) -> str:
    """What else to do about strings where a picture may be meant."""
    if not array.dtype.hasobject or len(spec.shape) != 4:
        return ""
    return ", or publish the model with --image-input, if it takes pictures of 1 or 3 channels"


def check_outputs(signature: Signature, wanted: Iterable[str]) -> None:
    """Check an output filter: every name known, none twice.

    Raises:
        InvalidOutputName: with the name, and whether it came twice.
    """
    seen: set[str] = set()
    for name in wanted:
        if name not in signature.outputs:
            raise InvalidOutputName(
                f"output {name!r} is not in signature {signature.name!r}; "
                f"its outputs are {_names(signature.outputs)}",
                name=name,
            )
        if name in seen:
            raise InvalidOutputName(
                f"output {name!r} is asked for twice; ask for it once", name=name, twice=True
            )
        seen.add(name)


def _least(inputs: Arrays) -> int:
    """1 for a request whose rows are its own business, 0 where an input has none."""
    return int(min(1, *(array.shape[0] for array in inputs.values())))


def _rows(signature: Signature, inputs: Arrays, max_rows: int) -> int:
    first, *others = signature.inputs
    rows = inputs[first].shape[0]
    for name in others:
        if inputs[name].shape[0] != rows:
            counts = ", ".join(f"{key!r} {value.shape[0]}" for key, value in inputs.items())
            raise InvalidRequest(
                "inputs disagree on the number of rows: expected the same first dimension in "
                f"all, received {counts}"
            )
    if rows > max_rows:
        raise TooManyRows(
            f"expected at most {max_rows} rows in a request, received {rows}; send several "
            "requests, or raise limits.max_request_rows in the model's model.toml"
        )
    return int(rows)


def _tried(signature: Signature, inputs: Arrays) -> bool:
    """Whether the engine is asked about these shapes, some of which are not the signature's.

    Of several inputs only where all leave out as many dimensions at their ends: one column beside
    one row would come to a table of any size.
    """
    if len(inputs) == 1:
        return True
    left_out = {len(spec.shape) - inputs[name].ndim for name, spec in signature.inputs.items()}
    return len(left_out) == 1 and all(
        spec.begins_with(inputs[name].shape) for name, spec in signature.inputs.items()
    )


def _wrong_names(signature: Signature, inputs: Arrays) -> InvalidInput:
    extra = [name for name in inputs if name not in signature.inputs]
    missing = [name for name in signature.inputs if name not in inputs]
    parts = [f"expected inputs {_names(signature.inputs)}, received {_names(inputs)}"]
    if missing:
        parts.append(f"missing {_names(missing)}")
    if extra:
        parts.append(f"not in signature {signature.name!r}: {_names(extra)}")
    return InvalidInput("; ".join(parts), name=(extra + missing)[0])


def _wrong_shape(spec: TensorSpec, array: Array) -> InvalidInput:
    hint = ""
    if spec.batched and array.ndim == len(spec.shape) - 1:
        hint = "; the first dimension counts rows, so one row has a leading 1"
    return InvalidInput(
        f"input {spec.name!r}: expected shape {format_shape(spec.shape)}, received "
        f"{format_shape(array.shape)}{hint}",
        name=spec.name,
    )


def _too_large(spec: TensorSpec, array: Array, max_bytes: int) -> InvalidInput:
    return InvalidInput(
        f"input {spec.name!r}: expected at most {max_bytes} bytes, received {array.nbytes}; send "
        "fewer rows, or raise limits.max_tensor_bytes in the model's model.toml",
        name=spec.name,
    )


def _dtype_name(array: Array) -> str:
    try:
        return DType.of(array).value
    except ValueError:
        return array.dtype.name


def _names(names: Iterable[str] | Mapping[str, object]) -> str:
    listed = sorted(names)
    shown = ", ".join(repr(name) for name in listed[:20])
    return (shown or "none") + (f" and {len(listed) - 20} more" if len(listed) > 20 else "")
