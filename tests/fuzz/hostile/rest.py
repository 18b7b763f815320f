"""JSON bodies of both protocols, and bytes behind them."""

from __future__ import annotations

from typing import Final

from tests.fuzz.hostile.common import Named
from tests.fuzz.target import pack_http

PREDICT: Final = "/v1/models/constant:predict"
CLASSIFY: Final = "/v1/models/constant:classify"
INFER: Final = "/v2/models/constant/infer"

_DEEP: Final = b"[" * 1000 + b"]" * 1000
_DIGITS: Final = b"1" + b"0" * 400
_WIDE: Final = b'"' + b"a" * 30_000 + b'"'
_HALF: Final = b'"\\ud800"'


def bodies() -> Named:
    """All of them."""
    for path, kind in ((PREDICT, "predict"), (INFER, "infer")):
        for name, body in _JSON.items():
            yield f"rest-{kind}-{name}", pack_http(path, body)
    for path, kind, named in (
        (PREDICT, "predict", _ROWS),
        (CLASSIFY, "classify", _EXAMPLES),
        (INFER, "infer", _TENSORS),
        ("/v2/logging", "logging", _SETTINGS),
        ("/v2/trace/setting", "trace", _SETTINGS),
    ):
        for name, body in named.items():
            yield f"rest-{kind}-{name}", pack_http(path, body)
    for model in ("string_pair", "uint64_pair", "float16_pair", "spectrum"):
        for name, value in _VALUES.items():
            body = b'{"instances": [[' + value + b", " + value + b"]]}"
            yield f"rest-{model}-{name}", pack_http(f"/v1/models/{model}:predict", body)
    yield from _binaries()
    for path in _PATHS:
        yield f"rest-nothing{path.replace('/', '-').replace(':', '-')}", pack_http(path, b"")


def _binaries() -> Named:
    """Bytes behind the JSON, and headers that say where they begin."""
    for name, size in _SIZES.items():
        head = _tensor(b"[1, 1]", parameters=b'{"binary_data_size": ' + size + b"}")
        length = str(len(head))
        packed = pack_http(INFER, head + bytes(4), Inference_Header_Content_Length=length)
        yield f"rest-infer-binary-{name}", packed
    head = _tensor(b"[1, 1]", parameters=b'{"binary_data_size": 4}')
    for name, length in _LENGTHS.items():
        packed = pack_http(INFER, head + bytes(4), Inference_Header_Content_Length=length)
        yield f"rest-infer-header-{name}", packed


def _tensor(
    shape: bytes,
    data: bytes = b"[1]",
    datatype: bytes = b"FP32",
    *,
    parameters: bytes = b"",
) -> bytes:
    rest = b'"parameters": ' + parameters if parameters else b'"data": ' + data
    start = b'{"inputs": [{"name": "x", "datatype": "' + datatype + b'", "shape": ' + shape
    return start + b", " + rest + b"}]}"


def _times(count: int, part: bytes) -> bytes:
    return b", ".join([part] * count)


_PATHS: Final = (
    "/v1/models/constant",
    "/v1/models/constant/metadata",
    "/v1/models/constant/versions/1:predict",
    "/v1/models/constant/labels/canary:regress",
    "/v2",
    "/v2/models/stats",
    "/v2/models/constant",
    "/v2/models/constant/ready",
    "/v2/models/constant/config",
    "/v2/models/constant/versions/1/stats",
    "/v2/models/constant/trace/setting",
    "/v2/repository/index",
    "/v2/repository/models/constant/load",
    "/v2/systemsharedmemory/status",
    "/v2/systemsharedmemory/region/r/register",
    "/v2/cudasharedmemory/region/r/register",
)

