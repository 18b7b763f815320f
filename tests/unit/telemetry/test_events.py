from __future__ import annotations

import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from horngate.errors import ConfigError, InvalidRequest
from horngate.lifecycle.model import LabelNews
from horngate.telemetry.events import BatchEvents, FaultLog, RepositoryEvents
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


def test_a_list_that_is_refused_is_no_folder_that_cannot_be_read() -> None:
    metrics = Metrics()
    with capture_logs() as lines:
        RepositoryEvents(metrics).list_refused(Path("models.config"), ConfigError("line 3: no"))
    assert [line["event"] for line in lines] == [
        "list of models not taken; the old one stays in use"
    ]
    assert (lines[0]["file"], lines[0]["reason"]) == ("models.config", "line 3: no")


def test_a_folder_that_was_never_there_is_told_plainly_and_once() -> None:
    events = RepositoryEvents(Metrics())
    with capture_logs() as lines:
        for _ in range(3):
            events.folder_unreadable(Path("nowhere"), FileNotFoundError(2, "No such file"))
        events.folder_unreadable(Path("nowhere"), PermissionError(13, "Permission denied"))
    assert [line["event"] for line in lines] == [
        "no such folder; nothing of it is served until it is there",
        "folder unreadable; what is live stays live",
    ]


def test_labels_that_move_or_miss_their_version_are_told() -> None:
    events = RepositoryEvents(Metrics())
    with capture_logs() as lines:
        events.label_changed("m", LabelNews("stable", before=1, now=2, wanted=None))
        events.label_changed("m", LabelNews("next", before=None, now=None, wanted=3))
    assert [(line["event"], line["label"], line["version"]) for line in lines] == [
        ("label moved", "stable", 2),
        ("label without its version", "next", 3),
    ]
    assert (lines[0]["before"], lines[1]["log_level"]) == (1, "warning")
