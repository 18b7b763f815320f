"""A model, a clock and an executor that a test drives by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from horngate.batching.executor import TurnFunction
from horngate.batching.observer import Refusal
from horngate.batching.options import BatchingOptions
from horngate.batching.scheduler import Scheduler
from horngate.batching.work import Work
from horngate.tensors import Array, Arrays, DType, Signature, TensorSpec

DOUBLING = Signature(
    "serving_default",
    inputs={"x": TensorSpec("x", DType.FLOAT32, (None, None))},
    outputs={"y": TensorSpec("y", DType.FLOAT32, (None, None))},
)
UNBATCHED = Signature(
    "whole",
    inputs={"x": TensorSpec("x", DType.FLOAT32, (3,))},
    outputs={"y": TensorSpec("y", DType.FLOAT32, (3,))},
)


class ManualClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class ManualExecutor:
    """Runs nothing until ``turn`` is called."""

    def __init__(self) -> None:
        self.wakes = 0
        self.turn: TurnFunction = lambda: None

    def start(self, turn: TurnFunction, takes: object = None) -> None:
        self.turn = turn

    def wake(self, burst: object = None) -> None:
        self.wakes += 1

    def stop(self) -> None:
        """Nothing runs by itself."""

    def run_all(self) -> None:
        while self.turn() == 0:
            pass


class DoublingServable:
    """Answers y = 2 x and keeps the shapes that it was called with."""

    engine = "double"
    any_shape = ()
    signatures: Mapping[str, Signature] = {"serving_default": DOUBLING, "whole": UNBATCHED}

    def __init__(self) -> None:
        self.calls: list[tuple[int, ...]] = []
        self.during: Callable[[], None] = lambda: None
        self.closed = False

    def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:
        x = inputs["x"]
        self.calls.append(x.shape)
        self.during()
        if np.isnan(x).any():
            raise ValueError("not a number\nand more")
        return {"y": x * 2}

    def close(self) -> None:
        self.closed = True


class Recorder:
    """A ``BatchObserver`` that remembers."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, int, list[float], float]] = []
        self.refusals: list[tuple[Refusal, int]] = []
        self.failures: list[Exception] = []
        self.stuck_runs: list[tuple[int, float]] = []
        self.returned: list[float] = []
        self.mismatches: list[tuple[str, int, str]] = []

    def ran(self, signature: str, rows: int, waits: Sequence[float], seconds: float) -> None:
        self.batches.append((signature, rows, list(waits), seconds))

    def refused(self, reason: Refusal, count: int) -> None:
        self.refusals.append((reason, count))

    def stuck(self, rows: int, seconds: float) -> None:
        self.stuck_runs.append((rows, seconds))

    def came_back(self, seconds: float) -> None:
        self.returned.append(seconds)

    def failed(self, signature: str, rows: int, error: Exception) -> None:
        self.failures.append(error)

    def rows_differed(self, signature: str, rows: int, reason: str) -> None:
        self.mismatches.append((signature, rows, reason))


class Bench:
    """A scheduler with every part in the test's hands."""

    def __init__(
        self,
        options: BatchingOptions | None = None,
        alone: Mapping[str, str] | None = None,
        servable: DoublingServable | None = None,
    ) -> None:
        self.clock = ManualClock()
        self.executor = ManualExecutor()
        self.servable = servable or DoublingServable()
        self.observer = Recorder()
        self.scheduler = Scheduler(
            self.servable,
            options or BatchingOptions(),
            self.executor,
            self.clock,
            self.observer,
            alone=alone or {},
        )

    def submit(
        self, *rows: Sequence[float], deadline: float | None = None, signature: Signature = DOUBLING
    ) -> Work:
        x = np.array(rows, np.float32)
        return self.scheduler.submit(signature, {"x": x}, len(rows), deadline)
