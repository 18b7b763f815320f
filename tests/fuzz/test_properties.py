"""What holds of any message, well-formed or not, that any of the decoders is given."""

from __future__ import annotations

import json
import random
import struct
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from horngate.protocols.pb.inference.grpc_service_pb2 import ModelInferRequest
from horngate.protocols.pb.tensorflow.core.framework.tensor_pb2 import TensorProto
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import PredictRequest
from horngate.protocols.pb.tensorflow_serving.apis.regression_pb2 import RegressionRequest
from horngate.protocols.tfserving.tensor import NUMBERS
from tests.fuzz.hostile.common import INFER, PREDICT, REGRESS
from tests.fuzz.mutations import mutated
from tests.fuzz.target import CORPUS, measured, pack_http, unpack

BOUNDED = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# Large ones take their time under tracemalloc; the corpus replays them as they are.
PACKED = [data for file in sorted(CORPUS.glob("*.bin")) if len(data := file.read_bytes()) < 4000]
MODELS = [f"{dtype.value}_{kind}" for dtype in NUMBERS for kind in ("pair", "score")]

LIES = st.sampled_from([-(2**63), -1, 0, 1, 2, 3, 2**24, 2**31, 2**32, 2**62, 2**63 - 1])
SHAPES = st.lists(LIES | st.integers(0, 4), max_size=6)
BYTES = st.binary(max_size=64)
NAMES = st.sampled_from(["x", "", "y"]) | st.text(st.characters(exclude_categories=["Cs"]))
INT32 = st.integers(-(2**31), 2**31 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)
UINT64 = st.integers(0, 2**64 - 1)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "half_val": INT32,
    "float_val": st.floats(width=32),
    "double_val": st.floats(),
    "int_val": INT32,
    "string_val": BYTES,
    "scomplex_val": st.floats(width=32),
    "int64_val": INT64,
    "bool_val": st.booleans(),
    "dcomplex_val": st.floats(),
    "uint32_val": st.integers(0, 2**32 - 1),
    "uint64_val": UINT64,
}
CONTENTS: dict[str, st.SearchStrategy[Any]] = {
    "bool_contents": st.booleans(),
    "int_contents": INT32,
    "int64_contents": INT64,
    "uint_contents": st.integers(0, 2**32 - 1),
    "uint64_contents": UINT64,
    "fp32_contents": st.floats(width=32),
    "fp64_contents": st.floats(),
    "bytes_contents": BYTES,
}
DATATYPES = "BOOL INT8 INT16 INT32 INT64 UINT8 UINT16 UINT32 UINT64 FP16 BF16 FP32 FP64 BYTES"
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | INT64
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.builds(lambda text: {"b64": text}, st.text()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@BOUNDED
@given(st.sampled_from(PACKED), st.integers(0, 2**64))
def test_mutated_messages(packed: bytes, seed: int) -> None:
    path, data = unpack(packed)
    measured(path, mutated(data, PACKED, random.Random(seed)))


@BOUNDED
@given(st.sampled_from(sorted({unpack(packed)[0] for packed in PACKED})), st.binary(max_size=500))
def test_bytes_that_mean_nothing(path: str, data: bytes) -> None:
    measured(path, data)


@st.composite
def tensor_protos(draw: st.DrawFn) -> TensorProto:
    tensor = TensorProto(dtype=draw(st.sampled_from(list(NUMBERS.values()))))
    for size in draw(SHAPES):
        tensor.tensor_shape.dim.add(size=size)
    for field in draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=2, unique=True)):
        getattr(tensor, field).extend(draw(st.lists(VALUES[field], max_size=8)))
    if draw(st.booleans()):
        tensor.tensor_content = draw(BYTES)
    return tensor


@BOUNDED
@given(st.sampled_from(MODELS), st.dictionaries(NAMES, tensor_protos(), max_size=3), NAMES)
def test_tensors_that_lie(model: str, inputs: dict[str, TensorProto], wanted: str) -> None:
    request = PredictRequest(output_filter=[wanted] if wanted else [])
    request.model_spec.name = model
    for name, tensor in inputs.items():
        request.inputs[name].CopyFrom(tensor)
    measured(PREDICT, request.SerializeToString())


