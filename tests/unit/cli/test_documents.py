import json
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from horngate.cli.chart import array_document, dump, signature_document
from horngate.tensors import DType, Signature, TensorSpec


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[0.5, 1]], np.float32), [[0.5, 1.0]]),
        (np.array([True, False]), [True, False]),
        (np.array(7), 7),
        (np.array([2**63], np.uint64), [2**63]),
        (np.array([0.5], ml_dtypes.bfloat16), [0.5]),
        (np.array([1 + 2j]), [[1.0, 2.0]]),
        (np.array([np.nan, np.inf, -np.inf]), ["NaN", "Infinity", "-Infinity"]),
        (np.array([b"gr\xc3\xbcn", b"\xff"], object), ["grün", {"b64": "/w=="}]),
        (np.array(b"a", object), "a"),
        (np.zeros((0, 2)), []),
    ],
)
def test_arrays_become_json(array: np.ndarray, expected: Any) -> None:
    assert json.loads(dump(array_document(array))) == expected


def test_signatures_become_json() -> None:
    signature = Signature(
        "s",
        {"x": TensorSpec("x", DType.FLOAT32, (None, 2))},
        {"y": TensorSpec("y", DType.STRING, ())},
    )
    assert json.loads(dump(signature_document(signature))) == {
        "inputs": {"x": {"dtype": "float32", "shape": [None, 2]}},
        "outputs": {"y": {"dtype": "string", "shape": []}},
    }
