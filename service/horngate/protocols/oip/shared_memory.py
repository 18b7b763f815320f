"""The shared memory calls: status, register and unregister, of the system and of CUDA."""

from __future__ import annotations

from horngate.errors import InvalidRequest, Unsupported
from horngate.inference import Call
from horngate.protocols.oip.regions import Regions
from horngate.protocols.pb.inference import grpc_service_pb2 as pb


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
