"""TensorFlow Serving's Predict, and the names and settings of its other methods."""

from __future__ import annotations

import struct
from typing import Any, Final

from horngate.protocols.method import StreamMethod
from horngate.protocols.pb.tensorflow.core.framework import types_pb2
from horngate.protocols.pb.tensorflow.core.framework.tensor_pb2 import TensorProto
from horngate.protocols.pb.tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import PredictRequest
from horngate.tensors import DType
from tests.fuzz.hostile.common import (
    CONTROLS,
    LONG,
    METADATA,
    PREDICT,
    RELOAD,
    SHAPES,
    STATUS,
    Named,
    packed,
    predict,
    proto,
    serialized,
    varint,
)
from tests.fuzz.target import pack, table

_REPEATED: Final[list[tuple[DType, str, list[Any]]]] = [
    (DType.FLOAT32, "float_val", [1, 2]),
    (DType.FLOAT64, "double_val", [1, 2]),
    (DType.COMPLEX128, "dcomplex_val", [1, 2, 3, 4]),
    (DType.STRING, "string_val", [b"a", b"b"]),
    (DType.BOOL, "bool_val", [True, False]),
    (DType.INT8, "int_val", [1, 2]),
]


def predicts() -> Named:
    """TensorFlow Serving's Predict."""
    good = predict("constant", x=proto(DType.FLOAT32, [2, 1], float_val=[1, 2]))
    yield "predict-good", packed(PREDICT, good)
    data = serialized(good)
    for cut in (1, len(data) // 2, len(data) - 1):
        yield f"predict-truncated-{cut}", pack(PREDICT, data[:cut])
    yield "predict-no-message", pack(PREDICT, b"\xff" * 20)
    yield "predict-length-that-lies", pack(PREDICT, b"\x0a\xff\xff\xff\xff\x0f" + data)
    yield "predict-endless-varint", pack(PREDICT, b"\x08" + b"\xff" * 64)
    yield "predict-deep-groups", pack(PREDICT, b"\x7b" * 20_000)
    yield "predict-odd-utf8", pack(PREDICT, b"\x0a\x04\x0a\x02\xc0\x80" + data)
    for name, shape in SHAPES.items():
        for model, dtype in (("free", DType.FLOAT32), ("grid", DType.STRING)):
            tensor = proto(dtype, shape)
            yield f"predict-{name}-{model}", packed(PREDICT, predict(model, x=tensor))
        one = proto(DType.FLOAT32, shape, float_val=[1.5])
        yield f"predict-{name}-one-value", packed(PREDICT, predict("free", x=one))
    for dtype, field, values in _REPEATED:
        spread = proto(dtype, [1 << 23, 2], **{field: values})
        model = f"{dtype.value}_pair"
        yield f"predict-repeats-{dtype.value}", packed(PREDICT, predict(model, x=spread))
    yield from _contents()
    yield from _specs(good)
    many = PredictRequest()
    many.CopyFrom(good)
    for index in range(2000):
        many.inputs[f"x{index}"].dtype = types_pb2.DT_FLOAT
    yield "predict-2000-inputs", packed(PREDICT, many)
    filters = PredictRequest()
    filters.CopyFrom(good)
    filters.output_filter.extend(["y"] * 20_000)
    yield "predict-20000-filters", packed(PREDICT, filters)
    half = proto(DType.FLOAT32, [1, 1 << 23], float_val=[1, 2])
    greedy = predict("free", **{f"x{index}": half for index in range(8)})
    yield "predict-repeats-in-every-input", packed(PREDICT, greedy)


def controls() -> Named:
    """The rest: names and settings in odd forms."""
    reload = ReloadConfigRequest()
    config = reload.config.model_config_list.config.add(name="m", base_path="/a\0b")
    config.model_version_policy.specific.versions.extend([-1, 2**63 - 1])
    yield "reload-nul-in-path", packed(RELOAD, reload)
    config.name = LONG
    yield "reload-long-name", packed(RELOAD, reload)
    for path, name in ((STATUS, "status"), (METADATA, "metadata")):
        request = PredictRequest()  # whose spec is the first field, as theirs is
        request.model_spec.name = LONG
        yield f"{name}-long-name", packed(path, request)
    for path, method in table().methods.items():
        if isinstance(method, StreamMethod):
            continue  # a stream has no end
        yield f"{method.name.lower()}-of-nothing", pack(path, b"")
        # The first field of most requests is a name; of the rest it is another message.
        for kind, text in (("long", LONG.encode()), ("controls", CONTROLS.encode())):
            field = b"\x0a" + varint(len(text)) + text
            yield f"{method.name.lower()}-{kind}-first-field", pack(path, field)


def _contents() -> Named:
    """Tensors whose values do not fit their dtype."""
    wrong: dict[str, TensorProto] = {
        "odd-complex": proto(DType.COMPLEX64, [1], scomplex_val=[1, 2, 3]),
        "too-many-values": proto(DType.FLOAT32, [1, 1], float_val=[1] * 3000),
        "short-content": proto(DType.FLOAT32, [1, 2], tensor_content=bytes(7)),
        "long-content": proto(DType.FLOAT32, [1, 2], tensor_content=bytes(9)),
        "content-of-strings": proto(DType.STRING, [1, 2], tensor_content=bytes(8)),
        "other-field": proto(DType.FLOAT32, [1, 2], int_val=[1, 2]),
    }
    for name, tensor in wrong.items():
        yield f"predict-{name}", packed(PREDICT, predict("free", x=tensor))
    beyond = [-(2**31), 2**31 - 1]
    for dtype in (DType.INT8, DType.INT16, DType.UINT8, DType.UINT16, DType.INT32):
        tensor = proto(dtype, [1, 2], int_val=beyond)
        request = predict(f"{dtype.value}_pair", x=tensor)
        yield f"predict-out-of-range-{dtype.value}", packed(PREDICT, request)
    for dtype in (DType.FLOAT16, DType.BFLOAT16):
        tensor = proto(dtype, [1, 2], half_val=beyond)
        request = predict(f"{dtype.value}_pair", x=tensor)
        yield f"predict-odd-halves-{dtype.value}", packed(PREDICT, request)
    for dtype in (DType.FLOAT32, DType.FLOAT64, DType.BOOL, DType.FLOAT16):
        size = 2 * dtype.numpy.itemsize
        tensor = proto(dtype, [1, 2], tensor_content=b"\xff" * size)  # NaN, or a third truth
        request = predict(f"{dtype.value}_pair", x=tensor)
        yield f"predict-all-ones-{dtype.value}", packed(PREDICT, request)
    infinities = struct.pack("<4f", float("inf"), float("-inf"), float("nan"), 1e-45)
    tensor = proto(DType.FLOAT32, [4, 1], tensor_content=infinities)
    yield "predict-infinities", packed(PREDICT, predict("constant", x=tensor))
    for number in (0, 7, 20, 23, 100, 122, 2**31 - 1, -1):
        tensor = TensorProto()
        tensor.MergeFromString(b"\x08" + varint(number))
        yield f"predict-dtype-{number}", packed(PREDICT, predict("free", x=tensor))
    unknown = proto(DType.FLOAT32, [1, 1], float_val=[1])
    unknown.tensor_shape.unknown_rank = True
    yield "predict-unknown-rank", packed(PREDICT, predict("free", x=unknown))
    odd = proto(DType.STRING, [1, 2], string_val=[b"\xff\xfe\0\xed\xa0\x80", b""])
    yield "predict-odd-strings", packed(PREDICT, predict("string_pair", x=odd))


def _specs(good: PredictRequest) -> Named:
    """Model specs of every odd form."""
    for name, text in (("long", LONG), ("controls", CONTROLS), ("path", "../../etc/passwd")):
        for field in ("name", "signature_name", "version_label"):
            request = PredictRequest()
            request.CopyFrom(good)
            setattr(request.model_spec, field, text)
            yield f"predict-{name}-{field}", packed(PREDICT, request)
        request = predict("constant", **{text: proto(DType.FLOAT32, [-1])})
        yield f"predict-{name}-input", packed(PREDICT, request)
        request = PredictRequest()
        request.CopyFrom(good)
        request.output_filter.append(text)
        yield f"predict-{name}-filter", packed(PREDICT, request)
    for version in (-1, -(2**63), 2**63 - 1, 0):
        request = PredictRequest()
        request.CopyFrom(good)
        request.model_spec.version.value = version
        yield f"predict-version-{version}", packed(PREDICT, request)
