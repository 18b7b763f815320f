"""Where a version stands on its way from disk to serving and away again."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import NamedTuple

from horngate.errors import ConfigError, LoadError, in_full


class State(enum.IntEnum):
    """The states of a version, numbered as TensorFlow Serving numbers them."""

    UNKNOWN = 0
    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """One version of a model: its state, and what went wrong where something did.

    ``error`` is "" unless the version failed to load; such a version is in state END. ``detail`` is
    what is for operators alone of that, or of ``engine_reason``; "" where those say all.
    ``engine`` is "" until it is loaded; ``load_seconds`` is None until then. ``engine_reason`` says
    why no engine of earlier choice serves it, "" where none would be; ``rows_reason`` why requests
    that could share a run by their shapes do not, "" where they do; ``notes`` what of its
    ``config.pbtxt`` means nothing here. ``since`` is when it came into its state, in seconds of the
    wall's clock; 0 where that is not known.
    """

    model: str
    version: int
    state: State
    error: str = ""
    engine: str = ""
    engine_reason: str = ""
    load_seconds: float | None = None
    rows_reason: str = ""
    notes: str = ""
    detail: str = ""
    since: float = field(default=0.0, compare=False)

    def reason(self, *, operator: bool) -> str:
        """Why it failed to load, as callers may know it, or all of it for an ``operator``."""
        return f"{self.error} [{self.detail}]" if operator and self.detail else self.error


def why(error: Exception) -> tuple[str, str]:
    """``error`` and ``detail`` of a version that failed to load with ``error``."""
    if isinstance(error, LoadError):
        return str(error), error.detail
    if isinstance(error, ConfigError):
        # It names the file by its whole path, and quotes it.
        return "its settings cannot be used; the server's log says why", str(error)
    return "loading it failed inside the server; the server's log says why", in_full(error)


class UnderWay(NamedTuple):
    """What goes on beside the requests.

    Attributes:
        scan_seconds: how long the look at the disk that is under way has taken; 0 where none is.
        stuck: (model, version) of each thread that does not come back: from loading a version,
            from closing it, or from reading settings (version 0).
    """

    scan_seconds: float = 0.0
    stuck: tuple[tuple[str, int], ...] = ()
