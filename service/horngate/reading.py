"""Reading a file that may be something else: never forever, and never more than a bound.

It knows no version and no format. Files that the operator names may be links, as the secrets and
settings are that Kubernetes mounts; ``follow`` says so.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

FILE_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""A FIFO that nobody writes to is opened at once, and then refused."""

Take = Callable[[memoryview], object]

_SEALS: Final = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
_CHUNK: Final = 1024 * 1024
_KINDS: Final = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISREG, "a file"),
)


def kind(mode: int) -> str:
    """What ``st_mode`` says that something is, in words."""
    return next((words for is_one, words in _KINDS if is_one(mode)), "something else")


def read_file(path: Path, limit: int, *, follow: bool = True) -> bytes:
    """The content of a regular file.

    Args:
        path: the file.
        limit: the most bytes it may have.
        follow: whether its name may be a link.

    Raises:
        FileNotFoundError: nothing is there.
        OSError: it cannot be read, is no regular file, is longer than ``limit``, or changes while
            it is read; ``strerror`` says what was expected.
    """
    look = path.stat(follow_symlinks=follow)
    _hold_regular(look.st_mode)
    handle = os.open(path, FILE_FLAGS | (0 if follow else os.O_NOFOLLOW))
    try:
        status = os.fstat(handle)
        _hold_regular(status.st_mode)
        if status.st_size > limit:
            raise OSError(errno.EFBIG, f"expected at most {limit} bytes, received {status.st_size}")
        parts: list[bytes] = []
        received = hand_over(handle, status.st_size, lambda part: parts.append(bytes(part)))
        if received != status.st_size:
            raise OSError(errno.EAGAIN, "expected a file at rest, received one being written")
        return b"".join(parts)
    finally:
        os.close(handle)


def hand_over(handle: int, size: int, take: Take) -> int:
    """Give ``take`` the first ``size`` bytes of an open file, in parts that are used up after that.

    Returns:
        How many there were; more than ``size`` where the file goes on.

    Raises:
        OSError: it cannot be read.
    """
    buffer = memoryview(bytearray(min(_CHUNK, size + 1)))
    received = 0
    while received < size:
        count = os.readv(handle, [buffer[: size - received]])
        if not count:
            return received
        take(buffer[:count])
        received += count
    return received + len(os.read(handle, 1))


@contextlib.contextmanager
def in_memory(content: bytes) -> Iterator[str]:
    """A path to ``content`` for a library that takes nothing else, until the end.

    It lies in no folder and on no disk, and nobody can change it: what was checked is what is
    loaded, and a key stays where it was.

    Raises:
        OSError: there is no memory for it.
    """
    handle = os.memfd_create("horngate", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with open(handle, "wb", closefd=False) as file:
            file.write(content)
        del content
        fcntl.fcntl(handle, fcntl.F_ADD_SEALS, _SEALS)
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


def _hold_regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, f"expected a regular file, received {kind(mode)}")
