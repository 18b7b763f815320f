"""Which model, version and signature a request is for: ``ModelSpec`` read and written."""

from __future__ import annotations

from typing import NamedTuple

from horngate.errors import InvalidRequest
from horngate.protocols.pb.tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
)
from horngate.protocols.pb.tensorflow_serving.apis.get_model_status_pb2 import (
    GetModelStatusRequest,
)
from horngate.protocols.pb.tensorflow_serving.apis.model_pb2 import ModelSpec
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import PredictRequest
from horngate.protocols.version import parse_version
from horngate.tensors import DEFAULT_SIGNATURE


class Target(NamedTuple):
    """What a request is for; ``version`` None means the newest live one."""

    model: str
    version: int | None
    signature: str


def read_target(
    request: PredictRequest | GetModelMetadataRequest | GetModelStatusRequest,
) -> Target:
    """Read the request's ``model_spec``.

    A label that nobody defined and that is a number means that version: perf_analyzer sends
    its ``-x 1`` so.

    Raises:
        InvalidRequest: no spec, no name, or a label that means no version.
    """
    if not request.HasField("model_spec"):
        raise InvalidRequest("Missing ModelSpec; expected a model_spec with the model's name")
    spec = request.model_spec
    if not spec.name:
        raise InvalidRequest("ModelSpec has no name specified. Set it to the model's name")
    return Target(spec.name, _version(spec), spec.signature_name or DEFAULT_SIGNATURE)


def _version(spec: ModelSpec) -> int | None:
    choice = spec.WhichOneof("version_choice")
    if choice is None:
        return None
    if choice == "version":
        return spec.version.value
    version = parse_version(spec.version_label)
    if version is None:
        raise InvalidRequest(
            f"Unrecognized servable version label: {spec.version_label}; expected the number of "
            "a version; set version instead, or leave both out for the newest"
        )
    return version
