"""Shared memory that clients registered, by name, and the calls that register it.

Read and written through a file handle and not mapped: a client that cuts its memory short while it
is in use gets an error, where a mapping would end the server.
"""

from __future__ import annotations

import os
import re
import stat
import threading
import weakref
from pathlib import Path
from typing import Final

from horngate.call import Call
from horngate.errors import InvalidRequest, RegionExists, RegionNotFound, Unsupported
from horngate.protocols.pb.inference import grpc_service_pb2 as pb

FOLDER: Final = Path("/dev/shm")  # noqa: S108 - where Linux keeps POSIX shared memory
KEY: Final = re.compile(r"/?(?!\.{1,2}$)[A-Za-z0-9_.\-]{1,200}")
MOST: Final = 1024
"""Regions that may be registered at once; each costs a file handle."""

MAX_NAME: Final = 256
"""Characters of a region's name, which is kept as long as the region is."""


class Region:
    """A part of a shared memory object. Closed when nobody refers to it any more.

    Attributes:
        name: what clients call it.
        key: the POSIX shared memory object.
        offset: where it begins in the object, in bytes.
        byte_size: how long it is.
    """

    def __init__(self, name: str, key: str, offset: int, byte_size: int) -> None:
        self.name, self.key, self.offset, self.byte_size = name, key, offset, byte_size
        self._handle = _open(key)
        weakref.finalize(self, os.close, self._handle)
        size = os.fstat(self._handle).st_size
        if byte_size < 1:
            raise InvalidRequest(
                f"shared memory region {name!r}: expected a byte_size of at least 1, received "
                f"{byte_size}"
            )
        if offset + byte_size > size:
            raise InvalidRequest(
                f"failed to register shared memory region: {name!r}, invalid args: expected offset "
                f"and byte_size within the {size} bytes of {key!r}, received {offset} and "
                f"{byte_size}"
            )

    def read(self, offset: int, byte_size: int) -> bytes:
        """A copy of a part of it: the client may write there while a model runs.

        Raises:
            InvalidRequest: the part is not within the region, or no longer there.
        """
        self._check(offset, byte_size)
        start = self.offset + offset
        data = os.pread(self._handle, byte_size, start)
        # The system gives 2 GiB at a time, at most.
        while len(data) < byte_size:
            more = os.pread(self._handle, byte_size - len(data), start + len(data))
            if not more:
                raise self._shrunk()
            data += more
        return data

    def write(self, offset: int, byte_size: int, data: bytes) -> None:
        """Write ``data`` into a part of it.

        Raises:
            InvalidRequest: the part is not within the region, no longer there, or too small, or the
                system has no memory for it.
        """
        self._check(offset, byte_size)
        if len(data) > byte_size:
            raise InvalidRequest(
                f"shared memory region {self.name!r}: expected room for {len(data)} bytes, "
                f"received a shared_memory_byte_size of {byte_size}"
            )
        start = self.offset + offset
        if os.fstat(self._handle).st_size < start + len(data):
            raise self._shrunk()
        rest = memoryview(data)
        try:
            while rest:
                written = os.pwrite(self._handle, rest, start)
                start += written
                rest = rest[written:]
        except OSError as error:
            # Memory of an object is taken when it is first written to, and may be used up by then.
            raise InvalidRequest(
                f"shared memory region {self.name!r}: expected memory for {len(data)} bytes, "
                f"received the system's error: {error.strerror}"
            ) from error

    def _check(self, offset: int, byte_size: int) -> None:
        if offset < 0 or byte_size < 0 or offset + byte_size > self.byte_size:
            what = "offset" if offset >= self.byte_size else "offset + byte size"
            raise InvalidRequest(
                f"Invalid {what} for shared memory region: {self.name!r}; expected at most "
                f"{self.byte_size}, received {offset} + {byte_size}"
            )

    def _shrunk(self) -> InvalidRequest:
        return InvalidRequest(
            f"shared memory region {self.name!r}: expected {self.byte_size} bytes behind "
            f"{self.key!r}, received fewer; it was cut short after it was registered"
        )


