from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from horngate.batching.options import BatchingOptions
from horngate.errors import ConfigError, ModelNotFound, ModelNotReady, VersionNotFound
from horngate.lifecycle.settings import ModelSettings, VersionOptions
from horngate.lifecycle.status import State, VersionStatus
from horngate.store.layout import version_folders
from tests.unit.batching.doubles import DOUBLING
from tests.unit.lifecycle.house import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_the_newest_version_is_served_at_once_at_the_start(house: House) -> None:
    house.write("m", 1)
    house.write("m", 12)
    house.look(1)
    assert house.live() == (12,)
    assert house.repository.find("m", None).number == 12
    assert house.repository.ready()
    assert house.state(12).state is State.AVAILABLE


def test_a_new_version_takes_over_and_the_old_one_finishes_what_it_accepted(
    house: House,
) -> None:
    house.write("m", 1)
    house.look(1)
    old = house.repository.find("m", None)
    work = old.scheduler.submit(DOUBLING, {"x": np.ones((1, 1), np.float32)}, 1, None)
    house.write("m", 2)
    house.look()
    assert house.live() == (2,)
    assert house.state(1).state is State.UNLOADING
    assert not house.closed(1), "an accepted request is still waiting"
    house.executors["m", 1].run_all()
    assert work.result()["y"].item() == 2
    house.look(1)
    assert house.closed(1)
    assert house.state(1).state is State.END
    assert house.observer.unloaded == [("m", 1)]


def test_a_version_that_fails_leaves_the_old_one_serving_and_is_tried_again_when_mended(
    house: House,
) -> None:
    house.write("m", 1)
    house.look(1)
    house.write("m", 2, "bad")
    house.look(5)
    assert house.live() == (1,)
    assert house.state(2).state is State.END
    assert house.state(2).error == "expected a good version"
    assert house.loads.count(("m", 2)) == 1, "an unchanged failure is not tried again"
    house.write("m", 2)
    house.look()
    assert house.live() == (2,)
    assert house.state(2).error == ""


def test_a_version_that_failed_is_tried_again_under_new_settings(house: House) -> None:
    house.write("m", 1)
    house.look(1)
    house.write("m", 2, "bad")
    house.look()
    house.configure("m", ModelSettings(batching=BatchingOptions(max_batch_size=7)))
    house.look()
    assert house.loads.count(("m", 2)) == 2
    assert house.live() == (1,)


def test_a_version_without_room_is_tried_again_when_another_is_unloaded(house: House) -> None:
    house.write("m", 1)
    house.write("other", 1)
    house.look(1)
    house.write("m", 2, "large")
    house.look(4)
    assert house.loads.count(("m", 2)) == 1, "as long as nothing is unloaded"
    assert house.state(2).error == "expected a version that fits"
    shutil.rmtree(house.root / "other")
    house.look()
    assert house.loads.count(("m", 2)) == 2
    assert house.live() == (1,)


def test_at_the_start_a_broken_newest_version_falls_back_to_the_one_before(house: House) -> None:
    house.write("m", 1)
    house.write("m", 2, "bad")
    house.look(1)
    assert house.live() == (1,)
    assert house.repository.ready()


def test_a_version_that_is_still_being_written_is_left_alone(house: House) -> None:
    house.write("m", 1)
    house.look(1)
    for part in ("a", "b", "c"):
        house.write("m", 2, part)
        house.look(1)
    assert house.loads == [("m", 1)]
    house.write("m", 2)
    house.look()
    assert house.live() == (2,)


def test_removing_the_newest_version_rolls_back(house: House) -> None:
    house.write("m", 1)
    newest = house.write("m", 2)
    house.look(1)
    shutil.rmtree(newest)
    house.look()
    assert house.live() == (1,)


def test_a_vanished_disk_unloads_nothing(house: House) -> None:
    house.write("m", 1)
    house.look(1)
    away = house.root.with_name("away")
    house.root.rename(away)
    house.look()
    assert house.live() == (1,)
    assert house.observer.unreadable == 2
    house.root.mkdir()
    house.look()
    assert house.live() == (1,), "an empty folder is a disk that is not mounted"


def test_a_model_that_cannot_be_read_keeps_what_is_live_and_holds_up_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write("m", 1)
    house.write("other", 1)
    house.look(1)
    house.write("m", 2)
    house.write("other", 2)
    read = version_folders

    def refuse_m(folder: Path) -> dict[int, Path]:
        if folder.name == "m":
            raise PermissionError(13, "Permission denied")
        return read(folder)

    monkeypatch.setattr("horngate.store.snapshot.version_folders", refuse_m)
    house.look()
    assert house.live("m") == (1,)
    assert house.live("other") == (2,)
    assert house.observer.unreadable == 2
    monkeypatch.undo()
    house.look()
    assert house.live("m") == (2,)


