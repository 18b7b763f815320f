"""The flows, driven by hand: no channel, no socket, a clock that only moves when told to."""

from typing import Any

import grpc
import numpy as np
import pytest

from horngate.client.core import Core, Flow, Send, Wait
from horngate.client.messages import METADATA, PREDICT
from horngate.errors import (
    ConnectionFailed,
    Expired,
    InvalidInput,
    InvalidRequest,
    Overloaded,
)
from horngate.protocols.pb.tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataResponse,
)
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import (
    PredictRequest,
    PredictResponse,
)
from horngate.protocols.tfserving.metadata import signature_def_map
from horngate.protocols.tfserving.tensor import decode
from horngate.tensors import DType, Signature, TensorSpec

SIGNATURE = Signature(
    "serving_default",
    {"x": TensorSpec("x", DType.FLOAT32, (None,))},
    {"y": TensorSpec("y", DType.FLOAT32, (None,))},
)


class Refusal(grpc.RpcError):
    def __init__(self, code: grpc.StatusCode, details: str | None) -> None:
        self._code, self._details = code, details

    def code(self) -> grpc.StatusCode:
        return self._code

    def trailing_metadata(self) -> tuple[Any, ...]:
        return ()

    def details(self) -> str | None:
        return self._details


FULL = Refusal(grpc.StatusCode.UNAVAILABLE, "the queue is full")


class Wire:
    """Answers a flow's steps; every attempt takes ``seconds`` of its clock."""

    def __init__(self, *refusals: Refusal, version: int = 1, seconds: float = 0.0) -> None:
        self.refusals = list(refusals)
        self.version = version
        self.seconds = seconds
        self.now = 50.0
        self.steps: list[Send | Wait] = []

    def core(self, **options: Any) -> Core:
        return Core("host:1", clock=lambda: self.now, chance=lambda: 1.0, **options)

    def run(self, flow: Flow[Any]) -> Any:
        try:
            step = next(flow)
            while True:
                self.steps.append(step)
                if isinstance(step, Wait):
                    self.now += step.seconds
                    step = flow.send(None)
                    continue
                self.now += self.seconds
                if self.refusals:
                    step = flow.throw(self.refusals.pop(0))
                else:
                    step = flow.send(self.reply(step))
        except StopIteration as end:
            return end.value

    def reply(self, step: Send) -> Any:
        if step.method is METADATA:
            described = GetModelMetadataResponse()
            described.model_spec.version.value = self.version
            described.metadata["signature_def"].Pack(
                signature_def_map({"serving_default": SIGNATURE})
            )
            return described
        predicted = PredictResponse()
        predicted.model_spec.version.value = self.version
        return predicted

    @property
    def sent(self) -> list[str]:
        return [step.method.path.rpartition("/")[2] for step in self.sends]

    @property
    def sends(self) -> list[Send]:
        return [step for step in self.steps if isinstance(step, Send)]

    @property
    def waits(self) -> list[float]:
        return [step.seconds for step in self.steps if isinstance(step, Wait)]


def predict(core: Core, inputs: Any, **options: Any) -> Flow[Any]:
    given: dict[str, Any] = {
        "version": None,
        "signature": "serving_default",
        "outputs": None,
        "timeout": None,
    }
    return core.predict("m", inputs, **(given | options))


ARRAY = {"x": np.zeros(1, np.float32)}


def dtype_sent(wire: Wire) -> str:
    [payload] = [step.payload for step in wire.sends[-1:]]
    return decode(PredictRequest.FromString(payload).inputs["x"], "x").dtype.name


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_an_array_is_sent_as_it_is_and_nothing_is_asked(wire: Wire) -> None:
    wire.run(predict(wire.core(), {"x": np.zeros(1)}))
    assert wire.sent == ["Predict"]
    assert dtype_sent(wire) == "float64"


def test_python_numbers_take_the_models_dtype_which_is_asked_once(wire: Wire) -> None:
    core = wire.core()
    for _ in range(3):
        wire.run(predict(core, {"x": [1.0]}))
    assert wire.sent == ["GetModelMetadata", "Predict", "Predict", "Predict"]
    assert dtype_sent(wire) == "float32"


def test_each_version_is_asked_for_itself(wire: Wire) -> None:
    core = wire.core()
    wire.run(predict(core, {"x": [1.0]}, version=1))
    wire.run(predict(core, {"x": [1.0]}))
    assert wire.sent == ["GetModelMetadata", "Predict"] * 2


def test_a_new_version_is_asked_anew(wire: Wire) -> None:
    core = wire.core()
    wire.run(predict(core, {"x": [1.0]}))
    wire.version = 2
    wire.run(predict(core, {"x": [1.0]}))
    wire.run(predict(core, {"x": [1.0]}))
    assert wire.sent == ["GetModelMetadata", "Predict", "Predict", "GetModelMetadata", "Predict"]


def test_a_refused_request_is_asked_anew_the_next_time(wire: Wire) -> None:
    core = wire.core()
    wire.run(predict(core, {"x": [1.0]}))
    wire.refusals = [Refusal(grpc.StatusCode.INVALID_ARGUMENT, "wrong dtype")]
    with pytest.raises(InvalidRequest, match="wrong dtype"):
        wire.run(predict(core, {"x": [1.0]}))
    wire.run(predict(core, {"x": [1.0]}))
    assert wire.sent[-2:] == ["GetModelMetadata", "Predict"]