class Regions:
    """Thread-safe."""

    def __init__(self) -> None:
        self._regions: dict[str, Region] = {}
        self._lock = threading.Lock()

    def register(self, name: str, key: str, offset: int, byte_size: int) -> None:
        """Open a part of a shared memory object.

        Raises:
            InvalidRequest: no name, a key that is none, an object that is not there or too short.
            RegionExists: the name is taken.
        """
        if not 0 < len(name) <= MAX_NAME:
            raise InvalidRequest(
                f"expected a name of 1 to {MAX_NAME} characters for the shared memory region, "
                f"received {len(name) or 'none'}"
            )
        with self._lock:
            if name in self._regions:
                raise RegionExists(
                    f"shared memory region {name!r} already in manager; unregister it first"
                )
            if len(self._regions) >= MOST:
                raise InvalidRequest(
                    f"expected at most {MOST} shared memory regions, received one more; "
                    "unregister those that are not used"
                )
            self._regions[name] = Region(name, key, offset, byte_size)

    def unregister(self, name: str) -> None:
        """Let a region go, all of them where ``name`` is empty; requests that use it finish."""
        with self._lock:
            if name:
                self._regions.pop(name, None)
            else:
                self._regions.clear()

    def find(self, name: str) -> Region:
        """The region of a name.

        Raises:
            RegionNotFound: there is none.
        """
        region = self._regions.get(name)
        if region is None:
            raise RegionNotFound(
                f"Unable to find shared memory region: {name!r}; register it first"
            )
        return region

    def all(self) -> list[Region]:
        """Every region."""
        with self._lock:
            return list(self._regions.values())


def _open(key: str) -> int:
    if not KEY.fullmatch(key):
        raise InvalidRequest(
            f"key: expected a shared memory object's name such as '/tensors', received {key[:80]!r}"
        )
    try:
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        handle = os.open(FOLDER / key.removeprefix("/"), flags)
    except OSError as error:
        raise InvalidRequest(
            f"Unable to open shared memory region: {key!r}: {error.strerror}; it has to be on this "
            "machine, and this server has to be allowed to write to it"
        ) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InvalidRequest(f"key: expected a shared memory object, received {key!r}")
    return handle


def _allowed(regions: Regions | None) -> Regions:
    if regions is None:
        raise Unsupported(
            "shared memory is not allowed by this server; start it with --allow-shared-memory"
        )
    return regions


def system_status(
    regions: Regions | None, request: pb.SystemSharedMemoryStatusRequest, call: Call
) -> pb.SystemSharedMemoryStatusResponse:
    """The region asked for, or all of them.

    Raises:
        RegionNotFound: there is no such region.
        Unsupported: shared memory is not allowed.
        PermissionDenied: the caller is known, and no administrator.
    """
    call.check_admin()
    known = _allowed(regions)
    message = pb.SystemSharedMemoryStatusResponse()
    for region in [known.find(request.name)] if request.name else known.all():
        status = message.regions[region.name]
        status.name, status.key = region.name, region.key
        status.offset, status.byte_size = region.offset, region.byte_size
    return message


def system_register(
    regions: Regions | None, request: pb.SystemSharedMemoryRegisterRequest, call: Call
) -> pb.SystemSharedMemoryRegisterResponse:
    """Open a region.

    Raises:
        InvalidRequest, RegionExists: as ``Regions.register``.
        Unsupported: shared memory is not allowed.
        PermissionDenied: the caller is known, and no administrator.
    """
    call.check_admin()
    if request.offset + request.byte_size >= 2**63:
        raise InvalidRequest(
            f"expected offset and byte_size below 2**63, received {request.offset} and "
            f"{request.byte_size}"
        )
    _allowed(regions).register(request.name, request.key, request.offset, request.byte_size)
    return pb.SystemSharedMemoryRegisterResponse()


def system_unregister(
    regions: Regions | None, request: pb.SystemSharedMemoryUnregisterRequest, call: Call
) -> pb.SystemSharedMemoryUnregisterResponse:
    """Let a region go, or all of them.

    Raises:
        Unsupported: shared memory is not allowed.
        PermissionDenied: the caller is known, and no administrator.
    """
    call.check_admin()
    _allowed(regions).unregister(request.name)
    return pb.SystemSharedMemoryUnregisterResponse()


def cuda_status(
    _request: pb.CudaSharedMemoryStatusRequest, _call: Call
) -> pb.CudaSharedMemoryStatusResponse:
    """None: models run on processors."""
    return pb.CudaSharedMemoryStatusResponse()


def cuda_register(
    _request: pb.CudaSharedMemoryRegisterRequest, _call: Call
) -> pb.CudaSharedMemoryRegisterResponse:
    """Raises: Unsupported: always."""
    raise Unsupported("models run on processors here: there is no GPU memory to share")


def cuda_unregister(
    _request: pb.CudaSharedMemoryUnregisterRequest, _call: Call
) -> pb.CudaSharedMemoryUnregisterResponse:
    """None is left: none was registered."""
    return pb.CudaSharedMemoryUnregisterResponse()
