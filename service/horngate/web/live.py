"""The last quarter of an hour of the server's own figures, for the page's charts.

A thread reads the counters every few seconds, which costs requests nothing: they are those of the
metrics. What lies between two looks is kept, bounded, and forgotten with the process. It is no
database: for more than that there is Prometheus.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from horngate.errors import Code
from horngate.lifecycle.served import Subject
from horngate.protocols.figures import NONE, Durations
from horngate.protocols.method import Observed
from horngate.telemetry.samples import Totals

STEP_SECONDS: Final = 5.0
KEPT: Final = 180
"""Looks that are kept: a quarter of an hour."""

MOST_VERSIONS: Final = 200
"""Versions of one look that are kept, those with the most requests: some 150 bytes each."""

FIGURES: Final = ("requests", "errors", "p50", "p99", "wait", "rows")
"""Of a version between two looks: requests and errors a second; seconds of the median and of the
99th percentile, and of the mean wait in the queue; rows a run."""

Key = tuple[str, int]
ALL: Final[Key] = ("", 0)
"""Every version together."""


class Ended(Protocol):
    """Where the figures of calls come from."""

    @property
    def bounds(self) -> tuple[float, ...]:
        """The upper bounds of the buckets of durations, ascending, in seconds."""

    def ended(self) -> Iterable[tuple[Subject | None, Observed, Code, Totals]]:
        """The calls that ended."""


class Ran(NamedTuple):
    """A version's runs so far: requests and their waits, runs and their rows."""

    queued: Durations = NONE
    runs: int = 0
    rows: int = 0


class _Counted:
    """Of one version, or of all: calls that ended, by bucket, and those that failed; and runs."""

    def __init__(self, buckets: int) -> None:
        self.buckets = [0] * buckets
        self.failed = 0
        self.ran = Ran()

    def add(self, totals: Totals, code: Code) -> None:
        self.buckets = [a + b for a, b in zip(self.buckets, totals.counts, strict=True)]
        if code is not Code.OK:
            self.failed += totals.number

    def include(self, other: _Counted) -> None:
        self.buckets = [a + b for a, b in zip(self.buckets, other.buckets, strict=True)]
        self.failed += other.failed
        ours, theirs = self.ran, other.ran
        queued = Durations(
            ours.queued.number + theirs.queued.number, ours.queued.seconds + theirs.queued.seconds
        )
        self.ran = Ran(queued, ours.runs + theirs.runs, ours.rows + theirs.rows)


class _Look(NamedTuple):
    """What lies between two looks; ``figures`` are ``FIGURES`` in their order."""

    at: float
    memory: int
    figures: Mapping[Key, array[float]]


class Live:
    """Thread-safe.

    Args:
        calls: the figures of calls.
        ran: of a version so far, what ``Ran`` has.
        memory: bytes that the process holds.
        clock: the wall's, in seconds.
    """

    def __init__(
        self,
        calls: Ended,
        ran: Callable[[str, int], tuple[Durations, int, int]],
        memory: Callable[[], int],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._calls, self._ran, self._memory, self._clock = calls, ran, memory, clock
        self._looks: deque[_Look] = deque(maxlen=KEPT)
        self._before: dict[Key, _Counted] = {}
        self._at = clock()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._watch, name="live", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()

    def look(self) -> None:
        """Keep what has come since the last look."""
        with self._lock:
            counted = self._count()
            now = self._clock()
            seconds = max(now - self._at, 1e-3)
            bounds = self._calls.bounds
            figures: dict[Key, array[float]] = {}
            whole, whole_before = (_Counted(len(bounds) + 1) for _ in range(2))
            for key, each in counted.items():
                before = self._before.get(key) or _Counted(len(bounds) + 1)
                if sum(each.buckets) < sum(before.buckets) or each.ran.runs < before.ran.runs:
                    before = _Counted(len(bounds) + 1)  # it was loaded anew, and counts from 0
                whole.include(each)
                whole_before.include(before)
                if each.buckets != before.buckets:
                    figures[key] = _between(before, each, seconds, bounds)
            busiest = sorted(figures, key=lambda key: -figures[key][0])[:MOST_VERSIONS]
            kept = {key: figures[key] for key in busiest}
            kept[ALL] = _between(whole_before, whole, seconds, bounds)
            self._looks.append(_Look(now, self._memory(), kept))
            self._before, self._at = counted, now

    def told(self, may_see: Callable[[str], bool], model: str | None = None) -> dict[str, Any]:
        """The looks, oldest first: of every model, or of ``model``.

        ``series`` are of versions that had requests; 0 where there were none, None where nothing
        can be said. The one without a name is of all together, and only told with ``model`` None.
        """
        looks = list(self._looks)
        keys = {key for look in looks for key in look.figures}
        wanted = sorted(
            key
            for key in keys
            if (key == ALL and model is None)
            or (key != ALL and may_see(key[0]) and model in (None, key[0]))
        )
        return {
            "step": STEP_SECONDS,
            "kept": KEPT,
            "at": [round(look.at, 1) for look in looks],
            "memory": [look.memory for look in looks],
            "series": [
                {
                    "model": name,
                    "version": version,
                    **{
                        figure: [
                            _rounded(look.figures.get((name, version)), place) for look in looks
                        ]
                        for place, figure in enumerate(FIGURES)
                    },
                }
                for name, version in wanted
            ],
        }

    def _count(self) -> dict[Key, _Counted]:
        counted: dict[Key, _Counted] = {}
        for subject, method, code, totals in self._calls.ended():
            if subject is None or not method.predicts:
                continue
            key = (subject.model, subject.version)
            each = counted.get(key)
            if each is None:
                each = counted[key] = _Counted(len(self._calls.bounds) + 1)
                each.ran = Ran(*self._ran(*key))
            each.add(totals, code)
        return counted

    def _watch(self) -> None:
        self.look()
        while not self._stopping.wait(STEP_SECONDS):
            self.look()


def quantile(counts: Sequence[int], bounds: Sequence[float], share: float) -> float:
    """The duration that ``share`` of those counted do not exceed, straight between two bounds.

    What is past the last bound counts as that. NaN where nothing was counted.
    """
    number = sum(counts)
    if not number:
        return float("nan")
    wanted, passed = share * number, 0
    for place, count in enumerate(counts):
        if count and passed + count >= wanted:
            if place >= len(bounds):
                return bounds[-1]
            low = bounds[place - 1] if place else 0.0
            return low + (bounds[place] - low) * (wanted - passed) / count
        passed += count
    return bounds[-1]


def _between(
    before: _Counted, after: _Counted, seconds: float, bounds: Sequence[float]
) -> array[float]:
    counts = [a - b for a, b in zip(after.buckets, before.buckets, strict=True)]
    waits = after.ran.queued.number - before.ran.queued.number
    runs = after.ran.runs - before.ran.runs
    none = float("nan")
    return array(
        "f",
        (
            sum(counts) / seconds,
            (after.failed - before.failed) / seconds,
            quantile(counts, bounds, 0.5),
            quantile(counts, bounds, 0.99),
            (after.ran.queued.seconds - before.ran.queued.seconds) / waits if waits else none,
            (after.ran.rows - before.ran.rows) / runs if runs else none,
        ),
    )


def _rounded(figures: array[float] | None, place: int) -> float | None:
    if figures is None:
        return 0.0 if place < 2 else None
    value = figures[place]
    return None if value != value else float(f"{value:.4g}")  # noqa: PLR0124 - NaN
