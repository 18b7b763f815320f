"""Running a model before it goes live: are its answers right, and what does a batch cost."""

from __future__ import annotations

import contextlib
import math
from typing import Final

import numpy as np

from horngate.errors import LoadError, in_full
from horngate.servable import Clock, Servable
from horngate.store.cost import BatchCost, measure
from horngate.store.goldens import Golden
from horngate.tensors import DEFAULT_SIGNATURE, Array, Arrays, DType, Signature

MADE_UP_BYTES: Final = 256 * 1024 * 1024
"""How much is made up at once to try a model with: a signature may claim any size."""


REPEATED_BYTES: Final = 1024 * 1024 * 1024
"""The same of what is recorded: settings may ask for batches of any size."""


def check_goldens(servable: Servable, goldens: dict[str, Golden]) -> None:
    """Run the recorded inputs and hold the outputs against the recorded ones.

    Raises:
        LoadError: naming the signature, the output and the difference.
    """
    for name, golden in goldens.items():
        if name not in servable.signatures:
            raise LoadError(f"goldens are recorded for signature {name!r}, which is not there")
        try:
            outputs = servable.run(name, golden.inputs)
        except Exception as error:
            raise LoadError(
                f"the goldens of signature {name!r} failed to run; the server's log says why",
                detail=in_full(error),
            ) from error
        wrong = golden.mismatch(outputs)
        if wrong is not None:
            raise LoadError(f"wrong answer on the goldens of signature {name!r}: {wrong}")


def measure_cost(
    servable: Servable, goldens: dict[str, Golden], clock: Clock, *, threads: int, largest: int
) -> BatchCost | None:
    """Time the signature that most requests mean, at one row only where it takes no batches.

    Recorded inputs are repeated to the size, zeros taken where none are recorded; None where the
    model refuses those.
    """
    signature = _usual(servable)
    golden = goldens.get(signature.name)

    def run(rows: int) -> None:
        inputs = (
            zeros(signature, rows) if golden is None else repeated(signature, golden.inputs, rows)
        )
        servable.run(signature.name, inputs)

    with contextlib.suppress(Exception):
        return measure(run, clock, threads, largest=largest if signature.batched else 1)
    return None


def _usual(servable: Servable) -> Signature:
    signatures = servable.signatures
    batched = [signature for signature in signatures.values() if signature.batched]
    return signatures.get(DEFAULT_SIGNATURE) or [*batched, *signatures.values()][0]


def repeated(signature: Signature, inputs: Arrays, rows: int) -> dict[str, Array]:
    """``inputs`` repeated, or cut, to ``rows`` rows; as they are where there is no batch.

    Raises:
        LoadError: they would take more than ``REPEATED_BYTES``.
    """
    if not signature.batched:
        return dict(inputs)
    size = sum(array.nbytes * rows // max(1, len(array)) for array in inputs.values())
    if size > REPEATED_BYTES:
        raise LoadError(
            f"expected {rows} rows of at most {REPEATED_BYTES} bytes, received {size} bytes"
        )
    return {name: np.resize(array, (rows, *array.shape[1:])) for name, array in inputs.items()}


def zeros(signature: Signature, rows: int) -> dict[str, Array]:
    """Zeros, or empty strings, for every input; 1 where a dimension is free.

    Raises:
        LoadError: they would take more than ``MADE_UP_BYTES``.
    """
    arrays: dict[str, Array] = {}
    left = MADE_UP_BYTES
    for spec in signature.inputs.values():
        shape = [size or 1 for size in spec.shape]
        if spec.batched:
            shape[0] = rows
        left -= math.prod(shape) * spec.dtype.numpy.itemsize
        if left < 0:
            raise LoadError(f"expected rows of less than {MADE_UP_BYTES} bytes, received {spec}")
        zero = b"" if spec.dtype is DType.STRING else 0
        arrays[spec.name] = np.full(shape, zero, spec.dtype.numpy)
    return arrays
