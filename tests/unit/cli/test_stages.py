from __future__ import annotations

import io
import os
import pty
import re

import pytest

from horngate.cli.stages import Stages


def work(stages: Stages) -> None:
    with stages:
        stages.tell("first")
        stages.tell("second", 0.25, "a quarter")
        stages.tell("second", 0.5)
        stages.say("said [bold]plainly[/bold]")


def test_off_a_terminal_each_stage_is_one_line() -> None:
    stream = io.StringIO()
    work(Stages(stream))
    assert stream.getvalue() == "first …\nsecond …\nsaid [bold]plainly[/bold]\n"


def test_on_a_terminal_each_stage_leaves_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stream:
        work(Stages(stream))
    shown = b""
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        while True:
            try:
                shown += terminal.read(4096)
            except OSError:  # all was read, and nobody writes any more
                break
    # What stays on the screen: of each line what was written after it was last wiped.
    lines = [line.rpartition("\x1b[2K")[2] for line in shown.decode().split("\n")]
    kept = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", line) for line in lines]
    assert [re.sub(r"\d+\.\d", "0.0", line) for line in kept if line.strip()] == [
        "✓ first  0.0 s",
        "said [bold]plainly[/bold]",
        "✓ second  0.0 s",
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def fail(stages: Stages) -> None:
    with stages:
        stages.tell("doomed")
        raise ZeroDivisionError


def test_what_fails_is_marked_so() -> None:
    stream = Terminal()
    with pytest.raises(ZeroDivisionError):
        fail(Stages(stream))
    assert "✗ doomed" in stream.getvalue()


def test_whoever_reads_no_more_keeps_nothing_from_being_done() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as stream:
        work(Stages(stream))
        with pytest.raises(BrokenPipeError):  # what the buffer still has
            stream.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
