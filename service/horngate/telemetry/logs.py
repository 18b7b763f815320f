"""Logs: readable on a terminal, one JSON object a line otherwise; standard logging included.

Whatever is logged, by whomever, is one line without local variables. What libraries log is also
rare and short: any of it may be caused by whoever reaches a port, and may repeat what they sent.
An exception is told by where it came from: a trace of many lines, with values, would put what
callers sent into the log, and let whoever has found a defect fill the disk.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections.abc import Hashable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

LIBRARY_CHARACTERS: Final = 300
"""Of what a library says in a line."""

_CALLERS_DOING: Final = {"UnicodeDecodeError", "ExecuteBatchError", "AbortError"}

LogFormat = Literal["auto", "text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]


def configure(level: LogLevel, log_format: LogFormat, stream: TextIO | None = None) -> None:
    """Send every log line of the process to ``stream`` (standard error where None is given)."""
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        _without_variables,
    ]
    text = log_format == "text" or (log_format == "auto" and stream.isatty())
    last: list[Processor] = (
        [_printable, structlog.dev.ConsoleRenderer(colors=stream.isatty())]
        if text
        else [structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_shortened, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    handler.addFilter(_Rare())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("grpc._cython.cygrpc").addFilter(_is_no_callers_doing)


def take_over() -> None:
    """Log what the interpreter would write beside the log: warnings, and what ends a thread.

    For the process of a server, once ``configure`` was called.
    """
    logging.captureWarnings(True)
    # Of a line that cannot be written nothing is left; a trace about it, with the line's values,
    # would be.
    logging.raiseExceptions = False
    log = logger("process")
    seldom = Seldom()

    def tell(event: str, error: BaseException | None) -> None:
        unsaid = seldom.unsaid((event, type(error)))
        if unsaid is not None:
            log.error(event, since_last_line=unsaid, exc_info=error)

    threading.excepthook = lambda args: tell("a thread ended", args.exc_value)
    sys.unraisablehook = lambda args: tell("an error that nobody took", args.exc_value)


class _Rare(logging.Filter):
    """One line in a while from each place where a library logs; our own are counted elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self._seldom = Seldom()

    def filter(self, record: logging.LogRecord) -> bool:
        if hasattr(record, "_logger"):  # structlog's mark: one of ours
            return True
        unsaid = self._seldom.unsaid((record.name, record.pathname, record.lineno))
        if unsaid:
            record.since_last_line = unsaid
        return unsaid is not None


def _shortened(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """What a library says: a line of it, and of an exception what it is and not its words."""
    record = event["_record"]
    lines = str(event["event"]).strip().splitlines() or [""]
    event["event"] = lines[0][:LIBRARY_CHARACTERS]
    event["logger"] = record.name
    if hasattr(record, "since_last_line"):
        event["since_last_line"] = record.since_last_line
    event.pop("stack_info", None)
    error = raised(event.pop("exc_info", None))
    if error is not None:
        event["error"] = kind(error)
        event["trace"] = trace(error.__traceback__)
    # Rendered by logging itself, it would be there in full.
    record.exc_info = record.exc_text = record.stack_info = None
    return event


def _without_variables(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """An exception as ``faults`` has it, in place of any renderer's trace."""
    error = raised(event.pop("exc_info", None))
    if error is not None:
        event["error"] = told(error)
        event["trace"] = trace(error.__traceback__)
    return event


def _printable(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """No line breaks and no terminal's commands: a value may be a caller's or a file's."""
    for key, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[key] = "".join(
                each if each.isprintable() else each.encode("unicode_escape").decode()
                for each in value
            )
    return event


def _is_no_callers_doing(record: logging.LogRecord) -> bool:
    """Whether a line of grpcio's is not about what a caller sent or about one that left.

    It writes such a line for each call: of metadata that is no UTF-8, with all that was sent,
    tokens included, and of a status that nobody was there to take any more.
    """
    error = raised(record.exc_info)
    return error is None or type(error).__name__ not in _CALLERS_DOING


class LogLevels:
    """See ``protocols.oip.settings.LogControl``."""

    def __init__(self) -> None:
        self._seldom = Seldom()

    def level(self) -> str:
        """What is logged now."""
        return logging.getLevelName(logging.getLogger().level).lower()

    def set_level(self, level: str) -> None:
        """Log from ``level`` on."""
        before = self.level()
        logging.getLogger().setLevel(level.upper())
        if level != before and self._seldom.unsaid() is not None:
            # At the level that is always heard: whoever reads the log should know why it changed.
            logger("logs").error("log level changed", before=before, now=level)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of one room."""
    bound: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return bound


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


APART: Final = 10.0
"""Seconds between two lines of a kind."""


class Seldom:
    """One line of a kind in ``APART`` seconds; the rest are counted. Thread-safe.

    Kinds come from the program (a method, a place in a source file), never from a caller: each is
    remembered for ever.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[Hashable, float] = {}
        self._unsaid: dict[Hashable, int] = {}

    def unsaid(self, kind: Hashable = None) -> int | None:
        """How many of ``kind`` were left out since the last line; None where this one is, too."""
        now = time.monotonic()
        with self._lock:
            if now - self._last.get(kind, float("-inf")) < APART:
                self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
                return None
            self._last[kind] = now
            return self._unsaid.pop(kind, 0)
