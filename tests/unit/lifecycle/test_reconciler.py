"""Loads, settings, looks and closings that take their time, or never come back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from horngate.answer import Answer
from horngate.batching.options import BatchingOptions
from horngate.errors import ConfigError, HorngateError, LoadError, NoRoom, ShuttingDown
from horngate.lifecycle.loop import LOAD_SECONDS, LOOK_SECONDS
from horngate.lifecycle.memory import RoomTaken
from horngate.lifecycle.reconciler import MOST_BESIDE, MOST_STUCK
from horngate.lifecycle.settings import ModelSettings, RuntimeOptions, VersionOptions
from horngate.lifecycle.status import State
from horngate.lifecycle.tasks import SLOW_SECONDS, Progress, Tasks
from tests.unit.lifecycle.house import House
from tests.unit.lifecycle.slow_house import SlowHouse


@pytest.fixture
def house(tmp_path: Path) -> SlowHouse:
    return SlowHouse(tmp_path)


def outcome(answer: Answer[None]) -> str:
    """What became of an order: "" while it waits, "done", or its error."""
    told: list[str] = []

    def tell() -> None:
        try:
            answer.result()
        except HorngateError as error:
            told.append(f"{type(error).__name__}: {error}")
        else:
            told.append("done")

    answer.on_done(tell)
    return told[0] if told else ""


def test_a_load_that_hangs_holds_up_no_other_model(house: SlowHouse) -> None:
    house.write("m", 1)
    house.write("other", 1)
    house.see("load-m-1")
    assert house.running == {"load-m-1"}
    assert house.live("other") == (1,)
    house.write("other", 2)
    house.see("load-m-1")
    assert house.live("other") == (2,)
    assert house.closed(1, "other")
    assert house.state(1).state is State.LOADING
    assert not house.repository.ready(), "its model was there at the start"
    house.end("load-m-1")
    house.work()
    assert house.live() == (1,)
    assert house.repository.ready()


def test_a_load_is_given_up_in_time_and_what_it_brings_is_turned_away(house: SlowHouse) -> None:
    house.write("m", 1)
    house.see()
    house.write("m", 2)
    house.see("load-m-2")
    house.pass_time(LOAD_SECONDS - 1)
    assert house.state(2).state is State.LOADING
    house.pass_time(1)
    assert house.state(2).state is State.END
    assert (
        "expected to load within 300 s, and did not come back from starting" in house.state(2).error
    )
    assert house.observer.stuck == [("m", 2, "starting")]
    assert house.loop.under_way().stuck == (("m", 2),)
    house.see("load-m-2", times=3)
    assert house.loads == [("m", 1)], "it is not tried again as it is"
    house.work()
    assert house.live() == (1,)
    assert house.observer.came_back == [("m", 2)]
    assert house.loop.under_way().stuck == ()
    assert ("m", 2) not in house.servables, "it ended at its next step"


def test_a_version_that_comes_too_late_is_closed_and_never_live(house: SlowHouse) -> None:
    class Deaf(Progress):
        def reach(self, step: str) -> None:
            self.step = step

        def end(self) -> None:
            """As an engine that knows nothing of time."""

    house.write("m", 1)
    house.see("load-m-1")
    (task,) = house.loop._tasks.running
    task.progress.__class__ = Deaf
    house.pass_time(LOAD_SECONDS)
    house.work()
    assert house.loads == [("m", 1)]
    assert house.closed(1)
    assert house.live() == ()
    assert house.state(1).state is State.END


def test_the_start_is_over_when_what_hangs_is_given_up(house: SlowHouse) -> None:
    house.write("m", 1)
    house.write("m", 2)
    house.see("load-m-2")
    assert not house.repository.settled
    house.pass_time(LOAD_SECONDS)
    house.work("load-m-2")
    assert house.live() == (1,), "the one before it serves"
    assert house.repository.ready()


def test_a_model_that_comes_while_others_are_loaded_at_the_start_is_no_condition(
    house: SlowHouse,
) -> None:
    house.write("m", 1)
    house.see("load-m-1")
    house.write("later", 1, "bad")
    house.see("load-m-1", times=1)
    assert ("later", 1) not in house.loads, "somebody may be writing to it"
    house.see("load-m-1")
    assert house.state(1, "later").error == "expected a good version"
    house.work()
    assert house.repository.ready()


def test_files_that_change_give_a_stuck_version_another_try(house: SlowHouse) -> None:
    house.write("m", 1)
    house.see("load-m-1")
    house.pass_time(LOAD_SECONDS)
    stuck = house.threads.waiting.pop("load-m-1")
    house.write("m", 1, "mended")
    house.see()
    assert house.live() == (1,)
    stuck()
    house.work()
    assert house.live() == (1,)
    assert not house.closed(1)


def test_a_newer_version_need_not_wait_for_one_that_hangs(house: SlowHouse) -> None:
    house.write("m", 1)
    house.see()
    house.write("m", 2)
    house.see("load-m-2")
    house.write("m", 3)
    house.see("load-m-2")
    assert house.live() == (1,), "one at a time"
    house.pass_time(SLOW_SECONDS)
    house.work("load-m-2")
    assert house.live() == (3,)
    house.work()
    assert house.live() == (3,), "and no step back"
    assert house.closed(2)
    assert house.state(2).state is State.END


def test_versions_that_come_quicker_than_they_load_go_live_all_the_same(house: SlowHouse) -> None:
    house.write("m", 1)
    house.see()
    for number in range(2, 6):
        house.write("m", number)
        house.see(f"load-m-{number}", times=2)
        house.write("m", number + 1)
        house.see(f"load-m-{number}", times=2)
        house.end(f"load-m-{number}")
        assert house.live() == (number,)


def test_mending_a_version_whose_load_hangs_loads_it_anew(house: SlowHouse) -> None:
    house.write("m", 1)
    house.see("load-m-1")
    hanging = house.threads.waiting.pop("load-m-1")
    house.write("m", 1, "mended")
    house.see()
    assert house.loads == [], "it may yet come"
    house.pass_time(SLOW_SECONDS)
    house.work()
    assert house.live() == (1,)
    hanging()
    house.work()
    assert house.live() == (1,)
    assert house.loads == [("m", 1)]


def test_a_flood_of_versions_that_hang_makes_few_threads(house: SlowHouse) -> None:
    house.write("m", 1)
    house.see()
    hanging = []
    for number in range(2, 12):
        house.write("m", number)
        name = f"load-m-{number}"
        house.see(name)
        hanging += [house.threads.waiting.pop(name)] if name in house.running else []
        house.pass_time(LOAD_SECONDS)
    assert len(hanging) == MOST_BESIDE
    assert house.live() == (1,)
    assert f"expected fewer than {MOST_BESIDE} loads of a model" in house.state(11).error
    for thread in hanging:
        thread()
    house.work()
    assert house.live() == (11,), "there is room again"


def test_hanging_loads_of_all_models_are_bounded_too(house: SlowHouse) -> None:
    for number in range(MOST_STUCK + 3):
        house.write(f"m{number}", 1)
    names = {f"load-m{number}-1" for number in range(MOST_STUCK + 3)}
    while not house.running & names:
        house.see(*names)
    while stuck := house.running & names:
        for name in stuck:
            house.threads.waiting.pop(name)
        house.pass_time(LOAD_SECONDS)
        house.work(*names)
    assert len(house.loop.under_way().stuck) < MOST_STUCK + 8


def test_as_many_load_at_once_as_there_are_cores_and_slow_ones_do_not_count(
    tmp_path: Path,
) -> None:
    house = SlowHouse(tmp_path, cores=1)
    names = [f"load-m{number}-1" for number in range(3)]
    for number in range(3):
        house.write(f"m{number}", 1)
    house.see(*names)
    assert len(house.running) == 1
    house.pass_time(SLOW_SECONDS)
    assert len(house.running) == 2, "who takes long keeps nobody waiting"
    house.pass_time(LOAD_SECONDS - SLOW_SECONDS)
    assert len(house.running) == 3
    house.work()
    assert house.live("m2") == (1,)


def test_a_load_has_its_time_from_when_it_begins(tmp_path: Path) -> None:
    house = SlowHouse(tmp_path, cores=1)
    for number in range(2):
        house.write(f"m{number}", 1)
        house.configure(f"m{number}", ModelSettings(runtime=RuntimeOptions(load_seconds=4)))
    house.see("load-m0-1", "load-m1-1")
    house.pass_time(4)
    assert house.state(1, "m0").state is State.END
    assert house.state(1, "m1").state is State.LOADING
    house.pass_time(4)
    assert "within 4 s" in house.state(1, "m1").error


def test_two_that_fit_only_one_after_the_other_are_loaded_so(house: SlowHouse) -> None:
    house.write("a", 1)
    house.write("b", 1)
    house.errors["b", 1] = RoomTaken("expected a version that fits")
    house.see("load-a-1", times=1)
    assert house.state(1, "b").state is State.LOADING
    assert house.running == {"load-a-1"}
    assert [each for each in house.observer.statuses if each.error] == [], "that is no failure"
    house.end("load-a-1")
    house.work()
    assert (house.live("a"), house.live("b")) == ((1,), (1,))


def test_room_that_was_taken_and_is_free_by_now_is_tried_at_once(house: SlowHouse) -> None:
    house.write("b", 1)
    house.errors["b", 1] = RoomTaken("expected a version that fits")
    house.see(times=1)
    assert house.live("b") == (1,)


def test_a_version_without_room_is_tried_when_a_stuck_load_comes_back(house: SlowHouse) -> None:
    house.write("a", 1)
    house.write("b", 1)
    house.see("load-a-1", "load-b-1")
    house.pass_time(LOAD_SECONDS)
    house.threads.waiting.pop("load-b-1")
    house.write("b", 2)
    house.errors["b", 2] = NoRoom("expected a version that fits")
    house.see("load-a-1", times=3)
    assert house.state(2, "b").error == "expected a version that fits"
    house.work()
    assert house.live("b") == (2,)


def test_what_is_no_longer_asked_for_is_turned_away(house: SlowHouse) -> None:
    house.write("m", 1)
    house.see()
    folder = house.write("m", 2)
    house.see("load-m-2")
    shutil.rmtree(folder)
    house.see("load-m-2")
    house.work()
    assert house.live() == (1,)
    assert house.state(2).state is State.END


def test_a_policy_that_changes_during_a_load_holds(house: SlowHouse) -> None:
    house.write("m", 1)
    house.see()
    house.write("m", 2)
    house.see("load-m-2")
    house.configure("m", ModelSettings(versions=VersionOptions(specific=(1,))))
    house.see("load-m-2")
    house.work()
    assert house.live() == (1,)
    assert house.closed(2)


def test_a_model_that_is_removed_while_it_is_loaded_is_gone(house: SlowHouse) -> None:
    house.write("other", 1)
    house.write("m", 1)
    house.see("load-m-1")
    shutil.rmtree(house.root / "m")
    house.see("load-m-1")
    house.work()
    assert house.repository.models() == ["other"]
    assert ("m", 1) not in house.servables
    assert house.repository.ready()


def test_settings_that_cannot_be_read_hold_up_their_model_only(house: SlowHouse) -> None:
    house.write("m", 1)
    house.write("other", 1)
    house.see()
    house.configure("m", ModelSettings(batching=BatchingOptions(max_batch_size=7)))
    house.write("m", 2)
    house.write("other", 2)
    house.see("settings-m-0")
    assert (house.live("m"), house.live("other")) == ((1,), (2,))
    house.pass_time(LOAD_SECONDS)
    house.work("settings-m-0")
    assert "expected settings that can be read within 300 s" in house.observer.refused[0]
    assert house.live("m") == (2,), "under the settings that it had"
    house.configure("m", ModelSettings(batching=BatchingOptions(max_batch_size=9)))
    hanging = house.threads.waiting.pop("settings-m-0")
    house.see()
    hanging()
    house.work()
    assert house.repository.find("m", None).settings.batching.max_batch_size == 9


def test_settings_that_come_too_late_are_taken_where_there_are_none_newer(
    house: SlowHouse,
) -> None:
    house.write("m", 1)
    house.see("settings-m-0")
    house.pass_time(LOAD_SECONDS)
    assert "expected settings that can be read within" in house.state(1).detail
    house.work()
    assert house.live() == (1,)


def test_settings_that_are_written_anew_need_not_wait_for_those_that_hang(
    house: SlowHouse,
) -> None:
    house.write("m", 1)
    house.configure("m", ModelSettings())
    house.see("settings-m-0")
    house.configure("m", ModelSettings(batching=BatchingOptions(max_batch_size=9)))
    house.see("settings-m-0")
    assert house.live() == ()
    house.threads.waiting.pop("settings-m-0")
    house.pass_time(SLOW_SECONDS)
    house.see()
    assert house.repository.find("m", None).settings.batching.max_batch_size == 9


def test_settings_that_hang_and_are_touched_again_and_again_make_few_threads(
    house: SlowHouse,
) -> None:
    house.write("m", 1)
    begun = 0
    for _ in range(20):
        house.configure("m", ConfigError("a FIFO"))
        house.see("settings-m-0")
        begun += house.threads.waiting.pop("settings-m-0", None) is not None
        house.pass_time(SLOW_SECONDS)
    assert begun <= MOST_BESIDE + 1


def test_a_look_that_hangs_is_told_and_holds_up_no_load(house: SlowHouse) -> None:
    house.write("m", 1)
    house.see()
    house.write("m", 2)
    house.see("load-m-2")
    house.begin_look()
    house.pass_time(LOOK_SECONDS - 1)
    assert house.observer.unreadable == 0
    house.pass_time(1)
    assert house.observer.unreadable == 1
    assert house.loop.under_way().scan_seconds == LOOK_SECONDS
    house.end("load-m-2")
    house.work("look--0")
    assert house.live() == (2,)
    assert house.closed(1), "the old one is closed as well"
    house.work()
    assert house.loop.under_way().scan_seconds == 0


def test_a_thread_that_cannot_be_had_is_a_failure_like_any_other(house: SlowHouse) -> None:
    house.write("m", 1)
    house.begin_look()
    house.end("look--0")
    house.threads.refuses = True
    house.end("settings-m-0")
    assert "can't start new thread" in house.state(1).detail
    with pytest.raises(RuntimeError):
        house.loop.refresh()
    house.threads.refuses = False
    house.write("m", 1, "mended")
    house.see()
    assert house.live() == (1,)


def test_a_closing_that_hangs_holds_up_nothing_and_is_told(house: SlowHouse) -> None:
    house.write("m", 1)
    house.see()
    house.write("m", 2)
    house.see("close-m-1")
    house.write("m", 3)
    house.see("close-m-1")
    assert house.live() == (3,)
    assert house.state(1).state is State.UNLOADING
    house.pass_time(LOAD_SECONDS)
    assert house.observer.stuck == [("m", 1, "starting")]
    house.work()
    assert house.state(1).state is State.END
    assert house.observer.came_back == [("m", 1)]


def test_an_order_waits_for_its_own_model_and_others_go_on(tmp_path: Path) -> None:
    house = SlowHouse(tmp_path, on_request=True)
    house.write("a", 1)
    house.write("b", 1)
    house.see()
    first = house.control.load("a")
    house.work("load-a-1")
    second = house.control.load("b")
    house.work("load-a-1")
    assert (outcome(first), outcome(second)) == ("", "done")
    third = house.control.unload("b")
    house.work("load-a-1")
    assert outcome(third) == "done"
    assert house.live("b") == ()
    house.work()
    assert outcome(first) == "done"
    assert house.live("a") == (1,)


def test_an_order_is_told_when_its_load_is_given_up(tmp_path: Path) -> None:
    house = SlowHouse(tmp_path, on_request=True)
    house.write("a", 1)
    house.see()
    answer = house.control.load("a")
    house.work("load-a-1")
    house.pass_time(LOAD_SECONDS)
    with pytest.raises(LoadError, match="version 1: expected to load within 300 s"):
        answer.result()


@pytest.mark.parametrize("own", [True, False])
def test_an_order_that_a_disk_holds_up_is_told_in_time(tmp_path: Path, own: bool) -> None:
    house = SlowHouse(tmp_path, on_request=True)
    house.write("a", 1)
    house.see()
    if not own:
        house.begin_look()
    answer = house.control.load("a")
    house.loop.turn()
    house.pass_time(LOAD_SECONDS)
    with pytest.raises(LoadError, match="expected to look at the models within 300 s"):
        answer.result()
    assert house.loop._seconds_to_rest() > 0, "the loop rests while the disk hangs"
    house.work()
    assert house.live("a") == ((1,) if own else ())


def test_an_order_that_is_waited_for_takes_its_model_as_it_is(tmp_path: Path) -> None:
    house = SlowHouse(tmp_path, on_request=True, cores=1)
    house.write("a", 1)
    house.write("b", 1)
    house.see()
    house.control.load("b")
    house.work("load-b-1")
    answer = house.control.load("a")
    house.work("load-b-1")
    house.write("a", 2)
    house.see("load-b-1", times=1)
    house.work()
    assert outcome(answer) == "done"
    assert house.live("a") == (2,)


def test_stopping_leaves_a_hanging_load_behind_and_closes_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = SlowHouse(tmp_path, on_request=True)
    house.write("a", 1)
    house.write("b", 1)
    house.see()
    done = house.control.load("b")
    house.work()
    answer = house.control.load("a")
    house.work("load-a-1")
    monkeypatch.setattr(Tasks, "wait", lambda *_: house.end_closings())
    house.loop.stop()
    assert outcome(done) == "done"
    assert house.closed(1, "b")
    assert house.loop.left_behind
    with pytest.raises(ShuttingDown):
        answer.result()


def test_a_stop_with_nothing_left_leaves_nothing(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.write("m", 1)
    house.look(1)
    house.loop.stop()
    assert house.closed(1)
    assert not house.loop.left_behind


def test_since_is_when_a_version_came_into_its_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path)
    monkeypatch.setattr("horngate.lifecycle.model.time.time", lambda: 100.0)
    house.write("m", 1)
    house.look(1)
    monkeypatch.setattr("horngate.lifecycle.model.time.time", lambda: 200.0)
    house.look()
    assert (house.state(1).state, house.state(1).since) == (State.AVAILABLE, 100.0)
    house.write("m", 2)
    house.look()
    assert (house.state(1).state, house.state(1).since) == (State.END, 200.0)
    assert house.state(2).since == 200.0
