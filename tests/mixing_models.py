"""Signatures that answer row by row, and others whose rows only look independent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import tensorflow as tf

Function = Callable[..., tf.Tensor]

FLOATS: Final = {"x": tf.TensorSpec([None, 3], tf.float32, "x")}
IDS: Final = {"x": tf.TensorSpec([None], tf.int64, "x")}
TABLE: Final = {"x": tf.TensorSpec([None, 3], tf.int32, "x")}
TEXT: Final = {"text": tf.TensorSpec([None], tf.string, "text")}
PICTURES: Final = {"x": tf.TensorSpec([None, None, None, 1], tf.float32, "x")}


def _batch_normalised(x: tf.Tensor) -> tf.Tensor:
    """As a batch normalisation left in training mode does it."""
    pixels = tf.reshape(x, [-1, 1, 1, 3])
    ones, zeros = tf.ones(3), tf.zeros(3)
    answer, _, _ = tf.compat.v1.nn.fused_batch_norm(pixels, ones, zeros, is_training=True)
    return tf.reshape(answer, [-1, 3])


def _imputed(x: tf.Tensor) -> tf.Tensor:
    known = tf.where(tf.math.is_nan(x), 0.0, x)
    return tf.where(tf.math.is_nan(x), tf.reduce_mean(known, 0, keepdims=True), x)


def _quantized(x: tf.Tensor) -> tf.Tensor:
    largest = tf.reduce_max(tf.abs(x)) + 1e-6
    return tf.round(x / largest * 127) * largest / 127


def _up_to_four(x: tf.Tensor) -> tf.Tensor:
    rows = tf.shape(x)[0]
    return tf.pad(x, [[0, 4 - rows], [0, 0]])[:rows]


def _expert_with_a_capacity(x: tf.Tensor) -> tf.Tensor:
    """Rows that are sent to one expert beyond its share get nothing."""
    sent = tf.cast(x[:, :1] <= 0, tf.float32)
    fits = tf.cumsum(sent, 0) <= tf.cast(tf.shape(x)[0], tf.float32) / 2 + 1
    return x * tf.cast(fits, tf.float32)


def _eleven(x: tf.Tensor) -> tf.Tensor:
    return x + tf.where(tf.equal(tf.shape(x)[0], 11), tf.reduce_sum(x), 0.0)


def _drowned_by(found: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[tf.Tensor], tf.Tensor]:
    return lambda x: x * tf.cond(tf.reduce_any(found(x)), lambda: 0.0, lambda: 1.0)


ROW_WISE: Final[dict[str, tuple[dict[str, tf.TensorSpec], Function]]] = {
    "echo": (FLOATS, lambda x: x),
    "dense": (FLOATS, lambda x: tf.nn.softmax(tf.matmul(x, [[1.0, -2], [0.5, 3], [2, 0]]))),
    "layer_normalised": (
        FLOATS,
        lambda x: (x - tf.reduce_mean(x, 1, True)) / (tf.math.reduce_std(x, 1, True) + 1e-3),
    ),
    "argmax": (FLOATS, lambda x: tf.argmax(x, 1)),
    "sorted_within": (TABLE, lambda x: tf.sort(x, axis=1)),
    "embedded": (TABLE, lambda x: tf.gather(tf.reshape(tf.range(20.0), (10, 2)), x)),
    "tenfold": (IDS, lambda x: x * 10),
    "words_counted": (TEXT, lambda text: tf.strings.split(text).row_lengths()),
    "number": (TEXT, lambda text: tf.strings.to_number(text) * 2),
    "pooled": (PICTURES, lambda x: tf.reduce_mean(x, [1, 2])),
    "same_for_all": (FLOATS, lambda x: tf.tile([["low", "high"]], [tf.shape(x)[0], 1])),
}

MIXING: Final[dict[str, tuple[dict[str, tf.TensorSpec], Function]]] = {
    "an expert with a capacity": (FLOATS, _expert_with_a_capacity),
    "eleven rows at once": (FLOATS, _eleven),
    "infinity beside it": (FLOATS, _drowned_by(tf.math.is_inf)),
    "a long text beside it": (
        TEXT,
        lambda text: tf.reshape(
            tf.strings.length(text)
            * tf.cast(tf.reduce_max(tf.strings.length(text)) <= 200, tf.int32),
            [-1, 1],
        ),
    ),
    "words": (TEXT, lambda text: tf.strings.split(text).flat_values),
    "words_padded": (TEXT, lambda text: tf.strings.split(text).to_tensor()),
    "softmax_over_rows": (FLOATS, lambda x: tf.nn.softmax(x, axis=0)),
    "batch_normalised": (FLOATS, _batch_normalised),
    "mean_taken_away": (FLOATS, lambda x: x - tf.reduce_mean(x, 0)),
    "a_little_of_the_mean": (FLOATS, lambda x: x + 1e-4 * tf.reduce_mean(x, 0)),
    "share_of_the_largest": (FLOATS, lambda x: x / (1 + tf.reduce_max(tf.abs(x)))),
    "sorted": (FLOATS, lambda x: tf.sort(x, axis=0)),
    "ranked": (FLOATS, lambda x: tf.argsort(x[:, 0])),
    "summed_up": (FLOATS, lambda x: tf.cumsum(x, axis=0)),
    "reversed": (FLOATS, lambda x: tf.reverse(x, [0])),
    "reversed_texts": (TEXT, lambda text: tf.reverse(text, [0])),
    "shifted": (FLOATS, lambda x: tf.roll(x, 1, 0)),
    "less_the_first": (FLOATS, lambda x: x - x[:1]),
    "divided_by_rows": (FLOATS, lambda x: x / tf.cast(tf.shape(x)[0], tf.float32)),
    "compared": (FLOATS, lambda x: tf.matmul(x, x, transpose_b=True)),
    "unique": (IDS, lambda x: tf.unique(x)[0]),
    "unique_places": (IDS, lambda x: tf.unique(x)[1]),
    "unique_texts": (TEXT, lambda text: tf.unique(text)[0]),
    "positive_only": (FLOATS, lambda x: tf.boolean_mask(x, x[:, 0] > 0)),
    "small_only": (FLOATS, lambda x: tf.boolean_mask(x, x[:, 0] < 1000)),
    "holes_filled": (FLOATS, _imputed),
    "quantized": (FLOATS, _quantized),
    "clipped": (FLOATS, lambda x: tf.clip_by_global_norm([x], 5.0)[0][0]),
    "any_large": (IDS, lambda x: x + tf.cast(tf.reduce_any(x > 900), tf.int64)),
    "as_long_as_the_longest": (IDS, lambda x: tf.sequence_mask(tf.maximum(x, 0))),
    "large_batches": (
        FLOATS,
        lambda x: tf.cond(tf.shape(x)[0] > 8, lambda: tf.nn.softmax(x, 0), lambda: x),
    ),
    "noise": (FLOATS, lambda x: x + tf.random.normal(tf.shape(x))),
    "sampled": (FLOATS, lambda x: tf.random.categorical(x, 1)),
    "noise_by_place": (FLOATS, lambda x: x + tf.random.stateless_normal(tf.shape(x), [1, 2])),
}

REFUSING: Final[dict[str, tuple[dict[str, tf.TensorSpec], Function]]] = {
    "picture_bytes": (
        TEXT,
        lambda text: tf.map_fn(
            lambda one: tf.reshape(tf.io.decode_jpeg(one), [-1])[:3],
            text,
            fn_output_signature=tf.TensorSpec([None], tf.uint8),
        ),
    ),
    "up_to_four": (FLOATS, _up_to_four),
}


def export(folder: Path, *names: str) -> None:
    """Write a SavedModel with the signatures ``names``, each with an output ``y``."""
    module = tf.Module()
    signatures = {}
    for name in names:
        inputs, function = {**ROW_WISE, **MIXING, **REFUSING}[name]
        signatures[name] = _concrete(inputs, function)
    tf.saved_model.save(module, str(folder), signatures)


def _concrete(inputs: dict[str, tf.TensorSpec], function: Function) -> Function:
    def call(**given: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": function(*given.values())}

    concrete: Function = tf.function(call).get_concrete_function(**inputs)
    return concrete
