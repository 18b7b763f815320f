from __future__ import annotations

import pytest

from horngate.errors import ConfigError
from horngate.lifecycle.settings import VersionOptions


@pytest.mark.parametrize(
    ("options", "available", "wanted"),
    [
        (VersionOptions(), [3, 11, 2], {11}),
        (VersionOptions(), [], set()),
        (VersionOptions(latest=2), [3, 11, 2], {3, 11}),
        (VersionOptions(latest=9), [3, 11], {3, 11}),
        (VersionOptions(all=True), [3, 11, 2], {2, 3, 11}),
        (VersionOptions(specific=(2, 7)), [3, 11, 2], {2}),
        (VersionOptions(specific=(7,)), [3], set()),
    ],
)
def test_what_should_be_live_follows_from_what_is_there(
    options: VersionOptions, available: list[int], wanted: set[int]
) -> None:
    assert options.desired(available) == wanted


def test_versions_may_come_as_any_iterable() -> None:
    assert VersionOptions(latest=1).desired(number for number in (1, 5, 3)) == {5}


@pytest.mark.parametrize("latest", [0, -1])
def test_fewer_than_one_version_is_refused(latest: int) -> None:
    with pytest.raises(ConfigError, match=f"latest: expected at least 1, received {latest}"):
        VersionOptions(latest=latest)


def test_two_policies_at_once_are_refused_by_name() -> None:
    with pytest.raises(
        ConfigError, match="specific: expected one of latest, all, specific; received all, specific"
    ):
        VersionOptions(all=True, specific=(1,))
    with pytest.raises(ConfigError, match="received latest, all"):
        VersionOptions(latest=1, all=True)
