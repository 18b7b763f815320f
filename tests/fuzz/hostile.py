"""Hostile messages, made by hand: one for each way in which input can lie.

Each function yields names and inputs. Names say method and lie; ``make_corpus`` writes them down.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.message import Message

from horngate.protocols.pb.inference.grpc_service_pb2 import ModelInferRequest
from horngate.protocols.pb.tensorflow.core.example.example_pb2 import Example
from horngate.protocols.pb.tensorflow.core.framework import types_pb2
from horngate.protocols.pb.tensorflow.core.framework.tensor_pb2 import TensorProto
from horngate.protocols.pb.tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from horngate.protocols.pb.tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest
from horngate.protocols.pb.tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import PredictRequest
from horngate.protocols.pb.tensorflow_serving.apis.regression_pb2 import RegressionRequest
from horngate.protocols.tfserving.tensor import NUMBERS
from horngate.tensors import DType
from tests.fuzz.target import pack, pack_http

Named = Iterator[tuple[str, bytes]]

PREDICT: Final = "/tensorflow.serving.PredictionService/Predict"
CLASSIFY: Final = "/tensorflow.serving.PredictionService/Classify"
REGRESS: Final = "/tensorflow.serving.PredictionService/Regress"
MULTI: Final = "/tensorflow.serving.PredictionService/MultiInference"
RELOAD: Final = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
INFER: Final = "/inference.GRPCInferenceService/ModelInfer"
STREAM: Final = "/inference.GRPCInferenceService/ModelStreamInfer"

BOMB: Final = 65 << 20
"""Bytes that a bomb comes to: more than the default limit of 64 MiB."""

_BIG: Final = 2**62
_LONG: Final = "\U0001d4b3" * 3000  # four bytes each in UTF-8, twelve in a header
_CONTROLS: Final = "a\r\n\0\x7f\x1b[31m%41 \u202e\ufeff"
_SHAPES: Final[dict[str, list[int]]] = {
    "negative-dim": [-2, 1],
    "least-dim": [-(2**63), 1],
    "huge-dim": [2**63 - 1, 1],
    "overflowing-dims": [_BIG, _BIG],
    "overflow-to-zero": [2**32, 2**32],
    "overflow-to-one": [3, 6148914691236517205, 1],
    "zero-beside-huge": [0, _BIG],
    "zero-beside-overflow": [0, _BIG, _BIG],
    "scalar": [],
    "deep-rank": [1] * 65,
    "full-rank": [1] * 64,
    "thousand-ranks": [2**62] * 1000,
    "repeated-16M": [1, 1 << 24],
    "repeated-over-16M": [1, (1 << 24) + 1],
}


def predicts() -> Named:
    """TensorFlow Serving's Predict."""
    good = _predict("constant", x=_proto(DType.FLOAT32, [2, 1], float_val=[1, 2]))
    yield "predict-good", _packed(PREDICT, good)
    data = _bytes(good)
    for cut in (1, len(data) // 2, len(data) - 1):
        yield f"predict-truncated-{cut}", pack(PREDICT, data[:cut])
    yield "predict-no-message", pack(PREDICT, b"\xff" * 20)
    yield "predict-length-that-lies", pack(PREDICT, b"\x0a\xff\xff\xff\xff\x0f" + data)
    yield "predict-endless-varint", pack(PREDICT, b"\x08" + b"\xff" * 64)
    yield "predict-deep-groups", pack(PREDICT, b"\x7b" * 20_000)
    yield "predict-odd-utf8", pack(PREDICT, b"\x0a\x04\x0a\x02\xc0\x80" + data)
    for name, shape in _SHAPES.items():
        for model, dtype in (("free", DType.FLOAT32), ("grid", DType.STRING)):
            tensor = _proto(dtype, shape)
            yield f"predict-{name}-{model}", _packed(PREDICT, _predict(model, x=tensor))
        one = _proto(DType.FLOAT32, shape, float_val=[1.5])
        yield f"predict-{name}-one-value", _packed(PREDICT, _predict("free", x=one))
    for dtype, field, values in _REPEATED:
        spread = _proto(dtype, [1 << 23, 2], **{field: values})
        model = f"{dtype.value}_pair"
        yield f"predict-repeats-{dtype.value}", _packed(PREDICT, _predict(model, x=spread))
    yield from _contents()
    yield from _specs(good)
    many = PredictRequest()
    many.CopyFrom(good)
    for index in range(5000):
        many.inputs[f"x{index}"].dtype = types_pb2.DT_FLOAT
    yield "predict-5000-inputs", _packed(PREDICT, many)
    filters = PredictRequest()
    filters.CopyFrom(good)
    filters.output_filter.extend(["y"] * 20_000)
    yield "predict-20000-filters", _packed(PREDICT, filters)
    half = _proto(DType.FLOAT32, [1, 1 << 23], float_val=[1, 2])
    greedy = _predict("free", **{f"x{index}": half for index in range(8)})
    yield "predict-repeats-in-every-input", _packed(PREDICT, greedy)


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
            yield f"{method}-{model}-{name}", _packed(path, request)
    for dtype in DType:
        for name, feature in _FEATURES.items():
            request = RegressionRequest()
            request.model_spec.name = f"{dtype.value}_score"
            request.input.example_list.examples.add().features.feature["x"].CopyFrom(feature)
            yield f"regress-{name}-as-{dtype.value}", _packed(REGRESS, request)
    multi = MultiInferenceRequest()
    for index in range(2000):
        task = multi.tasks.add(method_name="tensorflow/serving/classify")
        task.model_spec.name = "constant"
        task.model_spec.signature_name = f"s{index}"
    multi.input.example_list.examples.add().features.feature["x"].float_list.value.append(1)
    yield "multi-2000-tasks", _packed(MULTI, multi)


def infers() -> Named:
    """The Open Inference Protocol's ModelInfer, typed and raw."""
    good = _infer("constant", "FP32", [2, 1], bytes(8))
    yield "infer-good", _packed(INFER, good)
    yield "stream-good", _packed(STREAM, good)
    data = _bytes(good)
    for cut in (1, len(data) // 2, len(data) - 1):
        yield f"infer-truncated-{cut}", pack(INFER, data[:cut])
    yield "stream-no-message", pack(STREAM, b"\xff" * 20)
    for name, shape in _SHAPES.items():
        for kind, raw in (("empty", b""), ("short", bytes(4)), ("none", None)):
            request = _infer("free", "FP32", shape, raw)
            yield f"infer-{name}-{kind}", _packed(INFER, request)
        yield f"infer-{name}-bytes", _packed(INFER, _infer("grid", "BYTES", shape, b"\0" * 8))
        typed = _infer("free", "FP32", shape, None)
        typed.inputs[0].contents.fp32_contents.append(1)
        yield f"infer-{name}-typed", _packed(INFER, typed)
    for name, raw in _BYTES.items():
        request = _infer("string_pair", "BYTES", [1, 2], raw)
        yield f"infer-bytes-{name}", _packed(INFER, request)
    for datatype in ("BOOL", "FP16", "BF16", "FP64", "INT8", "UINT64", "", "fp32", "FP99", _LONG):
        for size in (0, 7, 16):
            request = _infer("free", datatype, [1, 2], bytes([0xFF]) * size)
            yield f"infer-{datatype[:5].encode().hex()}-of-{size}", _packed(INFER, request)
    yield from _typed()
    yield from _parameters(good)
    yield from _counts(good)
    for name, text in (("long", _LONG), ("controls", _CONTROLS)):
        request = _infer(text, "FP32", [1, 1], bytes(4))
        request.id = text
        yield f"infer-{name}-model", _packed(INFER, request)
        yield f"stream-{name}-model", _packed(STREAM, request)
        yield f"infer-{name}-name", _packed(INFER, _infer("free", "FP32", [1], b"", name=text))


def bodies() -> Named:
    """REST, of both protocols."""
    predict = "/v1/models/constant:predict"
    infer = "/v2/models/constant/infer"
    paths = (predict, "/v1/models/constant:classify", infer, "/v2/logging", "/v2/trace/setting")
    for path in paths:
        where = path.strip("/").replace("/", "-").replace(":", "-").removeprefix("v")
        for name, body in _JSON.items():
            yield f"rest-{where}-{name}", pack_http(path, body)
    for name, body, coding in _compressed():
        yield f"rest-{name}", pack_http(predict, body, Content_Encoding=coding)
    for index, body in enumerate(_ROWS):
        yield f"rest-rows-{index}", pack_http(predict, body)
    for model in ("string_pair", "uint64_pair", "bool_pair", "float16_pair", "spectrum"):
        for index, values in enumerate(_VALUES):
            body = b'{"instances": [[' + values + b", " + values + b"]]}"
            yield f"rest-{model}-{index}", pack_http(f"/v1/models/{model}:predict", body)
    for index, body in enumerate(_CLASSIFIED):
        yield f"rest-examples-{index}", pack_http("/v1/models/constant:classify", body)
    for index, body in enumerate(_INFERRED):
        yield f"rest-infer-{index}", pack_http(infer, body)
    tensor = b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "parameters": {"binary_data_size": %s}}]}'
    for size in (b"4", b"0", b"-1", b"5", b"1e9", b"true", b"4.0", b'"4"', b"[" * 900 + b"]" * 900):
        head = tensor % size
        name = size[:5].decode().replace("[", "list").replace('"', "q")
        length = str(len(head))
        yield (
            f"rest-binary-size-{name}",
            pack_http(infer, head + bytes(4), Inference_Header_Content_Length=length),
        )
    head = tensor % b"4"
    for name, length in (
        ("beyond", "9999"),
        ("negative", "-1"),
        ("digits", "9" * 5000),
        ("other-digits", "\xb2"),
        ("inside", "10"),
        ("empty", ""),
    ):
        packed = pack_http(infer, head + bytes(4), Inference_Header_Content_Length=length)
        yield f"rest-header-length-{name}", packed


