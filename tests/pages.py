"""``make pages``: the tables that the documentation takes from the code, written anew.

Each stands between two marks of its page. ``tests/unit/test_docs.py`` fails where one is not what
the code says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from horngate.config.server import PREFIX, SETTINGS
from horngate.config.values import Setting
from tests.rooms import PACKAGE, ROOT, rooms


class Part(NamedTuple):
    """A table of a page, between ``<!-- NAME:begin … -->`` and ``<!-- NAME:end -->``."""

    page: Path
    name: str
    table: Callable[[], str]

    def written(self) -> str:
        """The page as it should be."""
        page = self.page.read_text("utf-8")
        begin, end = f"<!-- {self.name}:begin, by make pages -->\n", f"<!-- {self.name}:end -->\n"
        head, _, rest = page.partition(begin)
        return f"{head}{begin}\n{self.table()}\n{end}{rest.partition(end)[2]}"


def every_room() -> str:
    """What each room holds and imports."""
    return _table(
        ("Room", "What it holds", "Imports"),
        [(_link(room.name), room.holds, room.imports) for room in rooms()],
    )


def every_setting() -> str:
    """How each setting is spelt, what it may be, and all that is told of it."""
    return _table(
        ("Key", "Flag", "Variable", "Default", "Allowed", "Meaning"),
        [
            (
                f"`{setting.key}`",
                f"`--{setting.key.replace('_', '-')}`",
                f"`{PREFIX}{setting.key.upper()}`",
                _code(setting.standard),
                setting.allowed or _text_or_path(setting),
                re.sub(r"`docs/(\w+\.md)`", r"[\1](\1)", setting.purpose),
            )
            for setting in SETTINGS
        ],
    )


PARTS: Final = (
    Part(ROOT / "docs" / "settings.md", "settings", every_setting),
    Part(ROOT / "docs" / "architecture.md", "rooms", every_room),
)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _link(room: str) -> str:
    file = room + ("" if (PACKAGE / room).is_dir() else ".py")
    return f"[`{file}`](../service/horngate/{file})"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _text_or_path(setting: Setting) -> str:
    return "text" if setting.kind is str else "a path"


if __name__ == "__main__":
    for part in PARTS:
        part.page.write_text(part.written(), "utf-8")
