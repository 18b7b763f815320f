"""Requests written and replies read: TensorFlow Serving's protocol from the caller's side.

Knows no channel and no retry. The wire's maps have no order, so names are sorted.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from google.protobuf.message import DecodeError, EncodeError, Message

from horngate.errors import EngineFailed, InvalidInput, InvalidRequest
from horngate.lifecycle.status import State, VersionStatus
from horngate.protocols.oip.parameters import (
    ANNOTATIONS,
    ENGINE_REASON,
    ROWS_REASON,
    VERSION_LABELS,
)
from horngate.protocols.pb.grpc.health.v1.health_pb2 import (
    HealthCheckRequest,
    HealthCheckResponse,
)
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    ModelConfigRequest,
    ModelConfigResponse,
    RepositoryIndexRequest,
    RepositoryIndexResponse,
)
from horngate.protocols.pb.tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo
from horngate.protocols.pb.tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    SignatureDefMap,
)
from horngate.protocols.pb.tensorflow_serving.apis.get_model_status_pb2 import (
    GetModelStatusRequest,
    GetModelStatusResponse,
)
from horngate.protocols.pb.tensorflow_serving.apis.model_pb2 import ModelSpec
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import (
    PredictRequest,
    PredictResponse,
)
from horngate.protocols.tfserving.spec import Target
from horngate.protocols.tfserving.tensor import NUMBERS, decode, encode
from horngate.store import annotations as store
from horngate.tensors import Array, Arrays, Signature, TensorSpec

_FIELD: Final = "signature_def"
_DTYPES: Final = {number: dtype for dtype, number in NUMBERS.items()}


class Method(NamedTuple):
    """One method of the wire: its path and the message that answers it."""

    path: str
    response: type[Message]


PREDICT: Final = Method("/tensorflow.serving.PredictionService/Predict", PredictResponse)
METADATA: Final = Method(
    "/tensorflow.serving.PredictionService/GetModelMetadata", GetModelMetadataResponse
)
STATUS: Final = Method("/tensorflow.serving.ModelService/GetModelStatus", GetModelStatusResponse)
HEALTH: Final = Method("/grpc.health.v1.Health/Check", HealthCheckResponse)

CONFIG: Final = Method("/inference.GRPCInferenceService/ModelConfig", ModelConfigResponse)

INDEX: Final = Method("/inference.GRPCInferenceService/RepositoryIndex", RepositoryIndexResponse)

METHODS: Final = (PREDICT, METADATA, STATUS, HEALTH, CONFIG, INDEX)


def serialize(message: Message, *, max_bytes: int) -> bytes:
    """The request's bytes, made once for all attempts.

    Raises:
        InvalidRequest: more than ``max_bytes`` of them.
    """
    try:
        payload = message.SerializeToString()
    except EncodeError:
        # protobuf's own limit of 2 GiB, at which it no longer counts.
        payload = None
    if payload is None or len(payload) > max_bytes:
        received = "over 2 GiB" if payload is None else f"{len(payload)}"
        raise InvalidRequest(
            f"expected a request of at most {max_bytes} bytes, received {received}; send fewer "
            "rows, or raise max_message_bytes of the client and of the server"
        )
    return payload


def predict_request(target: Target, inputs: Arrays, outputs: Iterable[str]) -> PredictRequest:
    """A prediction of ``inputs``; ``outputs`` empty means all.

    Raises:
        InvalidInput: an array of a dtype that no model takes.
    """
    message = PredictRequest(output_filter=outputs)
    _write_spec(target, message.model_spec)
    message.model_spec.signature_name = target.signature
    for name, array in inputs.items():
        encode(array, message.inputs[name], name=name)
    return message


def read_prediction(message: PredictResponse, target: Target) -> Prediction:
    """The outputs, numeric ones sharing memory with ``message``.

    Raises:
        EngineFailed: an output whose parts contradict each other.
    """
    try:
        outputs = {name: decode(tensor, name) for name, tensor in sorted(message.outputs.items())}
    except InvalidInput as error:
        raise EngineFailed(
            f"{target.model}: expected outputs that can be read, received {error}; "
            "look at the server's log"
        ) from error
    spec = message.model_spec
    return Prediction(
        outputs,
        model=spec.name or target.model,
        version=spec.version.value,
        signature=spec.signature_name or target.signature,
    )


def metadata_request(target: Target) -> GetModelMetadataRequest:
    """All signatures of a version."""
    message = GetModelMetadataRequest(metadata_field=[_FIELD])
    _write_spec(target, message.model_spec)
    return message


def read_metadata(message: GetModelMetadataResponse, target: Target) -> Metadata:
    """The signatures, without those that cannot be told in numpy's terms.

    TensorFlow Serving also lists a SavedModel's own ``__saved_model_init_op``, of no dtype.

    Raises:
        EngineFailed: a reply without signatures.
    """
    found = SignatureDefMap()
    # The field's bytes and not ``Unpack``, which holds the type's name against the URL's and
    # quietly answers False; what counts is whether the bytes can be read.
    try:
        found.ParseFromString(message.metadata[_FIELD].value)
    except DecodeError as error:
        raise EngineFailed(f"{target.model}: expected signatures, received {error}") from error
    signatures = {}
    for name, definition in sorted(found.signature_def.items()):
        signature = _read_signature(name, definition)
        if signature is not None:
            signatures[name] = signature
    return Metadata(
        message.model_spec.name or target.model, message.model_spec.version.value, signatures
    )


def status_request(target: Target) -> GetModelStatusRequest:
    """Where the versions of a model stand."""
    message = GetModelStatusRequest()
    _write_spec(target, message.model_spec)
    return message


def read_statuses(message: GetModelStatusResponse, target: Target) -> list[VersionStatus]:
    """The statuses, newest version first."""
    statuses = [
        VersionStatus(target.model, status.version, _state(status.state), _error(status.status))
        for status in message.model_version_status
    ]
    return sorted(statuses, key=lambda status: status.version, reverse=True)


def config_request(target: Target) -> ModelConfigRequest:
    """How a version is run."""
    version = "" if target.version is None else str(target.version)
    return ModelConfigRequest(name=target.model, version=version)


def index_request() -> RepositoryIndexRequest:
    """All models."""
    return RepositoryIndexRequest()


def read_index(message: RepositoryIndexResponse) -> list[str]:
    """Their names."""
    return sorted({entry.name for entry in message.models})


_TOLD: Final = (ENGINE_REASON, ROWS_REASON, ANNOTATIONS, VERSION_LABELS)


def read_serving(message: ModelConfigResponse) -> Serving:
    """The engine, and the reason where one is given."""
    parameters = message.config.parameters
    # Looked up before they are read: reading would add an entry to the map.
    told = {name: parameters[name].string_value for name in _TOLD if name in parameters}
    return Serving(
        message.config.backend,
        told.get(ENGINE_REASON, ""),
        told.get(ROWS_REASON, ""),
        meanings=_object(told.get(ANNOTATIONS, "{}")),
        labels=_labels(_object(told.get(VERSION_LABELS, "{}"))),
    )


def _object(text: str) -> Mapping[str, Any]:
    """What Horngate wrote; nothing, whatever else another server may mean by the parameter."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def annotated(metadata: Metadata, serving: Serving) -> Metadata:
    """``metadata`` whose signatures say what their tensors mean, as far as ``serving`` tells it."""
    signatures = dict(metadata.signatures)
    for name, document in serving.meanings.items():
        if name in signatures:
            # What does not fit the signature is another version's, or another server's.
            with contextlib.suppress(ValueError):
                signatures[name] = store.annotated(signatures[name], document)
    return replace(metadata, signatures=signatures)


