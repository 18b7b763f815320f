"""What TensorFlow Serving answers and a signature would not allow: shapes, ranks, defaults."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from horngate.errors import LoadError
from horngate.runtimes.savedmodel import SavedModelRuntime
from tests.serving import RunningServer

v1 = tf.compat.v1
ANSWERS = {"half_plus_two": [2.5, 3.0, 4.5], "unranked": [1.0, 2.0, 5.0]}


def save(folder: Path, build: Any) -> None:
    """A SavedModel as TensorFlow 1 wrote them; ``build`` gives its signatures."""
    with tf.Graph().as_default(), v1.Session() as session:
        signatures = build()
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.builder.SavedModelBuilder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()


def signature(inputs: dict[str, Any], outputs: dict[str, Any], method: str = "predict") -> Any:
    info = v1.saved_model.utils.build_tensor_info
    return v1.saved_model.signature_def_utils.build_signature_def(
        {name: info(tensor) for name, tensor in inputs.items()},
        {name: info(tensor) for name, tensor in outputs.items()},
        f"tensorflow/serving/{method}",
    )


def half_plus_two() -> dict[str, Any]:
    serialized = v1.placeholder(tf.string, name="examples")  # of a rank that nobody tells
    parsed = v1.io.parse_example(serialized, {"x": v1.io.FixedLenFeature([1], tf.float32)})
    x = tf.identity(parsed["x"], name="x2")
    wrong = signature({"inputs": serialized}, {"outputs": x}, "regress")
    wrong.inputs["inputs"].dtype = tf.float32.as_datatype_enum  # it takes examples all the same
    y = tf.add(tf.multiply(x, v1.Variable(0.5)), v1.Variable(2.0), name="y2")
    return {
        "serving_default": signature({"x": x}, {"y": y}),
        "classify": signature({"inputs": serialized}, {"scores": y}, "classify"),
        "echo": wrong,
        "regress": signature({"inputs": serialized}, {"outputs": y}, "regress"),
    }


def unranked() -> dict[str, Any]:
    x = v1.placeholder(tf.float32, name="x")
    made = signature({"x": x}, {"y": tf.identity(x)})
    made.inputs["x"].ClearField("tensor_shape")  # none is no scalar's
    return {"serving_default": made}


def table() -> dict[str, Any]:
    a = v1.placeholder(tf.float32, [None, None], name="a")
    b = v1.placeholder(tf.float32, [None, None], name="b")
    return {"serving_default": signature({"a": a, "b": b}, {"y": tf.matmul(a, b)})}


def ordered() -> dict[str, Any]:
    names = ("zebra", "Ape", "cow", "bee")
    inputs = {name: v1.placeholder(tf.float32, [None, 1], name=f"in_{name}") for name in names}
    outputs = {name: tf.identity(each, name=f"out_{name}") for name, each in inputs.items()}
    return {"serving_default": signature(inputs, dict(reversed(outputs.items())))}


def vector() -> dict[str, Any]:
    x = v1.placeholder(tf.float32, [None], name="x")
    return {"serving_default": signature({"x": x}, {"y": tf.reduce_sum(x)})}


def defaulted() -> dict[str, Any]:
    x = v1.placeholder(tf.float32, [None], name="x")
    factor = v1.placeholder(tf.float32, [], name="factor")
    made = signature({"x": x, "factor": factor}, {"y": x * factor})
    made.defaults["factor"].CopyFrom(tf.make_tensor_proto(3.0))
    return {"serving_default": made}


def described() -> dict[str, Any]:
    tag = v1.placeholder(tf.string, [None], name="tag")
    signal = v1.placeholder(tf.float32, [None, 5], name="signal")
    sensor = v1.placeholder(tf.float32, [None, 2, 2], name="sensor")
    y = tf.reduce_sum(signal, 1) + tf.reduce_sum(sensor, [1, 2])
    inputs = {"tag": tag, "signal": signal, "sensor": sensor}
    words = v1.placeholder(tf.string, [None], name="words")
    pairs = v1.placeholder(tf.float32, [None, 1, 2], name="pairs")
    serialized = v1.placeholder(tf.string, [None], name="examples")
    kinds = {"image": v1.io.FixedLenFeature([], tf.string)}
    kinds |= {"caption": v1.io.FixedLenFeature([], tf.string)}
    parsed = v1.io.parse_example(serialized, kinds)
    sizes = tf.cast(tf.strings.length(parsed["image"]), tf.float32)
    classes = {"scores": sizes[:, None], "classes": parsed["caption"][:, None]}
    return {
        "serving_default": signature(inputs, {"y": y, "tags": tf.strings.upper(tag)}),
        "words": signature({"words": words}, {"y": tf.strings.length(words)}),
        "pairs": signature({"pairs": pairs}, {"y": pairs * 2}),
        "classify_objects": signature({"inputs": serialized}, classes, "classify"),
    }


FIELDS = {
    "bool": "bool_val",
    "int8": "int_val",
    "uint8": "int_val",
    "int16": "int_val",
    "int32": "int_val",
    "int64": "int64_val",
    "uint16": "int_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "float16": "half_val",
    "float32": "float_val",
    "float64": "double_val",
    "complex64": "scomplex_val",
}


def numbers() -> dict[str, Any]:
    """Numbers, of which each output makes those of its dtype."""
    x = v1.placeholder(tf.float64, [None, None], name="x")
    outputs = {dtype: tf.identity(tf.cast(x, dtype)) for dtype in FIELDS}
    return {"serving_default": signature({"x": x}, outputs)}


MODELS = (described, half_plus_two, unranked, table, ordered, vector, defaulted, numbers)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for build in MODELS:
        save(folder / build.__name__ / "1", build)
    return folder


@pytest.fixture(scope="module")
def serving(repository: Path) -> Iterator[RunningServer]:
    running = RunningServer(repository)
    yield running
    assert running.stop() == 0


@pytest.fixture
def stub(serving: RunningServer) -> Iterator[Any]:
    with grpc.insecure_channel(serving.address) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def request(model: str, **inputs: Any) -> Any:
    message = predict_pb2.PredictRequest()
    message.model_spec.name = model
    for name, value in inputs.items():
        message.inputs[name].CopyFrom(tf.make_tensor_proto(np.asarray(value, np.float32)))
    return message


def rest(serving: RunningServer, path: str, content: Any = None) -> tuple[int, Any]:
    body = None if content is None else json.dumps(content).encode()
    url = f"http://127.0.0.1:{serving.http_port}/v1/models/{path}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body)) as reply:
            return reply.status, json.load(reply)
    except HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.parametrize("width", [1, 5, 100])
def test_numbers_are_in_the_fields_of_their_types(stub: Any, width: int) -> None:
    """As TensorFlow reads them: parsed at first, and prepared from the third on."""
    asked = predict_pb2.PredictRequest()
    asked.model_spec.name = "numbers"
    for turn in range(5):
        x = np.resize(np.array([turn, 0, 3, 100, 7.5]), (2, width))
        asked.inputs["x"].CopyFrom(tf.make_tensor_proto(x))
        outputs = stub.Predict(asked).outputs
        for dtype, field in FIELDS.items():
            output, expected = outputs[dtype], tf.cast(x, dtype).numpy()
            assert not output.tensor_content
            assert np.array_equal(tf.make_ndarray(output), expected)
            per_element = 2 if dtype.startswith("complex") else 1
            assert len(getattr(output, field)) == x.size * per_element


@pytest.mark.parametrize("model", ANSWERS)
def test_values_without_their_last_dimension(serving: RunningServer, model: str) -> None:
    told = ANSWERS[model]
    rows = rest(serving, f"{model}:predict", {"instances": [1.0, 2.0, 5.0]})
    assert rows == (200, {"predictions": told})
    columns = rest(serving, f"{model}:predict", {"inputs": [1.0, 2.0, 5.0]})
    assert columns == (200, {"outputs": told})


@pytest.mark.parametrize("shape", [[3], [1], [], [0], [0, 1], [2, 1, 1], [3, 1]])
def test_whatever_shape_the_graph_takes(stub: Any, shape: list[int]) -> None:
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    for model, answer in (("half_plus_two", values / 2 + 2), ("unranked", values)):
        reply = stub.Predict(request(model, x=values))
        assert reply.outputs["y"].float_val == answer.ravel().tolist()
        assert [dim.size for dim in reply.outputs["y"].tensor_shape.dim] == shape


def test_what_it_does_not_take_is_told_as_ever(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        stub.Predict(request("table", a=[1.0, 2.0], b=[3.0, 4.0]))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "input 'a': expected shape [?, ?], received [2]" in str(refused.value.details())


def test_a_misfit_shares_no_batch_with_what_fits(stub: Any, serving: RunningServer) -> None:
    """Both are asked at once, over and over: each gets its own answer, in its own shape."""
    asked = []
    for number in range(60):
        values = np.full([3] if number % 2 else [3, 1], number, np.float32)
        asked.append((values, stub.Predict.future(request("half_plus_two", x=values))))
    for values, future in asked:
        answer = tf.make_ndarray(future.result().outputs["y"])
        assert np.array_equal(answer, values / 2 + 2)


def test_first_dimensions_need_not_agree_where_nothing_is_joined(serving: RunningServer) -> None:
    sent = {"a": [[1.0, 2.0]], "b": [[3.0, 0.0], [0.0, 4.0]]}
    assert rest(serving, "table:predict", {"inputs": sent}) == (200, {"outputs": [[3.0, 8.0]]})


def test_a_vector_of_a_model_that_runs_alone_has_no_limit_of_rows(stub: Any) -> None:
    reply = stub.Predict(request("vector", x=np.ones(5000)))
    assert list(reply.outputs["y"].float_val) == [5000.0]
    assert list(stub.Predict(request("vector", x=np.ones(0))).outputs["y"].float_val) == [0.0]


def example(value: float) -> Any:
    made = tf.train.Example()
    made.features.feature["x"].float_list.value.append(value)
    return made


def test_signatures_of_an_unknown_rank_are_served(stub: Any, serving: RunningServer) -> None:
    classify = classification_pb2.ClassificationRequest()
    regress = regression_pb2.RegressionRequest()
    for message, name in ((classify, "classify"), (regress, "regress")):
        message.model_spec.name, message.model_spec.signature_name = "half_plus_two", name
        message.input.example_list.examples.extend([example(2.0), example(4.0)])
    classified = stub.Classify(classify).result.classifications
    assert [each.classes[0].score for each in classified] == [3.0, 4.0]
    assert [each.value for each in stub.Regress(regress).result.regressions] == [3.0, 4.0]
    regress.model_spec.signature_name = "echo"
    assert [each.value for each in stub.Regress(regress).result.regressions] == [2.0, 4.0]
    sent = {"signature_name": "classify", "examples": [{"x": 2.0}]}
    assert rest(serving, "half_plus_two:classify", sent) == (200, {"results": [[["", 3.0]]]})


NAMED = """
 "instances": [
   {
     "tag": "foo",
     "signal": [1, 2, 3, 4, 5],
     "sensor": [[1, 2], [3, 4]]
   },
   {
     "tag": "bar",
     "signal": [3, 4, 1, 2, 5],
     "sensor": [[4, 5], [6, 8]]
   }
 ]
