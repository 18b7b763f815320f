from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from horngate.batching.observer import Waiting
from horngate.batching.options import BatchingOptions
from horngate.errors import EngineFailed, LoadError
from horngate.lifecycle.declared import Declared, DeclaredTensor
from horngate.lifecycle.loader import Loader
from horngate.lifecycle.served import ServedVersion
from horngate.lifecycle.settings import ModelSettings
from horngate.lifecycle.warm_up import Recorded
from horngate.servable import Files, Servable
from horngate.store.annotations import write_annotations
from horngate.store.goldens import Golden, write_golden
from horngate.store.manifest import CHECKSUMS, write_checksums
from horngate.store.rows_record import write_rows
from horngate.tensors import Array, Arrays, DType, Signature, TensorSpec
from tests.unit.batching.doubles import (
    DOUBLING,
    DoublingServable,
    ManualClock,
    ManualExecutor,
    Recorder,
)
from tests.unit.lifecycle import house

SETTINGS = ModelSettings(batching=BatchingOptions(max_batch_size=5))
TRUSTED = ModelSettings(batching=BatchingOptions(max_batch_size=5, trust_rows=True))
"""Nothing is found out about rows, so that only what a test is about is run."""


class DoubleRuntime:
    """Loads whatever folder has a file ``double``."""

    wants = "a double"
    remedy = "touch one"

    def __init__(self, servable: DoublingServable, name: str = "double") -> None:
        self.name = name
        self.servable = servable
        self.loaded: list[Path] = []
        self.threads: list[int] = []

    def recognises(self, folder: Path) -> bool:
        return (folder / self.name).exists()

    def load(self, folder: Path, threads: int = 0, files: Files | None = None) -> Servable:
        self.loaded.append(folder)
        self.threads.append(threads)
        return self.servable


