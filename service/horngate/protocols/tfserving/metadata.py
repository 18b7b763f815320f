"""What can be asked of a model: GetModelMetadata, its signatures; GetModelStatus, its versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from horngate.call import Call
from horngate.errors import InvalidRequest
from horngate.inference import Inference
from horngate.lifecycle.status import State
from horngate.protocols.pb.tensorflow.core.protobuf import error_codes_pb2
from horngate.protocols.pb.tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo
from horngate.protocols.pb.tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    SignatureDefMap,
)
from horngate.protocols.pb.tensorflow_serving.apis.get_model_status_pb2 import (
    GetModelStatusRequest,
    GetModelStatusResponse,
    ModelVersionStatus,
)
from horngate.protocols.tfserving.spec import read_target
from horngate.protocols.tfserving.tensor import NUMBERS, encode
from horngate.tensors import Signature, TensorSpec

_FIELD: Final = "signature_def"


def get_model_metadata(
    inference: Inference, request: GetModelMetadataRequest, call: Call
) -> GetModelMetadataResponse:
    """All signatures of a version, as ``Any(SignatureDefMap)`` under ``signature_def``.

    Raises:
        InvalidRequest: the spec, or a metadata field that is missing or not supported.
        ModelNotFound, VersionNotFound, ModelNotReady: no such live version.
    """
    _check_fields(request.metadata_field)
    target = read_target(request)
    description = inference.describe(target.model, target.version, call)
    message = GetModelMetadataResponse()
    message.model_spec.name = description.model
    message.model_spec.version.value = description.version
    message.metadata[_FIELD].Pack(signature_def_map(description.signatures))
    return message


def signature_def_map(signatures: Mapping[str, Signature]) -> SignatureDefMap:
    """The signatures as TensorFlow describes them; -1 is a dimension of any size."""
    message = SignatureDefMap()
    for name, signature in signatures.items():
        _write_signature(signature, message.signature_def[name])
    return message


def _write_signature(signature: Signature, message: SignatureDef) -> None:
    message.method_name = signature.method
    for name, spec in signature.inputs.items():
        _write_tensor(spec, message.inputs[name])
    for name, spec in signature.outputs.items():
        _write_tensor(spec, message.outputs[name])
    for name, array in signature.defaults.items():
        encode(array, message.defaults[name], name=name)


def _write_tensor(spec: TensorSpec, message: TensorInfo) -> None:
    # A name in the form of a graph's where a servable does not know it, for who parses it.
    message.name = spec.tensor or f"{spec.name}:0"
    message.dtype = NUMBERS[spec.dtype]
    message.tensor_shape.SetInParent()
    message.tensor_shape.unknown_rank = spec.unknown_rank
    for size in spec.shape:
        message.tensor_shape.dim.add(size=-1 if size is None else size)


def _check_fields(fields: Iterable[str]) -> None:
    asked = list(fields)
    if not asked:
        raise InvalidRequest(
            f"GetModelMetadataRequest must specify at least one metadata_field; ask for {_FIELD}"
        )
    for field in asked:
        if field != _FIELD:
            raise InvalidRequest(f"Metadata field {field} is not supported; ask for {_FIELD}")


_STATES: Final = {
    State.UNKNOWN: ModelVersionStatus.UNKNOWN,
    State.START: ModelVersionStatus.START,
    State.LOADING: ModelVersionStatus.LOADING,
    State.AVAILABLE: ModelVersionStatus.AVAILABLE,
    State.UNLOADING: ModelVersionStatus.UNLOADING,
    State.END: ModelVersionStatus.END,
}


def get_model_status(
    inference: Inference, request: GetModelStatusRequest, call: Call
) -> GetModelStatusResponse:
    """All versions that are known of, or the one asked for; a failed one says why.

    Administrators are told the engine's own words, too.

    Raises:
        InvalidRequest: the spec.
        ModelNotFound, VersionNotFound: nothing is known of it.
        PermissionDenied: it is a model that the caller may not ask.
    """
    target = read_target(request)
    call.check_model(target.model)
    message = GetModelStatusResponse()
    for status in inference.statuses(target.model, target.version):
        version = message.model_version_status.add()
        version.version = status.version
        version.state = _STATES[status.state]
        version.status.error_code = error_codes_pb2.OK
        if status.error:
            version.status.error_code = error_codes_pb2.FAILED_PRECONDITION
            version.status.error_message = status.reason(operator=call.operator)
    return message
