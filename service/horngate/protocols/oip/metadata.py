"""What can be asked of the server and of a model: alive, ready, metadata, configuration.

Metadata shapes have the batch dimension, as -1. In a configuration with ``max_batch_size`` over
0 the dimensions leave it out, and clients such as perf_analyzer strip it from the metadata. Over 0
says that rows are independent: a signature that runs request by request has 0, and all dimensions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from horngate import __version__
from horngate.call import Call
from horngate.errors import Unsupported
from horngate.inference import Inference, ModelDescription
from horngate.protocols.elements import MalformedTensor
from horngate.protocols.oip.parameters import (
    ANNOTATIONS,
    ENGINE_REASON,
    ROWS_REASON,
    VERSION_LABELS,
    default_signature,
    read_version,
)
from horngate.protocols.oip.tensor import datatype
from horngate.protocols.pb.inference import model_config_pb2
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    ModelConfigRequest,
    ModelConfigResponse,
    ModelMetadataRequest,
    ModelMetadataResponse,
    ModelReadyRequest,
    ModelReadyResponse,
    ServerLiveRequest,
    ServerLiveResponse,
    ServerMetadataRequest,
    ServerMetadataResponse,
    ServerReadyRequest,
    ServerReadyResponse,
)
from horngate.store.annotations import document_of
from horngate.tensors import DType, Picture, Shape, TensorSpec

EXTENSIONS: Final = (
    "classification",
    "model_configuration",
    "model_repository",
    "schedule_policy",
    "parameters",
    "binary_tensor_data",
    "statistics",
    "logging",
)
"""What of Triton's extensions always works. A client calls what it finds here."""

SHARED_MEMORY: Final = "system_shared_memory"


def server_live(_request: ServerLiveRequest, _call: Call) -> ServerLiveResponse:
    """Whoever can answer is alive."""
    return ServerLiveResponse(live=True)


def server_ready(
    inference: Inference, _request: ServerReadyRequest, _call: Call
) -> ServerReadyResponse:
    """Whether the server as a whole is ready."""
    return ServerReadyResponse(ready=inference.ready())


def model_ready(inference: Inference, request: ModelReadyRequest, call: Call) -> ModelReadyResponse:
    """Whether a model, or a version of it, is live; an unknown one is not.

    Raises:
        PermissionDenied: it is a model that the caller may not ask.
    """
    call.check_model(request.name)
    ready = inference.ready(request.name, read_version(request.version))
    return ModelReadyResponse(ready=ready)


def server_metadata(
    name: str,
    shared_memory: bool,
    _request: ServerMetadataRequest,
    _call: Call,
) -> ServerMetadataResponse:
    """The server's name, our version, and the extensions that work.

    ``shared_memory`` is one where it is allowed.
    """
    extensions = (*EXTENSIONS, SHARED_MEMORY) if shared_memory else EXTENSIONS
    return ServerMetadataResponse(name=name, version=__version__, extensions=extensions)


PLATFORMS: Final = ("tensorflow_savedmodel", "onnxruntime_onnx")
"""What is in the repository, by Triton's name for it, whichever engine runs it: the second where it
is a plain ONNX model."""

_TYPES: Final = {
    DType.BOOL: model_config_pb2.TYPE_BOOL,
    DType.INT8: model_config_pb2.TYPE_INT8,
    DType.INT16: model_config_pb2.TYPE_INT16,
    DType.INT32: model_config_pb2.TYPE_INT32,
    DType.INT64: model_config_pb2.TYPE_INT64,
    DType.UINT8: model_config_pb2.TYPE_UINT8,
    DType.UINT16: model_config_pb2.TYPE_UINT16,
    DType.UINT32: model_config_pb2.TYPE_UINT32,
    DType.UINT64: model_config_pb2.TYPE_UINT64,
    DType.FLOAT16: model_config_pb2.TYPE_FP16,
    DType.BFLOAT16: model_config_pb2.TYPE_BF16,
    DType.FLOAT32: model_config_pb2.TYPE_FP32,
    DType.FLOAT64: model_config_pb2.TYPE_FP64,
    DType.STRING: model_config_pb2.TYPE_STRING,
}


