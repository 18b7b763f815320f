"""Which cores serve and which ask: an asker on the server's cores would be measured with it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Set


def split(cores: Set[int]) -> tuple[set[int], set[int]]:
    """Cores that serve and cores that ask, half of ``cores`` each; one core does both.

    >>> split({0, 1}), split({0, 1, 2}), split({5})
    (({0}, {1}), ({0, 1}, {2}), ({5}, {5}))
    """
    ordered = sorted(cores)
    serving = (len(ordered) + 1) // 2
    return set(ordered[:serving]), set(ordered[serving:] or ordered)


@contextlib.contextmanager
def on(cores: Set[int]) -> Iterator[None]:
    """Keep this thread to ``cores``, and the processes and threads that it starts meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
