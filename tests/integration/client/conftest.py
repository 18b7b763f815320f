from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.client.fake_server import FakeServer, listening


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    with listening(FakeServer()) as server:
        yield server
