"""The table of TensorFlow operations that ONNX Runtime answers alike, as ``tests/equality`` found.

``equal_operations.json`` is made by ``python -m tests.equality make`` and is not edited by hand.
This module reads it, and knows neither engine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).with_name("equal_operations.json")
OPSET: Final = 18
"""The newest that tf2onnx 1.17 writes, and that ONNX Runtime has kernels for throughout."""

TOOLS: Final = ("tf2onnx", "onnx", "onnxruntime", "tensorflow")


@dataclass(frozen=True)
class Row:
    """One operation with one set of attributes.

    Attributes:
        operation: TensorFlow's name.
        attributes: the values that were probed, by the attribute's name.
        free: attributes that may have any value.
        needs: what must be known of a node beforehand; ``inspection.NEEDS`` has the meanings.
        equal: the dtypes for which both engines answer alike, as ``inspection.types_of`` has them.
        zeros: those of them where zeros may differ in sign.
        apart: those where what is not finite is answered otherwise.
        unequal: the other dtypes that were probed, and why not.
    """

    operation: str
    attributes: Mapping[str, list[Any]]
    free: frozenset[str]
    needs: tuple[str, ...]
    equal: frozenset[str]
    zeros: frozenset[str]
    apart: frozenset[str]
    unequal: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """What is known.

    Attributes:
        tools: the versions that it holds for.
        rows: by operation.
        edition: a hash of the content.
    """

    tools: Mapping[str, str]
    rows: Mapping[str, list[Row]]
    edition: str

    def stale(self) -> str:
        """Why the table does not hold for what is installed; "" where it does."""
        for tool, installed in made_with().items():
            known = self.tools.get(tool, "none")
            if _minor(known) != _minor(installed):
                return (
                    f"what is known to be equal is known for {tool} {known}, and {installed} is "
                    "installed; run `python -m tests.equality make` in a checkout to make the "
                    "table for it"
                )
        return ""


def _minor(told: str) -> list[str]:
    """A patch release mends kernels one at a time, and every form is tried as well."""
    return told.split(".")[:2]


def made_with() -> dict[str, str]:
    """The versions that a conversion depends on."""
    return {tool: version(tool) for tool in TOOLS} | {"opset": str(OPSET)}


@cache
def read_table() -> Table:
    """The table that is installed."""
    content = FILE.read_bytes()
    document = json.loads(content)
    rows: dict[str, list[Row]] = {}
    for entry in document["rows"]:
        row = Row(
            operation=entry["operation"],
            attributes=entry.get("attributes", {}),
            free=frozenset(entry.get("free", ())),
            needs=tuple(entry.get("needs", ())),
            equal=frozenset(entry.get("equal", ())),
            zeros=frozenset(entry.get("zeros", ())),
            apart=frozenset(entry.get("apart", ())),
            unequal=entry.get("unequal", {}),
        )
        rows.setdefault(row.operation, []).append(row)
    return Table(document["tools"], rows, edition_of(content))


def edition_of(content: bytes) -> str:
    """The name of a table: 12 digits of a hash of its file."""
    return hashlib.sha256(content).hexdigest()[:12]
