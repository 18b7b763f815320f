"""The level of the log, as it is changed while the server runs."""

from __future__ import annotations

import io
import json
import logging
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from horngate.telemetry import logs
from horngate.telemetry.logs import APART


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    logs.configure("info", "json", written)
    yield written
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in stream.getvalue().splitlines()]


def test_a_changed_level_holds_for_loggers_that_are_already_in_use(stream: io.StringIO) -> None:
    levels, log = logs.LogLevels(), logs.logger("test")
    assert levels.level() == "info"
    for level in ("info", "warning", "debug", "error"):
        levels.set_level(level)
        assert levels.level() == level
        log.debug(f"debug at {level}")
        log.info(f"info at {level}")
        log.warning(f"warning at {level}")
        log.error(f"error at {level}")
    assert [line for line in lines(stream) if " at " in line] == [
        *("info at info", "warning at info", "error at info"),
        *("warning at warning", "error at warning"),
        *("debug at debug", "info at debug", "warning at debug", "error at debug"),
        "error at error",
    ]


def fails(secret: str) -> None:
    held = {len(secret): secret}
    try:
        held.pop(3)
    except KeyError as error:
        raise ValueError("a defect\nof two lines") from error


def raised() -> ValueError:
    try:
        fails("what-a-caller-sent")
    except ValueError as error:
        return error
    raise AssertionError


@pytest.fixture(params=["json", "text"])
def form(request: pytest.FixtureRequest, stream: io.StringIO) -> io.StringIO:
    logs.configure("info", request.param, stream)
    return stream


def test_an_exception_is_one_line_without_variables(form: io.StringIO) -> None:
    logs.logger("test").error("failed", exc_info=raised())
    told = form.getvalue()
    assert told.count("\n") == 1
    assert "ValueError: a defect of two lines; after KeyError: 3" in told
    assert "test_logs.py:" in told
    assert "fails" in told
    assert "what-a-caller-sent" not in told
    assert len(told) < 1500


def test_what_an_exception_says_is_cut(form: io.StringIO) -> None:
    logs.logger("test").error("failed", exc_info=ValueError("x" * 100_000))
    assert len(form.getvalue()) < 1000


@pytest.mark.parametrize("name", ["asyncio", "grpc._server", "any.other"])
def test_a_library_is_heard_seldom_and_briefly(
    form: io.StringIO, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    library = logging.getLogger(name)
    for _ in range(2):
        for _ in range(300):
            error = raised()
            library.error("Exception in %s\nwith more: %r", "x" * 10_000, error, exc_info=error)
        now += APART
    told = form.getvalue()
    assert told.count("\n") == 2
    assert "299" in told.splitlines()[1]
    assert "ValueError" in told
    assert "a defect" not in told
    assert "what-a-caller-sent" not in told
    assert len(told) < 4000


def test_a_value_writes_no_line_and_no_command_of_a_terminal(stream: io.StringIO) -> None:
    logs.configure("info", "text", stream)
    logs.logger("test").error("failed", reason="one\nlevel=error event=forged\x1b[2J")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b[2J" not in stream.getvalue()


@pytest.fixture
def taken_over(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    for module, name in ((threading, "excepthook"), (logging, "raiseExceptions")):
        monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setattr("sys.unraisablehook", None)
    logs.take_over()
    yield stream
    logging.captureWarnings(False)


def test_a_thread_that_fails_and_a_warning_are_lines_of_the_log(taken_over: io.StringIO) -> None:
    def end() -> None:
        raise raised()

    for _ in range(5):
        thread = threading.Thread(target=end)
        thread.start()
        thread.join()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning("a warning", UserWarning, "somewhere.py", 7)
    told: list[dict[str, Any]] = [json.loads(each) for each in taken_over.getvalue().splitlines()]
    assert [each["event"] for each in told] == [
        "a thread ended",
        "somewhere.py:7: UserWarning: a warning",
    ]
    assert "what-a-caller-sent" not in taken_over.getvalue()
