"""The files of one version, and nothing beside them.

Whoever can write a version chooses what its names stand for. A symbolic link could name the
server's own secrets, a FIFO never ends, a file can be swapped between two looks. So nothing in a
version is followed: every name is opened folder by folder from the version's own, must be a regular
file, and is read once and to a bound. What is checked is what was read.

Hard links are files like any other: stores that share equal files make them, and Linux lets nobody
make one to a file that they may not write (``fs.protected_hardlinks``). Mounts are the
administrator's. This module knows no engine and no format.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from horngate.errors import LoadError
from horngate.reading import FILE_FLAGS, Take, hand_over, kind
from horngate.sizes import VERSION_FILE

MOST_ENTRIES: Final = 10_000
"""Files and folders of a version, all told."""

MOST_LEVELS: Final = 16
"""Folders below each other in a version."""

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = FILE_FLAGS | os.O_NOFOLLOW

TOO_MANY: Final = "."
"""The name of the entry that ends a walk which is not at its end."""

_FEWER: Final = "a version has no use for so many"
_REMEDY: Final = "copy what it stands for into the version, or leave it out"
_CHANGING: Final = "the version may still be being copied; copy it again"


class Entry(NamedTuple):
    """What a walk found: a file's name within the folder, bytes, time of modification in ns.

    ``wrong`` is why it may not be in a version, in words; "" for a regular file.
    """

    name: str
    size: int
    modified: int
    wrong: str = ""


class VersionFiles:
    """The files of the version in ``folder``, by names within it with ``/``. Thread-safe.

    ``folder`` itself may not be a link; the folders above it may. Nothing is kept open.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Every file, sorted.

        Raises:
            LoadError: naming the first that is no regular file, or what there is too much of.
        """
        names: list[str] = []
        for entry in walk(self.folder, MOST_ENTRIES):
            if entry.wrong:
                raise LoadError(
                    f"{entry.name!r}: expected regular files and folders, received {entry.wrong}; "
                    + (_FEWER if entry.name == TOO_MANY else _REMEDY)
                )
            names.append(entry.name)
        return sorted(names)

    def exists(self, name: str) -> bool:
        """Whether the file is there.

        Raises:
            LoadError: something else is there under its name.
        """
        return self._is_there(name)

    def read(self, name: str, limit: int) -> bytes:
        """Its content.

        Raises:
            LoadError: it is not there, no regular file, longer than ``limit`` bytes, or changes
                while it is read.
        """
        parts: list[bytes] = []
        self._read(name, limit, lambda part: parts.append(bytes(part)))
        return b"".join(parts)

    def sha256(self, name: str) -> str:
        """The SHA-256 of its content, in hexadecimal. Raises ``LoadError`` as ``read`` does."""
        digest = hashlib.sha256()
        self._read(name, VERSION_FILE, digest.update)
        return digest.hexdigest()

    def copy(self, name: str, target: Path) -> str:
        """Copy it to ``target``, a new file for its owner alone; the SHA-256 of what was written.

        Raises:
            LoadError: as ``read``; or ``target`` cannot be written. Nothing is left of it.
        """
        digest = hashlib.sha256()
        try:
            handle = os.open(
                target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise _unwritten(name, target, error) from error

        def write(part: memoryview) -> None:
            digest.update(part)
            try:
                while part:
                    part = part[os.write(handle, part) :]
            except OSError as error:
                raise _unwritten(name, target, error) from error

        try:
            self._read(name, VERSION_FILE, write)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        finally:
            os.close(handle)
        return digest.hexdigest()

    def _is_there(self, name: str) -> bool:
        parts = _parts(name)
        with self._entered(name, parts[:-1]) as folder:
            if folder is None:
                return False
            try:
                status = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
            except (FileNotFoundError, NotADirectoryError):
                return False
            except OSError as error:
                raise _unreadable(name, error) from error
            _hold_regular(name, status.st_mode)
            return True

    def _read(self, name: str, limit: int, take: Take) -> None:
        """Hand its content to ``take``, a part at a time; each part is used up after that."""
        if not self._is_there(name):
            raise _missing(name)
        parts = _parts(name)
        with self._entered(name, parts[:-1]) as folder:
            if folder is None:
                raise _missing(name)
            try:
                handle = os.open(parts[-1], _FILE, dir_fd=folder)
            except OSError as error:
                raise _unreadable(name, error) from error
        try:
            status = os.fstat(handle)
            _hold_regular(name, status.st_mode)
            if status.st_size > limit:
                raise LoadError(
                    f"{name!r}: expected at most {limit} bytes, received {status.st_size}; "
                    "make it smaller, or leave it out"
                )
            received = hand_over(handle, status.st_size, take)
        except OSError as error:
            raise _unreadable(name, error) from error
        finally:
            os.close(handle)
        if received != status.st_size:
            more = "more" if received > status.st_size else str(received)
            raise LoadError(
                f"{name!r}: expected {status.st_size} bytes, received {more}; {_CHANGING}"
            )

    @contextlib.contextmanager
    def _entered(self, name: str, parts: list[str]) -> Iterator[int | None]:
        """The open folder below the version's that ``parts`` lead to; None where there is none."""
        handle = _open_root(self.folder)
        try:
            for part in parts:
                try:
                    inner = os.open(part, _FOLDER, dir_fd=handle)
                except FileNotFoundError:
                    yield None
                    return
                except OSError as error:
                    raise _not_entered(name, part, handle, error) from error
                os.close(handle)
                handle = inner
            yield handle
        finally:
            os.close(handle)


