"""Every subject by name, in the order of tables, and the loads that it is put under."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from benchmarks.load import LARGE, LOADS, MANY, SLOW, SMALL, Load

TITLES: Final = {
    "horngate": "Horngate",
    "horngate-tls": "Horngate, TLS",
    "horngate-64": "Horngate, 64 models loaded",
    "horngate-tensorflow": "Horngate on TensorFlow",
    "kserve": "KServe SDK on ONNX Runtime",
    "pytriton": "PyTriton on ONNX Runtime",
    "cpp-tensorflow": "C++ gRPC + TF_SessionRun",
    "cpp-echo": "C++ gRPC echo, no model",
    "core-echo": "Python core echo, no model",
    "limit": "limit sketch (Python core + ONNX Runtime)",
}
TAKES: Final[dict[str, Sequence[Load]]] = {
    "horngate": LOADS,
    "horngate-tls": (*SMALL, *LARGE, *SLOW),
    "horngate-64": (MANY,),
    "horngate-tensorflow": (MANY,),
    "kserve": (*SMALL, *LARGE, *SLOW),
    "pytriton": (*SMALL, *LARGE, *SLOW),
    "cpp-tensorflow": (*SMALL, *LARGE, *SLOW),
    "cpp-echo": (*SMALL, *LARGE),
    "core-echo": SMALL,
    "limit": SMALL,
}
"""The sketches know requests of one row only; perf_analyzer has no TLS for TensorFlow Serving."""
ENGINE: Final = "engine"
"""Chooses the engine without a network."""
START: Final = "start"
"""Chooses readiness and memory after a start."""


def chosen(text: str) -> tuple[str, ...]:
    """The subjects in a comma-separated list; all where it is empty.

    Raises:
        ValueError: an unknown one.
    """
    known = (*TITLES, ENGINE, START)
    names = tuple(each.strip() for each in text.split(",") if each.strip())
    for name in names:
        if name not in known:
            raise ValueError(f"expected subjects of {', '.join(known)}; received {name!r}")
    return names or known


def chosen_loads(text: str) -> tuple[Load, ...]:
    """The loads whose names fit one of a comma-separated list of patterns; all where it is empty.

    Raises:
        ValueError: a pattern fits none.
    """
    patterns = [each.strip() for each in text.split(",") if each.strip()] or ["*"]
    for pattern in patterns:
        if not any(fnmatchcase(load.name, pattern) for load in LOADS):
            names = ", ".join(load.name for load in LOADS)
            raise ValueError(f"expected patterns of loads {names}; received {pattern!r}")
    return tuple(
        load for load in LOADS if any(fnmatchcase(load.name, pattern) for pattern in patterns)
    )
