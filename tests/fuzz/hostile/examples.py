"""tf.Examples of Classify, Regress and MultiInference."""

from __future__ import annotations

from typing import Any, Final

from horngate.protocols.pb.tensorflow.core.example.example_pb2 import Example
from horngate.protocols.pb.tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from horngate.protocols.pb.tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest
from horngate.protocols.pb.tensorflow_serving.apis.regression_pb2 import RegressionRequest
from horngate.tensors import DType
from tests.fuzz.hostile.common import (
    CLASSIFY,
    LONG,
    MULTI,
    REGRESS,
    Named,
    packed,
)


def examples() -> Named:
    """tf.Examples of Classify, Regress and MultiInference."""
    for path, made, model in (
        (CLASSIFY, ClassificationRequest, "constant"),
        (REGRESS, RegressionRequest, "constant"),
        (CLASSIFY, ClassificationRequest, "classic"),
    ):
        method = path.rpartition("/")[2].lower()
        for name, fill in _EXAMPLES.items():
            request = made()
            request.model_spec.name = model
            fill(request.input)
            yield f"{method}-{model}-{name}", packed(path, request)
    for dtype in DType:
        for name, feature in _FEATURES.items():
            request = RegressionRequest()
            request.model_spec.name = f"{dtype.value}_score"
            request.input.example_list.examples.add().features.feature["x"].CopyFrom(feature)
            yield f"regress-{name}-as-{dtype.value}", packed(REGRESS, request)
    multi = MultiInferenceRequest()
    for index in range(2000):
        task = multi.tasks.add(method_name="tensorflow/serving/classify")
        task.model_spec.name = "constant"
        task.model_spec.signature_name = f"s{index}"
    multi.input.example_list.examples.add().features.feature["x"].float_list.value.append(1)
    yield "multi-2000-tasks", packed(MULTI, multi)


def _one(message: Any) -> None:
    message.example_list.examples.add().features.feature["x"].float_list.value.append(1)


def _many(message: Any) -> None:
    for _ in range(3000):
        message.example_list.examples.add()


def _copies(message: Any) -> None:
    context = message.example_list_with_context.context
    context.features.feature["x"].float_list.value.extend([1] * 5000)
    message.example_list_with_context.examples.extend([Example()] * 4000)


def _features(message: Any) -> None:
    example = message.example_list.examples.add()
    for index in range(3000):
        example.features.feature[f"f{index}"].SetInParent()
    example.features.feature[LONG].SetInParent()


def _ragged(message: Any) -> None:
    for count in range(50):
        example = message.example_list.examples.add()
        example.features.feature["x"].float_list.value.extend([1] * count)


def _not_numbers(message: Any) -> None:
    for value in (float("nan"), float("inf"), -1e38):
        example = message.example_list.examples.add()
        example.features.feature["x"].float_list.value.append(value)


_EXAMPLES: Final = {
    "good": _one,
    "no-kind": lambda message: None,
    "no-examples": lambda message: message.example_list.SetInParent(),
    "empty-examples": _many,
    "copied-context": _copies,
    "thousands-of-features": _features,
    "ragged": _ragged,
    "not-numbers": _not_numbers,
}


def _feature(kind: str, values: list[Any]) -> Any:
    feature = Example().features.feature["x"]
    getattr(feature, kind).value.extend(values)
    return feature


_FEATURES: Final = {
    "least-and-most": _feature("int64_list", [-(2**63), 2**63 - 1]),
    "floats": _feature("float_list", [3e38, float("nan")]),
    "odd-bytes": _feature("bytes_list", [b"\xff\0", b""]),
}
