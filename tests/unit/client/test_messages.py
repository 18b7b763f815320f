import numpy as np
import pytest

from horngate.client import messages
from horngate.errors import EngineFailed, InvalidInput, InvalidRequest
from horngate.lifecycle.status import State
from horngate.protocols.pb.tensorflow.core.framework import types_pb2
from horngate.protocols.pb.tensorflow.core.protobuf import error_codes_pb2
from horngate.protocols.pb.tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataResponse,
    SignatureDefMap,
)
from horngate.protocols.pb.tensorflow_serving.apis.get_model_status_pb2 import (
    GetModelStatusResponse,
)
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import PredictResponse
from horngate.protocols.tfserving.metadata import signature_def_map
from horngate.protocols.tfserving.predict import decode_request
from horngate.protocols.tfserving.spec import Target
from horngate.tensors import DType, Signature, TensorSpec

TARGET = Target("m", 3, "s")
SIGNATURE = Signature(
    "s",
    {"x": TensorSpec("x", DType.FLOAT32, (None, 2))},
    {"y": TensorSpec("y", DType.STRING, (None,))},
)


def metadata(signatures: SignatureDefMap) -> GetModelMetadataResponse:
    reply = GetModelMetadataResponse()
    reply.model_spec.version.value = 3
    reply.metadata["signature_def"].Pack(signatures)
    return reply


def test_the_server_reads_what_the_client_writes() -> None:
    request = messages.predict_request(TARGET, {"x": np.ones((1, 2), np.float32)}, ("y",))
    decoded = decode_request(request)
    assert (decoded.model, decoded.version, decoded.signature) == TARGET
    assert decoded.outputs == ("y",)
    np.testing.assert_array_equal(decoded.inputs["x"], np.ones((1, 2), np.float32))


def test_no_version_is_written_where_none_is_wanted() -> None:
    request = messages.predict_request(Target("m", None, "s"), {}, ())
    assert decode_request(request).version is None


def test_an_array_that_no_model_takes_is_not_sent() -> None:
    with pytest.raises(InvalidInput, match="'x': expected one of"):
        messages.predict_request(TARGET, {"x": np.array(["2026-01-01"], "datetime64[D]")}, ())


def test_a_request_over_the_limit_is_not_sent() -> None:
    request = messages.predict_request(TARGET, {"x": np.zeros(100, np.float32)}, ())
    size = len(request.SerializeToString())
    assert len(messages.serialize(request, max_bytes=size)) == size
    with pytest.raises(InvalidRequest, match=f"at most {size - 1} bytes, received {size}; send"):
        messages.serialize(request, max_bytes=size - 1)


def test_signatures_survive_the_wire() -> None:
    found = messages.read_metadata(metadata(signature_def_map({"s": SIGNATURE})), TARGET)
    assert (found.model, found.version) == ("m", 3)
    assert found.signatures == {"s": SIGNATURE}


def test_signatures_that_numpy_cannot_tell_are_left_out() -> None:
    definitions = signature_def_map({"s": SIGNATURE})
    init = definitions.signature_def["__saved_model_init_op"].outputs["op"]
    init.dtype = types_pb2.DT_INVALID
    init.tensor_shape.unknown_rank = True
    found = messages.read_metadata(metadata(definitions), TARGET)
    assert list(found.signatures) == ["s"]


def test_a_reply_that_is_no_signature_is_the_engines_failure() -> None:
    reply = GetModelMetadataResponse()
    reply.metadata["signature_def"].value = b"\xff\xff"
    with pytest.raises(EngineFailed, match="m: expected signatures"):
        messages.read_metadata(reply, TARGET)


def test_a_malformed_output_is_the_engines_failure() -> None:
    reply = PredictResponse()
    reply.outputs["y"].dtype = types_pb2.DT_FLOAT
    reply.outputs["y"].tensor_content = b"abc"
    with pytest.raises(EngineFailed, match="m: expected outputs that can be read"):
        messages.read_prediction(reply, TARGET)


def test_statuses_come_newest_first_with_their_errors() -> None:
    reply = GetModelStatusResponse()
    reply.model_version_status.add(version=1, state=State.AVAILABLE)
    failed = reply.model_version_status.add(version=2, state=State.END)
    failed.status.error_code = error_codes_pb2.FAILED_PRECONDITION
    failed.status.error_message = "no SavedModel"
    nameless = reply.model_version_status.add(version=3, state=State.END)
    nameless.status.error_code = error_codes_pb2.FAILED_PRECONDITION
    statuses = messages.read_statuses(reply, TARGET)
    assert [(s.version, s.state, s.error) for s in statuses] == [
        (3, State.END, "error code 9"),
        (2, State.END, "no SavedModel"),
        (1, State.AVAILABLE, ""),
    ]


def test_a_state_of_a_later_server_is_unknown() -> None:
    reply = GetModelStatusResponse.FromString(b"\x0a\x04\x08\x01\x10\x63")
    assert messages.read_statuses(reply, TARGET)[0].state is State.UNKNOWN
