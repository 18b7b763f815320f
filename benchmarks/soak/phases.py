"""What happens when, as shares of a run's time."""

from __future__ import annotations

from typing import Final, NamedTuple


class Phase(NamedTuple):
    """A stretch of the run: whether versions are swapped, and whether clients misbehave."""

    name: str
    share: float
    swaps: bool = False
    mischief: bool = False


PHASES: Final = (
    Phase("warm", 0.10),
    Phase("steady", 0.25),
    Phase("swaps", 0.30, swaps=True),
    Phase("storm", 0.20, swaps=True, mischief=True),
    Phase("quiet", 0.15),
)
