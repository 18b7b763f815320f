from __future__ import annotations

import time

import pytest
from structlog.testing import capture_logs

from horngate.observability.events import FaultLog
from horngate.observability.seldom import APART
from tests.unit.observability.test_metrics import PREDICT


def test_a_defect_is_logged_once_in_a_while_and_counted_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with capture_logs() as lines:
        faults = FaultLog()
        for _ in range(1000):
            faults(PREDICT, ValueError("a defect"))
        assert len(lines) == 1
        now += APART
        faults(PREDICT, ValueError("a defect"))
    assert [line["since_last_line"] for line in lines] == [0, 999]
    assert {line["method"] for line in lines} == {PREDICT.path}
