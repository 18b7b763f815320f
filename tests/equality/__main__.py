"""``python -m tests.equality make``: probe every operation, and write the table.

``make --only PATTERN`` probes the operations of that name and replaces their rows. ``show PATTERN``
prints what becomes of the probes of that name and writes nothing. ``layers`` prints which layers of
Keras are compiled, as docs/compiled.md has it.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from horngate.builder.equal_operations import FILE, edition_of
from horngate.store import compiled
from tests.equality.catalogue import probes
from tests.equality.children import outcomes
from tests.equality.probe import Outcome, Probe
from tests.equality.table import rows, table

CHUNK: Final = 60
AT_ONCE: Final = 2
RECORD: Final = Path(compiled.__file__)
"""Names the edition, for servers without a builder."""


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.equality")
    parser.add_argument("command", choices=["make", "show", "layers"])
    parser.add_argument("--only", default="", help="a pattern of operations, or of probes to show")
    options = parser.parse_args()
    if options.command == "layers":
        from tests.equality import layers  # noqa: PLC0415 - takes seconds

        print(layers.table())
        return 0
    return _show(options.only) if options.command == "show" else _make(options.only)


def _show(pattern: str) -> int:
    names = [name for name in probes() if re.search(pattern, name)]
    for name, outcome in _outcomes(names):
        zeros = "" if outcome.zeros else " (zeros' signs differ)"
        print(f"{name}: {outcome.why or 'equal' + zeros}")
    return 0


def _make(pattern: str) -> int:
    """Probe operation by operation, and write what is known after each group of them."""
    began = time.monotonic()
    known = probes()
    renewed = {each for each in known.values() if re.fullmatch(pattern or ".*", each.operation)}
    covered = {name for each in renewed for name in (each.operation, *each.also)}
    wanted = [name for name, each in known.items() if each.operation in covered]
    others = [row for row in rows() if pattern and row["operation"] not in covered]
    chunks = [wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK)]
    found: list[tuple[Probe, Outcome]] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for part in pool.map(_outcomes, chunks):
            found += [(known[name], outcome) for name, outcome in part]
            edition = _write(table(found, others))
            print(f"{len(found)} of {len(wanted)} in {time.monotonic() - began:.0f} s", flush=True)
    print(f"edition {edition}")
    return 0


def _write(content: str) -> str:
    FILE.write_text(content)
    edition = edition_of(content.encode())
    RECORD.write_text(re.sub(r'(EDITION: Final = )"\w*"', rf'\g<1>"{edition}"', RECORD.read_text()))
    return edition


def _outcomes(names: list[str]) -> list[tuple[str, Outcome]]:
    return list(outcomes(names))


if __name__ == "__main__":
    sys.exit(main())
