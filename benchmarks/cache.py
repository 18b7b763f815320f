"""What a run makes and keeps for the next one: other servers' environments, the slow model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def folder(environment: Mapping[str, str] = os.environ) -> Path:
    """``$HORNGATE_BENCH_CACHE``, else ``horngate-bench`` in the user's folder of caches."""
    if named := environment.get("HORNGATE_BENCH_CACHE"):
        return Path(named)
    caches = environment.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "horngate-bench"
