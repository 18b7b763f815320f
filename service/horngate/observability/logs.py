"""Logs: readable on a terminal, one JSON object a line otherwise; standard logging included."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Final, Literal, TextIO

import structlog

if TYPE_CHECKING:
    from structlog.typing import Processor

CHANGES_APART: Final = 10.0
"""Seconds between two log lines about the level: clients cannot flood the log with them."""

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
    ]
    text = log_format == "text" or (log_format == "auto" and stream.isatty())
    last: list[Processor] = (
        [structlog.dev.ConsoleRenderer(colors=stream.isatty())]
        if text
        else [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
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
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # A line a request is not wanted, uvicorn's own start and stop lines repeat ours, and its
    # warnings are one for each malformed request: whoever sends those must not fill the disk.
    for name in ("uvicorn", "uvicorn.access", "uvicorn.error"):
        logging.getLogger(name).setLevel("ERROR")
    logging.getLogger("grpc._cython.cygrpc").addFilter(_is_no_callers_text)


def _is_no_callers_text(record: logging.LogRecord) -> bool:
    """Whether a line of grpcio's is not about metadata that is no UTF-8.

    It writes such a line for each call, with a trace and all that was sent, tokens included.
    """
    return record.exc_info is None or not isinstance(record.exc_info[1], UnicodeDecodeError)


class LogLevels:
    """See ``protocols.oip.settings.LogControl``."""

    def __init__(self) -> None:
        self._said = float("-inf")

    def level(self) -> str:
        """What is logged now."""
        return logging.getLevelName(logging.getLogger().level).lower()

    def set_level(self, level: str) -> None:
        """Log from ``level`` on."""
        before = self.level()
        logging.getLogger().setLevel(level.upper())
        now = time.monotonic()
        if level != before and now - self._said >= CHANGES_APART:
            # At the level that is always heard: whoever reads the log should know why it changed.
            logger("logs").error("log level changed", before=before, now=level)
            self._said = now


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of one room."""
    bound: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return bound
