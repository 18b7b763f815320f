"""Look-up tables: what they find, and what they make of what they do not have."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

import numpy as np
import tensorflow as tf

from tests.equality.probe import Probe, Trial
from tests.equality.values import edges

KEYS: Final = ("gate", "horn", "größe", " a", "A")


def probes() -> Iterator[Probe]:
    yield Probe("LookupTableFindV2", "string to int64", _found, also=("HashTableV2",))


class Table(tf.Module):  # type: ignore[misc]  # TensorFlow ships no types
    """One that a SavedModel carries, as Keras' look-up layers do."""

    def __init__(self, default: int) -> None:
        super().__init__()
        numbers = tf.constant(range(2, 2 + len(KEYS)), tf.int64)
        filled = tf.lookup.KeyValueTensorInitializer(tf.constant(KEYS), numbers)
        self.table = tf.lookup.StaticHashTable(filled, default)

    # TensorFlow ships no types.
    @tf.function(  # type: ignore[untyped-decorator]
        input_signature=[tf.TensorSpec([None], "string", "x")]
    )
    def serve(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": self.table.lookup(x)}


def _found() -> Iterator[Trial]:
    words = np.concatenate([edges("string"), [each.encode() for each in KEYS]]).astype(object)
    for default in (-1, 0, 7):
        yield Trial(
            partial(Table, default),
            [("string", [None])],
            lambda: [[words], [words[:1]], [words[::-1]]],
            saved=True,
        )
