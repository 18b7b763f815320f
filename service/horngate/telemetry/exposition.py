"""What a scrape gets: our figures, and beside them the peers' names for the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from horngate.protocols.figures import Figures
from horngate.telemetry.compatible import tfserving_exposition, triton_exposition
from horngate.telemetry.metrics import Metrics


class Exposition:
    """Prometheus' text format, to be sent as ``metrics.CONTENT_TYPE``. Thread-safe.

    Args:
        metrics: ours.
        figures: what Triton's names are about.
        versions: (model, version) of those in memory.
        triton: whether Triton's names are wanted.
    """

    def __init__(
        self,
        metrics: Metrics,
        figures: Figures,
        versions: Callable[[], Iterable[tuple[str, int]]],
        *,
        triton: bool,
    ) -> None:
        self._metrics = metrics
        self._figures = figures
        self._versions = versions
        self._triton = triton

    def own(self) -> bytes:
        """Ours, and Triton's where they are wanted."""
        if not self._triton:
            return self._metrics.exposition()
        theirs = triton_exposition(self._figures, self._versions())
        return self._metrics.exposition() + theirs.encode()

    def tfserving(self) -> bytes:
        """The same, and TensorFlow Serving's."""
        return self.own() + tfserving_exposition(self._metrics.calls).encode()