def controls() -> Named:
    """The rest: names and settings in odd forms."""
    reload = ReloadConfigRequest()
    config = reload.config.model_config_list.config.add(name="m", base_path="/a\0b")
    config.model_version_policy.specific.versions.extend([-1, 2**63 - 1])
    yield "reload-nul-in-path", _packed(RELOAD, reload)
    config.name = _LONG
    yield "reload-long-name", _packed(RELOAD, reload)
    status = PredictRequest()
    status.model_spec.name = _LONG
    for method in ("GetModelStatus", "GetModelMetadata"):
        service = "Model" if method == "GetModelStatus" else "Prediction"
        path = f"/tensorflow.serving.{service}Service/{method}"
        yield f"{method.lower()}-long-name", _packed(path, status)


def hostile() -> Named:
    """All of them."""
    for group in (predicts, examples, infers, bodies, controls):
        yield from group()


_REPEATED: Final[list[tuple[DType, str, list[Any]]]] = [
    (DType.FLOAT32, "float_val", [1, 2]),
    (DType.FLOAT64, "double_val", [1, 2]),
    (DType.COMPLEX128, "dcomplex_val", [1, 2, 3, 4]),
    (DType.STRING, "string_val", [b"a", b"b"]),
    (DType.BOOL, "bool_val", [True, False]),
    (DType.INT8, "int_val", [1, 2]),
]


