"""Whether a version fits into the memory that is left, before it is loaded."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from horngate.errors import NoRoom
from horngate.lifecycle.tasks import Progress
from horngate.store.files import walk
from horngate.store.layout import is_plain
from horngate.store.manifest import FOLDER, FORMS, SOURCE

WEIGHTS: Final = 3
"""Bytes held at most while a byte of a version's files is loaded, the sealed copy that it is loaded
from included: 2.2 on ONNX Runtime, and on TensorFlow where ``TMPDIR`` is memory; ``python -m
benchmarks.memory`` found 1.1 on both once it is loaded."""

CGROUP_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_MIB: Final = 1024 * 1024
_NO_LIMIT: Final = 1 << 60


class RoomTaken(NoRoom):
    """It fits, but not beside the versions that are being loaded: it may be tried after them."""


class Memory:
    """Weighs versions against a limit, those that are being loaded included. Thread-safe.

    Args:
        limit: bytes that the process may hold; 0 for the container's limit, or the machine's
            memory where there is none.
        resident: bytes that it holds now.
    """

    def __init__(self, limit: int = 0, resident: Callable[[], int] | None = None) -> None:
        self.limit = limit or _container_limit() or _PAGE * os.sysconf("SC_PHYS_PAGES")
        self._resident = resident or resident_bytes
        self._lock = threading.Lock()
        self._reserved: dict[Progress, int] = {}

    @contextlib.contextmanager
    def reserved(self, folder: Path, progress: Progress) -> Iterator[None]:
        """Hold what loading the version in ``folder`` needs, while that is under way.

        What a load holds already counts twice then, as held and as reserved: it may make another
        wait, and never lets in what does not fit. A load that was given up and has not come back
        keeps what it reserved.

        Raises:
            RoomTaken: it fits as soon as others have been loaded.
            NoRoom: it does not fit; with what it needs and what is left.
        """
        needed = needed_bytes(folder)
        with self._lock:
            self._check(needed)
            self._reserved[progress] = needed
        try:
            yield
        finally:
            with self._lock:
                del self._reserved[progress]

    def _check(self, needed: int) -> None:
        given_up = sum(size for load, size in self._reserved.items() if load.given_up)
        others = sum(self._reserved.values()) - given_up
        left = self.limit - self._resident() - given_up
        if needed <= left - others:
            return
        wrong = RoomTaken if needed <= left else NoRoom
        stuck = (
            f", {given_up // _MIB} MiB of it for loads that do not come back" if given_up else ""
        )
        raise wrong(
            f"expected a version that fits into the {max(0, left) // _MIB} MiB left of the limit "
            f"of {self.limit // _MIB}{stuck}, received one that takes up to {needed // _MIB} MiB "
            "to load; unload other versions, or raise memory_limit"
        )


def needed_bytes(folder: Path) -> int:
    """What loading the version in ``folder`` may take: ``WEIGHTS`` times its engine's files."""
    sizes = {Path(entry.name): entry.size for entry in walk(folder)}
    # A version with a compiled form is served by that, as long as nothing is wrong with it.
    # A plain ONNX model may have its tensors in any file beside it.
    whole = [each for each in sizes if FOLDER not in each.parents] if is_plain(folder) else SOURCE
    return WEIGHTS * (_size(sizes, FORMS) or _size(sizes, *whole))


def _size(sizes: dict[Path, int], *places: Path) -> int:
    """Of the files that are ``places``, or lie below them."""
    return sum(size for path, size in sizes.items() if not {path, *path.parents}.isdisjoint(places))


def resident_bytes() -> int:
    """What this process holds."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * _PAGE


def _container_limit() -> int:
    for path in CGROUP_LIMITS:
        try:
            text = path.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdecimal() and int(text) < _NO_LIMIT:
            return int(text)
    return 0
