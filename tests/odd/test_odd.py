"""Every case of the tables beside a good model: what becomes of it, and what must not happen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.odd import (
    assets,
    bodies,
    links,
    loops,
    malformed,
    names,
    operations,
    places,
    rows,
    settings,
    sizes,
    sources,
    states,
)
from tests.odd.case import Case
from tests.odd.house import House

TABLES = {
    "operations": operations.CASES,
    "malformed": malformed.CASES,
    "places": places.CASES,
    "assets": assets.CASES,
    "bodies": bodies.CASES,
    "links": links.CASES,
    "sizes": sizes.CASES,
    "sources": sources.CASES,
    "settings": settings.CASES,
    "names": names.CASES,
    "states": states.CASES,
    "rows": rows.CASES,
    "loops": loops.CASES,
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("odd"))
    yield made
    made.close()


def cases() -> Iterator[object]:
    for table, listed in TABLES.items():
        for number, case in enumerate(listed):
            marks = [pytest.mark.xfail(reason=case.known, strict=True)] if case.known else []
            yield pytest.param(case, f"{table}-{number}", marks=marks, id=f"{table}: {case.name}")


@pytest.mark.parametrize(("case", "name"), list(cases()))
def test_what_becomes_of_it(house: House, case: Case, name: str) -> None:
    house.meet(case, name)


def test_nothing_is_left_open(house: House) -> None:
    assert house.opened() < 32


def test_the_table_is_long_and_says_nothing_twice() -> None:
    listed = [case.name for table in TABLES.values() for case in table]
    assert len(listed) >= 200
    assert len(set(listed)) == len(listed)
