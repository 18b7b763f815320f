"""The folder beside a model's versions in which the next one is written.

It is locked while its publisher lives, so that what a killed one left can be told from what another
is writing, and is removed by whoever publishes next. Nothing here knows what a version holds.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from horngate.private import locked_folder, remove_abandoned
from horngate.store.layout import STAGING_PREFIX


@contextlib.contextmanager
def staging_folder(parent: Path) -> Iterator[Path]:
    """A new folder in ``parent``, removed at the end where it still has its name.

    ``parent`` is made where it is not there, and is removed again where it stays empty.

    Raises:
        OSError: it cannot be made, or ``parent`` cannot be.
    """
    made: list[Path] = []
    try:
        folder, lock = _made(parent, made)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
    finally:
        for each in reversed(made):
            with contextlib.suppress(OSError):  # it holds something now
                each.rmdir()


def _made(parent: Path, made: list[Path]) -> tuple[Path, int]:
    while True:
        _make(parent, made)
        try:
            remove_abandoned(parent, STAGING_PREFIX, anybodys=True)
            return locked_folder(parent, STAGING_PREFIX)
        except FileNotFoundError:
            continue  # another publisher failed, and took the empty folder with it


def _make(folder: Path, made: list[Path]) -> None:
    """Make ``folder`` and those above it that are not there, on disk before anything is in them."""
    if folder.is_dir():
        return
    _make(folder.parent, made)
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        made.append(folder)
        sync(folder.parent)


def sync(path: Path) -> None:
    """Have a file, or a folder's list of names, on disk.

    Raises:
        OSError: it cannot be.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
