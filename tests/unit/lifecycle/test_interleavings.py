"""In whatever order looks, loads and closings end: what is live is right, and nothing is left."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from horngate.batching.options import BatchingOptions
from horngate.errors import NoRoom
from horngate.lifecycle.loop import LOAD_SECONDS
from horngate.lifecycle.memory import RoomTaken
from horngate.lifecycle.reconciler import MOST_BESIDE
from horngate.lifecycle.settings import ModelSettings, VersionOptions
from horngate.lifecycle.status import State
from horngate.lifecycle.tasks import SLOW_SECONDS
from tests.unit.lifecycle.slow_house import SlowHouse

MODELS = st.sampled_from(["a", "b"])
NUMBERS = st.integers(1, 4)


class Interleavings(RuleBasedStateMachine):
    """Two models beside one that stays as it is, whose folders, settings and tasks change."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.house = SlowHouse(self.root, cores=2)
        self.changes = 0

    @initialize()
    def start(self) -> None:
        self.house.write("stays", 1)

    @rule(model=MODELS, number=NUMBERS, content=st.sampled_from(["good", "good", "bad"]))
    def write(self, model: str, number: int, content: str) -> None:
        self.house.write(model, number, content)
        self.touch(model, number)

    def touch(self, model: str, number: int) -> None:
        self.changes += 1
        (self.root / model / str(number) / "changes").write_text("." * self.changes)

    @rule(model=MODELS, number=NUMBERS)
    def remove(self, model: str, number: int) -> None:
        shutil.rmtree(self.root / model / str(number), ignore_errors=True)

    @rule(model=MODELS)
    def remove_model(self, model: str) -> None:
        shutil.rmtree(self.root / model, ignore_errors=True)

    @rule(model=MODELS, rows=st.integers(1, 3), every=st.booleans())
    def configure(self, model: str, rows: int, every: bool) -> None:
        self.house.configure(
            model,
            ModelSettings(
                versions=VersionOptions(all=every), batching=BatchingOptions(max_batch_size=rows)
            ),
        )

    @rule(model=MODELS, number=NUMBERS, wait=st.booleans())
    def take_the_room(self, model: str, number: int, wait: bool) -> None:
        self.house.errors[model, number] = RoomTaken("beside") if wait else NoRoom("at all")

    @precondition(lambda self: not any(name.startswith("look") for name in self.house.running))
    @rule()
    def look(self) -> None:
        self.house.loop.refresh()

    @precondition(lambda self: bool(self.house.running))
    @rule(data=st.data())
    def end_a_task(self, data: st.DataObject) -> None:
        self.house.end(data.draw(st.sampled_from(sorted(self.house.running))))

    @rule(seconds=st.sampled_from([1.0, SLOW_SECONDS, LOAD_SECONDS]))
    def wait(self, seconds: float) -> None:
        self.house.pass_time(seconds)

    @invariant()
    def what_is_live_can_answer(self) -> None:
        held = self.house.repository.held()
        for model in held.values():
            for number, version in model.live.items():
                assert number == version.number
                assert not version._servable.closed  # type: ignore[attr-defined]  # a double's

    @invariant()
    def threads_are_few(self) -> None:
        for model in ("a", "b"):
            loads = [name for name in self.house.running if name.startswith(f"load-{model}-")]
            assert len(loads) <= 2 * MOST_BESIDE

    @invariant()
    def the_model_that_stays_is_never_let_go(self) -> None:
        if any(version.model == "stays" for version in self.house.loaded):
            self.house.work(*(name for name in self.house.running if "load-stays" not in name))
            assert self.house.live("stays") == (1,)

    def teardown(self) -> None:
        try:
            self.all_comes_to_what_is_asked_for()
        finally:
            shutil.rmtree(self.root)

    def all_comes_to_what_is_asked_for(self) -> None:
        house = self.house
        house.errors.clear()
        house.work()
        for model in ("stays", "a", "b"):
            for folder in (self.root / model).glob("[0-9]"):
                self.touch(model, int(folder.name))
        house.see(times=3)
        assert not house.running
        assert house.repository.settled
        for model in ("stays", "a", "b"):
            good = sorted(int(file.parent.name) for file in (self.root / model).glob("*/good"))
            if good:
                every = house.settings.get(model, ModelSettings())
                assert isinstance(every, ModelSettings)
                assert house.live(model) == tuple(good if every.versions.all else good[-1:])
        live = [each for model in house.repository.held().values() for each in model.live.values()]
        for version in house.loaded:
            assert version._servable.closed == (version not in live)  # type: ignore[attr-defined]  # a double's
        for model in house.repository.models():
            states = {status.state for status in house.repository.statuses(model)}
            assert states <= {State.AVAILABLE, State.END}
        assert house.loop.under_way() == (0.0, ())


TestInterleavings = Interleavings.TestCase
# Without shrinking: it takes minutes here, and forty steps can be read.
TestInterleavings.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
