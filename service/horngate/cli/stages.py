"""What a command that takes a while is at: a bar on a terminal, a line a stage elsewhere.

Knows no model and no builder.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Stages:
    """Use it in a ``with``; ``tell`` and ``say`` belong to one thread.

    On a terminal the stage under way has the last line, and leaves its name and its seconds behind.
    Whoever reads no more of it is told nothing more; the command goes on.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._stage = ""
        self._began = 0.0
        self._bars: Progress | None = None
        self._bar: TaskID | None = None
        self._read = True

    def __enter__(self) -> Self:
        if self._stream is not None and self._stream.isatty():
            self._bars = _bars(self._stream)
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._leave(done=kind is None)
            self._bars.stop()

    def tell(self, stage: str, share: float | None = None, note: str = "") -> None:
        """Say which stage begins, or how far it is.

        Args:
            stage: its name; another than before ends that one.
            share: what is done of it, 0 to 1; None where nobody knows.
            note: what is shown beside the bar.
        """
        if stage != self._stage:
            self._leave()
            self._stage, self._began = stage, time.monotonic()
            if self._bars is None:
                self._print(f"{stage} …")
            else:
                self._bar = self._bars.add_task(stage, total=None, note="")
        if self._bars is not None and self._bar is not None:
            total = None if share is None else 1.0
            self._bars.update(self._bar, total=total, completed=share or 0.0, note=note)

    def say(self, line: str) -> None:
        """Leave ``line`` for good."""
        if self._bars is None:
            self._print(line)
        else:
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _leave(self, *, done: bool = True) -> None:
        if self._bars is None or self._bar is None:
            return
        self._bars.remove_task(self._bar)
        self._bar = None
        mark = "✓" if done else "✗"
        self.say(f"{mark} {self._stage}  {time.monotonic() - self._began:.1f} s")

    def _print(self, line: str) -> None:
        if self._read:
            try:
                print(line, file=self._stream, flush=True)
            except BrokenPipeError:
                self._read = False


def _bars(stream: TextIO) -> Any:
    from rich.console import Console  # noqa: PLC0415 - on a terminal alone
    from rich.progress import (  # noqa: PLC0415 - the same
        BarColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(24))
    return Progress(
        *columns,
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(file=stream),
        transient=True,
    )
