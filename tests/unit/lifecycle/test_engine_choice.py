from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from horngate.batching.options import BatchingOptions
from horngate.errors import LoadError
from horngate.lifecycle.loader import Loader
from horngate.lifecycle.served import ServedVersion
from horngate.lifecycle.settings import ModelSettings, RuntimeOptions
from horngate.servable import Files
from horngate.store.goldens import write_golden
from horngate.tensors import Array, Arrays
from tests.unit.batching.doubles import DoublingServable, ManualClock, ManualExecutor
from tests.unit.lifecycle.test_loader import DoubleRuntime, Observer, golden


class Wrong(DoublingServable):
    engine = "fast"

    def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:
        return {"y": inputs["x"] * np.float32(2.1)}


class Failing(DoubleRuntime):
    def load(self, folder: Path, threads: int = 0, files: Files | None = None) -> DoublingServable:
        raise LoadError("its source has changed", detail="/srv/secret: OSError")


class Bench:
    """A folder that two engines know, ``fast`` before ``sure``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fast = DoubleRuntime(DoublingServable(), "fast")
        self.sure = DoubleRuntime(DoublingServable(), "sure")
        for name in ("fast", "sure"):
            (folder / name).touch()

    def load(self, options: RuntimeOptions | None = None) -> ServedVersion:
        loader = Loader(
            [self.fast, self.sure],
            lambda options, name: ManualExecutor(),
            clock=ManualClock(),
            observer=Observer(),
        )
        return loader("m", 1, self.folder, ModelSettings(runtime=options or RuntimeOptions()))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def options(engine: str) -> RuntimeOptions:
    # The doubles have names of their own, so that no test rests on the real engines'.
    return RuntimeOptions(engine=engine)  # type: ignore[arg-type]  # as above


def test_the_first_engine_that_knows_the_folder_serves_it(bench: Bench) -> None:
    version = bench.load()
    assert (bench.fast.loaded, bench.sure.loaded) == ([bench.folder], [])
    assert version.engine_reason == ""


def test_a_folder_that_the_first_engine_does_not_know_goes_to_the_next(bench: Bench) -> None:
    (bench.folder / "fast").unlink()
    version = bench.load()
    assert bench.sure.loaded == [bench.folder]
    assert version.engine_reason == (
        "not served by fast: expected a double, received a folder with sure; touch one"
    )


def test_an_engine_that_fails_to_load_gives_way_with_its_reason(bench: Bench) -> None:
    bench.fast = Failing(DoublingServable(), "fast")
    version = bench.load()
    assert bench.sure.loaded == [bench.folder]
    assert version.engine_reason == "not served by fast: its source has changed"
    assert version.engine_detail == "fast: /srv/secret: OSError", "for operators alone"


def test_an_engine_that_is_wrong_on_the_goldens_gives_way_and_is_closed(bench: Bench) -> None:
    write_golden(bench.folder, "serving_default", golden([[1]], [[2]]))
    bench.fast.servable = wrong = Wrong()
    version = bench.load()
    assert wrong.closed
    assert bench.sure.loaded == [bench.folder]
    assert "not served by fast: wrong answer on the goldens" in version.engine_reason
    assert not bench.sure.servable.closed


def test_an_engine_that_is_insisted_on_does_not_give_way(bench: Bench) -> None:
    bench.fast = Failing(DoublingServable(), "fast")
    with pytest.raises(LoadError, match="its source has changed"):
        bench.load(options("fast"))
    assert not bench.sure.loaded


def test_another_engine_than_the_first_can_be_asked_for(bench: Bench) -> None:
    version = bench.load(options("sure"))
    assert not bench.fast.loaded
    assert version.engine_reason == ""


def test_an_engine_that_is_not_there_is_named(bench: Bench) -> None:
    with pytest.raises(LoadError, match="no engine 'tensorflow' is installed here"):
        bench.load(options("tensorflow"))


def test_where_all_fail_the_last_one_says_why(bench: Bench) -> None:
    (bench.folder / "sure").unlink()
    bench.fast = Failing(DoublingServable(), "fast")
    with pytest.raises(LoadError, match="expected a double, received a folder with fast"):
        bench.load()


def test_a_folder_that_no_engine_knows_is_told_what_each_would_take(bench: Bench) -> None:
    (bench.folder / "sure").rename(bench.folder / "other")
    (bench.folder / "fast").unlink()
    said = "expected a double, or a double, received a folder with other; touch one"
    with pytest.raises(LoadError, match=said):
        bench.load()


def test_the_number_of_threads_reaches_the_engine(bench: Bench) -> None:
    bench.load(RuntimeOptions(threads=3))
    assert bench.fast.threads == [3]


class Timed(DoublingServable):
    """Takes its time of a clock."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        super().__init__()
        self.clock, self.seconds = clock, seconds

    def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:
        self.clock.now += self.seconds
        return super().run(signature, inputs)


class TimedRuntime(DoubleRuntime):
    """Loads a model that takes ``seconds`` by the number of threads."""

    def __init__(self, clock: ManualClock, seconds: dict[int, float]) -> None:
        super().__init__(DoublingServable(), "fast")
        self.clock, self.seconds = clock, seconds
        self.made: list[Timed] = []

    def load(self, folder: Path, threads: int = 0, files: Files | None = None) -> Timed:
        self.threads.append(threads)
        self.made.append(Timed(self.clock, self.seconds[threads]))
        return self.made[-1]


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1, 2, 3})


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize(
    ("one", "four", "tried", "taken"),
    [
        (0.001, 0.0001, [1], 0),  # quick enough as it is
        (0.020, 0.006, [1, 4], 1),
        (0.020, 0.019, [1, 4], 0),  # not worth all cores
    ],
)
def test_a_slow_model_gets_all_cores_where_they_make_it_faster(
    bench: Bench, one: float, four: float, tried: list[int], taken: int
) -> None:
    clock = ManualClock()
    runtime = TimedRuntime(clock, {1: one, 4: four})
    loader = Loader(
        [runtime], lambda options, name: ManualExecutor(), clock=clock, observer=Observer()
    )
    version = loader("m", 1, bench.folder, ModelSettings())
    assert runtime.threads == tried
    assert [made.closed for made in runtime.made] == [
        index != taken for index in range(len(runtime.made))
    ]
    assert version.cost is not None
    assert version.cost.threads == tried[taken]


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize(("settings", "instances"), [(0, 4), (2, 2), (4, 1)])
def test_batches_at_once_share_the_cores_with_the_threads_of_a_run(
    bench: Bench, settings: int, instances: int
) -> None:
    made: list[int] = []

    def executor(options: BatchingOptions, name: str) -> ManualExecutor:
        made.append(options.at_once)
        return ManualExecutor()

    loader = Loader([bench.fast], executor, ManualClock(), Observer(), instances=4)
    loader("m", 1, bench.folder, ModelSettings(runtime=RuntimeOptions(threads=settings)))
    told = BatchingOptions(instances=3)
    loader("m", 2, bench.folder, ModelSettings(batching=told))
    assert made == [instances, 3]
