"""PredictionService.MultiInference: several signatures of one model on the same examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from google.protobuf.message import Message

from horngate.answer import Answer, Together
from horngate.call import Call
from horngate.errors import InvalidRequest, Unsupported
from horngate.inference import Inference
from horngate.protocols.pb.tensorflow.core.example.example_pb2 import Example
from horngate.protocols.pb.tensorflow_serving.apis.inference_pb2 import (
    InferenceResult,
    InferenceTask,
    MultiInferenceRequest,
    MultiInferenceResponse,
)
from horngate.protocols.tfserving import classify, regress
from horngate.protocols.tfserving.ask import ask
from horngate.protocols.tfserving.examples import read_examples, to_inputs
from horngate.protocols.tfserving.spec import Target, read_target, write_spec
from horngate.tensors import Arrays, Response, Signature

_CHECKS: Final[dict[str, Callable[[Signature], object]]] = {
    classify.METHOD: classify.find_outputs,
    regress.METHOD: regress.find_output,
}


def multi_inference(
    inference: Inference, request: MultiInferenceRequest, call: Call
) -> Answer[Message]:
    """Ask each task's signature, all of the same version.

    Raises:
        InvalidRequest: no tasks, no examples, tasks of several models, a signature twice.
        Unsupported: a task that neither classifies nor regresses.
        RequestError: what is known at once.
    """
    targets = _targets(request.tasks)
    examples = read_examples(request.input, call.hold)
    first = targets[0]
    version = inference.describe(first.model, first.version, call).version
    answers: list[Answer[Response]] = []
    try:
        for task, target in zip(request.tasks, targets, strict=True):
            read = partial(_read, _CHECKS[task.method_name], examples)
            answers.append(ask(inference, target._replace(version=version), read, call))
    except BaseException:
        for answer in answers:
            answer.cancel()
        raise
    methods = [task.method_name for task in request.tasks]
    return Together(answers).then(partial(_encode, methods, call))


def _read(
    check: Callable[[Signature], object], examples: Sequence[Example], signature: Signature
) -> Arrays:
    check(signature)
    return to_inputs(examples, signature)


def _targets(tasks: Sequence[InferenceTask]) -> list[Target]:
    if not tasks:
        raise InvalidRequest("expected at least one task, received none")
    targets = [read_target(task) for task in tasks]
    if len({(target.model, target.version) for target in targets}) > 1:
        raise InvalidRequest(
            "All ModelSpecs in a MultiInferenceRequest must access the same model name and "
            "version; ask in several requests"
        )
    seen: set[str] = set()
    for target in targets:
        if target.signature in seen:
            raise InvalidRequest(
                f"Duplicate evaluation of signature: {target.signature}; ask it once"
            )
        seen.add(target.signature)
    for task in tasks:
        if task.method_name not in _CHECKS:
            raise Unsupported(
                f"Unsupported signature method_name: {task.method_name}; expected one of "
                f"{', '.join(_CHECKS)}"
            )
    return targets


def _encode(
    methods: Sequence[str], call: Call, responses: list[Response]
) -> MultiInferenceResponse:
    message = MultiInferenceResponse()
    for method, response in zip(methods, responses, strict=True):
        result: InferenceResult = message.results.add()
        write_spec(response, result.model_spec)
        if method == classify.METHOD:
            classify.write_result(response, result.classification_result, call)
        else:
            regress.write_result(response, result.regression_result)
    return message
