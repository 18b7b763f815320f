"""ModelService.HandleReloadConfigRequest: another list of models."""

from __future__ import annotations

from google.protobuf.message import Message

from horngate.access.roots import Roots
from horngate.answer import Answer
from horngate.errors import InvalidRequest
from horngate.inference import Call, Inference
from horngate.protocols.pb.tensorflow.core.protobuf import error_codes_pb2
from horngate.protocols.pb.tensorflow_serving.apis.model_management_pb2 import (
    ReloadConfigRequest,
    ReloadConfigResponse,
)
from horngate.protocols.tfserving.model_list import read_model_list


def reload_config(
    inference: Inference, roots: Roots, request: ReloadConfigRequest, call: Call
) -> Answer[Message]:
    """Serve the models of the request and unload all others; answered when that is done.

    Raises:
        InvalidRequest: no config.
        ConfigError: a config that cannot be used, or a folder outside of ``roots``; nothing was
            changed.
        NotAllowed: the server was not started with a list of models.
        PermissionDenied: the caller may not change the server.

    The answer raises:
        LoadError: a model of which no version loads, or a label whose version is not live.
    """
    inference.check_control(call)
    if not request.HasField("config"):
        raise InvalidRequest("Invalid (missing) config in ReloadConfigRequest; send all models")
    return inference.control.replace(read_model_list(request.config, roots)).then(_done)


def _done(_: None) -> ReloadConfigResponse:
    message = ReloadConfigResponse()
    message.status.error_code = error_codes_pb2.OK
    return message