"""
IN_COLUMNS = """
 "inputs": {
   "tag": ["foo", "bar"],
   "signal": [[1, 2, 3, 4, 5], [3, 4, 1, 2, 5]],
   "sensor": [[[1, 2], [3, 4]], [[4, 5], [6, 8]]]
 }
"""
OBJECTS = """
  "examples": [
    {
      "image": { "b64": "aW1hZ2UgYnl0ZXM=" },
      "caption": "seaside"
    },
    {
      "image": { "b64": "YXdlc29tZSBpbWFnZSBieXRlcw==" },
      "caption": "mountains"
    }
  ]
"""


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (NAMED, {"predictions": [{"y": 25.0, "tags": "FOO"}, {"y": 38.0, "tags": "BAR"}]}),
        (IN_COLUMNS, {"outputs": {"y": [25.0, 38.0], "tags": ["FOO", "BAR"]}}),
        (
            '"signature_name": "words", "instances": [ "foo", "bar", "baz!" ]',
            {"predictions": [3, 3, 4]},
        ),
        (
            '"signature_name": "pairs", "instances": [ [[1, 2]], [[3, Infinity]] ]',
            {"predictions": [[[2.0, 4.0]], [[6.0, float("inf")]]]},
        ),
        (
            f'"signature_name": "classify_objects", {OBJECTS}',
            {"results": [[["seaside", 11.0]], [["mountains", 19.0]]]},
        ),
    ],
    ids=["rows by name", "columns by name", "words", "pairs", "binary values"],
)
def test_what_their_page_on_rest_asks(serving: RunningServer, asked: str, told: Any) -> None:
    verb = "classify" if "examples" in asked else "predict"
    url = f"http://127.0.0.1:{serving.http_port}/v1/models/described:{verb}"
    with urllib.request.urlopen(url, f"{{{asked}}}".encode()) as reply:
        assert json.load(reply) == told


def test_metadata_has_the_graphs_names_unknown_ranks_and_defaults(
    stub: Any, serving: RunningServer
) -> None:
    asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    found = {}
    for name in ("half_plus_two", "defaulted"):
        asked.model_spec.name = name
        known = get_model_metadata_pb2.SignatureDefMap()
        assert stub.GetModelMetadata(asked).metadata["signature_def"].Unpack(known)
        found[name] = known.signature_def
    default = found["half_plus_two"]["serving_default"]
    assert (default.inputs["x"].name, default.outputs["y"].name) == ("x2:0", "y2:0")
    assert found["half_plus_two"]["classify"].inputs["inputs"].tensor_shape.unknown_rank
    factor = found["defaulted"]["serving_default"].defaults["factor"]
    assert tf.make_ndarray(factor) == 3.0
    told = rest(serving, "half_plus_two/metadata")[1]["metadata"]["signature_def"]["signature_def"]
    assert told["serving_default"]["defaults"] == {}
    assert told["classify"]["inputs"]["inputs"]["tensor_shape"] == {"dim": [], "unknown_rank": True}


def test_an_input_that_is_left_out_has_its_default(stub: Any) -> None:
    assert list(stub.Predict(request("defaulted", x=[2.0])).outputs["y"].float_val) == [6.0]
    asked = request("defaulted", x=[2.0], factor=5.0)
    assert list(stub.Predict(asked).outputs["y"].float_val) == [10.0]
    with pytest.raises(grpc.RpcError, match="missing 'x'"):
        stub.Predict(request("defaulted", factor=5.0))


def test_inputs_and_outputs_have_the_order_of_the_graph(repository: Path) -> None:
    servable = SavedModelRuntime().load(repository / "ordered" / "1")
    found = servable.signatures["serving_default"]
    assert list(found.inputs) == ["zebra", "Ape", "cow", "bee"]
    assert list(found.outputs) == ["zebra", "Ape", "cow", "bee"]
    servable.close()


def pooled() -> dict[str, Any]:
    x = v1.placeholder(tf.float32, [None, 4, 4, 1], name="x")
    return {"serving_default": signature({"x": x}, {"y": tf.nn.max_pool2d(x, 2, 2, "VALID")})}


def test_a_shape_meets_no_kernel_that_would_end_the_process(tmp_path: Path) -> None:
    """Some of TensorFlow's abort: a batch normalisation that is given two dimensions does."""
    save(tmp_path / "pooled" / "1", pooled)
    running = RunningServer(tmp_path)
    try:
        sent = {"instances": [1.0, 2.0]}
        status, told = rest(running, "pooled:predict", sent)
        assert status == 400
        assert "expected shape [?, 4, 4, 1], received [2]" in told["error"]
        assert rest(running, "pooled:predict", {"inputs": np.ones((1, 4, 4, 1)).tolist()})[0] == 200
    finally:
        assert running.stop() == 0


def test_an_unknown_rank_that_leads_to_such_a_kernel_is_not_served(tmp_path: Path) -> None:
    def build() -> dict[str, Any]:
        made = pooled()
        made["serving_default"].inputs["x"].tensor_shape.Clear()
        made["serving_default"].inputs["x"].tensor_shape.unknown_rank = True
        return made

    save(tmp_path / "1", build)
    with pytest.raises(LoadError, match=r"known number of dimensions.* it leads to MaxPool"):
        SavedModelRuntime().load(tmp_path / "1")
    SavedModelRuntime(trust_operations=True).load(tmp_path / "1").close()


def test_a_version_of_sparse_tensors_alone_still_says_why_it_does_not_load(tmp_path: Path) -> None:
    def sparse() -> dict[str, Any]:
        x = v1.sparse_placeholder(tf.float32, name="x")
        return {"serving_default": signature({"x": x}, {"y": v1.sparse_tensor_to_dense(x)})}

    save(tmp_path / "1", sparse)
    with pytest.raises(LoadError, match="expected a dense tensor"):
        SavedModelRuntime().load(tmp_path / "1")