class Observer(house.Observer):
    """Keeps which versions were loaded. A loader tells of nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.untold = dict(vars(self))
        self.loaded: list[tuple[str, int, list[str]]] = []
        self.waiting: Callable[[], Waiting] = lambda: Waiting(-1, -1)

    def version_loaded(
        self, model: str, version: int, signatures: Iterable[str], waiting: Callable[[], Waiting]
    ) -> Recorder:
        self.loaded.append((model, version, sorted(signatures)))
        self.waiting = waiting
        return Recorder()

    @property
    def told_nothing_else(self) -> bool:
        return not any(self.untold.values()) and self.unreadable == 0


class Bench:
    def __init__(self, folder: Path, servable: DoublingServable) -> None:
        self.folder = folder
        self.servable = servable
        self.runtime = DoubleRuntime(servable)
        self.observer = Observer()
        self.executors: list[tuple[BatchingOptions, str]] = []
        self.loader = Loader(
            [self.runtime], self.executor, clock=ManualClock(), observer=self.observer
        )

    def executor(self, options: BatchingOptions, name: str) -> ManualExecutor:
        self.executors.append((options, name))
        return ManualExecutor()

    def load(self, settings: ModelSettings = SETTINGS) -> ServedVersion:
        return self.loader("m", 3, self.folder, settings)

    def refuses(
        self, sentence: str, settings: ModelSettings = SETTINGS, *, detail: str = ""
    ) -> None:
        """The load is refused for the reason ``sentence`` and leaves nothing behind.

        What an engine said is the ``detail``, and no part of the sentence.
        """
        with pytest.raises(LoadError, match=sentence) as refused:
            self.load(settings)
        assert detail in refused.value.detail
        assert not detail or detail not in str(refused.value)
        assert self.servable.closed or not self.runtime.loaded
        assert not self.executors
        assert not self.observer.loaded


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    (tmp_path / "double").touch()
    made = Bench(tmp_path, DoublingServable())
    yield made
    assert made.observer.told_nothing_else


def golden(x: list[list[float]], y: list[list[float]]) -> Golden:
    return Golden({"x": np.array(x, np.float32)}, {"y": np.array(y, np.float32)})


def test_a_version_that_is_right_is_served(bench: Bench) -> None:
    write_golden(bench.folder, "serving_default", golden([[1, 2]], [[2, 4]]))
    write_checksums(bench.folder)
    version = bench.load()
    assert (version.model, version.number, version.engine) == ("m", 3, "double")
    assert version.settings is SETTINGS
    assert bench.executors == [(SETTINGS.batching.decided(None), "run-m-3")]
    assert bench.observer.loaded == [("m", 3, ["serving_default", "whole"])]
    assert not bench.servable.closed


def test_the_observer_can_ask_how_many_rows_wait(bench: Bench) -> None:
    version = bench.load()
    assert bench.observer.waiting().rows == 0
    version.scheduler.submit(DOUBLING, {"x": np.ones((3, 1), np.float32)}, 3, None)
    assert bench.observer.waiting().rows == 3


def test_wrong_goldens_are_refused_and_the_model_is_closed(bench: Bench) -> None:
    write_golden(bench.folder, "serving_default", golden([[1]], [[3]]))
    bench.refuses(
        "wrong answer on the goldens of signature 'serving_default': output 'y': differs by"
    )


def test_goldens_for_a_signature_that_is_not_there_are_refused(bench: Bench) -> None:
    write_golden(bench.folder, "classify", golden([[1]], [[2]]))
    bench.refuses("goldens are recorded for signature 'classify', which is not there")


def test_goldens_that_the_model_cannot_run_are_refused_with_its_reason(bench: Bench) -> None:
    write_golden(bench.folder, "serving_default", golden([[np.nan]], [[2]]))
    bench.refuses(
        "the goldens of signature 'serving_default' failed to run; the server's log says why",
        detail="ValueError: not a number",
    )


def test_goldens_that_cannot_be_read_are_refused(bench: Bench) -> None:
    write_golden(bench.folder, "serving_default", golden([[1]], [[2]]))
    (bench.folder / "assets.extra/horngate/goldens/serving_default.npz").write_bytes(b"PK\3\4")
    bench.refuses("the goldens in .* cannot be read")


def test_a_damaged_version_is_refused_before_the_engine_sees_it(bench: Bench) -> None:
    write_checksums(bench.folder)
    (bench.folder / "double").write_text("damaged")
    bench.refuses("double differs from its checksum")
    assert not bench.runtime.loaded


@pytest.mark.parametrize(
    "name", ["odd", "variables/odd", "assets/vocab.txt", "assets.extra/horngate/odd", "model.toml"]
)
@pytest.mark.parametrize("what", ["link", "self-link", "device", "fifo"])
def test_a_version_of_regular_files_alone_is_loaded(bench: Bench, name: str, what: str) -> None:
    path = bench.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if what == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to({"link": "/etc/passwd", "self-link": path.name}.get(what, "/dev/zero"))
    bench.refuses(rf"'{name}': expected regular files .* received a (FIFO|symbolic link)")
    assert not bench.runtime.loaded


def test_a_version_folder_that_is_a_link_is_refused(bench: Bench) -> None:
    link = bench.folder.parent / f"{bench.folder.name}-link"
    link.symlink_to(bench.folder)
    bench.folder = link
    bench.refuses("expected a folder with a version's files, received a symbolic link")


def test_what_the_engine_is_given_is_what_is_held_against_the_checksums(tmp_path: Path) -> None:
    """Damage in what the engine reads itself is found as it reads, and hashed once for both."""
    (tmp_path / "double").touch()
    (tmp_path / "saved_model.pb").write_bytes(b"program")
    write_checksums(tmp_path)

    class Reading(DoubleRuntime):
        def load(self, folder: Path, threads: int = 0, files: Files | None = None) -> Servable:
            assert files is not None
            assert files.read("saved_model.pb", 100) == b"program"
            (folder / "saved_model.pb").write_bytes(b"swapped")  # looked at once, and never again
            return super().load(folder, threads, files)

    bench = Bench(tmp_path, DoublingServable())
    bench.loader = Loader(
        [Reading(bench.servable)], bench.executor, clock=ManualClock(), observer=bench.observer
    )
    assert bench.load().number == 3
    with pytest.raises(LoadError, match=r"saved_model\.pb differs from its checksum"):
        bench.load()


def test_a_damaged_file_that_the_engine_did_not_read_is_refused(bench: Bench) -> None:
    (bench.folder / "variables").mkdir()
    (bench.folder / "variables" / "data").write_bytes(b"weights")
    write_checksums(bench.folder)
    (bench.folder / "variables" / "data").write_bytes(b"damaged")
    bench.refuses("variables/data differs from its checksum")


def test_checksums_that_cannot_be_read_are_refused(bench: Bench) -> None:
    write_checksums(bench.folder)
    (bench.folder / CHECKSUMS).write_text("{")
    bench.refuses(r"checksums\.json cannot be read")


def test_the_first_runtime_that_recognises_a_folder_loads_it(bench: Bench) -> None:
    first, second = DoubleRuntime(DoublingServable()), DoubleRuntime(DoublingServable())
    loader = Loader([first, second], bench.executor, clock=ManualClock(), observer=bench.observer)
    loader("m", 1, bench.folder, SETTINGS)
    assert (first.loaded, second.loaded) == ([bench.folder], [])


def test_a_folder_that_no_runtime_knows_is_refused_naming_what_is_there(bench: Bench) -> None:
    (bench.folder / "double").unlink()
    bench.refuses("expected a double, received a folder with nothing in it; touch one")
    for name in ("weights.h5", "config.json"):
        (bench.folder / name).touch()
    bench.refuses(r"received a folder with config\.json, weights\.h5; touch one")


def test_without_goldens_one_row_and_a_full_batch_of_zeros_are_run(bench: Bench) -> None:
    bench.load(TRUSTED)
    assert set(bench.servable.calls) == {(1, 1), (3,), (5, 1)}
    assert bench.servable.calls.count((3,)) == 1, "a signature without a batch is run once"


def test_goldens_are_repeated_to_one_row_and_a_full_batch(bench: Bench) -> None:
    write_golden(bench.folder, "serving_default", golden([[1, 2], [3, 4]], [[2, 4], [6, 8]]))
    write_golden(
        bench.folder, "whole", Golden({"x": np.ones(3, np.float32)}, {"y": np.full(3, 2, "f4")})
    )
    bench.load(TRUSTED)
    assert set(bench.servable.calls) == {(1, 2), (2, 2), (3,), (5, 2)}


def test_a_model_that_refuses_zeros_is_served_all_the_same(tmp_path: Path) -> None:
    class Choosy(DoublingServable):
        def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:
            if not inputs["x"].any():
                raise ValueError("zero")
            return super().run(signature, inputs)

    (tmp_path / "double").touch()
    bench = Bench(tmp_path, Choosy())
    assert bench.load().number == 3


def broken(*signatures: str) -> DoublingServable:
    class Broken(DoublingServable):
        def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:
            if signature in signatures:
                raise EngineFailed("the model cannot run", detail="no variable 'w'")
            return super().run(signature, inputs)

    return Broken()


def test_a_model_that_can_answer_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "double").touch()
    bench = Bench(tmp_path, broken("serving_default", "whole"))
    bench.refuses("signature '.*': the model cannot run", detail="no variable 'w'")


def test_a_model_of_which_one_signature_answers_is_served(tmp_path: Path) -> None:
    (tmp_path / "double").touch()
    assert Bench(tmp_path, broken("serving_default")).load().number == 3


def test_a_model_that_fails_at_a_full_batch_of_its_goldens_is_refused(tmp_path: Path) -> None:
    class Small(DoublingServable):
        def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:
            if len(inputs["x"]) == SETTINGS.batching.max_batch_size:
                raise MemoryError("too many rows")
            return super().run(signature, inputs)

    (tmp_path / "double").touch()
    bench = Bench(tmp_path, Small())
    write_golden(tmp_path, "serving_default", golden([[1]], [[2]]))
    bench.refuses(
        "signature 'serving_default' failed to run on 5 rows; lower max_batch_size",
        TRUSTED,
        detail="MemoryError: too many rows",
    )


def test_strings_and_free_dimensions_are_warmed_too(tmp_path: Path) -> None:
    words = Signature(
        "words",
        inputs={
            "text": TensorSpec("text", DType.STRING, (None, None, 2)),
            "flag": TensorSpec("flag", DType.BOOL, (None,)),
        },
        outputs={"y": TensorSpec("y", DType.FLOAT32, (None,))},
    )

    class Reader(DoublingServable):
        signatures = {"words": words}  # noqa: RUF012 - as the interface has it, never changed

        def __init__(self) -> None:
            super().__init__()
            self.texts: list[list[object]] = []

        def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:
            assert inputs["flag"].dtype == np.bool_
            self.texts.append(inputs["text"].tolist())
            return {"y": np.zeros(len(inputs["text"]), np.float32)}

    (tmp_path / "double").touch()
    servable = Reader()
    Bench(tmp_path, servable).load()
    assert servable.texts[-2:] == [[[[b"", b""]]], [[[b"", b""]]] * 5]


class Mixing(DoublingServable):
    """Takes the mean of its rows away from each."""

    def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:
        super().run(signature, inputs)
        x = inputs["x"]
        return {"y": x - x.mean(axis=0)}


def mixing(folder: Path) -> Bench:
    (folder / "double").touch()
    return Bench(folder, Mixing())


def test_what_mixes_rows_is_served_request_by_request_with_the_reason(tmp_path: Path) -> None:
    version = mixing(tmp_path).load()
    assert list(version.alone) == ["serving_default"]
    assert "a row's answer changes with the rows beside it: output 'y'" in version.rows_reason
    assert version.rows_reason.startswith("signature 'serving_default': ")


def test_an_operator_may_trust_the_rows(tmp_path: Path) -> None:
    bench = mixing(tmp_path)
    assert not bench.load(TRUSTED).alone
    assert {shape[0] for shape in bench.servable.calls} == {1, 3, 5}, "nothing but warm-up"


def test_what_was_established_at_publish_costs_a_start_no_run(bench: Bench) -> None:
    bench.load(TRUSTED)
    warm = list(bench.servable.calls)
    bench.servable.calls.clear()
    write_rows(bench.folder, {"double": {"serving_default": ""}})
    write_checksums(bench.folder)
    assert not bench.load().alone
    assert bench.servable.calls == warm


def test_what_was_found_at_publish_against_batching_holds_at_a_start(bench: Bench) -> None:
    write_rows(bench.folder, {"double": {"serving_default": "it mixes them"}})
    version = bench.load()
    assert version.rows_reason == "signature 'serving_default': it mixes them"
    assert {shape[0] for shape in bench.servable.calls} == {1, 3}


def test_findings_about_other_files_are_not_believed(tmp_path: Path) -> None:
    bench = mixing(tmp_path)
    write_rows(tmp_path, {"double": {"serving_default": ""}})
    assert not bench.load().alone
    (tmp_path / "double").write_text("another model")
    assert bench.load().alone


def test_what_a_version_carries_to_be_warmed_with_is_tried_as_well(tmp_path: Path) -> None:
    """A model that takes nothing that anybody makes up, and mixes what it takes."""

    class Choosy(Mixing):
        def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:
            if (inputs["x"] < 4e6).any():
                raise ValueError("too small")
            return super().run(signature, inputs)

    (tmp_path / "double").touch()
    bench = Bench(tmp_path, Choosy())
    assert "refuses every row that was tried" in bench.load().rows_reason
    recorded = Recorded("here", "serving_default", {"x": np.array([[5e6], [7e6]], np.float32)})
    loader = Loader(
        [bench.runtime],
        bench.executor,
        clock=ManualClock(),
        observer=bench.observer,
        read_recorded=lambda _folder, _signatures: [recorded],
    )
    assert "a row's answer changes" in loader("m", 3, tmp_path, SETTINGS).rows_reason


def test_what_the_settings_tell_of_is_run_as_often_as_they_say(tmp_path: Path) -> None:
    (tmp_path / "double").touch()
    bench = Bench(tmp_path, DoublingServable())
    sample = Recorded("w", "serving_default", {"x": np.full((7, 2), 3, np.float32)}, times=4)
    loader = Loader(
        [bench.runtime],
        bench.executor,
        clock=ManualClock(),
        observer=bench.observer,
        read_samples=lambda _declared, _signatures: [sample],
    )
    loader("m", 1, tmp_path, TRUSTED)
    assert bench.servable.calls.count((7, 2)) == 4


def test_callers_have_the_shapes_that_are_told(tmp_path: Path) -> None:
    (tmp_path / "double").touch()
    declared = Declared(
        batched=True,
        inputs=(DeclaredTensor("x", DType.FLOAT32, (None, 1, None), (None, None)),),
    )
    bench = Bench(tmp_path, DoublingServable())
    bench.servable.signatures = {"serving_default": DOUBLING}
    version = bench.load(replace(TRUSTED, declared=declared))
    assert version.signature("serving_default").inputs["x"].shape == (None, 1, None)
    assert (1, 1) in bench.servable.calls


def test_a_version_tells_what_its_tensors_mean(bench: Bench) -> None:
    write_annotations(bench.folder, [replace(DOUBLING, labels={"y": ("low", "high")})])
    version = bench.load()
    assert version.signatures["serving_default"].labels == {"y": ("low", "high")}
    assert version.handle("serving_default").signature.labels == {"y": ("low", "high")}
    assert not version.signatures["whole"].labels


def test_a_record_that_does_not_fit_the_model_is_refused(bench: Bench) -> None:
    write_annotations(bench.folder, [replace(DOUBLING, labels={"z": ("low", "high")})])
    bench.refuses("annotations.json: signature 'serving_default': labels: expected one of 'y'")