def _labels(found: Mapping[str, Any]) -> dict[str, int]:
    return {label: number for label, number in found.items() if isinstance(number, int)}


def health_request(model: str) -> HealthCheckRequest:
    """Whether a model, or with "" the server, is ready."""
    return HealthCheckRequest(service=model)


def read_health(message: HealthCheckResponse) -> bool:
    """Whether it is."""
    return message.status == HealthCheckResponse.SERVING


def _write_spec(target: Target, spec: ModelSpec) -> None:
    spec.name = target.model
    if isinstance(target.version, int):
        spec.version.value = target.version
    elif target.version is not None:
        spec.version_label = target.version


def _read_signature(name: str, message: SignatureDef) -> Signature | None:
    inputs = _read_specs(message.inputs)
    outputs = _read_specs(message.outputs)
    if inputs is None or outputs is None:
        return None
    return Signature(name, inputs, outputs, message.method_name)


def _read_specs(infos: Mapping[str, TensorInfo]) -> dict[str, TensorSpec] | None:
    specs = {}
    for name, info in sorted(infos.items()):
        dtype = _DTYPES.get(info.dtype)
        if dtype is None or info.tensor_shape.unknown_rank:
            return None
        shape = tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim)
        specs[name] = TensorSpec(name, dtype, shape)
    return specs


def _state(number: int) -> State:
    try:
        return State(number)
    except ValueError:
        # One that a newer server has.
        return State.UNKNOWN


def _error(status: Any) -> str:
    if not status.error_code:
        return ""
    return str(status.error_message) or f"error code {status.error_code}"


class Prediction(dict[str, Array]):
    """The outputs by name, and which version and signature gave them.

    A plain ``dict`` of arrays to whoever wants no more. Numeric arrays share memory with the
    reply and are read-only; ``array.copy()`` is writable. Strings are object arrays of ``bytes``.
    """

    def __init__(self, outputs: Arrays, *, model: str, version: int, signature: str) -> None:
        super().__init__(outputs)
        self.model = model
        self.version = version
        self.signature = signature


@dataclass(frozen=True, slots=True)
class Serving:
    """How a live version is run.

    ``engine`` is its engine's name; ``reason`` says why no engine of earlier choice runs it, ""
    where none would. ``rows_reason`` says why requests that could share a run by their shapes do
    not, "" where they do. ``meanings`` say by signature what its tensors are: names of classes,
    pictures, activations. ``labels`` are those of the model that are in effect, each with the
    version that it means. A server that does not tell leaves all empty.
    """

    engine: str
    reason: str
    rows_reason: str = ""
    meanings: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metadata:
    """How a live version can be called: its signatures by name."""

    model: str
    version: int
    signatures: Mapping[str, Signature]
