"""The outcomes as the table that the builder reads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from horngate.builder.equal_operations import FILE, made_with
from tests.equality.probe import Outcome, Probe

LONGEST: Final = 160
HEAD: Final = ("operation", "attributes", "free", "needs")
EMPTY: Final[dict[str, Any]] = {
    "attributes": {},
    "free": [],
    "needs": [],
    "equal": [],
    "zeros": [],
    "apart": [],
    "unequal": {},
}


def rows() -> list[dict[str, Any]]:
    """Those of the table that is there."""
    if not FILE.exists():
        return []
    return [{**EMPTY, **row} for row in json.loads(FILE.read_text())["rows"]]


def table(outcomes: Iterable[tuple[Probe, Outcome]], others: Iterable[dict[str, Any]] = ()) -> str:
    """The file's content: a row a line, so that two editions can be compared line by line."""
    made: dict[str, dict[str, Any]] = {}
    for probe, outcome in outcomes:
        for operation, kinds in outcome.nodes.items():
            for types, attributes in kinds.items():
                head = {
                    "operation": operation,
                    "attributes": {key: attributes[key] for key in sorted(attributes)},
                    "free": sorted(probe.free),
                    "needs": list(probe.needs),
                }
                row = made.setdefault(
                    json.dumps(head), {**head, "equal": [], "zeros": [], "apart": [], "unequal": {}}
                )
                if outcome.why:
                    row["unequal"][types] = _words(outcome.why)
                else:
                    row["equal"].append(types)
                    row["zeros"] += [] if outcome.zeros else [types]
                    row["apart"] += [types] if outcome.apart else []
    for row in others:
        made[json.dumps({key: row[key] for key in HEAD})] = row
    lines = [_line(row) for _, row in sorted(made.items())]
    tools = json.dumps(made_with(), sort_keys=True)
    return f'{{"tools": {tools},\n "rows": [\n' + ",\n".join(lines) + "\n]}\n"


def _line(row: dict[str, Any]) -> str:
    row["equal"] = sorted(set(row["equal"]) - row["unequal"].keys())
    row["zeros"] = sorted(set(row["zeros"]) & set(row["equal"]))
    row["apart"] = sorted(set(row["apart"]) & set(row["equal"]))
    row["unequal"] = dict(sorted(row["unequal"].items()))
    return json.dumps({key: value for key, value in row.items() if value}, ensure_ascii=False)


def _words(why: str) -> str:
    words = " ".join(why.split())
    return words if len(words) <= LONGEST else f"{words[:LONGEST]}…"
