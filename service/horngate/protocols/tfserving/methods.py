"""The table of what is served of TensorFlow Serving's API, and how errors are answered."""

from __future__ import annotations

from functools import partial
from typing import Final

from horngate.access.roots import Roots
from horngate.errors import (
    HorngateError,
    InvalidOutputName,
    LabelNotFound,
    ModelNotFound,
    SignatureNotFound,
    VersionNotFound,
)
from horngate.inference import Inference
from horngate.protocols.method import Method, Status
from horngate.protocols.prepared import Prepared
from horngate.protocols.service import Service
from horngate.protocols.tfserving.classify import classify
from horngate.protocols.tfserving.metadata import get_model_metadata, get_model_status
from horngate.protocols.tfserving.model_list import reload_config
from horngate.protocols.tfserving.multi_inference import multi_inference
from horngate.protocols.tfserving.predict import PredictCodec, predict
from horngate.protocols.tfserving.regress import regress


def status(error: HorngateError) -> Status:
    """How Predict and GetModelMetadata answer ``error``."""
    return Status(error.code, _opening(error) + str(error))


def status_of_statuses(error: HorngateError) -> Status:
    """How GetModelStatus answers ``error``: its words for what is unknown are others."""
    if isinstance(error, ModelNotFound) and error.version is None:
        return Status(error.code, f"Could not find any versions of model {error.model}; {error}")
    if isinstance(error, ModelNotFound | VersionNotFound):
        opening = f"Could not find version {error.version} of model {error.model}"
        return Status(error.code, f"{opening}; {error}")
    return status(error)


def _opening(error: HorngateError) -> str:
    match error:
        case ModelNotFound(version=None):
            opening = f"Servable not found for request: Latest({error.model}); "
        case ModelNotFound() | VersionNotFound():
            opening = f"Servable not found for request: Specific({error.model}, {error.version}); "
        case LabelNotFound():
            opening = f"Unrecognized servable version label: {error.label}; "
        case SignatureNotFound():
            opening = f'Serving signature key "{error.signature}" not found. '
        case InvalidOutputName(twice=True):
            opening = f"duplicate output tensor alias: {error.name}; "
        case InvalidOutputName():
            opening = f"output tensor alias not found in signature: {error.name}; "
        case _:
            opening = ""
    return opening


PROTOCOL: Final = "tfserving"
PREDICTION_SERVICE: Final = "tensorflow.serving.PredictionService"
MODEL_SERVICE: Final = "tensorflow.serving.ModelService"


def methods(
    inference: Inference, roots: Roots | None = None, *, content: bool = False
) -> list[Method]:
    """The methods, bound to ``inference``; a reload may name folders below ``roots`` alone.

    ``content`` has Predict answer in ``tensor_content``, in place of the fields of its types.
    """
    prediction = Service(PROTOCOL, PREDICTION_SERVICE, status).unary
    model = Service(PROTOCOL, MODEL_SERVICE, status).unary
    reload = partial(reload_config, inference, roots or Roots([]))
    return [
        prediction("Classify", partial(classify, inference), predicts=True),
        prediction("Regress", partial(regress, inference), predicts=True),
        prediction("MultiInference", partial(multi_inference, inference), predicts=True),
        prediction(
            "Predict",
            partial(predict, inference, content=content),
            predicts=True,
            prepared=Prepared(inference, PredictCodec(content=content)),
        ),
        prediction("GetModelMetadata", partial(get_model_metadata, inference)),
        model("GetModelStatus", partial(get_model_status, inference), status=status_of_statuses),
        model("HandleReloadConfigRequest", reload),
    ]