_JSON: Final = {
    "empty": b"",
    "no-json": b"\xff\xfe{",
    "list": b"[]",
    "not-a-number": b"NaN",
    "unclosed": b'{"instances": [[1',
    "deep": _DEEP,
    "deep-unclosed": b"[" * 20_000,
    "deep-objects": b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "deep-inputs": b'{"inputs": ' + _DEEP + b', "id": ""}',
    "surrogate-key": b'{"\\ud800": "a", "parameters": {"\\ud800": 1}, "inputs": []}',
    "surrogate-raw": b'{"id": "\xed\xa0\x80", "inputs": [[1]]}',
    "many-digits": b'{"inputs": ' + _DIGITS + b"}",
    "too-many-digits": b'{"inputs": ' + b"1" * 10_000 + b"}",
    "same-key-twice": b'{"instances": [[1]], "instances": 2}',
    "long-name": b'{"inputs": {"' + b"a" * 20_000 + b'": [[1]]}}',
    "utf-16": '{"instances": [[1]]}'.encode("utf-16-le"),
}

_ROWS: Final = {
    "good": b'{"instances": [[1.0], [2]]}',
    "deep-signature": b'{"signature_name": ' + _DEEP + b', "inputs": [[1]]}',
    "deep-instances": b'{"instances": ' + _DEEP + b"}",
    "surrogate-signature": b'{"signature_name": ' + _HALF + b', "instances": [[1]]}',
    "surrogate-input": b'{"inputs": {' + _HALF + b": [[1]]}}",
    "number-then-list": b'{"instances": [1, [1]]}',
    "list-then-number": b'{"instances": [[1], 1]}',
    "list-then-object": b'{"instances": [[1], {"x": 1}]}',
    "other-names": b'{"instances": [{"x": 1}, {"z": 1}]}',
    "both-forms": b'{"instances": [[1]], "inputs": [[1]]}',
    "text-for-rows": b'{"instances": ' + _WIDE + b"}",
    "wide-text": b'{"instances": [' + _WIDE + b', ""' * 2000 + b"]}",
    "wide-text-in-rows": b'{"instances": [[' + _WIDE + b"]" + b", [1]" * 2000 + b"]}",
    "empty-rows": b'{"instances": [' + _times(5000, b"[]") + b"]}",
    "null-among-numbers": b'{"instances": [[null], ' + _times(2000, b"[1]") + b"]}",
    "no-numbers-by-name": b'{"inputs": {"x": [[NaN]], "z": [[Infinity]]}}',
    "no-numbers": b'{"instances": [[NaN], [-Infinity], [1e400], [1e-400]]}',
    "odd-base64": b'{"instances": [{"b64": "!"}]}',
    "long-name-in-row": b'{"instances": [{"' + b"a" * 3000 + b'": 1}, {"b": 2}]}',
    "2000-inputs": b'{"inputs": {' + b", ".join(b'"x%d": 1' % each for each in range(2000)) + b"}}",
}

_EXAMPLES: Final = {
    "none": b'{"examples": []}',
    "list": b'{"examples": [[]]}',
    "deep-signature": b'{"signature_name": ' + _DEEP + b"}",
    "deep-feature": b'{"examples": [{"x": ' + _DEEP + b"}]}",
    "surrogate-signature": b'{"signature_name": ' + _HALF + b', "examples": [{}]}',
    "surrogate-feature": b'{"examples": [{' + _HALF + b": 1}]}",
    "digits-among-floats": b'{"examples": [{"x": [1.5, NaN, ' + _DIGITS + b"]}]}",
    "digits": b'{"examples": [{"x": ' + _DIGITS + b"}]}",
    "beyond-float32": b'{"examples": [{"x": 1e300}]}',
    "list-then-number": b'{"examples": [{"x": [' + _times(500, b"[1]") + b", 1]}]}",
    "odd-base64": b'{"examples": [{"x": [{"b64": "!"}]}]}',
    "number-for-base64": b'{"examples": [{"x": {"b64": 1}}]}',
    "number-for-context": b'{"context": 1, "examples": [{}]}',
    "copied-context": b'{"context": {"x": [%s]}, "examples": [%s]}'
    % (_times(10_000, b"1"), _times(8000, b"{}")),
    "long-name": b'{"examples": [{"' + b"a" * 20_000 + b'": [true]}]}',
}

