"""What a failed call tells beside its code and its message."""

from __future__ import annotations

from typing import Final

ERROR: Final = "horngate-error"
"""Trailing metadata: the name of the error's class in ``horngate.errors``. Several errors share a
code, UNAVAILABLE above all, and a client should not have to match words to tell them apart."""
