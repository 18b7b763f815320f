"""Folders that are this process's alone, and that go when it goes.

All lie in one folder under the system's folder for temporary files, which only its owner may enter.
The process holds a lock on that folder while it lives, whatever ends it; a lock that nobody holds
says that the folder is a dead process's, and whoever starts next removes it. The number in the name
is for people: another container may give it to another process.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PREFIX: Final = "horngate-private-"

FORGOTTEN_SECONDS: Final = 24 * 3600.0
"""A folder that nothing was written to for this long is nobody's, where locks cannot say so."""

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class _Home:
    """The process's one folder. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._owner = 0

    def __call__(self) -> Path:
        with self._lock:
            if self._path is None or self._owner != os.getpid():
                remove_leftovers()
                # Held open, and locked by that, until the process ends.
                self._path, _ = locked_folder(
                    Path(tempfile.gettempdir()), f"{PREFIX}{os.getpid()}-"
                )
                self._owner = os.getpid()
                atexit.register(self._remove)
            return self._path

    def _remove(self) -> None:
        # A fork's exit leaves its parent's folder alone.
        if self._path is not None and self._owner == os.getpid():
            shutil.rmtree(self._path, ignore_errors=True)


_home: Final = _Home()


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """A new empty folder that only this process's user may enter, removed at the end.

    Raises:
        OSError: there is no room, or no place to write.
    """
    folder = Path(tempfile.mkdtemp(dir=_home()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers() -> None:
    """Remove the private folders of this user's processes that have ended."""
    with contextlib.suppress(OSError):
        remove_abandoned(Path(tempfile.gettempdir()), PREFIX)


def locked_folder(parent: Path, prefix: str) -> tuple[Path, int]:
    """Make a folder in ``parent`` that ``remove_abandoned`` leaves alone while its lock is held.

    Returns:
        Its path and the open file that holds the lock; closing that gives it free.

    Raises:
        OSError: it cannot be made.
    """
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        handle = -1
        try:
            handle = os.open(folder, _FOLDER)
            with contextlib.suppress(OSError):  # some network file systems lock no folders
                fcntl.flock(handle, fcntl.LOCK_EX)
            kept = folder.lstat().st_ino == os.fstat(handle).st_ino
        except FileNotFoundError:
            kept = False
        except BaseException:
            if handle >= 0:
                os.close(handle)
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if kept:
            return folder, handle
        # Somebody took it for abandoned before it was locked.
        if handle >= 0:
            os.close(handle)


def remove_abandoned(parent: Path, prefix: str, *, anybodys: bool = False) -> None:
    """Remove the folders in ``parent`` whose names begin with ``prefix`` and that nobody locks.

    Links are left alone, and so are other users' folders, but where they are ``anybodys``.

    Raises:
        OSError: ``parent`` cannot be read.
    """
    with os.scandir(parent) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(prefix)]
    for name in names:
        with contextlib.suppress(OSError):
            _remove_if_abandoned(parent / name, anybodys=anybodys)


def _remove_if_abandoned(folder: Path, *, anybodys: bool) -> None:
    handle = os.open(folder, _FOLDER)
    try:
        status = os.fstat(handle)
        if not anybodys and status.st_uid != os.geteuid():
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        except OSError:
            # No locks here: the lock of one that is alive cannot be seen.
            if time.time() - _last_change(folder) < FORGOTTEN_SECONDS:
                return
        shutil.rmtree(folder)
    finally:
        os.close(handle)


def _last_change(folder: Path) -> float:
    times = [folder.lstat().st_mtime]
    for parent, folders, files in os.walk(folder):
        times += [Path(parent, name).lstat().st_mtime for name in [*folders, *files]]
    return max(times)
