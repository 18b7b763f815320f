"""The table of what is served of TensorFlow Serving's API."""

from __future__ import annotations

from functools import partial
from typing import Final

from horngate.access.roots import Roots
from horngate.inference import Inference
from horngate.protocols.method import Method, UnaryMethod
from horngate.protocols.pb.tensorflow_serving.apis.classification_pb2 import (
    ClassificationRequest,
    ClassificationResponse,
)
from horngate.protocols.pb.tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
)
from horngate.protocols.pb.tensorflow_serving.apis.get_model_status_pb2 import (
    GetModelStatusRequest,
    GetModelStatusResponse,
)
from horngate.protocols.pb.tensorflow_serving.apis.inference_pb2 import (
    MultiInferenceRequest,
    MultiInferenceResponse,
)
from horngate.protocols.pb.tensorflow_serving.apis.model_management_pb2 import (
    ReloadConfigRequest,
    ReloadConfigResponse,
)
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import (
    PredictRequest,
    PredictResponse,
)
from horngate.protocols.pb.tensorflow_serving.apis.regression_pb2 import (
    RegressionRequest,
    RegressionResponse,
)
from horngate.protocols.prepared import Prepared
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
    return [
        *(
            UnaryMethod(
                protocol=PROTOCOL,
                service=PREDICTION_SERVICE,
                name=name,
                request=request,
                response=response,
                status=status,
                handler=partial(handler, inference),
                predicts=True,
            )
            for name, request, response, handler in (
                ("Classify", ClassificationRequest, ClassificationResponse, classify),
                ("Regress", RegressionRequest, RegressionResponse, regress),
                ("MultiInference", MultiInferenceRequest, MultiInferenceResponse, multi_inference),
            )
        ),
        UnaryMethod(
            protocol=PROTOCOL,
            service=PREDICTION_SERVICE,
            name="Predict",
            request=PredictRequest,
            response=PredictResponse,
            status=status,
            handler=partial(predict, inference),
            predicts=True,
            prepared=Prepared(inference, PredictCodec()),
        ),
        UnaryMethod(
            protocol=PROTOCOL,
            service=PREDICTION_SERVICE,
            name="GetModelMetadata",
            request=GetModelMetadataRequest,
            response=GetModelMetadataResponse,
            status=status,
            handler=partial(get_model_metadata, inference),
        ),
        UnaryMethod(
            protocol=PROTOCOL,
            service=MODEL_SERVICE,
            name="GetModelStatus",
            request=GetModelStatusRequest,
            response=GetModelStatusResponse,
            status=status_of_statuses,
            handler=partial(get_model_status, inference),
        ),
        UnaryMethod(
            protocol=PROTOCOL,
            service=MODEL_SERVICE,
            name="HandleReloadConfigRequest",
            request=ReloadConfigRequest,
            response=ReloadConfigResponse,
            status=status,
            handler=partial(reload_config, inference, roots or Roots([])),
        ),
    ]