def _contents() -> Named:
    """Tensors whose values do not fit their dtype."""
    wrong: dict[str, TensorProto] = {
        "odd-complex": _proto(DType.COMPLEX64, [1], scomplex_val=[1, 2, 3]),
        "too-many-values": _proto(DType.FLOAT32, [1, 1], float_val=[1] * 3000),
        "short-content": _proto(DType.FLOAT32, [1, 2], tensor_content=bytes(7)),
        "long-content": _proto(DType.FLOAT32, [1, 2], tensor_content=bytes(9)),
        "content-of-strings": _proto(DType.STRING, [1, 2], tensor_content=bytes(8)),
        "other-field": _proto(DType.FLOAT32, [1, 2], int_val=[1, 2]),
    }
    for name, tensor in wrong.items():
        yield f"predict-{name}", _packed(PREDICT, _predict("free", x=tensor))
    beyond = [-(2**31), 2**31 - 1]
    for dtype in (DType.INT8, DType.INT16, DType.UINT8, DType.UINT16, DType.INT32):
        tensor = _proto(dtype, [1, 2], int_val=beyond)
        request = _predict(f"{dtype.value}_pair", x=tensor)
        yield f"predict-out-of-range-{dtype.value}", _packed(PREDICT, request)
    for dtype in (DType.FLOAT16, DType.BFLOAT16):
        tensor = _proto(dtype, [1, 2], half_val=beyond)
        request = _predict(f"{dtype.value}_pair", x=tensor)
        yield f"predict-odd-halves-{dtype.value}", _packed(PREDICT, request)
    for dtype in (DType.FLOAT32, DType.FLOAT64, DType.BOOL, DType.FLOAT16):
        size = 2 * dtype.numpy.itemsize
        tensor = _proto(dtype, [1, 2], tensor_content=b"\xff" * size)  # NaN, or a third truth
        request = _predict(f"{dtype.value}_pair", x=tensor)
        yield f"predict-all-ones-{dtype.value}", _packed(PREDICT, request)
    infinities = struct.pack("<4f", float("inf"), float("-inf"), float("nan"), 1e-45)
    tensor = _proto(DType.FLOAT32, [4, 1], tensor_content=infinities)
    yield "predict-infinities", _packed(PREDICT, _predict("constant", x=tensor))
    for number in (0, 7, 20, 23, 100, 122, 2**31 - 1, -1):
        tensor = TensorProto()
        tensor.MergeFromString(b"\x08" + _varint(number))
        yield f"predict-dtype-{number}", _packed(PREDICT, _predict("free", x=tensor))
    unknown = _proto(DType.FLOAT32, [1, 1], float_val=[1])
    unknown.tensor_shape.unknown_rank = True
    yield "predict-unknown-rank", _packed(PREDICT, _predict("free", x=unknown))
    odd = _proto(DType.STRING, [1, 2], string_val=[b"\xff\xfe\0\xed\xa0\x80", b""])
    yield "predict-odd-strings", _packed(PREDICT, _predict("string_pair", x=odd))


