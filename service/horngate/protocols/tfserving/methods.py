"""The table of what is served of TensorFlow Serving's API."""

from __future__ import annotations

from functools import partial
from typing import Final

from horngate.access.roots import Roots
from horngate.inference import Inference
from horngate.protocols.method import Method
from horngate.protocols.prepared import Prepared
from horngate.protocols.service import Service
from horngate.protocols.tfserving.classify import classify
from horngate.protocols.tfserving.errors import status, status_of_statuses
from horngate.protocols.tfserving.metadata import get_model_metadata
from horngate.protocols.tfserving.multi_inference import multi_inference
from horngate.protocols.tfserving.predict import PredictCodec, predict
from horngate.protocols.tfserving.regress import regress
from horngate.protocols.tfserving.reload import reload_config
from horngate.protocols.tfserving.status import get_model_status

PROTOCOL: Final = "tfserving"
PREDICTION_SERVICE: Final = "tensorflow.serving.PredictionService"
MODEL_SERVICE: Final = "tensorflow.serving.ModelService"


def methods(inference: Inference, roots: Roots | None = None) -> list[Method]:
    """The methods, bound to ``inference``; a reload may name folders below ``roots`` alone."""
    prediction = Service(PROTOCOL, PREDICTION_SERVICE, status).unary
    model = Service(PROTOCOL, MODEL_SERVICE, status).unary
    reload = partial(reload_config, inference, roots or Roots([]))
    return [
        prediction("Classify", partial(classify, inference), predicts=True),
        prediction("Regress", partial(regress, inference), predicts=True),
        prediction("MultiInference", partial(multi_inference, inference), predicts=True),
        prediction(
            "Predict",
            partial(predict, inference),
            predicts=True,
            prepared=Prepared(inference, PredictCodec()),
        ),
        prediction("GetModelMetadata", partial(get_model_metadata, inference)),
        model("GetModelStatus", partial(get_model_status, inference), status=status_of_statuses),
        model("HandleReloadConfigRequest", reload),
    ]
