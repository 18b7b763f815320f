"""The garbage collector leaves alone what is there, and takes what a version leaves behind."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from horngate.server.garbage import Garbage


class Circle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_what_is_there_as_a_version_goes_live_is_not_looked_at() -> None:
    live = [1]
    garbage = Garbage(lambda: live[0])
    gc.unfreeze()
    garbage.look()
    frozen = gc.get_freeze_count()
    assert frozen > 0
    kept = [Circle() for _ in range(1000)]
    garbage.look()
    assert gc.get_freeze_count() == frozen, "nothing has changed"
    live[0] = 2
    garbage.look()
    assert gc.get_freeze_count() >= frozen + len(kept)


def test_what_a_version_leaves_in_circles_is_given_back() -> None:
    live = [1]
    garbage = Garbage(lambda: live[0])
    version = Circle()
    garbage.look()
    gone = weakref.ref(version)
    del version
    gc.collect()
    assert gone() is not None, "it is frozen"
    live[0] = 0
    garbage.look()
    assert gone() is None
