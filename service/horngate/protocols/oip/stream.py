"""GRPCInferenceService.ModelStreamInfer: many requests in flight, answers matched by their ids."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import Message

from horngate.answer import Answer
from horngate.inference import Call, Inference
from horngate.protocols.method import Status
from horngate.protocols.oip.infer import infer
from horngate.protocols.oip.regions import Regions
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    ModelInferRequest,
    ModelInferResponse,
    ModelStreamInferResponse,
)

FINAL: Final = "triton_final_response"
"""Tells a client that no more answers to the same request follow: there is always one."""


def stream_infer(
    inference: Inference, regions: Regions | None, request: ModelInferRequest, call: Call
) -> Answer[Message]:
    """As ModelInfer.

    Raises:
        RequestError: what is known at once.
    """
    return infer(inference, regions, request, call).then(_wrapped)


def stream_failed(request: ModelInferRequest, status: Status) -> ModelStreamInferResponse:
    """An error in the stream, with the id of its request."""
    message = ModelStreamInferResponse(error_message=status.message)
    response = message.infer_response
    response.id = request.id
    response.model_name = request.model_name
    response.parameters[FINAL].bool_param = True
    return message


def _wrapped(response: ModelInferResponse) -> ModelStreamInferResponse:
    message = ModelStreamInferResponse()
    message.infer_response.CopyFrom(response)
    message.infer_response.parameters[FINAL].bool_param = True
    return message
