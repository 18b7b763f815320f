"""TensorFlow Serving's REST API: the routes below ``/v1/models``."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import numpy as np
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from horngate.answer import Answer
from horngate.call import Call
from horngate.errors import InvalidRequest
from horngate.inference import Inference
from horngate.protocols.http import (
    HttpMethod,
    HttpReply,
    HttpRequest,
    read_json,
)
from horngate.protocols.json import parsed_bytes, shown, to_json
from horngate.protocols.pb.tensorflow_serving.apis.classification_pb2 import (
    ClassificationRequest,
    ClassificationResponse,
)
from horngate.protocols.pb.tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    SignatureDefMap,
)
from horngate.protocols.pb.tensorflow_serving.apis.get_model_status_pb2 import (
    GetModelStatusRequest,
)
from horngate.protocols.pb.tensorflow_serving.apis.model_pb2 import ModelSpec
from horngate.protocols.pb.tensorflow_serving.apis.regression_pb2 import (
    RegressionRequest,
    RegressionResponse,
)
from horngate.protocols.tfserving.classify import classify
from horngate.protocols.tfserving.metadata import get_model_metadata, get_model_status
from horngate.protocols.tfserving.methods import status, status_of_statuses
from horngate.protocols.tfserving.regress import regress
from horngate.protocols.tfserving.rest.examples import write_examples
from horngate.protocols.tfserving.rest.predict import predict
from horngate.versions import VersionRef, parse_version

PROTOCOL: Final = "tfserving-rest"

_MODEL: Final = "/v1/models/{model}"
_PLACES: Final = ("", "/versions/{version}", "/labels/{label}")
_FIELD: Final = "signature_def"


def routes(inference: Inference) -> list[HttpMethod]:
    """Every route, bound to ``inference``; each but ``:predict`` calls the handler of its RPC."""
    made: list[HttpMethod] = []
    for place in _PLACES:
        for name, verb, suffix, handler in (
            ("GetModelStatus", "GET", "", partial(_status, inference)),
            ("GetModelMetadata", "GET", "/metadata", partial(_metadata, inference)),
            ("Predict", "POST", ":predict", partial(predict, inference, read_version)),
            ("Classify", "POST", ":classify", partial(_classify, inference)),
            ("Regress", "POST", ":regress", partial(_regress, inference)),
        ):
            to_status = status_of_statuses if name == "GetModelStatus" else status
            made.append(
                HttpMethod(
                    protocol=PROTOCOL,
                    name=name,
                    verb=verb,
                    route=f"{_MODEL}{place}{suffix}",
                    handler=handler,
                    status=to_status,
                    predicts=verb == "POST",
                )
            )
    return made


def read_version(places: Any) -> VersionRef:
    """The version or label of a route.

    Raises:
        InvalidRequest: a version that is no number.
    """
    if "label" in places:
        return str(places["label"])
    text = places.get("version")
    if text is None:
        return None
    number = parse_version(text)
    if number is None:
        raise InvalidRequest(
            f"expected the number of a version in the path, received {text!r}; a label goes "
            "behind /labels/"
        )
    return number


def _status(inference: Inference, request: HttpRequest, call: Call) -> HttpReply:
    message = GetModelStatusRequest()
    _write_spec(request, message.model_spec)
    return HttpReply(to_json(_proto_json(get_model_status(inference, message, call))))


def _metadata(inference: Inference, request: HttpRequest, call: Call) -> HttpReply:
    message = GetModelMetadataRequest(metadata_field=[_FIELD])
    _write_spec(request, message.model_spec)
    reply = get_model_metadata(inference, message, call)
    signatures = SignatureDefMap.FromString(reply.metadata[_FIELD].value)
    content = {
        "model_spec": _proto_json(reply.model_spec),
        "metadata": {_FIELD: _proto_json(signatures)},
    }
    return HttpReply(to_json(content))


def _classify(inference: Inference, request: HttpRequest, call: Call) -> Answer[HttpReply]:
    message = ClassificationRequest()
    with call.room(parsed_bytes(request.body)):
        _write_request(request, message)
        answer = classify(inference, message, call)
    return answer.then(_classified)


def _regress(inference: Inference, request: HttpRequest, call: Call) -> Answer[HttpReply]:
    message = RegressionRequest()
    with call.room(parsed_bytes(request.body)):
        _write_request(request, message)
        answer = regress(inference, message, call)
    return answer.then(_regressed)


def _classified(message: ClassificationResponse) -> HttpReply:
    results = [
        # A number of numpy's is written by name where it is none (NaN); Python's would be null.
        [[each.label, np.float64(each.score)] for each in classifications.classes]
        for classifications in message.result.classifications
    ]
    return HttpReply(to_json({"results": results}))


def _regressed(message: RegressionResponse) -> HttpReply:
    results = np.array([each.value for each in message.result.regressions], np.float64)
    return HttpReply(to_json({"results": results}))


def _write_request(
    request: HttpRequest, message: ClassificationRequest | RegressionRequest
) -> None:
    content = read_json(request.body)
    _write_spec(request, message.model_spec)
    signature = content.get("signature_name", "")
    if not isinstance(signature, str):
        raise InvalidRequest(f"'signature_name': expected a string, received {shown(signature)!r}")
    message.model_spec.signature_name = signature
    write_examples(content, message.input)


def _write_spec(request: HttpRequest, spec: ModelSpec) -> None:
    spec.name = request.places["model"]
    version = read_version(request.places)
    if isinstance(version, int):
        spec.version.value = version
    elif version is not None:
        spec.version_label = version


def _proto_json(message: Message) -> dict[str, Any]:
    return MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
