"""PredictionService.Classify: classes and scores for examples."""

from __future__ import annotations

from functools import partial
from typing import Final, NamedTuple

from horngate.answer import Answer
from horngate.call import Call
from horngate.errors import InvalidRequest
from horngate.inference import Inference
from horngate.protocols.pb.tensorflow_serving.apis.classification_pb2 import (
    ClassificationRequest,
    ClassificationResponse,
    ClassificationResult,
)
from horngate.protocols.tfserving.ask import ask
from horngate.protocols.tfserving.examples import PREDICT, read_examples, to_inputs
from horngate.protocols.tfserving.spec import read_target, write_spec
from horngate.tensors import FLOATS, Arrays, DType, Response, Signature, format_shape

METHOD: Final = "tensorflow/serving/classify"
CLASSES: Final = "classes"
SCORES: Final = "scores"
_CLASS_BYTES: Final = 64
"""What a class takes in a message, without its label's characters."""


class Outputs(NamedTuple):
    """Which outputs have the labels and the scores, [n, k] each; None where there are none."""

    classes: str | None
    scores: str | None


def classify(
    inference: Inference, request: ClassificationRequest, call: Call
) -> Answer[ClassificationResponse]:
    """Read the examples, queue them, and encode on the thread that asks for the answer.

    Raises:
        InvalidRequest: no examples, or a signature that does not classify.
        RequestError: what is known at once.
    """
    target = read_target(request)
    examples = read_examples(request.input, call.hold)

    def read(signature: Signature) -> Arrays:
        find_outputs(signature)
        return to_inputs(examples, signature)

    return ask(inference, target, read, call).then(partial(_encode, call))


def find_outputs(signature: Signature) -> Outputs:
    """Which outputs of ``signature`` are classes and scores.

    Raises:
        InvalidRequest: it does not classify, or what it gives could be read in several ways.
    """
    outputs = signature.outputs
    if signature.method == METHOD:
        if outputs and outputs.keys() <= {CLASSES, SCORES}:
            return Outputs(*[name if name in outputs else None for name in (CLASSES, SCORES)])
        raise InvalidRequest(
            f"Expected classification signature outputs to contain at least one of {CLASSES!r}, "
            f"{SCORES!r}, and nothing else; signature {signature.name!r} gives "
            f"{', '.join(map(repr, outputs))}"
        )
    if signature.method != PREDICT:
        raise InvalidRequest(
            f"Expected classification signature method_name to be {METHOD}. "
            f"Was: {signature.method}; ask signature {signature.name!r} by its own method"
        )
    tables = {name: spec for name, spec in outputs.items() if len(spec.shape) == 2}
    scores = [name for name, spec in tables.items() if spec.dtype in FLOATS]
    classes = [name for name, spec in tables.items() if spec.dtype is DType.STRING]
    if len(scores) == 1 and len(classes) <= 1 and len(scores) + len(classes) == len(outputs):
        return Outputs(classes[0] if classes else None, scores[0])
    described = ", ".join(f"{name!r} {spec}" for name, spec in outputs.items())
    raise InvalidRequest(
        f"expected a signature with one output of scores, float[?, k], and at most one of labels, "
        f"string[?, k]; {signature.name!r} gives {described}; use Predict"
    )


def write_result(response: Response, message: ClassificationResult, call: Call) -> None:
    """Write what ran into ``message``, one list of classes for each row.

    Raises:
        Overloaded: there is no room for as many classes now.
        InvalidRequest: the model gave other shapes than one row of k for each example.
    """
    outputs = find_outputs(response.signature)
    arrays = [response.outputs[name] for name in outputs if name is not None]
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1 or len(arrays[0].shape) != 2:
        raise InvalidRequest(
            "Expected Tensor shape: [batch_size num_classes], received "
            f"{', '.join(sorted(map(format_shape, shapes)))}; use Predict"
        )
    rows, count = arrays[0].shape
    call.hold(rows * count * _CLASS_BYTES)
    scores = None if outputs.scores is None else response.outputs[outputs.scores]
    labels = None if outputs.classes is None else response.outputs[outputs.classes]
    # What a model says itself goes before what is recorded of it.
    names = response.signature.labels.get(outputs.scores or "", ())
    for row in range(rows):
        classes = message.classifications.add().classes
        for column in range(count):
            made = classes.add()
            if labels is not None:
                made.label = _text(labels[row, column])
            elif column < len(names):
                made.label = names[column]
            if scores is not None:
                made.score = float(scores[row, column])


def _encode(call: Call, response: Response) -> ClassificationResponse:
    message = ClassificationResponse()
    write_spec(response, message.model_spec)
    write_result(response, message.result, call)
    return message


def _text(label: bytes | str) -> str:
    # A label that is no text cannot be told in a field of text.
    return label if isinstance(label, str) else label.decode("utf-8", "backslashreplace")
