"""``make rooms``: the rooms of the package from the ground up, and what each imports.

The order is that of the layers in ``pyproject.toml``, the line of each room is the first of its
docstring, and the imports are read off the code.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import grimp

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGE: Final = ROOT / "service" / "horngate"


class Room(NamedTuple):
    """A folder or a file of the package, and what it imports: other rooms, and packages."""

    name: str
    holds: str
    rooms: list[str]
    packages: list[str]

    @property
    def imports(self) -> str:
        """Both in one line."""
        inside = ", ".join(self.rooms) or "no room"
        return inside + (f"; outside: {', '.join(self.packages)}" if self.packages else "")


def names() -> list[str]:
    """The rooms from the ground up, as the import rules order them."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    layers: list[str] = next(each["layers"] for each in rules["contracts"] if "layers" in each)
    return [layer.removeprefix("horngate.") for layer in reversed(layers)]


def rooms() -> list[Room]:
    """Every room, from the ground up."""
    graph = grimp.build_graph("horngate", include_external_packages=True, cache_dir=None)
    order = names()
    for name in order:
        if graph.find_children(f"horngate.{name}"):
            graph.squash_module(f"horngate.{name}")
    found = []
    for name in order:
        imported = graph.find_modules_directly_imported_by(f"horngate.{name}")
        inside = {each.removeprefix("horngate.") for each in imported}
        outside = {each.partition(".")[0] for each in imported}
        packages = sorted(outside - sys.stdlib_module_names - {"horngate"})
        found.append(
            Room(
                name,
                _holds(name),
                sorted(inside & set(order) - {name}, key=order.index, reverse=True),
                packages,
            )
        )
    return found


def as_text(found: Sequence[Room]) -> str:
    """For a terminal: three lines a room."""
    return "\n".join(f"{room.name}\n  {room.holds}\n  imports {room.imports}\n" for room in found)


def _holds(name: str) -> str:
    folder, file = PACKAGE / name / "__init__.py", PACKAGE / f"{name}.py"
    docstring = ast.get_docstring(ast.parse((folder if folder.exists() else file).read_text()))
    return (docstring or "").partition("\n")[0].replace("``", "`")


if __name__ == "__main__":
    sys.stdout.write(as_text(rooms()))