@pytest.mark.parametrize("inputs", [{"unknown": [1.0]}, {"x": [1.0], "unknown": 3}])
def test_an_unknown_input_goes_to_the_server_which_judges(
    wire: Wire, inputs: dict[str, Any]
) -> None:
    wire.run(predict(wire.core(), inputs))
    assert wire.sent[-1] == "Predict"


@pytest.mark.parametrize("value", [np.zeros(1, np.float32), [1.0], "text", 3])
def test_a_value_alone_is_for_the_one_input(wire: Wire, value: Any) -> None:
    core = wire.core()
    for _ in range(2):
        wire.run(predict(core, value))
    assert wire.sent == ["GetModelMetadata", "Predict", "Predict"]
    assert list(PredictRequest.FromString(wire.sends[-1].payload).inputs) == ["x"]


def test_a_value_alone_says_which_inputs_have_names(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInput, match=r"m at host:1: .*\(no signature 'other'\).* a ndarray"):
        wire.run(predict(wire.core(), np.zeros(1), signature="other"))
    monkeypatch.setitem(SIGNATURE.inputs, "z", TensorSpec("z", DType.FLOAT32, (None,)))
    with pytest.raises(InvalidInput, match=r"expected inputs by name \(x, z\), received a list"):
        wire.run(predict(wire.core(), [1.0]))


def test_a_refusal_tells_which_input_may_be_meant(wire: Wire) -> None:
    core = wire.core()
    wire.run(predict(core, {"x": [1.0]}))
    wire.refusals = [Refusal(grpc.StatusCode.INVALID_ARGUMENT, "unknown input 'xx'")]
    with pytest.raises(InvalidRequest, match="unknown input 'xx'; did you mean 'x'"):
        wire.run(predict(core, {"xx": [1.0]}))


def test_text_asks_nothing(wire: Wire) -> None:
    wire.run(predict(wire.core(), {"x": ["a"]}))
    assert wire.sent == ["Predict"]


def test_a_full_queue_is_tried_again_with_the_same_bytes() -> None:
    wire = Wire(FULL, FULL)
    wire.run(predict(wire.core(), ARRAY))
    assert wire.waits == pytest.approx([0.1, 0.2])
    assert len({step.payload for step in wire.sends}) == 1
    assert len(wire.sends) == 3


def test_when_retries_are_used_up_the_last_error_is_raised_from_grpcs() -> None:
    wire = Wire(FULL, FULL, FULL)
    with pytest.raises(
        Overloaded, match=r"m at host:1: the queue is full \(3 attempts\)"
    ) as caught:
        wire.run(predict(wire.core(), ARRAY))
    assert caught.value.__cause__ is FULL


def test_no_retries_means_one_attempt() -> None:
    wire = Wire(FULL)
    with pytest.raises(Overloaded):
        wire.run(predict(wire.core(retries=0), ARRAY))
    assert len(wire.steps) == 1


@pytest.mark.parametrize("code", ["DEADLINE_EXCEEDED", "INTERNAL", "INVALID_ARGUMENT", "ABORTED"])
def test_what_is_not_safe_is_not_tried_again(code: str) -> None:
    wire = Wire(Refusal(grpc.StatusCode[code], None))
    with pytest.raises(Exception, match="m at host:1"):
        wire.run(predict(wire.core(), ARRAY))
    assert len(wire.steps) == 1


def test_all_attempts_share_one_deadline() -> None:
    wire = Wire(FULL, FULL, seconds=0.25)
    wire.run(predict(wire.core(timeout=1.0), {"x": [1.0]}))
    assert [step.timeout for step in wire.sends] == pytest.approx([1.0, 0.65, 0.2, 0.0], abs=1e-9)


def test_the_deadline_ends_the_retries() -> None:
    wire = Wire(FULL, FULL, seconds=0.95)
    with pytest.raises(Overloaded):
        wire.run(predict(wire.core(), ARRAY, timeout=1.0))
    assert len(wire.steps) == 1


def test_a_call_may_have_its_own_timeout() -> None:
    wire = Wire(Refusal(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded"))
    with pytest.raises(Expired, match=r"within 0\.5 s"):
        wire.run(predict(wire.core(timeout=9.0), ARRAY, timeout=0.5))
    assert wire.sends[0].timeout == 0.5


def test_no_server_is_a_connection_that_failed() -> None:
    refused = Refusal(grpc.StatusCode.UNAVAILABLE, "failed to connect to all addresses")
    wire = Wire(refused, refused, refused)
    with pytest.raises(ConnectionFailed, match="start it, or correct the address"):
        wire.run(predict(wire.core(), ARRAY))


def test_one_output_may_be_named_without_a_list(wire: Wire) -> None:
    wire.run(predict(wire.core(), ARRAY, outputs="probabilities"))
    assert list(PredictRequest.FromString(wire.sends[0].payload).output_filter) == ["probabilities"]
    assert wire.sends[0].method is PREDICT


@pytest.mark.parametrize("options", [{"retries": -1}, {"timeout": 0}, {"max_message_bytes": 0}])
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))}: expected"):
        Core("host:1", **options)
