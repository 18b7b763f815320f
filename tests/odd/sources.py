"""SavedModels that ``publish`` is given, and must not take."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.odd.case import Case, Place, not_published
from tests.odd.links import GRAPH, WORDS


def publishing(change: Callable[[Path, Place], object]) -> Callable[[Place], None]:
    """A SavedModel to be published, changed."""

    def make(place: Place) -> None:
        change(place.plain(), place)

    return make


def _secret_asset(folder: Path, place: Place) -> None:
    (folder / WORDS).unlink()
    (folder / WORDS).symlink_to(place.secret)


def _fifo_asset(folder: Path, _: Place) -> None:
    (folder / WORDS).unlink()
    os.mkfifo(folder / WORDS)


def _assets_outside(folder: Path, place: Place) -> None:
    shutil.rmtree(folder / "assets")
    (folder / "assets").symlink_to(place.outside)


def _empty_graph(folder: Path, _: Place) -> None:
    (folder / GRAPH).write_bytes(b"")


CASES: Final = [
    Case("a link to a secret is not published", publishing(_secret_asset),
         not_published("words.txt", "a symbolic link")),
    Case("a FIFO is not published", publishing(_fifo_asset), not_published("words.txt", "a FIFO")),
    Case("a folder outside is not published", publishing(_assets_outside),
         not_published("assets", "a symbolic link")),
    Case("an empty graph is not published", publishing(_empty_graph), not_published("SavedModel")),
]  # fmt: skip
