"""The table of what is served of the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from google.protobuf.message import Message

from horngate.answer import Answer
from horngate.inference import Call, Inference
from horngate.protocols.figures import Figures
from horngate.protocols.method import DuplexMethod, Method, UnaryMethod
from horngate.protocols.oip.errors import status
from horngate.protocols.oip.infer import InferCodec, infer
from horngate.protocols.oip.metadata import model_config, model_metadata
from horngate.protocols.oip.regions import Regions
from horngate.protocols.oip.repository import (
    repository_index,
    repository_model_load,
    repository_model_unload,
)
from horngate.protocols.oip.server import (
    model_ready,
    server_live,
    server_metadata,
    server_ready,
)
from horngate.protocols.oip.settings import LogControl, log_settings, trace_setting
from horngate.protocols.oip.shared_memory import (
    cuda_register,
    cuda_status,
    cuda_unregister,
    system_register,
    system_status,
    system_unregister,
)
from horngate.protocols.oip.statistics import model_statistics
from horngate.protocols.oip.stream import stream_failed, stream_infer
from horngate.protocols.pb.inference import grpc_service_pb2 as pb
from horngate.protocols.prepared import Prepared

PROTOCOL: Final = "oip"
SERVICE: Final = "inference.GRPCInferenceService"

_Handler = Callable[[Any, Call], Message | Answer[Message]]


def methods(
    inference: Inference, figures: Figures, logs: LogControl, *, shared_memory: bool = False
) -> list[Method]:
    """The methods, bound to ``inference``.

    Args:
        inference: the door to the models.
        figures: what ModelStatistics answers.
        logs: what LogSettings changes.
        shared_memory: whether clients may register shared memory.
    """
    regions = Regions() if shared_memory else None
    return [
        _method(
            "ServerLive", pb.ServerLiveRequest, pb.ServerLiveResponse, server_live, is_open=True
        ),
        _method(
            "ServerReady",
            pb.ServerReadyRequest,
            pb.ServerReadyResponse,
            partial(server_ready, inference),
            is_open=True,
        ),
        _method(
            "ModelReady",
            pb.ModelReadyRequest,
            pb.ModelReadyResponse,
            partial(model_ready, inference),
        ),
        _method(
            "ServerMetadata",
            pb.ServerMetadataRequest,
            pb.ServerMetadataResponse,
            partial(server_metadata, shared_memory),
        ),
        _method(
            "ModelMetadata",
            pb.ModelMetadataRequest,
            pb.ModelMetadataResponse,
            partial(model_metadata, inference),
        ),
        _method(
            "ModelInfer",
            pb.ModelInferRequest,
            pb.ModelInferResponse,
            partial(infer, inference, regions),
            predicts=True,
            prepared=Prepared(inference, InferCodec()),
        ),
        DuplexMethod(
            protocol=PROTOCOL,
            service=SERVICE,
            name="ModelStreamInfer",
            request=pb.ModelInferRequest,
            response=pb.ModelStreamInferResponse,
            status=status,
            handler=partial(stream_infer, inference, regions),
            failed=stream_failed,
            predicts=True,
        ),
        _method(
            "ModelConfig",
            pb.ModelConfigRequest,
            pb.ModelConfigResponse,
            partial(model_config, inference),
        ),
        _method(
            "ModelStatistics",
            pb.ModelStatisticsRequest,
            pb.ModelStatisticsResponse,
            partial(model_statistics, inference, figures),
        ),
        _method(
            "RepositoryIndex",
            pb.RepositoryIndexRequest,
            pb.RepositoryIndexResponse,
            partial(repository_index, inference),
        ),
        _method(
            "RepositoryModelLoad",
            pb.RepositoryModelLoadRequest,
            pb.RepositoryModelLoadResponse,
            partial(repository_model_load, inference),
        ),
        _method(
            "RepositoryModelUnload",
            pb.RepositoryModelUnloadRequest,
            pb.RepositoryModelUnloadResponse,
            partial(repository_model_unload, inference),
        ),
        *_shared_memory(regions),
        _method(
            "TraceSetting",
            pb.TraceSettingRequest,
            pb.TraceSettingResponse,
            partial(trace_setting, inference),
        ),
        _method(
            "LogSettings",
            pb.LogSettingsRequest,
            pb.LogSettingsResponse,
            partial(log_settings, inference, logs),
        ),
    ]


def _shared_memory(regions: Regions | None) -> list[Method]:
    return [
        _method(
            "SystemSharedMemoryStatus",
            pb.SystemSharedMemoryStatusRequest,
            pb.SystemSharedMemoryStatusResponse,
            partial(system_status, regions),
        ),
        _method(
            "SystemSharedMemoryRegister",
            pb.SystemSharedMemoryRegisterRequest,
            pb.SystemSharedMemoryRegisterResponse,
            partial(system_register, regions),
        ),
        _method(
            "SystemSharedMemoryUnregister",
            pb.SystemSharedMemoryUnregisterRequest,
            pb.SystemSharedMemoryUnregisterResponse,
            partial(system_unregister, regions),
        ),
        _method(
            "CudaSharedMemoryStatus",
            pb.CudaSharedMemoryStatusRequest,
            pb.CudaSharedMemoryStatusResponse,
            cuda_status,
        ),
        _method(
            "CudaSharedMemoryRegister",
            pb.CudaSharedMemoryRegisterRequest,
            pb.CudaSharedMemoryRegisterResponse,
            cuda_register,
        ),
        _method(
            "CudaSharedMemoryUnregister",
            pb.CudaSharedMemoryUnregisterRequest,
            pb.CudaSharedMemoryUnregisterResponse,
            cuda_unregister,
        ),
    ]


def _method(
    name: str,
    request: type[Message],
    response: type[Message],
    handler: _Handler,
    *,
    predicts: bool = False,
    prepared: Prepared | None = None,
    is_open: bool = False,
) -> UnaryMethod:
    return UnaryMethod(
        protocol=PROTOCOL,
        service=SERVICE,
        name=name,
        request=request,
        response=response,
        status=status,
        handler=handler,
        predicts=predicts,
        prepared=prepared,
        open=is_open,
    )