def _specs(good: PredictRequest) -> Named:
    """Model specs of every odd form."""
    for name, text in (("long", _LONG), ("controls", _CONTROLS), ("path", "../../etc/passwd")):
        for field in ("name", "signature_name", "version_label"):
            request = PredictRequest()
            request.CopyFrom(good)
            setattr(request.model_spec, field, text)
            yield f"predict-{name}-{field}", _packed(PREDICT, request)
        request = _predict("constant", **{text: _proto(DType.FLOAT32, [-1])})
        yield f"predict-{name}-input", _packed(PREDICT, request)
        request = PredictRequest()
        request.CopyFrom(good)
        request.output_filter.append(text)
        yield f"predict-{name}-filter", _packed(PREDICT, request)
    for version in (-1, -(2**63), 2**63 - 1, 0):
        request = PredictRequest()
        request.CopyFrom(good)
        request.model_spec.version.value = version
        yield f"predict-version-{version}", _packed(PREDICT, request)


def _typed() -> Named:
    """Values in ``contents``."""
    fields: dict[str, tuple[str, list[Any]]] = {
        "INT8": ("int_contents", [128, 0]),
        "INT16": ("int_contents", [-(2**31), 2**31 - 1]),
        "UINT8": ("uint_contents", [2**32 - 1, 0]),
        "UINT64": ("uint64_contents", [2**64 - 1, 0]),
        "BOOL": ("bool_contents", [True, False]),
        "FP16": ("fp32_contents", [1, 2]),
        "FP64": ("fp64_contents", [1e308, float("nan")]),
        "BYTES": ("bytes_contents", [b"\xff\0", b""]),
        "FP32": ("int_contents", [1, 2]),
    }
    for datatype, (field, values) in fields.items():
        for name, count in (("right", 1), ("fewer", 0), ("more", 1000)):
            request = _infer("free", datatype, [1, 2], None)
            getattr(request.inputs[0].contents, field).extend(values * count)
            yield f"infer-typed-{name}-{datatype}", _packed(INFER, request)


