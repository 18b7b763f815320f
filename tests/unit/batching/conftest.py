from __future__ import annotations

import pytest

from tests.unit.batching.doubles import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()