def model_metadata(
    inference: Inference, request: ModelMetadataRequest, call: Call
) -> ModelMetadataResponse:
    """The default signature's inputs and outputs, and the versions that are live.

    Raises:
        ModelNotFound, VersionNotFound, ModelNotReady: no such live version.
        SignatureNotFound: several signatures, and none is the default.
        Unsupported: a tensor of complex numbers, which the protocol lacks.
    """
    description = inference.describe(request.name, read_version(request.version), call)
    signature = default_signature(description.signatures)
    return ModelMetadataResponse(
        name=description.model,
        versions=map(str, description.live_versions),
        platform=PLATFORMS[description.plain],
        inputs=_tensors(signature.inputs.values()),
        outputs=_tensors(signature.outputs.values()),
    )


def model_config(
    inference: Inference, request: ModelConfigRequest, call: Call
) -> ModelConfigResponse:
    """The same model as Triton would configure it.

    Raises:
        ModelNotFound, VersionNotFound, ModelNotReady, SignatureNotFound,
        Unsupported: as ``model_metadata``.
    """
    description = inference.describe(request.name, read_version(request.version), call)
    signature = default_signature(description.signatures)
    message = ModelConfigResponse()
    config = message.config
    config.name = description.model
    config.platform = PLATFORMS[description.plain]
    config.backend = description.engine
    if description.engine_reason:
        config.parameters[ENGINE_REASON].string_value = description.engine_reason
    if description.rows_reason:
        config.parameters[ROWS_REASON].string_value = description.rows_reason
    meanings = {name: document_of(each) for name, each in description.signatures.items()}
    meanings = {name: document for name, document in meanings.items() if document}
    if meanings:
        config.parameters[ANNOTATIONS].string_value = json.dumps(meanings)
    if description.labels:
        labels = json.dumps(dict(description.labels), sort_keys=True)
        config.parameters[VERSION_LABELS].string_value = labels
    alone = signature.name in description.alone
    batched = signature.batched and not alone and description.max_request_rows > 0
    if batched:
        _write_batching(description, config)
    for spec in signature.inputs.values():
        _datatype(spec)
        config.input.add(
            name=spec.name,
            data_type=_TYPES[spec.dtype],
            # Triton knows formats of three dimensions alone.
            format=_format(signature.pictures.get(spec.name) if batched else None),
            dims=_dims(spec.shape[batched:]),
        )
    for spec in signature.outputs.values():
        _datatype(spec)
        config.output.add(
            name=spec.name, data_type=_TYPES[spec.dtype], dims=_dims(spec.shape[batched:])
        )
    return message


def _write_batching(description: ModelDescription, config: model_config_pb2.ModelConfig) -> None:
    config.max_batch_size = description.max_request_rows
    config.dynamic_batching.preferred_batch_size.append(description.max_batch_size)


def _format(picture: Picture | None) -> int:
    """Where a picture has its channels; nothing of what is none."""
    kinds = model_config_pb2.ModelInput
    if picture is None:
        return kinds.FORMAT_NONE
    return kinds.FORMAT_NCHW if picture.channels_first else kinds.FORMAT_NHWC


def _tensors(specs: Iterable[TensorSpec]) -> list[ModelMetadataResponse.TensorMetadata]:
    return [
        ModelMetadataResponse.TensorMetadata(
            name=spec.name, datatype=_datatype(spec), shape=_dims(spec.shape)
        )
        for spec in specs
    ]


def _datatype(spec: TensorSpec) -> str:
    try:
        return datatype(spec.dtype)
    except MalformedTensor as error:
        raise Unsupported(f"tensor {spec.name!r}: {error}") from None


def _dims(shape: Shape) -> list[int]:
    return [-1 if size is None else size for size in shape]