def _parameters(good: ModelInferRequest) -> Named:
    """Open maps with what nobody expects in them."""
    values: dict[str, dict[str, Any]] = {
        "nothing": {},
        "bool": {"bool_param": True},
        "least": {"int64_param": -(2**63)},
        "most": {"uint64_param": 2**64 - 1},
        "nan": {"double_param": float("nan")},
        "long": {"string_param": _LONG},
    }
    for kind, value in values.items():
        for parameter in ("timeout", "priority", "signature_name", "sequence_id"):
            request = ModelInferRequest()
            request.CopyFrom(good)
            request.parameters[parameter].SetInParent()
            for field, content in value.items():
                setattr(request.parameters[parameter], field, content)
            yield f"infer-{parameter}-{kind}", _packed(INFER, request)
        request = ModelInferRequest()
        request.CopyFrom(good)
        parameters = request.outputs.add(name="y").parameters
        parameters["classification"].SetInParent()
        for field, content in value.items():
            setattr(parameters["classification"], field, content)
        yield f"infer-classification-{kind}", _packed(INFER, request)
    request = ModelInferRequest()
    request.CopyFrom(good)
    request.inputs[0].parameters["shared_memory_offset"].uint64_param = 2**64 - 1
    yield "infer-shared-memory-offset-alone", _packed(INFER, request)
    for index in range(3000):
        request.parameters[f"p{index}"].int64_param = index
    yield "infer-3000-parameters", _packed(INFER, request)


def _counts(good: ModelInferRequest) -> Named:
    """Thousands of parts, and parts that do not match."""
    request = ModelInferRequest()
    request.CopyFrom(good)
    request.raw_input_contents.extend([b""] * 20_000)
    yield "infer-20000-buffers", _packed(INFER, request)
    request.CopyFrom(good)
    for index in range(5000):
        request.inputs.add(name=f"x{index}", datatype="FP32", shape=[0])
    yield "infer-5000-inputs", _packed(INFER, request)
    request.CopyFrom(good)
    request.inputs.add().CopyFrom(good.inputs[0])
    yield "infer-input-twice", _packed(INFER, request)
    request.CopyFrom(good)
    for _ in range(20_000):
        request.outputs.add()
    yield "infer-20000-outputs", _packed(INFER, request)
    request.CopyFrom(good)
    request.inputs[0].contents.fp32_contents.append(1)
    yield "infer-raw-and-typed", _packed(INFER, request)


def _one(message: Any) -> None:
    message.example_list.examples.add().features.feature["x"].float_list.value.append(1)


def _many(message: Any) -> None:
    for _ in range(3000):
        message.example_list.examples.add()


def _copies(message: Any) -> None:
    context = message.example_list_with_context.context
    context.features.feature["x"].float_list.value.extend([1] * 5000)
    message.example_list_with_context.examples.extend([Example()] * 20_000)


def _features(message: Any) -> None:
    example = message.example_list.examples.add()
    for index in range(3000):
        example.features.feature[f"f{index}"].SetInParent()
    example.features.feature[_LONG].SetInParent()


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

_BYTES: Final = {
    "good": struct.pack("<I", 1) + b"a" + struct.pack("<I", 0),
    "length-beyond": struct.pack("<I", 2**32 - 1) + b"a" * 4,
    "length-negative": struct.pack("<i", -1) * 2,
    "length-short": struct.pack("<I", 1) + b"abc" + struct.pack("<I", 0),
    "half-a-length": struct.pack("<I", 4) + b"abcd" + b"\1\0",
    "one-of-two": struct.pack("<I", 4) + b"abcd",
    "three-for-two": struct.pack("<I", 0) * 3,
    "odd-bytes": struct.pack("<I", 2) + b"\xff\0" + struct.pack("<I", 3) + b"\xed\xa0\x80",
}

