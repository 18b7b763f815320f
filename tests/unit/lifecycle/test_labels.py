"""Labels: what they mean, and when they move."""

from __future__ import annotations

from pathlib import Path

import pytest

from horngate.errors import ConfigError, LabelNotFound, ModelNotFound, VersionNotFound
from horngate.lifecycle.model import LabelNews
from horngate.lifecycle.settings import ModelSettings, VersionOptions
from tests.unit.lifecycle.house import House


def labelled(**labels: int) -> ModelSettings:
    return ModelSettings(versions=VersionOptions(all=True, labels=labels))


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.write("m", 1)
    house.write("m", 2)
    house.configure("m", labelled(stable=1, canary=2))
    house.look()
    return house


def find(house: House, label: str) -> int:
    return house.repository.find("m", label).number


def test_a_label_means_its_version(house: House) -> None:
    assert (find(house, "stable"), find(house, "canary")) == (1, 2)
    assert house.repository.labels("m") == {"stable": 1, "canary": 2}
    assert [status.version for status in house.repository.statuses("m", "stable")] == [1]


def test_a_label_moves_with_the_settings(house: House) -> None:
    house.configure("m", labelled(stable=2))
    house.look()
    assert find(house, "stable") == 2
    with pytest.raises(LabelNotFound, match=r"\(stable\), received 'canary'"):
        find(house, "canary")


def test_a_label_waits_where_it_was_until_its_version_is_live(house: House) -> None:
    house.configure("m", labelled(stable=3))
    house.look()
    assert find(house, "stable") == 1
    house.write("m", 3, "bad")
    house.look()
    assert find(house, "stable") == 1
    (house.root / "m" / "3" / "good").write_text("")
    house.look()
    assert find(house, "stable") == 3


def test_a_label_whose_version_never_came_is_unknown_until_it_comes(house: House) -> None:
    house.configure("m", labelled(next=3))
    house.look()
    with pytest.raises(LabelNotFound):
        find(house, "next")
    house.write("m", 3)
    house.look()
    assert find(house, "next") == 3


def test_a_label_goes_with_its_version(house: House) -> None:
    for settings in (
        ModelSettings(versions=VersionOptions(specific=(2,), labels={"stable": 1})),
        ModelSettings(versions=VersionOptions(specific=(2,))),
    ):
        house.configure("m", settings)
        house.look()
        with pytest.raises(LabelNotFound):
            find(house, "stable")


def test_a_number_that_nobody_defined_as_a_label_is_a_version(house: House) -> None:
    assert (find(house, "1"), find(house, "002")) == (1, 2)
    with pytest.raises(VersionNotFound, match="received 7"):
        find(house, "7")


def test_a_number_that_is_defined_as_a_label_is_that_label(house: House) -> None:
    house.configure("m", ModelSettings(versions=VersionOptions(all=True, labels={"1": 2, "2": 9})))
    house.look()
    assert find(house, "1") == 2
    assert house.repository.find("m", 1).number == 1
    with pytest.raises(LabelNotFound):
        find(house, "2")


def test_a_label_of_an_unknown_model(house: House) -> None:
    with pytest.raises(ModelNotFound) as unknown:
        house.repository.find("n", "7")
    assert unknown.value.version == 7


@pytest.mark.parametrize("labels", [{"": 1}, {"x" * 129: 1}, {"x": -1}])
def test_labels_that_cannot_be(labels: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="labels: expected"):
        VersionOptions(labels=labels)


def told(house: House) -> list[LabelNews]:
    """What was said of labels since it was asked for."""
    news, house.observer.labels = house.observer.labels, []
    return news


def test_a_label_that_moves_is_told_once(house: House) -> None:
    assert told(house) == [("canary", None, 2, None), ("stable", None, 1, None)]
    house.look()
    house.configure("m", labelled(stable=2))
    house.look()
    house.look()
    assert told(house) == [("canary", 2, None, None), ("stable", 1, 2, None)]


def test_a_label_without_its_version_is_told_once(house: House) -> None:
    told(house)
    house.configure("m", labelled(stable=3, canary=2))
    house.look()
    house.look()
    assert told(house) == [("stable", 1, 1, 3)]
    house.write("m", 3)
    house.look()
    assert told(house) == [("stable", 1, 3, None)]
    house.configure("m", labelled(stable=4, canary=2))
    house.look()
    assert told(house) == [("stable", 3, 3, 4)]
