"""How large an integer a model may be tried with, where the length of what it makes follows it.

A mask of a sequence has as many elements as its length says: at the edges of int64 a publish was
killed for want of memory. Knows the process's memory and a servable, no engine.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Final

import numpy as np

from horngate.servable import Servable
from horngate.tensors import Arrays, Signature

STEPS: Final = tuple(1 << power for power in range(6, 28, 2))
"""The values tried, each four times the one before. What takes more memory with the third power of
a value is found out within 2 GiB, with the second within 512 MiB."""

MOST_GROWTH: Final = 32 << 20
"""Bytes that a run may take more than one with the usual values."""

_PROC: Final = Path("/proc/self")
_FORGET_THE_PEAK: Final = "5"


def largest_integers(servable: Servable, signature: Signature, usual: Arrays) -> dict[str, int]:
    """The largest value for each integer input by which the memory of a run grows.

    An input that is not among them may have any. ``usual`` are inputs that the model takes.
    """
    largest: dict[str, int] = {}
    for name, values in sorted(usual.items()):
        if values.dtype.kind not in "iu" or values.dtype.itemsize < np.dtype(np.int32).itemsize:
            continue
        before = _grown(servable, signature, usual)
        for value in STEPS:
            tried = {**usual, name: np.full_like(values, value)}
            grown = _grown(servable, signature, tried)
            if grown is None or before is None:
                break
            if grown > before + MOST_GROWTH:
                largest[name] = value // 4
                break
    return largest


def _grown(servable: Servable, signature: Signature, inputs: Arrays) -> int | None:
    """The bytes that a run takes beyond what is held; None where the model refuses ``inputs``."""
    with contextlib.suppress(OSError):  # it may not be told to: peaks of before hide smaller ones
        (_PROC / "clear_refs").write_text(_FORGET_THE_PEAK)
    before = _memory("VmRSS")
    try:
        servable.run(signature.name, inputs)
    except Exception:  # noqa: BLE001 - it refuses such values, or has no room for what they make
        return None
    return _memory("VmHWM") - before


def _memory(what: str) -> int:
    found = re.search(rf"^{what}:\s+(\d+) kB$", (_PROC / "status").read_text(), re.MULTILINE)
    return 0 if found is None else int(found[1]) << 10