@st.composite
def buffers(draw: st.DrawFn) -> bytes:
    """Elements of BYTES, some of whose lengths are not theirs."""
    parts = []
    for element in draw(st.lists(BYTES, max_size=4)):
        lie = draw(st.sampled_from([0, 0, 0, 1, -1, 2**31, 2**32 - 1]))
        parts.append(struct.pack("<I", (len(element) + lie) % 2**32) + element)
    return b"".join(parts)


@st.composite
def infer_requests(draw: st.DrawFn) -> ModelInferRequest:
    request = ModelInferRequest(model_name=draw(st.sampled_from(MODELS)), id=draw(NAMES))
    for _ in range(draw(st.integers(0, 3))):
        tensor = request.inputs.add(
            name=draw(NAMES),
            datatype=draw(st.sampled_from(DATATYPES.split()) | NAMES),
            shape=draw(SHAPES),
        )
        if draw(st.booleans()):
            field = draw(st.sampled_from(sorted(CONTENTS)))
            getattr(tensor.contents, field).extend(draw(st.lists(CONTENTS[field], max_size=8)))
    request.raw_input_contents.extend(draw(st.lists(BYTES | buffers(), max_size=3)))
    for name in draw(st.lists(NAMES, max_size=2)):
        output = request.outputs.add(name=name)
        if draw(st.booleans()):
            output.parameters["classification"].int64_param = draw(LIES)
    for name in draw(st.lists(st.sampled_from(["priority", "timeout"]) | NAMES, max_size=2)):
        request.parameters[name].uint64_param = draw(UINT64)
    return request


@BOUNDED
@given(infer_requests())
def test_inferences_that_lie(request: ModelInferRequest) -> None:
    measured(INFER, request.SerializeToString())


@BOUNDED
@given(
    st.sampled_from(MODELS),
    st.lists(st.lists(INT64) | st.lists(st.floats(width=32)) | st.lists(BYTES), max_size=4),
)
def test_features_that_do_not_fit(model: str, rows: list[list[Any]]) -> None:
    request = RegressionRequest()
    request.model_spec.name = model
    kinds = {int: "int64_list", float: "float_list", bytes: "bytes_list"}
    for row in rows:
        feature = request.input.example_list.examples.add().features.feature["x"]
        if row:
            getattr(feature, kinds[type(row[0])]).value.extend(row)
    measured(REGRESS, request.SerializeToString())


@BOUNDED
@given(
    st.sampled_from(MODELS),
    st.fixed_dictionaries({}, optional={"instances": JSON_VALUES, "inputs": JSON_VALUES})
    | st.fixed_dictionaries(
        {"examples": st.lists(st.dictionaries(NAMES, JSON_VALUES, max_size=2), max_size=3)}
    ),
    st.sampled_from(["predict", "classify", "regress"]),
)
def test_json_rows(model: str, content: dict[str, Any], verb: str) -> None:
    body = json.dumps(content).encode()
    measured(*unpack(pack_http(f"/v1/models/{model}:{verb}", body)))


@BOUNDED
@given(
    st.sampled_from(MODELS),
    st.lists(
        st.fixed_dictionaries(
            {"name": NAMES, "datatype": st.sampled_from(DATATYPES.split())},
            optional={
                "shape": SHAPES | JSON_VALUES,
                "data": st.lists(JSON_VALUES, max_size=4),
                "parameters": st.dictionaries(st.just("binary_data_size") | NAMES, JSON_VALUES),
            },
        ),
        max_size=3,
    ),
    BYTES,
)
def test_json_tensors(model: str, inputs: list[dict[str, Any]], behind: bytes) -> None:
    head = json.dumps({"inputs": inputs}).encode()
    length = str(len(head))
    packed = pack_http(
        f"/v2/models/{model}/infer", head + behind, Inference_Header_Content_Length=length
    )
    measured(*unpack(packed))
