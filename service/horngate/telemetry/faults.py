"""Exceptions as a log line has them: where they came from, and never what the variables held.

A trace of many lines, with values, would put what callers sent into the log, and let whoever has
found a defect fill the disk. What is told here is short whatever was raised.
"""

from __future__ import annotations

import sys
import traceback
from types import TracebackType
from typing import Any, Final

FRAMES: Final = 12
"""Of a trace, the innermost."""

CHAIN: Final = 4
"""Exceptions of a chain of causes."""

CHARACTERS: Final = 300
"""Of an exception's own words, which may repeat any amount of data."""


def told(error: BaseException) -> str:
    """``error`` and its causes in words, without a line break.

    >>> told(ValueError("a" * 1000))[:16], len(told(ValueError("a" * 1000)))
    ('ValueError: aaaa', 312)
    """
    parts: list[str] = []
    while len(parts) < CHAIN:
        words = " ".join(_words(error).split())
        parts.append(f"{type(error).__name__}: {words}" if words else type(error).__name__)
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if cause is None:
            break
        error = cause
    return "; after ".join(parts)


def kind(error: BaseException) -> str:
    """What ``error`` is, without its own words: only the system's are nobody's data."""
    name = type(error).__name__
    return f"{name}: {error.strerror}" if isinstance(error, OSError) and error.strerror else name


def trace(began: TracebackType | None) -> list[str]:
    """Files, lines and functions from the outermost to the innermost; no source, no values."""
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(began)]
    return [
        f"{'/'.join(code.co_filename.rsplit('/', 2)[-2:])}:{line} {code.co_name}"
        for code, line in frames[-FRAMES:]
    ]


def raised(exc_info: Any) -> BaseException | None:
    """The exception in an ``exc_info`` of any of the forms that logging takes."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        error: BaseException | None = exc_info[1]
        return error
    return sys.exception() if exc_info else None


def _words(error: BaseException) -> str:
    try:
        return str(error)[:CHARACTERS]
    except Exception:  # noqa: BLE001 - an exception that cannot be told must not cost the line
        return ""
