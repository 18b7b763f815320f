"""Every probe: which operations are asked what."""

from __future__ import annotations

from collections.abc import Iterator

from tests.equality import composites, elementwise, networks, reductions, shapes, tables
from tests.equality.probe import Probe


def probes() -> dict[str, Probe]:
    """All of them by name, in a fixed order."""
    found: dict[str, Probe] = {}
    for probe in _all():
        if probe.name in found:
            raise ValueError(f"two probes are called {probe.name}")
        found[probe.name] = probe
    return found


def _all() -> Iterator[Probe]:
    yield from elementwise.probes()
    yield from shapes.probes()
    yield from reductions.probes()
    yield from networks.probes()
    yield from composites.probes()
    yield from tables.probes()
