"""Where a version stands on its way from disk to serving and away again."""

from __future__ import annotations

import enum
from dataclasses import dataclass


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

    ``error`` is "" unless the version failed to load; such a version is in state END.
    ``engine`` is "" until it is loaded; ``load_seconds`` is None until then. ``engine_reason`` says
    why no engine of earlier choice serves it, "" where none would be; ``rows_reason`` why requests
    that could share a run by their shapes do not, "" where they do.
    """

    model: str
    version: int
    state: State
    error: str = ""
    engine: str = ""
    engine_reason: str = ""
    load_seconds: float | None = None
    rows_reason: str = ""
