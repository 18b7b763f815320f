"""ModelService.GetModelStatus: where the versions of a model stand."""

from __future__ import annotations

from typing import Final

from horngate.inference import Call, Inference
from horngate.lifecycle.status import State
from horngate.protocols.pb.tensorflow.core.protobuf import error_codes_pb2
from horngate.protocols.pb.tensorflow_serving.apis.get_model_status_pb2 import (
    GetModelStatusRequest,
    GetModelStatusResponse,
    ModelVersionStatus,
)
from horngate.protocols.tfserving.spec import read_target

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