_DEEP: Final = b"[" * 1000 + b"]" * 1000
_DIGITS: Final = b"1" + b"0" * 400
_JSON: Final = {
    "empty": b"",
    "no-json": b"\xff\xfe{",
    "list": b"[]",
    "not-a-number": b"NaN",
    "unclosed": b'{"instances": [[1',
    "deep": _DEEP,
    "deep-unclosed": b"[" * 100_000,
    "deep-in-signature": b'{"signature_name": ' + _DEEP + b', "inputs": [[1]], "examples": [{}]}',
    "deep-in-inputs": b'{"inputs": ' + _DEEP + b', "id": ""}',
    "deep-in-instances": b'{"instances": ' + _DEEP + b', "examples": [{"x": ' + _DEEP + b"}]}",
    "deep-in-tensor": b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": ' + _DEEP + b"}]}",
    "deep-in-parameters": b'{"parameters": {"p": ' + _DEEP + b'}, "inputs": []}',
    "deep-in-name": b'{"inputs": [{"name": ' + _DEEP + b"}]}",
    "deep-in-setting": b'{"trace_level": ' + _DEEP + b"}",
    "deep-objects": b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "surrogate-in-id": b'{"id": "\\ud800", "inputs": [], "examples": [{"\\udc00": 1}]}',
    "surrogate-in-name": b'{"inputs": [{"name": "\\ud800", "datatype": "\\udfff", "shape": [1]}]}',
    "surrogate-in-signature": b'{"signature_name": "\\ud800", "instances": [[1]], "examples": [{}]}',
    "surrogate-in-input": b'{"inputs": {"\\ud800": [[1]]}}',
    "surrogate-in-setting": b'{"trace_level": "\\ud800"}',
    "surrogate-in-key": b'{"\\ud800": "a", "parameters": {"\\ud800": 1}, "inputs": []}',
    "many-digits": b'{"inputs": ' + _DIGITS + b', "examples": [{"x": ' + _DIGITS + b"}]}",
    "too-many-digits": b'{"inputs": ' + b"1" * 10_000 + b"}",
    "same-key-twice": b'{"instances": [[1]], "instances": 2}',
    "long-names": b'{"inputs": {"' + b"a" * 20_000 + b'": [[1]]}, "examples": 1}',
    "utf-16": '{"instances": [[1]]}'.encode("utf-16"),
}

_ROWS: Final = [
    b'{"instances": [1, [1]]}',
    b'{"instances": [[1], 1]}',
    b'{"instances": [[1], {"x": 1}]}',
    b'{"instances": [{"x": 1}, {"z": 1}]}',
    b'{"instances": [[1]], "inputs": [[1]]}',
    b'{"instances": "' + b"a" * 20_000 + b'"}',
    b'{"instances": ["' + b"a" * 100_000 + b'"' + b',""' * 5000 + b"]}",
    b'{"instances": [["' + b"a" * 100_000 + b'"]' + b',[1]' * 5000 + b"]}",
    b'{"instances": [[]' + b",[]" * 20_000 + b"]}",
    b'{"instances": [[null]' + b",[1]" * 2000 + b"]}",
    b'{"inputs": {"x": [[NaN]], "z": [[Infinity]]}}',
    b'{"instances": [[NaN], [-Infinity], [1e400], [1e-400]]}',
    b'{"instances": [{"b64": "!"}]}',
    b'{"instances": [' + b'{"' + b"a" * 3000 + b'": 1}, {"b": 2}]}',
]

_VALUES: Final = [
    b"1",
    b"-1",
    b"1e400",
    b"NaN",
    b"-0.0",
    b"18446744073709551615",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"1e300",
    b"true",
    b"null",
    b'"\\ud800"',
    b'{"b64": "/w=="}',
    b'{"b64": "\\ud800"}',
    b"{}",
    _DIGITS,
    _DIGITS + b", 0.5, NaN",
]

_CLASSIFIED: Final = [
    b'{"examples": []}',
    b'{"examples": [[]]}',
    b'{"examples": [{"x": [1.5, ' + _DIGITS + b"]}]}",
    b'{"examples": [{"x": ' + _DIGITS + b"}]}",
    b'{"examples": [{"x": [1e300, NaN]}]}',
    b'{"examples": [{"x": 1e300}]}',
    b'{"examples": [{"x": [' + b"[1]," * 500 + b"1]}]}",
    b'{"examples": [{"x": [{"b64": "!"}]}]}',
    b'{"examples": [{"x": {"b64": 1}}]}',
    b'{"context": 1, "examples": [{}]}',
    b'{"context": {"x": [' + b"1," * 5000 + b"1]}, \"examples\": [{}" + b",{}" * 20_000 + b"]}",
    b'{"examples": [{"' + b"a" * 20_000 + b'": [true]}]}',
]


