"""Models that a compiled form answered otherwise: by their operations, and by what they keep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from horngate.builder.compile import compile_version
from horngate.runtimes.onnx import OnnxRuntime
from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.tensors import DEFAULT_SIGNATURE, Array
from tests.integration.runtimes.test_savedmodel import save

TIMES = np.array([[1764033604, 1764033601, 1764033603, 1764033602]])
INTEGERS = tf.TensorSpec([None, 4], "int64", "x")
FLOATS = tf.TensorSpec([None, 4], "float32", "x")
PAIRS = tf.TensorSpec([None, 2], "int64", "x")

EQUAL: dict[str, tuple[Callable[[Any], Any], tf.TensorSpec, Array]] = {
    "top_k of times": (lambda x: tf.math.top_k(x, 2).values, INTEGERS, TIMES),
    "times compared": (lambda x: x < 1764033603, INTEGERS, TIMES),
    "times within a day": (lambda x: x % 86400 // 3600, INTEGERS, -TIMES),
    "choice beside NaN": (
        lambda x: tf.where(x > 0, x, tf.zeros_like(x)),
        FLOATS,
        np.array([[np.nan, 1, -1, np.inf]], np.float32),
    ),
    "argmax of denormals": (
        lambda x: tf.argmax(x, -1),
        FLOATS,
        np.array([[0, 1e-40, 1e-39, 0]], np.float32),
    ),
    "argmax beside NaN": (
        lambda x: tf.argmax(x, -1),
        FLOATS,
        np.array([[0, np.nan, 3, 1]], np.float32),
    ),
    "maximum with NaN": (
        lambda x: tf.reduce_max(x, -1),
        FLOATS,
        np.array([[0, np.nan, 3, 1], [np.nan, 1, 2, 3], [0, 1, 2, np.nan]], np.float32),
    ),
    "mean of nothing": (
        lambda x: tf.reduce_mean(x, 1),
        tf.TensorSpec([None, None], "float32", "x"),
        np.zeros((2, 0), np.float32),
    ),
    "float16 softplus": (
        tf.nn.softplus,
        tf.TensorSpec([None], "float16", "x"),
        np.array([100, -100], np.float16),
    ),
}


@pytest.mark.parametrize("name", EQUAL)
def test_what_was_answered_otherwise_is_equal(tmp_path: Path, name: str) -> None:
    function, spec, values = EQUAL[name]
    folder = save(tmp_path, serving_default=(lambda x: {"y": function(x)}, spec))
    assert compile_version(folder).refused == ""
    answers = []
    for runtime in (SavedModelRuntime(), OnnxRuntime()):
        servable = runtime.load(folder)
        answers.append(servable.run(DEFAULT_SIGNATURE, {"x": values})["y"])
        servable.close()
    np.testing.assert_array_equal(answers[0], answers[1])


REFUSED: dict[str, tuple[Callable[[Any], Any], tf.TensorSpec, str]] = {
    "sort": (
        lambda x: tf.sort(tf.cast(x, tf.float32)),
        INTEGERS,
        "TopKV2 of float32",
    ),
    "quotient of two inputs": (
        lambda x: x[:, 0] // x[:, 1],
        PAIRS,
        "FloorDiv of int64: ",
    ),
    "truncated quotient of two inputs": (
        lambda x: tf.truncatediv(x[:, 0], x[:, 1]),
        PAIRS,
        "TruncateDiv of int64: ",
    ),
    "truncated quotient by -1": (
        lambda x: tf.truncatediv(x, tf.constant(-1, tf.int64)),
        INTEGERS,
        "TruncateDiv of int64: ",
    ),
    "sum of integers": (lambda x: tf.reduce_sum(x, -1), INTEGERS, "Sum of int64"),
    "product of integers": (lambda x: tf.reduce_prod(x, -1), INTEGERS, "Prod of int64"),
    "mean of integers": (lambda x: tf.reduce_mean(x, -1), INTEGERS, "Mean of int64"),
    "remainder of floats": (
        lambda x: tf.math.floormod(x, tf.constant(0.1)),
        FLOATS,
        "FloorMod of float32: of ",
    ),
    "one by a zero of either sign": (
        lambda x: 1 / tf.nn.relu(x),
        FLOATS,
        "of which sign that is the engines differ",
    ),
    "shift": (lambda x: tf.bitwise.left_shift(x, x), INTEGERS, "LeftShift of int64: "),
    "float64 erf": (
        tf.math.erf,
        tf.TensorSpec([None], "float64", "x"),
        "Erf of float64: ",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_known_to_be_equal_is_refused_with_the_reason(
    tmp_path: Path, name: str
) -> None:
    function, spec, reason = REFUSED[name]
    folder = save(tmp_path, serving_default=(lambda x: {"y": function(x)}, spec))
    assert reason in compile_version(folder).refused
