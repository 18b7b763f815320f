from __future__ import annotations

import time

import pytest
from structlog.testing import capture_logs

from horngate.errors import InvalidRequest
from horngate.telemetry.events import BatchEvents, FaultLog
from horngate.telemetry.logs import APART
from horngate.telemetry.metrics import Metrics
from tests.unit.telemetry.test_metrics import PREDICT


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


def test_what_an_engine_says_of_refused_values_is_in_the_log_seldom_and_cut() -> None:
    with capture_logs() as lines:
        events = BatchEvents("m", 1, Metrics().version_loaded("m", 1, ["s"]))
        for _ in range(1000):
            events.failed("s", 1, InvalidRequest("refused", detail="indices[0] = 9 " * 10_000))
            events.failed("s", 1, InvalidRequest("the caller's alone"))
    assert len(lines) == 1
    assert lines[0]["reason"].startswith("indices[0] = 9")
    assert len(lines[0]["reason"]) == 2000
