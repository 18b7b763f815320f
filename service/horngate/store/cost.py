"""How long an engine takes by the rows of a batch, and which batch is the best.

Up to some number of rows a batch is cheaper by the row; past it every engine slows down again, as
its data outgrow the processor's caches. Where that is depends on the model, the engine and the
processor, so it is measured, within a bounded time.
"""

from __future__ import annotations

import contextlib
import math
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from horngate.errors import LoadError
from horngate.servable import Clock, Servable
from horngate.store.goldens import Golden
from horngate.store.manifest import CURVES, read_json, write_json
from horngate.tensors import DEFAULT_SIGNATURE, Array, Arrays, DType, Signature

BUDGET_SECONDS: Final = 0.25
"""How long a measurement may take, but for one run under way."""

LARGEST: Final = 1024
PASSES: Final = 8
"""How often each size is timed, at most; the fastest counts, because whatever disturbs a run makes
it slower. In passes over all sizes, so that one disturbance does not meet all runs of a size."""

NEAR_ENOUGH: Final = 1.1
"""A smaller batch that costs up to this much more a row is better: its callers wait less."""

PAST_THE_BEST: Final = 1.25
"""The first pass ends where rows cost this much more than in the best batch, twice in a row."""


MADE_UP_BYTES: Final = 256 * 1024 * 1024
"""How much is made up at once to try a model with: a signature may claim any size."""

REPEATED_BYTES: Final = 1024 * 1024 * 1024
"""The same of what is recorded: settings may ask for batches of any size."""


@dataclass(frozen=True, slots=True)
class BatchCost:
    """Seconds of one run by rows, ascending, as measured with ``threads`` on ``machine``."""

    points: tuple[tuple[int, float], ...]
    threads: int
    machine: str

    @property
    def best(self) -> int:
        """The smallest number of rows whose cost by the row is near the lowest."""
        lowest = min(seconds / rows for rows, seconds in self.points)
        return next(rows for rows, seconds in self.points if seconds / rows <= lowest * NEAR_ENOUGH)

    @property
    def alone(self) -> float:
        """Seconds of a run of one row."""
        return self.points[0][1]

    def document(self) -> dict[str, Any]:
        """The cost as JSON has it; ``from_document`` reads it back."""
        return {
            "machine": self.machine,
            "threads": self.threads,
            "seconds": {str(rows): seconds for rows, seconds in self.points},
        }


def write_cost(version: Path, engine: str, cost: BatchCost) -> None:
    """Record ``curve`` of ``engine`` beside the others in the version's folder."""
    document = _recorded(version)
    document[engine] = cost.document()
    write_json(version / CURVES, document)


def read_cost(version: Path, engine: str) -> BatchCost | None:
    """The cost recorded for ``engine``.

    None where there is none that can be read: a measurement can be made again.
    """
    try:
        return from_document(_recorded(version)[engine])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def _recorded(version: Path) -> dict[str, Any]:
    try:
        return read_json(version / CURVES) or {}
    except LoadError:
        return {}


def from_document(document: Any) -> BatchCost:
    """What ``BatchCost.document`` wrote.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """
    points = sorted((int(rows), float(seconds)) for rows, seconds in document["seconds"].items())
    # Whoever can write a version can write its cost: it decides how many rows are glued together.
    if not points or not all(
        1 <= rows <= LARGEST and 0 < seconds < math.inf for rows, seconds in points
    ):
        raise ValueError(f"expected rows from 1 to {LARGEST} and seconds above 0")
    return BatchCost(tuple(points), int(document["threads"]), str(document["machine"]))


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


def measure(run: Callable[[int], object], clock: Clock, threads: int, *, largest: int) -> BatchCost:
    """Time ``run``, given a number of rows, at powers of two up to ``largest``.

    Raises:
        Exception: what ``run`` raises at one row. A larger batch that fails ends the measurement.
    """
    ends = clock() + BUDGET_SECONDS
    fastest = _first_pass(run, clock, ends, min(largest, LARGEST))
    for _ in range(PASSES - 1):
        lowest = min(seconds / rows for rows, seconds in fastest.items())
        for rows, seconds in fastest.items():
            worth_it = rows == 1 or seconds / rows <= lowest * PAST_THE_BEST
            if worth_it and clock() < ends:
                fastest[rows] = min(seconds, _timed(run, rows, clock))
    return BatchCost(tuple(fastest.items()), threads, this_machine())


def _first_pass(
    run: Callable[[int], object], clock: Clock, ends: float, largest: int
) -> dict[int, float]:
    run(1)  # what is made at the first run of a size is not what a run costs
    fastest = {1: _timed(run, 1, clock)}
    rows, lowest, past = 2, fastest[1], 0
    while rows <= largest and past < 2 and clock() < ends:
        try:
            run(rows)
            seconds = fastest[rows] = _timed(run, rows, clock)
        except Exception:  # noqa: BLE001 - an engine may raise anything; smaller batches ran
            break
        past = past + 1 if seconds / rows > lowest * PAST_THE_BEST else 0
        lowest = min(lowest, seconds / rows)
        rows *= 2
    return fastest


def _timed(run: Callable[[int], object], rows: int, clock: Clock) -> float:
    started = clock()
    run(rows)
    return max(clock() - started, 1e-9)


def this_machine() -> str:
    """What a measurement depends on: the processor's name and the number of cores."""
    return f"{_processor()}, {os.cpu_count()} cores"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
