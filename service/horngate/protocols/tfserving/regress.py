"""PredictionService.Regress: a number for each example."""

from __future__ import annotations

from typing import Final

from horngate.answer import Answer
from horngate.call import Call
from horngate.errors import InvalidRequest
from horngate.inference import Inference
from horngate.protocols.pb.tensorflow_serving.apis.regression_pb2 import (
    RegressionRequest,
    RegressionResponse,
    RegressionResult,
)
from horngate.protocols.tfserving.ask import ask
from horngate.protocols.tfserving.examples import PREDICT, read_examples, to_inputs
from horngate.protocols.tfserving.spec import read_target, write_spec
from horngate.tensors import FLOATS, Arrays, Response, Signature, TensorSpec, format_shape

METHOD: Final = "tensorflow/serving/regress"
OUTPUTS: Final = "outputs"


def regress(
    inference: Inference, request: RegressionRequest, call: Call
) -> Answer[RegressionResponse]:
    """Read the examples, queue them, and encode on the thread that asks for the answer.

    Raises:
        InvalidRequest: no examples, or a signature that does not regress.
        RequestError: what is known at once.
    """
    target = read_target(request)
    examples = read_examples(request.input, call.hold)

    def read(signature: Signature) -> Arrays:
        find_output(signature)
        return to_inputs(examples, signature)

    return ask(inference, target, read, call).then(_encode)


def find_output(signature: Signature) -> str:
    """The output of ``signature`` that is the number: [n] or [n, 1].

    Raises:
        InvalidRequest: it does not regress, or there is not exactly one such output.
    """
    outputs = signature.outputs
    if signature.method == METHOD:
        if outputs.keys() == {OUTPUTS}:
            return OUTPUTS
        raise InvalidRequest(
            f"Expected one regression signature output, {OUTPUTS!r}; signature "
            f"{signature.name!r} gives {', '.join(map(repr, outputs))}"
        )
    if signature.method != PREDICT:
        raise InvalidRequest(
            f"Expected regression signature method_name to be {METHOD}. "
            f"Was: {signature.method}; ask signature {signature.name!r} by its own method"
        )
    if len(outputs) == 1 and all(map(_is_number, outputs.values())):
        return next(iter(outputs))
    described = ", ".join(f"{name!r} {spec}" for name, spec in outputs.items())
    raise InvalidRequest(
        f"expected a signature with one output, float[?] or float[?, 1]; {signature.name!r} gives "
        f"{described}; use Predict"
    )


def write_result(response: Response, message: RegressionResult) -> None:
    """Write what ran into ``message``, one number for each row.

    Raises:
        InvalidRequest: the model gave another shape than [n] or [n, 1].
    """
    array = response.outputs[find_output(response.signature)]
    if array.ndim not in (1, 2) or array.shape[1:] not in ((), (1,)):
        raise InvalidRequest(
            "Expected Tensor shape: [batch_size 1] or [batch_size], received "
            f"{format_shape(array.shape)}; use Predict"
        )
    for value in array.ravel().tolist():
        message.regressions.add(value=value)


def _is_number(spec: TensorSpec) -> bool:
    return spec.dtype in FLOATS and len(spec.shape) in (1, 2) and spec.shape[1:] in ((), (1,))


def _encode(response: Response) -> RegressionResponse:
    message = RegressionResponse()
    write_spec(response, message.model_spec)
    write_result(response, message.result)
    return message
