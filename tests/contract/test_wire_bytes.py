"""Our bytes read by the public classes, their bytes read by ours, and a few written out."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.message import Message
from tensorflow_serving.apis import (
    get_model_metadata_pb2 as their_metadata,
)
from tensorflow_serving.apis import (
    get_model_status_pb2 as their_status,
)
from tensorflow_serving.apis import (
    predict_pb2 as their_predict,
)
from tritonclient import grpc as triton
from tritonclient.grpc import service_pb2 as their_inference

from horngate.protocols.oip.infer import decode_request as decode_infer
from horngate.protocols.oip.infer import encode_response as encode_infer
from horngate.protocols.pb.inference import grpc_service_pb2
from horngate.protocols.pb.tensorflow.core.framework.tensor_pb2 import TensorProto
from horngate.protocols.pb.tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
)
from horngate.protocols.tfserving.metadata import signature_def_map
from horngate.protocols.tfserving.predict import decode_request, encode_response
from horngate.protocols.tfserving.tensor import decode, encode
from horngate.tensors import Array, DType, Response, Signature, TensorSpec

SIGNATURE = Signature(
    "serving_default",
    inputs={"image": TensorSpec("image", DType.FLOAT32, (None, 2))},
    outputs={
        "score": TensorSpec("score", DType.FLOAT32, (None, 1)),
        "label": TensorSpec("label", DType.STRING, (None,)),
    },
)
RESPONSE = Response(
    "digits",
    3,
    SIGNATURE,
    {"score": np.array([[0.5]], np.float32), "label": np.array([b"a\0"], object)},
)


def ours(kind: type[Message], theirs: Message) -> Message:
    return kind.FromString(theirs.SerializeToString())


def example(dtype: DType) -> Array:
    if dtype is DType.STRING:
        return np.array([[b"a\0", b""], [b"c", b"\xff"]], object)
    return np.array([[0, 1], [2, 3]]).astype(dtype.numpy)


@pytest.mark.parametrize("dtype", DType)
def test_tensorflow_reads_our_tensors_and_we_its(dtype: DType) -> None:
    array = example(dtype)
    their_proto = their_predict.PredictRequest().inputs["x"]
    for content in (True, False):
        their_proto.ParseFromString(encode(array, content=content).SerializeToString())
        assert bool(their_proto.tensor_content) == (content and dtype is not DType.STRING)
        read = tf.make_ndarray(their_proto)
        assert read.dtype == array.dtype
        assert read.tolist() == array.tolist()
    # make_tensor_proto puts one element into the typed field and several into tensor_content.
    for sent in (array, array[:1, :1]):
        made = TensorProto.FromString(tf.make_tensor_proto(sent).SerializeToString())
        assert decode(made, "x").tolist() == sent.tolist()
        assert decode(made, "x").dtype == sent.dtype


@pytest.mark.parametrize("dtype", DType)
def test_we_read_what_tensorflow_compresses(dtype: DType) -> None:
    one = tf.make_tensor_proto(example(dtype)[:1, :1])
    del one.tensor_shape.dim[:]
    one.tensor_shape.dim.add(size=3)
    read = decode(TensorProto.FromString(one.SerializeToString()), "x")
    assert read.tolist() == tf.make_ndarray(one).tolist()


def test_a_predict_request_of_theirs() -> None:
    request = their_predict.PredictRequest()
    request.model_spec.name = "digits"
    request.model_spec.version.value = 3
    request.inputs["image"].CopyFrom(tf.make_tensor_proto([[1.0, 2.0]], dtype=tf.float32))
    request.output_filter.append("score")
    request.client_id = b"a field that we do not declare"
    received = predict_pb2.PredictRequest.FromString(request.SerializeToString())
    decoded = decode_request(received)
    assert (decoded.model, decoded.version, decoded.outputs) == ("digits", 3, ("score",))
    assert decoded.inputs["image"].tolist() == [[1.0, 2.0]]


def test_a_predict_response_of_ours() -> None:
    reply = their_predict.PredictResponse.FromString(encode_response(RESPONSE).SerializeToString())
    assert reply.model_spec.name == "digits"
    assert reply.model_spec.version.value == 3
    assert reply.model_spec.signature_name == "serving_default"
    assert list(reply.outputs["score"].float_val) == [0.5]
    assert not reply.outputs["score"].tensor_content
    assert tf.make_ndarray(reply.outputs["label"]).tolist() == [b"a\0"]


def test_metadata_of_ours_unpacks_with_their_classes() -> None:
    message = get_model_metadata_pb2.GetModelMetadataResponse()
    message.metadata["signature_def"].Pack(signature_def_map({"serving_default": SIGNATURE}))
    reply = their_metadata.GetModelMetadataResponse.FromString(message.SerializeToString())
    signatures = their_metadata.SignatureDefMap()
    assert reply.metadata["signature_def"].Unpack(signatures)
    image = signatures.signature_def["serving_default"].inputs["image"]
    assert tf.dtypes.as_dtype(image.dtype) is tf.float32
    assert [dim.size for dim in image.tensor_shape.dim] == [-1, 2]


def test_status_of_ours_is_theirs() -> None:
    message = get_model_status_pb2.GetModelStatusResponse()
    version = message.model_version_status.add(version=3)
    version.state = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    reply = their_status.GetModelStatusResponse.FromString(message.SerializeToString())
    assert reply.model_version_status[0].state == their_status.ModelVersionStatus.AVAILABLE


def _triton_request(*inputs: triton.InferInput) -> grpc_service_pb2.ModelInferRequest:
    request = their_inference.ModelInferRequest(model_name="digits", id="1")
    for each in inputs:
        request.inputs.append(each._get_tensor())
        request.raw_input_contents.append(each._get_content())
    return grpc_service_pb2.ModelInferRequest.FromString(request.SerializeToString())


def test_an_infer_request_of_tritons_client() -> None:
    numbers = triton.InferInput("image", [1, 2], "FP32")
    numbers.set_data_from_numpy(np.array([[1, 2]], np.float32))
    words = triton.InferInput("word", [2], "BYTES")
    words.set_data_from_numpy(np.array([b"a\0", b""], object))
    halves = triton.InferInput("half", [2], "BF16")
    halves.set_data_from_numpy(np.array([1.0, -2.0], ml_dtypes.bfloat16))
    decoded, _, _ = decode_infer(_triton_request(numbers, words, halves))
    assert decoded.inputs["image"].tolist() == [[1.0, 2.0]]
    assert decoded.inputs["word"].tolist() == [b"a\0", b""]
    assert decoded.inputs["half"].tolist() == [1.0, -2.0]


def test_an_infer_response_of_ours_in_tritons_client() -> None:
    reply = their_inference.ModelInferResponse.FromString(
        encode_infer("42", (), RESPONSE).SerializeToString()
    )
    result = triton.InferResult(reply)
    assert result.get_response().id == "42"
    assert result.as_numpy("score").tolist() == [[0.5]]
    assert result.as_numpy("label").tolist() == [b"a\0"]


def test_golden_bytes() -> None:
    tensor = encode(np.array([1.0, -2.0], np.float32))
    assert tensor.SerializeToString().hex() == "080112041202080222080000803f000000c0"
    request = predict_pb2.PredictRequest(output_filter=["y"])
    request.model_spec.name = "m"
    request.model_spec.version.value = 7
    assert request.SerializeToString().hex() == "0a070a016d120208071a0179"
    infer = grpc_service_pb2.ModelInferRequest(model_name="m", raw_input_contents=[b"\x01"])
    infer.inputs.add(name="x", datatype="BOOL", shape=[1])
    assert infer.SerializeToString().hex() == ("0a016d2a0c0a01781204424f4f4c1a01013a0101")
