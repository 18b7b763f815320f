"""Whether rows of several requests may share a run of a model: found out by running it.

That a signature's inputs and outputs all have a free first dimension is a claim. It is held against
rows alone, in batches of several sizes, in another order, and beside rows that drown them: a
softmax over the batch, a normalisation by it, a sort, a sum, rows left out or added all change
somebody's answer. What passes may be batched; all else runs request by request.

This module knows no file: what was found is kept by ``rows_record``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from horngate.servable import Clock, Servable, Suggests
from horngate.store.cost import MADE_UP_BYTES
from horngate.store.goldens import Golden, tolerances
from horngate.store.probes import (
    FREE_SIZES,
    LARGEST_ROW,
    Probe,
    edge_rows,
    identity,
    known_rows,
    row_bytes,
    usual_rows,
)
from horngate.tensors import Array, Arrays, Signature

RULES: Final = 3
"""Grows as what is tried grows: what was found by fewer trials is not believed."""

PUBLISH_SECONDS: Final = 60.0
LOAD_SECONDS: Final = 10.0
"""How long the trials may take, but for one run under way."""

SIZES: Final = (2, 3, 7)
MORE_SIZES: Final = (16, 33, 64, 4, 5, 6, *range(8, 16))
"""Rows of the batches that are tried; the second lot where time is left."""

MOST_ROWS: Final = 48
LEAST_ROWS: Final = 2
"""Of different rows; one row cannot show that its place matters."""


class _Mixes(Exception):
    """A finding against sharing runs, in words."""


class _OutOfTime(Exception):
    """No error: what is left is left out."""


def establish(
    servable: Servable,
    goldens: Mapping[str, Golden],
    recorded: Mapping[str, Sequence[Arrays]],
    clock: Clock,
    *,
    seconds: float,
    largest: int,
) -> dict[str, str]:
    """Why signatures that could be batched by their shapes must run alone, by name.

    Those that are not among them may be batched. The trials are the same each time, and made of
    what the model is known to take where there is any.

    Args:
        servable: what will be served; also one that is in use.
        goldens: by signature; their tolerances hold for floats, all else has to be equal.
        recorded: further inputs that signatures take.
        clock: in seconds.
        seconds: how long it may take, but for a run under way. A signature that is not through
            with the trials that matter by then runs alone.
        largest: rows of the largest batch that will be run.
    """
    ends = clock() + seconds
    alone: dict[str, str] = {}
    for name, signature in servable.signatures.items():
        if not signature.batched:
            continue
        golden = goldens.get(name)
        known = [*([] if golden is None else [golden.inputs]), *recorded.get(name, ())]
        if not known and isinstance(servable, Suggests):
            known.extend(servable.suggested(name))
        trial = _Trial(
            servable, signature, golden, clock=clock, ends=ends, largest=max(largest, LEAST_ROWS)
        )
        try:
            trial.hold(known)
        except _Mixes as found:
            alone[name] = str(found)
        except _OutOfTime:
            alone[name] = f"whether it mixes rows could not be established in {seconds:g} s"
    return alone


class _Trial:
    """One signature's trials. Rows go by their places in ``_rows``."""

    def __init__(
        self,
        servable: Servable,
        signature: Signature,
        golden: Golden | None,
        *,
        clock: Clock,
        ends: float,
        largest: int,
    ) -> None:
        self._servable = servable
        self._signature = signature
        self._clock = clock
        self._ends = ends
        self._largest = largest
        self._most = MOST_ROWS
        self._seen: set[tuple[object, ...]] = set()
        self._rows: list[Probe] = []
        self._answers: list[dict[str, Array]] = []
        rtol, atol = tolerances(signature)
        self._rtol = rtol if golden is None else max(rtol, golden.rtol)
        self._atol = atol if golden is None else max(atol, golden.atol)

    def hold(self, known: Sequence[Arrays]) -> None:
        """Hold the claim against everything.

        Raises:
            _Mixes: it does not hold.
            _OutOfTime: before the trials that matter were through.
        """
        self._ask_alone(known_rows(self._signature, known))
        tame = [index for index, row in enumerate(self._rows) if not row.wild]
        wild = [index for index, row in enumerate(self._rows) if row.wild]
        if not tame:
            raise _Mixes(
                "the model refuses every row that was tried; record requests that it takes for its "
                "warm-up"
            )
        if len(tame) < LEAST_ROWS:
            raise _Mixes("of all rows that were tried the model takes only one")
        np.random.default_rng(5).shuffle(tame)
        self._ask_again(tame[:LEAST_ROWS])
        for batch in self._sized(_batches(tame)):
            self._compare(batch, self._run(batch))
        for index in wild:
            self._drown(index, tame)
        try:
            for batch in self._sized(_more_batches(tame)):
                self._compare(batch, self._run(batch))
            self._ask_again(tame)
        except _OutOfTime:
            return

    def _ask_alone(self, known: list[Probe]) -> None:
        """Run rows of all kinds alone; keep those that the model takes, with their answers."""
        sizes = [(free, row_bytes(self._signature, known, free)) for free in FREE_SIZES]
        sizes = [(free, size) for free, size in sizes if size <= LARGEST_ROW]
        if not sizes:
            raise _Mixes(f"one row takes more than {LARGEST_ROW >> 20} MiB: none can be made up")
        for free, size in sizes:
            self._bound(size)
            usual = usual_rows(self._signature, known, free)
            for probe in [*known, *usual]:
                if len(self._rows) < self._most:
                    self._takes(probe)
            for group in edge_rows(self._signature, known, usual, free):
                for number, probe in enumerate(group):
                    if len(self._rows) < self._most and self._takes(probe) and number == 0:
                        break
            if self._rows or known or not self._signature.free:
                return

    def _bound(self, size: int) -> None:
        """Rows of ``size`` bytes, and their answers, are kept and run in bounded memory."""
        at_once = max(LEAST_ROWS, MADE_UP_BYTES // max(1, size))
        self._largest = min(self._largest, at_once)
        self._most = min(self._most, at_once)

    def _takes(self, probe: Probe) -> bool:
        """Whether the model takes the row. One that was run already is not kept twice."""
        row = identity(probe.inputs)
        if row in self._seen:
            return True
        try:
            outputs = self._called(probe.inputs)
        except Exception as error:
            if isinstance(error, _OutOfTime):
                raise
            return False  # an engine may refuse values in any way
        self._check_rows(outputs, 1)
        self._bound(sum(array.nbytes for array in (*probe.inputs.values(), *outputs.values())))
        self._seen.add(row)
        self._rows.append(probe)
        self._answers.append(outputs)
        return True

    def _ask_again(self, rows: Iterable[int]) -> None:
        for index in rows:
            try:
                answer = self._called(self._rows[index].inputs)
            except Exception as error:
                if isinstance(error, _OutOfTime):
                    raise
                raise _Mixes("the model refuses a row that it took before") from error
            wrong = self._mismatch(self._answers[index], answer)
            if wrong is not None:
                raise _Mixes(f"the model answers otherwise when it is asked again: {wrong}")

    def _drown(self, wild: int, tame: list[int]) -> None:
        """Others' answers stay beside ``wild``, and its own beside others.

        Its own only where all but the neighbours is the same, because what kernels make of NaN
        may depend on the place in the batch.
        """
        # Two rows where no batch has three: cut in two, one half would lack the wild one.
        first = [tame[0], wild, tame[1]][: self._largest]
        second = [tame[-1], wild, tame[-2]][: self._largest]
        answers = []
        for batch in (first, second):
            outputs = self._run(batch)
            self._compare(batch, outputs)
            place = batch.index(wild)
            answers.append({name: array[place : place + 1] for name, array in outputs.items()})
        self._hold_equal(*answers)

    def _compare(self, batch: list[int], outputs: dict[str, Array]) -> None:
        for place, index in enumerate(batch):
            if not self._rows[index].wild:
                own = {name: array[place : place + 1] for name, array in outputs.items()}
                self._hold_equal(self._answers[index], own)

    def _hold_equal(self, expected: dict[str, Array], received: dict[str, Array]) -> None:
        wrong = self._mismatch(expected, received)
        if wrong is not None:
            raise _Mixes(f"a row's answer changes with the rows beside it: {wrong}")

    def _mismatch(self, expected: dict[str, Array], received: dict[str, Array]) -> str | None:
        return Golden({}, expected, rtol=self._rtol, atol=self._atol).mismatch(received)

    def _run(self, batch: list[int]) -> dict[str, Array]:
        rows = [self._rows[index].inputs for index in batch]
        inputs = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
        try:
            outputs = self._called(inputs)
        except Exception as error:
            if isinstance(error, _OutOfTime):
                raise
            raise _Mixes(
                f"the model refuses {len(batch)} rows at once that it takes one by one"
            ) from error
        self._check_rows(outputs, len(batch))
        return outputs

    def _called(self, inputs: Arrays) -> dict[str, Array]:
        if self._clock() >= self._ends:
            raise _OutOfTime
        return self._servable.run(self._signature.name, inputs)

    def _check_rows(self, outputs: dict[str, Array], rows: int) -> None:
        for name, array in outputs.items():
            if array.ndim == 0 or array.shape[0] != rows:
                shape, went_in = list(array.shape), f"{rows} row{'s' if rows > 1 else ''}"
                raise _Mixes(f"output {name!r} has shape {shape} for {went_in}")

    def _sized(self, batches: Iterable[list[int]]) -> Iterator[list[int]]:
        """The batches, each cut into parts where it is larger than any that will be run."""
        for batch in batches:
            for start in range(0, len(batch), self._largest):
                yield batch[start : start + self._largest]


def _batches(tame: list[int]) -> Iterator[list[int]]:
    """Every row beside others, in both orders, in small batches; and rows beside their equals."""
    for size in SIZES:
        batch = [tame[place % len(tame)] for place in range(size)]
        yield batch
        yield batch[::-1]
        yield [tame[0]] * size
    first, second = tame[:2]
    yield [second, first, second]
    yield [first, second, second]
    for start in range(0, len(tame), SIZES[-1]):
        batch = tame[start : start + SIZES[-1]]
        yield batch
        yield batch[::-1]


def _more_batches(tame: list[int]) -> Iterator[list[int]]:
    for size in MORE_SIZES:
        batch = [tame[place % len(tame)] for place in range(size)]
        yield batch
        yield batch[::-1]
    for place, index in enumerate(tame):
        yield [index, tame[place - 1]]
        yield [index] * SIZES[-1]  # as many as may be sent to one part of a model, and more
