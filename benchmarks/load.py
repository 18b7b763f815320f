"""The loads that every subject is put under."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Kind = Literal["triton", "tfserving"]
"""Whose requests perf_analyzer sends: raw bytes in ModelInfer, or ``float_val`` in Predict."""


class Load(NamedTuple):
    """Requests of ``rows`` rows, ``in_flight`` of them at any time."""

    kind: Kind
    rows: int
    in_flight: int

    @property
    def name(self) -> str:
        """As results and tables name it."""
        return f"{self.kind}-{self.rows}x{self.in_flight}"

    @property
    def words(self) -> str:
        """As a chart names it."""
        rows = "1 row" if self.rows == 1 else f"{self.rows} rows"
        return f"{self.kind}, {rows}, {self.in_flight} in flight"


SIZES: Final = ((1, 1), (1, 16), (1, 64), (64, 4))
"""Rows of a request, requests in flight."""
KINDS: Final[tuple[Kind, ...]] = ("triton", "tfserving")
LOADS: Final = tuple(Load(kind, *size) for kind in KINDS for size in SIZES)
ROWS: Final = tuple(sorted({rows for rows, _ in SIZES}))