def _tensor(shape: bytes, data: bytes = b"[1]", datatype: bytes = b"FP32") -> bytes:
    return (
        b'{"inputs": [{"name": "x", "datatype": "%s", "shape": %s, "data": %s}]}'
        % (datatype, shape, data)
    )  # fmt: skip


_INFERRED: Final = [
    _tensor(b"[1, 1]"),
    _tensor(b"[-1, 1]"),
    _tensor(b"[4611686018427387904, 4611686018427387904]"),
    _tensor(b"[" + b"4611686018427387904, " * 300 + b"1]"),
    _tensor(b"[" + b"1, " * 5000 + b"1]"),
    _tensor(b"[1e400]"),
    _tensor(b"[" + _DIGITS + b"]"),
    _tensor(b"[1.0, 1]"),
    _tensor(b"[true, true]"),
    _tensor(b'"11"'),
    _tensor(b"{}"),
    _tensor(b"null"),
    _tensor(b"[1, 1]", b'["' + b"a" * 100_000 + b'"' + b',""' * 5000 + b"]"),
    _tensor(b"[1, 1]", b"NaN"),
    _tensor(b"[1, 1]", b"[" * 70 + b"1" + b"]" * 70),
    _tensor(b"[1, 1]", b'["a"]', b"BYTES"),
    _tensor(b"[1, 1]", b'["\\ud800"]', b"BYTES"),
    _tensor(b"[0, 4611686018427387904]", b"[]", b"BYTES"),
    _tensor(b"[1, 1]", b"[1e300]", b"FP16"),
    _tensor(b"[1, 1]", b"[1]", b"X" * 20_000),
    b'{"inputs": [1]}',
    b'{"inputs": [{"name": "' + b"a" * 20_000 + b'"}]}',
    b'{"inputs": [' + b'{"name": "x", "datatype": "FP32", "shape": [0], "data": []},' * 5000 + b"1]}",
    b'{"inputs": [], "outputs": [' + b'{"name": "y"},' * 5000 + b'{"name": 1}]}',
    b'{"inputs": [], "outputs": {"name": "y"}}',
    b'{"inputs": [], "parameters": {"timeout": -1, "p": ' + _DIGITS + b"}}",
    b'{"inputs": [], "parameters": {"p": 1e400, "timeout": 1.5}}',
]


def _compressed() -> Iterator[tuple[str, bytes, str]]:
    zeros = bytes(BOMB)
    yield "gzip-bomb", gzip.compress(zeros, 9, mtime=0), "gzip"
    yield "deflate-bomb", zlib.compress(zeros, 9), "deflate"
    good = gzip.compress(b'{"instances": [[1.0]]}', mtime=0)
    yield "gzip-good", good, "gzip"
    yield "gzip-truncated", good[:-9], "gzip"
    yield "gzip-no-end", good[:-1], "gzip"
    yield "gzip-wrong-sum", good[:-8] + bytes(8), "gzip"
    yield "gzip-of-nothing", b"", "gzip"
    yield "gzip-not", b'{"instances": [[1.0]]}', "gzip"
    yield "gzip-members", good * 2, "gzip"
    yield "deflate-raw", zlib.compress(b"{}")[2:-4], "deflate"
    yield "coding-unknown", good, "br" * 4000


def _predict(model: str, /, **inputs: TensorProto) -> PredictRequest:
    request = PredictRequest()
    request.model_spec.name = model
    for name, tensor in inputs.items():
        request.inputs[name].CopyFrom(tensor)
    return request


def _proto(dtype: DType, shape: list[int], **content: Any) -> TensorProto:
    tensor = TensorProto(dtype=NUMBERS[dtype], **content)
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def _infer(
    model: str, datatype: str, shape: list[int], raw: bytes | None, *, name: str = "x"
) -> ModelInferRequest:
    request = ModelInferRequest(model_name=model)
    request.inputs.add(name=name, datatype=datatype, shape=shape)
    if raw is not None:
        request.raw_input_contents.append(raw)
    return request


def _packed(path: str, message: Message) -> bytes:
    return pack(path, _bytes(message))


def _bytes(message: Message) -> bytes:
    # Maps have no order of their own, and the corpus is to be the same each time.
    data: bytes = message.SerializeToString(deterministic=True)
    return data


def _varint(number: int) -> bytes:
    number &= 2**64 - 1
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)
