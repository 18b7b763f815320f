"""``make rooms``: the rooms of the package from the ground up, and what each imports.

The order is that of the layers in ``pyproject.toml``, the line of each room is the first of its
docstring, and the imports are read off the code. ``--write`` puts the same into
``docs/architecture.md``, whose copy ``tests/unit/test_docs.py`` holds against the code.
"""

from __future__ import annotations

import argparse
import ast
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import grimp

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGE: Final = ROOT / "service" / "horngate"
PAGE: Final = ROOT / "docs" / "architecture.md"
BEGIN: Final = "<!-- rooms:begin: written by make rooms ARGS=--write -->\n"
END: Final = "<!-- rooms:end -->\n"


class Room(NamedTuple):
    """A folder or a file of the package, and what it imports: other rooms, and packages."""

    name: str
    holds: str
    rooms: list[str]
    packages: list[str]


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
    return "\n".join(f"{room.name}\n  {room.holds}\n  imports {_imports(room)}\n" for room in found)


def as_table(found: Sequence[Room]) -> str:
    """For a page: a row a room."""
    rows = [f"| {_link(room.name)} | {room.holds} | {_imports(room)} |\n" for room in found]
    return "| Room | What it holds | Imports |\n|---|---|---|\n" + "".join(rows)


def written(page: str, table: str) -> str:
    """``page`` with ``table`` between its marks."""
    head, _, rest = page.partition(BEGIN)
    return f"{head}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the rooms, or write them."""
    parser = argparse.ArgumentParser(prog="make rooms", description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.relative_to(ROOT)}")
    found = rooms()
    if parser.parse_args(argv).write:
        PAGE.write_text(written(PAGE.read_text("utf-8"), as_table(found)), "utf-8")
    else:
        sys.stdout.write(as_text(found))
    return 0


def _holds(name: str) -> str:
    folder, file = PACKAGE / name / "__init__.py", PACKAGE / f"{name}.py"
    docstring = ast.get_docstring(ast.parse((folder if folder.exists() else file).read_text()))
    return (docstring or "").partition("\n")[0].replace("``", "`")


def _link(name: str) -> str:
    file = name + ("" if (PACKAGE / name).is_dir() else ".py")
    return f"[`{file}`](../service/horngate/{file})"


def _imports(room: Room) -> str:
    inside = ", ".join(room.rooms) or "no room"
    return inside + (f"; outside: {', '.join(room.packages)}" if room.packages else "")


if __name__ == "__main__":
    sys.exit(main())
