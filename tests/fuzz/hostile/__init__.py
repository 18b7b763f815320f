"""Hostile input, made by hand: one for each way in which it can lie. ``make_corpus`` writes it."""

from __future__ import annotations

from tests.fuzz.hostile.common import Named
from tests.fuzz.hostile.compressed import compressed_bodies
from tests.fuzz.hostile.examples import examples
from tests.fuzz.hostile.infers import infers
from tests.fuzz.hostile.predicts import controls, predicts
from tests.fuzz.hostile.rest import bodies


def hostile() -> Named:
    """All of it."""
    for group in (predicts, controls, examples, infers, bodies, compressed_bodies):
        yield from group()
