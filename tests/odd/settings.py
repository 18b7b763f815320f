"""A ``model.toml`` that says what cannot be, or is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.odd.case import Case, Place, Served, refused

FINE: Final = Served()
BATCHES: Final = "[batching]\nmax_batch_size = {0}\nmax_queue_rows = {0}\n"


def settings(text: str | bytes) -> Callable[[Place], None]:
    def make(place: Place) -> None:
        place.good()
        place.settings(text)

    return make


CASES: Final = [
    Case("settings in bytes that are no text", settings(b"\xff\xfe\0"), refused("model.toml")),
    Case("settings of 10 MB", settings("# " + "x" * 10_000_000), refused("model.toml", "bytes")),
    Case("settings of tables within tables", settings("a = " + "[" * 100_000),
         refused("model.toml")),
    Case("settings of an unknown table", settings("[batches]\nenabled = true"),
         refused("model.toml", "batches", "batching")),
    Case("settings of an unknown key", settings("[batching]\nenable = true"),
         refused("model.toml", "enable", "enabled")),
    Case("settings of a text for a number", settings('[batching]\nmax_batch_size = "8"'),
         refused("model.toml", "max_batch_size")),
    Case("settings of no number", settings("[batching]\nmax_queue_delay = nan"),
         refused("model.toml", "max_queue_delay")),
    Case("settings of an endless delay", settings("[batching]\nmax_queue_delay = inf"),
         refused("model.toml", "max_queue_delay")),
    Case("settings of a number of 5000 digits",
         settings("[limits]\nmax_request_rows = " + "9" * 5000),
         refused("model.toml")),
    Case("settings of a table that is a number", settings("batching = 3"),
         refused("model.toml", "batching")),
    Case("settings of no threads", settings("[runtime]\nthreads = -1"),
         refused("model.toml", "threads")),
    Case("settings of a million threads", settings("[runtime]\nthreads = 1000000"),
         refused("model.toml", "threads")),
    Case("settings of a billion batches at once", settings("[batching]\ninstances = 1000000000"),
         refused("model.toml", "instances")),
    Case("settings of an engine unheard of", settings('[runtime]\nengine = "gotcha"'),
         refused("model.toml", "engine", "gotcha")),
    Case("settings of a billion rows to a batch", settings(BATCHES.format(10**9)),
         refused("goldens", "rows")),
    Case("settings of runs of a billion rows",
         settings("[batching]\nmax_queue_rows = 1000000000\nallowed_batch_sizes = [1, 1000000000]"),
         refused("1000000000 rows")),
    Case("settings of a label of a line break", settings('[versions]\nlabels = {"a\\nb" = 1}'),
         FINE),
    Case("settings that are empty", settings(""), FINE),
]  # fmt: skip
