"""Python's garbage collector, told to leave alone what lives as long as the server does.

It looks at every object that holds others, again and again as requests come and go: a twelfth of
the time of a busy server. What is there when the server is ready for the first time is not looked
at any more; versions that come later are, and what they leave in circles is given back.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final

YOUNG: Final = 20_000
"""Objects made and not given back before the collector looks at the newest: a burst of requests
makes some thousands and gives all of them back."""


class Garbage:
    """``look`` is called whenever ``ready`` may have changed, by one thread."""

    def __init__(self, ready: Callable[[], bool]) -> None:
        self._ready = ready
        self._settled = False
        gc.set_threshold(YOUNG, 20, 20)

    def look(self) -> None:
        """Leave alone what is there, once: later it would hold up whoever calls."""
        if not self._settled and self._ready():
            self._settled = True
            gc.collect()
            gc.freeze()
