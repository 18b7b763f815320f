"""The process in which atheris fuzzes ``feed``, guided by the lines of Horngate that input reaches.

libFuzzer ends the process that it runs in, so that ``python -m tests.fuzz`` starts this one. Its
arguments are libFuzzer's.
"""

from __future__ import annotations

import random
import sys

import atheris

# Only what is imported here is watched: numpy and protobuf are not what is being asked about.
with atheris.instrument_imports(include=["horngate"]):
    from tests.fuzz.target import feed, table, unpack

from tests.fuzz.mutations import mutated


def _one(packed: bytes) -> None:
    feed(*unpack(packed))


def _mutate(packed: bytes, max_size: int, seed: int) -> bytes:
    """A change behind the first line, which names where the input goes."""
    luck = random.Random(seed)
    path, _, data = packed.partition(b"\n")
    if luck.randrange(2):
        return path + b"\n" + mutated(data, (), luck)[: max(0, max_size - len(path) - 1)]
    room = max(1, max_size - len(path) - 1)
    changed: bytes = atheris.Mutate(data[:room], room)
    return path + b"\n" + changed


def main() -> None:
    table()
    atheris.Setup(sys.argv, _one, custom_mutator=_mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
