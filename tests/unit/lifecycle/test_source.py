"""Lists of models, models on request, and what may be ordered of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from horngate.answer import Answer
from horngate.batching.options import BatchingOptions
from horngate.errors import ConfigError, LoadError, NotAllowed, ShuttingDown
from horngate.lifecycle.control import Known
from horngate.lifecycle.repository import Repository
from horngate.lifecycle.settings import ModelSettings, VersionOptions
from horngate.lifecycle.source import Folders, Listed, Listing, OnRequest
from horngate.lifecycle.status import State
from tests.unit.lifecycle.house import House

LATEST = VersionOptions()


def defaults(_: Path) -> ModelSettings:
    return ModelSettings()


def on_request(root: Path, *names: str) -> House:
    house = House(root, OnRequest(Folders(root, defaults), names))
    house.write("a", 1)
    house.write("b", 1)
    return house


def listed(root: Path, **listings: Listing) -> House:
    house = House(root, Listed(listings, defaults))
    house.write("a", 1)
    house.write("b", 1)
    return house


def done(house: House, answer: Answer[None]) -> None:
    """What became of an order, which the loop takes up at its next look at the latest."""
    house.look(1)
    answer.result()


def test_on_request_nothing_is_served_that_was_not_asked_for(tmp_path: Path) -> None:
    house = on_request(tmp_path, "a")
    house.look()
    assert (house.live("a"), house.live("b")) == ((1,), ())
    index = house.control.index()
    assert [(model, status and status.state) for model, status in index] == [
        ("a", State.AVAILABLE),
        ("b", None),
    ]


def test_all_of_a_folder_may_be_asked_for_at_the_start(tmp_path: Path) -> None:
    house = on_request(tmp_path, "*")
    house.look()
    assert (house.live("a"), house.live("b")) == ((1,), (1,))
    done(house, house.control.unload("a"))
    house.look()
    assert house.live("a") == ()
    house.write("c", 1)
    house.look()
    assert house.live("c") == ()


def test_loading_and_unloading_on_request(tmp_path: Path) -> None:
    house = on_request(tmp_path)
    house.look()
    done(house, house.control.load("b"))
    assert house.live("b") == (1,)
    done(house, house.control.unload("b"))
    assert house.live("b") == ()
    assert house.control.index() == [Known("a", None), Known("b", None)]


def test_loading_again_takes_up_what_is_new_at_once(tmp_path: Path) -> None:
    house = on_request(tmp_path, "a")
    house.look()
    house.write("a", 2)
    answer = house.control.load("a")
    house.loop.refresh()
    answer.result()
    assert house.live("a") == (2,)


def test_a_failed_version_is_tried_again_on_request(tmp_path: Path) -> None:
    house = on_request(tmp_path)
    house.write("c", 1, "bad")
    with pytest.raises(LoadError, match="failed to load 'c': version 1: expected a good version"):
        done(house, house.control.load("c"))
    loads = house.loads.count(("c", 1))
    with pytest.raises(LoadError):
        done(house, house.control.load("c"))
    assert house.loads.count(("c", 1)) > loads
    house.write("c", 1)
    done(house, house.control.load("c"))
    assert house.live("c") == (1,)


def test_what_is_not_there_cannot_be_loaded_and_need_not_be_unloaded(tmp_path: Path) -> None:
    house = on_request(tmp_path)
    house.look()
    with pytest.raises(LoadError, match="failed to load 'nobody'"):
        done(house, house.control.load("nobody"))
    done(house, house.control.unload("a"))  # as it is already
    house.write("nobody", 1)
    house.look()
    assert house.live("nobody") == (), "a refused name is not asked for later"


@pytest.mark.parametrize("order", ["load", "unload"])
def test_a_server_that_decides_by_itself_takes_no_orders(tmp_path: Path, order: str) -> None:
    house = House(tmp_path)
    act: Callable[[str], Answer[None]] = getattr(house.control, order)
    with pytest.raises(NotAllowed, match="--model-control-mode explicit"):
        act("a")
    with pytest.raises(NotAllowed, match="--model-config-file"):
        house.control.replace({})


def test_a_list_names_folders_versions_and_labels(tmp_path: Path) -> None:
    house = listed(tmp_path, first=Listing(tmp_path / "a", VersionOptions(labels={"s": 1})))
    house.look()
    assert (house.live("first"), house.live("a"), house.live("b")) == ((1,), (), ())
    assert house.repository.labels("first") == {"s": 1}


def test_a_new_list_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    house = listed(tmp_path, a=Listing(tmp_path / "a", LATEST))
    house.look()
    done(house, house.control.replace({"b": Listing(tmp_path / "b", LATEST)}))
    assert (house.live("a"), house.live("b")) == ((), (1,))
    done(house, house.control.replace({}))
    assert house.live("b") == ()


def test_another_folder_under_the_same_name_is_loaded_in_place_of_the_first(tmp_path: Path) -> None:
    house = listed(tmp_path, m=Listing(tmp_path / "a", LATEST))
    house.look()
    before = house.repository.find("m", None)
    done(house, house.control.replace({"m": Listing(tmp_path / "b", LATEST)}))
    after = house.repository.find("m", None)
    assert (before.folder.parent.name, after.folder.parent.name) == ("a", "b")


def test_a_label_that_cannot_move_yet_is_told_and_moves_later(tmp_path: Path) -> None:
    house = listed(tmp_path, a=Listing(tmp_path / "a", LATEST))
    house.look()
    wanted = Listing(tmp_path / "a", VersionOptions(all=True, labels={"canary": 2}))
    with pytest.raises(LoadError, match="label 'canary' of model 'a': expected a live version"):
        done(house, house.control.replace({"a": wanted}))
    house.write("a", 2)
    house.look()
    assert house.repository.labels("a") == {"canary": 2}


def test_a_list_with_a_model_that_does_not_load_serves_the_rest(tmp_path: Path) -> None:
    house = listed(tmp_path)
    house.look()
    listings = {"a": Listing(tmp_path / "a", LATEST), "x": Listing(tmp_path / "none", LATEST)}
    with pytest.raises(LoadError, match="failed to load 'x'"):
        done(house, house.control.replace(listings))
    assert house.live("a") == (1,)


def test_a_name_that_no_model_can_have_changes_nothing(tmp_path: Path) -> None:
    house = listed(tmp_path, a=Listing(tmp_path / "a", LATEST))
    house.look()
    with pytest.raises(ConfigError, match=r"received '\.\./a'"):
        done(house, house.control.replace({"../a": Listing(tmp_path, LATEST)}))
    assert house.live("a") == (1,)


def test_a_disk_that_is_away_unloads_nothing_of_a_list(tmp_path: Path) -> None:
    house = listed(tmp_path, a=Listing(tmp_path / "a", LATEST), b=Listing(tmp_path / "b", LATEST))
    house.look()
    (tmp_path / "a").rename(tmp_path / "elsewhere")
    house.look()
    assert house.live("a") == (1,)
    assert house.observer.unreadable > 0


def test_the_file_of_a_list_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "models.txt"
    file.write_text("a")

    def read(path: Path) -> dict[str, Listing]:
        name = path.read_text().strip()
        if name == "?":
            raise ConfigError("not a list")
        return {name: Listing(tmp_path / name, LATEST)}

    house = House(tmp_path, Listed(read(file), defaults, file=file, read_file=read))
    house.write("a", 1)
    house.write("b", 1)
    house.look()
    assert house.live("a") == (1,)
    file.write_text(" b ")
    house.look()
    assert (house.live("a"), house.live("b")) == ((), (1,))
    file.write_text("  ?  ")
    house.look(4)
    assert house.live("b") == (1,), "a list that cannot be read changes nothing"
    assert house.observer.lists == ["not a list"], "and is told once"
    assert house.observer.unreadable == 0, "every folder was read"


def test_settings_of_the_folder_hold_but_for_the_versions_of_the_list(tmp_path: Path) -> None:
    options = BatchingOptions(max_batch_size=7)

    def read(_: Path) -> ModelSettings:
        return ModelSettings(versions=VersionOptions(all=True), batching=options)

    listings = {"a": Listing(tmp_path / "a", LATEST), "b": Listing(tmp_path / "b", None)}
    house = House(tmp_path, Listed(listings, read))
    for number in (1, 2):
        house.write("a", number)
        house.write("b", number)
    house.look()
    assert (house.live("a"), house.live("b")) == ((2,), (1, 2))
    assert house.repository.find("a", None).settings.batching == options


def test_orders_that_come_too_late_are_told_so(tmp_path: Path) -> None:
    house = on_request(tmp_path)
    early = house.control.load("a")
    house.loop.stop()
    with pytest.raises(ShuttingDown):
        early.result()
    answer = house.control.load("a")
    with pytest.raises(ShuttingDown):
        answer.result()


def test_a_server_that_may_be_empty_is_ready_without_models() -> None:
    repository = Repository(may_be_empty=True)
    assert not repository.ready(), "nobody looked yet"
    repository.settle()
    assert repository.ready()
