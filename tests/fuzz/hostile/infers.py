"""The Open Inference Protocol's ModelInfer and ModelStreamInfer, typed and raw."""

from __future__ import annotations

import struct
from typing import Any, Final

from horngate.protocols.pb.inference.grpc_service_pb2 import ModelInferRequest
from tests.fuzz.hostile.common import (
    CONTROLS,
    INFER,
    LONG,
    SHAPES,
    STREAM,
    Named,
    infer,
    packed,
    serialized,
)
from tests.fuzz.target import pack

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


def infers() -> Named:
    """The Open Inference Protocol's ModelInfer, typed and raw."""
    good = infer("constant", "FP32", [2, 1], bytes(8))
    yield "infer-good", packed(INFER, good)
    yield "stream-good", packed(STREAM, good)
    data = serialized(good)
    for cut in (1, len(data) // 2, len(data) - 1):
        yield f"infer-truncated-{cut}", pack(INFER, data[:cut])
    yield "stream-no-message", pack(STREAM, b"\xff" * 20)
    for name, shape in SHAPES.items():
        for kind, raw in (("empty", b""), ("short", bytes(4)), ("none", None)):
            request = infer("free", "FP32", shape, raw)
            yield f"infer-{name}-{kind}", packed(INFER, request)
        yield f"infer-{name}-bytes", packed(INFER, infer("grid", "BYTES", shape, b"\0" * 8))
        typed = infer("free", "FP32", shape, None)
        typed.inputs[0].contents.fp32_contents.append(1)
        yield f"infer-{name}-typed", packed(INFER, typed)
    for name, raw in _BYTES.items():
        request = infer("string_pair", "BYTES", [1, 2], raw)
        yield f"infer-bytes-{name}", packed(INFER, request)
    for datatype in ("BOOL", "FP16", "BF16", "FP64", "INT8", "UINT64", "none", "fp32", "FP99"):
        for size in (0, 7, 16):
            sent = "" if datatype == "none" else datatype
            request = infer("free", sent, [1, 2], b"\xff" * size)
            yield f"infer-{datatype}-of-{size}-bytes", packed(INFER, request)
    yield "infer-long-datatype", packed(INFER, infer("free", LONG, [1, 2], bytes(8)))
    yield from _typed()
    yield from _parameters(good)
    yield from _counts(good)
    for name, text in (("long", LONG), ("controls", CONTROLS)):
        request = infer(text, "FP32", [1, 1], bytes(4))
        request.id = text
        yield f"infer-{name}-model", packed(INFER, request)
        yield f"stream-{name}-model", packed(STREAM, request)
        yield f"infer-{name}-name", packed(INFER, infer("free", "FP32", [1], b"", name=text))


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
            request = infer("free", datatype, [1, 2], None)
            getattr(request.inputs[0].contents, field).extend(values * count)
            yield f"infer-typed-{name}-{datatype}", packed(INFER, request)


def _parameters(good: ModelInferRequest) -> Named:
    """Open maps with what nobody expects in them."""
    values: dict[str, dict[str, Any]] = {
        "nothing": {},
        "bool": {"bool_param": True},
        "least": {"int64_param": -(2**63)},
        "most": {"uint64_param": 2**64 - 1},
        "nan": {"double_param": float("nan")},
        "long": {"string_param": LONG},
    }
    for kind, value in values.items():
        for parameter in ("timeout", "priority", "signature_name", "sequence_id"):
            request = ModelInferRequest()
            request.CopyFrom(good)
            request.parameters[parameter].SetInParent()
            for field, content in value.items():
                setattr(request.parameters[parameter], field, content)
            yield f"infer-{parameter}-{kind}", packed(INFER, request)
        request = ModelInferRequest()
        request.CopyFrom(good)
        parameters = request.outputs.add(name="y").parameters
        parameters["classification"].SetInParent()
        for field, content in value.items():
            setattr(parameters["classification"], field, content)
        yield f"infer-classification-{kind}", packed(INFER, request)
    request = ModelInferRequest()
    request.CopyFrom(good)
    request.inputs[0].parameters["shared_memory_offset"].uint64_param = 2**64 - 1
    yield "infer-shared-memory-offset-alone", packed(INFER, request)
    for index in range(3000):
        request.parameters[f"p{index}"].int64_param = index
    yield "infer-3000-parameters", packed(INFER, request)


def _counts(good: ModelInferRequest) -> Named:
    """Thousands of parts, and parts that do not match."""
    request = ModelInferRequest()
    request.CopyFrom(good)
    request.raw_input_contents.extend([b""] * 20_000)
    yield "infer-20000-buffers", packed(INFER, request)
    request.CopyFrom(good)
    for index in range(2000):
        request.inputs.add(name=f"x{index}", datatype="FP32", shape=[0])
    yield "infer-2000-inputs", packed(INFER, request)
    request.CopyFrom(good)
    request.inputs.add().CopyFrom(good.inputs[0])
    yield "infer-input-twice", packed(INFER, request)
    request.CopyFrom(good)
    for _ in range(20_000):
        request.outputs.add()
    yield "infer-20000-outputs", packed(INFER, request)
    request.CopyFrom(good)
    request.inputs[0].contents.fp32_contents.append(1)
    yield "infer-raw-and-typed", packed(INFER, request)