def test_a_model_whose_folder_comes_up_empty_keeps_what_is_live(house: House) -> None:
    version = house.write("m", 1)
    house.write("other", 1)
    house.look(1)
    shutil.rmtree(version)
    house.look()
    assert house.live("m") == (1,)


def test_a_model_whose_folder_is_removed_is_unloaded(house: House) -> None:
    house.write("m", 1)
    house.write("other", 1)
    house.look(1)
    shutil.rmtree(house.root / "m")
    house.look()
    assert house.repository.models() == ["other"]
    assert house.observer.statuses[-1] == VersionStatus("m", 1, State.END)
    assert house.closed(1)
    with pytest.raises(ModelNotFound):
        house.repository.find("m", None)


def test_readiness_waits_for_what_was_there_at_the_start_and_for_nothing_else(
    house: House,
) -> None:
    assert not house.repository.ready(), "nothing was looked at yet"
    house.write("m", 1)
    house.write("broken", 1, "bad")
    house.look(1)
    assert not house.repository.ready()
    house.write("broken", 1)
    house.look()
    assert house.repository.ready()
    house.write("later", 1, "bad")
    house.look(3)
    assert house.repository.ready(), "a bad newcomer takes no server out of rotation"


def test_an_empty_repository_is_not_ready(house: House) -> None:
    house.look()
    assert not house.repository.ready()


def test_what_is_not_live_is_said_with_the_reason(house: House) -> None:
    house.write("m", 3)
    house.write("broken", 1, "bad")
    house.look(1)
    with pytest.raises(VersionNotFound, match=r"live version of model 'm' \(3\), received 7"):
        house.repository.find("m", 7)
    with pytest.raises(ModelNotReady, match="version 1 failed to load: expected a good version"):
        house.repository.find("broken", None)
    with pytest.raises(ModelNotFound):
        house.repository.statuses("nobody")
    with pytest.raises(VersionNotFound):
        house.repository.statuses("m", 7)


def test_settings_that_cannot_be_used_keep_the_old_ones(house: House) -> None:
    house.write("m", 1)
    house.look(1)
    house.configure("m", ConfigError("model.toml: max_bach_size: unknown key"))
    house.write("m", 2)
    house.look()
    assert house.live() == (2,)
    assert house.observer.refused == ["model.toml: max_bach_size: unknown key"]


def test_at_the_start_settings_that_cannot_be_used_are_the_status(house: House) -> None:
    house.write("m", 1)
    house.configure("m", ConfigError("model.toml: typo"))
    house.look(1)
    assert house.live() == ()
    assert house.state(1).error == "its settings cannot be used; the server's log says why"
    assert house.state(1).reason(operator=True).endswith("[model.toml: typo]")
    house.configure("m", ModelSettings())
    house.look()
    assert house.live() == (1,)


def test_new_batching_settings_reload_the_version_beside_itself(house: House) -> None:
    house.write("m", 1)
    house.look(1)
    before = house.repository.find("m", None)
    house.configure("m", ModelSettings(batching=BatchingOptions(max_batch_size=7)))
    house.look()
    after = house.repository.find("m", 1)
    assert after is not before
    assert after.settings.batching.max_batch_size == 7
    assert house.loads == [("m", 1), ("m", 1)]
    assert house.observer.unloaded == [], "the version itself never left"


def test_a_policy_of_all_and_of_specific_versions(house: House) -> None:
    for version in (1, 2, 3):
        house.write("m", version)
    house.configure("m", ModelSettings(versions=VersionOptions(all=True)))
    house.look(1)
    assert house.live() == (1, 2, 3)
    house.configure("m", ModelSettings(versions=VersionOptions(specific=(2, 9))))
    house.look()
    assert house.live() == (2,)


def test_listeners_hear_changes_until_they_stop(house: House) -> None:
    heard: list[str] = []
    stop = house.repository.on_change(lambda: heard.append("change"))
    house.write("m", 1)
    house.look(1)
    assert heard
    stop()
    heard.clear()
    house.write("m", 2)
    house.look()
    assert not heard


def test_ended_versions_are_forgotten_in_the_end(house: House) -> None:
    for version in range(1, 20):
        house.write("m", version)
        house.look()
        shutil.rmtree(house.root / "m" / str(version - 1), ignore_errors=True)
    house.look(3)
    assert len(house.repository.statuses("m")) <= 7


def test_the_keepers_thread_loads_and_stops(house: House) -> None:
    house.write("m", 1)
    heard: list[tuple[int, ...]] = []
    house.repository.on_change(lambda: heard.append(house.live()))
    house.loop.start()
    house.loop.stop()
    assert house.servables.get(("m", 1)) is None or house.servables["m", 1].closed