def walk(folder: Path, most: int = MOST_ENTRIES) -> Iterator[Entry]:
    """Every entry below ``folder`` but its folders, in no order; links are not followed.

    What cannot be looked at comes as an entry with the reason, and does not hide the rest. The walk
    ends after ``most`` entries and folders, with an entry that says so. What vanishes meanwhile is
    left out.

    Raises:
        LoadError: ``folder`` itself cannot be read, or is no folder.
    """
    handle = _open_root(folder)
    try:
        left = most
        for entry in _walk(handle, "", MOST_LEVELS):
            if not left:
                yield Entry(TOO_MANY, 0, 0, f"more than {most} of them")
                return
            left -= 1
            if entry is not None:
                yield entry
    finally:
        os.close(handle)


def _walk(handle: int, prefix: str, levels: int) -> Iterator[Entry | None]:
    """As ``walk``, with None for a folder, which counts too."""
    with os.scandir(handle) as entries:
        for entry in entries:
            name = prefix + entry.name
            try:
                status = entry.stat(follow_symlinks=False)
                if not stat.S_ISDIR(status.st_mode):
                    wrong = "" if stat.S_ISREG(status.st_mode) else kind(status.st_mode)
                    yield Entry(name, status.st_size, status.st_mtime_ns, wrong)
                    continue
                if not levels:
                    yield Entry(name, 0, 0, f"a folder more than {MOST_LEVELS} folders deep")
                    continue
                yield None
                inner = os.open(entry.name, _FOLDER, dir_fd=handle)
            except FileNotFoundError:
                continue
            except OSError as error:
                yield Entry(name, 0, 0, f"what cannot be read: {error.strerror}")
                continue
            try:
                yield from _walk(inner, f"{name}/", levels - 1)
            finally:
                os.close(inner)


def _open_root(folder: Path) -> int:
    try:
        return os.open(folder, _FOLDER)
    except OSError as error:
        try:
            mode = folder.lstat().st_mode
        except OSError:
            mode = stat.S_IFDIR
        if not stat.S_ISDIR(mode):
            raise LoadError(
                f"{folder.name!r}: expected a folder with a version's files, received "
                f"{kind(mode)}; put the files themselves there"
            ) from error
        raise _unreadable(folder.name, error) from error


def _parts(name: str) -> list[str]:
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise LoadError(
            f"{name!r}: expected a file's name within the version, such as "
            "'variables/variables.index', received another path; publish the version again"
        )
    return parts


def _hold_regular(name: str, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise LoadError(f"{name!r}: expected a regular file, received {kind(mode)}; {_REMEDY}")


def _not_entered(name: str, part: str, handle: int, error: OSError) -> LoadError:
    with contextlib.suppress(OSError):
        mode = os.stat(part, dir_fd=handle, follow_symlinks=False).st_mode
        if not stat.S_ISDIR(mode):
            return LoadError(
                f"{name!r}: expected the folder {part!r}, received {kind(mode)}; {_REMEDY}"
            )
    return _unreadable(name, error)


def _missing(name: str) -> LoadError:
    return LoadError(
        f"{name!r} is missing; the version may still be being copied, or was copied in part"
    )


def _unreadable(name: str, error: OSError) -> LoadError:
    return LoadError(
        f"{name!r}: expected what the server may read, received: {error.strerror}; "
        "look at its mode, its owner and the disk"
    )


def _unwritten(name: str, target: Path, error: OSError) -> LoadError:
    return LoadError(
        f"{name!r}: expected room for a copy in {target.parent}, received: {error.strerror}; "
        "make room there, or set TMPDIR to a folder with some"
    )
