"""The garbage collector leaves alone what is there as the server becomes ready, and that once."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from horngate.server.lifecycle import Garbage


class Circle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    gc.unfreeze()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_what_is_there_once_the_server_is_ready_is_not_looked_at() -> None:
    ready = [False]
    garbage = Garbage(lambda: ready[0])
    garbage.look()
    assert gc.get_freeze_count() == 0
    ready[0] = True
    garbage.look()
    frozen = gc.get_freeze_count()
    assert frozen > 0
    kept = [Circle() for _ in range(1000)]
    garbage.look()
    assert gc.get_freeze_count() == frozen, "once"
    assert kept


def test_what_comes_later_is_given_back() -> None:
    Garbage(lambda: True).look()
    version = Circle()
    gone = weakref.ref(version)
    del version
    gc.collect()
    assert gone() is None
