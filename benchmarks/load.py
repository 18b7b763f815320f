"""The loads that subjects are put under."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Kind = Literal["triton", "tfserving", "v2-binary", "v2-json", "v1-json"]
"""How a request is made: gRPC's ModelInfer with raw bytes, gRPC's Predict with ``float_val``, or
HTTP's ``/v2`` in binary or JSON, and ``/v1`` in JSON."""
Pace = Literal["quick", "slow"]
"""Which model: the reference model, or one whose run takes some ten milliseconds."""

GRPC: Final = ("triton", "tfserving")
JSON: Final = ("v2-json", "v1-json")


class Load(NamedTuple):
    """Requests of ``rows`` rows, ``in_flight`` of them at any time."""

    kind: Kind
    rows: int
    in_flight: int
    pace: Pace = "quick"

    @property
    def name(self) -> str:
        """As results and tables name it."""
        name = f"{self.kind}-{self.rows}x{self.in_flight}"
        return name if self.pace == "quick" else f"{self.pace}-{name}"

    @property
    def words(self) -> str:
        """As a chart names it."""
        rows = "1 row" if self.rows == 1 else f"{self.rows} rows"
        model = "" if self.pace == "quick" else "slow model, "
        return f"{model}{self.kind}, {rows}, {self.in_flight} in flight"


SMALL: Final = (Load("triton", 1, 1), Load("triton", 1, 16), Load("triton", 1, 64))
LARGE: Final = tuple(Load("triton", 64, in_flight) for in_flight in (1, 4, 16, 64))
SLOW: Final = tuple(Load("triton", 1, in_flight, "slow") for in_flight in (1, 16, 64))
FLOATS: Final = (
    *(Load("tfserving", 1, in_flight) for in_flight in (1, 16, 64)),
    *(Load("tfserving", 64, in_flight) for in_flight in (4, 16)),
    Load("tfserving", 1, 16, "slow"),
)
REST: Final = (
    *(Load("v2-binary", 1, in_flight) for in_flight in (1, 16, 64)),
    Load("v2-binary", 64, 4),
    Load("v2-json", 1, 16),
    Load("v1-json", 1, 16),
)
LOADS: Final = (*SMALL, *LARGE, *FLOATS, *REST, *SLOW)
MANY: Final = SMALL[-1]
