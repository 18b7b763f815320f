"""Several answers as one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from horngate.answer import Answer

T = TypeVar("T")


class Together(Answer[list[T]]):
    """Done when all of ``answers`` are; the first of them that failed is the error.

    Thread-safe, as each of them is.
    """

    __slots__ = ("_answers", "_callback", "_left", "_lock")

    def __init__(self, answers: Sequence[Answer[T]]) -> None:
        self._answers = answers
        self._left = len(answers)
        self._lock = threading.Lock()

    def on_done(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        for answer in self._answers:
            answer.on_done(self._one_done)

    def result(self) -> list[T]:
        return [answer.result() for answer in self._answers]

    def size(self) -> int:
        return sum(answer.size() for answer in self._answers)

    def cancel(self) -> None:
        for answer in self._answers:
            answer.cancel()

    def _one_done(self) -> None:
        with self._lock:
            self._left -= 1
            last = not self._left
        if last:
            self._callback()
