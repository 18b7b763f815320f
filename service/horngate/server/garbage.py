"""Python's garbage collector, told to leave alone what lives as long as a model does.

It looks at every object that holds others, again and again as requests come and go: a twelfth of
the time of a busy server. What was there when a model went live is not looked at until one goes.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final

YOUNG: Final = 20_000
"""Objects made and not given back before the collector looks at the newest: a burst of requests
makes some thousands and gives all of them back."""


class Garbage:
    """Follows ``live``, the number of versions in memory; ``look`` is for whoever changes it."""

    def __init__(self, live: Callable[[], int]) -> None:
        self._live = live
        self._number = 0
        gc.set_threshold(YOUNG, 20, 20)

    def look(self) -> None:
        """Leave alone what is new; give back what a version that has gone leaves in circles."""
        number = self._live()
        if number == self._number:
            return
        if number < self._number:
            gc.unfreeze()
            gc.collect()
        gc.freeze()
        self._number = number