_TENSORS: Final = {
    "good": _tensor(b"[1, 1]"),
    "surrogate-id": b'{"id": ' + _HALF + b', "inputs": []}',
    "surrogate-name": b'{"inputs": [{"name": ' + _HALF + b', "datatype": "FP32"}]}',
    "deep-name": b'{"inputs": [{"name": ' + _DEEP + b"}]}",
    "deep-shape": _tensor(_DEEP),
    "deep-parameter": b'{"parameters": {"p": ' + _DEEP + b'}, "inputs": []}',
    "negative-shape": _tensor(b"[-1, 1]"),
    "overflowing-shape": _tensor(b"[4611686018427387904, 4611686018427387904]"),
    "shape-of-300-huge": _tensor(b"[" + _times(300, b"4611686018427387904") + b"]"),
    "shape-of-5000-ones": _tensor(b"[" + _times(5000, b"1") + b"]"),
    "infinite-shape": _tensor(b"[1e400]"),
    "digits-in-shape": _tensor(b"[" + _DIGITS + b"]"),
    "float-in-shape": _tensor(b"[1.0, 1]"),
    "text-for-shape": _tensor(b'"11"'),
    "object-for-shape": _tensor(b"{}"),
    "null-for-shape": _tensor(b"null"),
    "wide-text": _tensor(b"[1, 1]", b"[" + _WIDE + b', ""' * 2000 + b"]"),
    "no-number": _tensor(b"[1, 1]", b"NaN"),
    "70-lists": _tensor(b"[1, 1]", b"[" * 70 + b"1" + b"]" * 70),
    "text": _tensor(b"[1, 1]", b'["a"]', b"BYTES"),
    "half-a-pair": _tensor(b"[1, 1]", b"[" + _HALF + b"]", b"BYTES"),
    "zero-beside-huge": _tensor(b"[0, 4611686018427387904]", b"[]", b"BYTES"),
    "beyond-float16": _tensor(b"[1, 1]", b"[1e300]", b"FP16"),
    "long-datatype": _tensor(b"[1, 1]", b"[1]", b"X" * 20_000),
    "number-for-tensor": b'{"inputs": [1]}',
    "long-tensor-name": b'{"inputs": [{"name": "' + b"a" * 20_000 + b'"}]}',
    "2000-tensors": b'{"inputs": [%s, 1]}'
    % _times(2000, b'{"name": "x", "datatype": "FP32", "shape": [0], "data": []}'),
    "2000-outputs": b'{"inputs": [], "outputs": [%s, {"name": 1}]}'
    % _times(2000, b'{"name": "y"}'),
    "object-for-outputs": b'{"inputs": [], "outputs": {"name": "y"}}',
    "digits-for-parameter": b'{"inputs": [], "parameters": {"timeout": -1, "p": ' + _DIGITS + b"}}",
    "infinite-parameter": b'{"inputs": [], "parameters": {"p": 1e400, "timeout": 1.5}}',
}

_SETTINGS: Final = {
    "good": b"",
    "deep": b'{"trace_level": [' + _DEEP + b'], "log_info": ' + _DEEP + b"}",
    "surrogate": b'{"trace_level": ' + _HALF + b', "log_file": ' + _HALF + b"}",
    "surrogate-name": b"{" + _HALF + b": 1}",
    "digits": b'{"trace_rate": ' + _DIGITS + b', "log_verbose_level": ' + _DIGITS + b"}",
}

_VALUES: Final = {
    "one": b"1",
    "below-zero": b"-1",
    "infinite": b"1e400",
    "no-number": b"NaN",
    "most-of-uint64": b"18446744073709551615",
    "beyond-uint64": b"18446744073709551616",
    "below-int64": b"-9223372036854775809",
    "beyond-float32": b"1e300",
    "true": b"true",
    "null": b"null",
    "half-a-pair": _HALF,
    "odd-bytes": b'{"b64": "/w=="}',
    "object": b"{}",
    "digits": _DIGITS,
}

_SIZES: Final = {
    "good": b"4",
    "none": b"0",
    "negative": b"-1",
    "more": b"5",
    "float": b"1e9",
    "true": b"true",
    "text": b'"4"',
    "deep": b"[" * 900 + b"]" * 900,
}

_LENGTHS: Final = {
    "beyond": "9999",
    "negative": "-1",
    "digits": "9" * 5000,
    "other-digits": "\xb2",
    "inside": "10",
    "empty": "",
}
