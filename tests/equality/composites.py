"""What the converter recognises as a whole: loops, cells, attention, norms, look-up tables.

Their operations are probed by themselves elsewhere, and those of loops here: tf2onnx turns a loop
that it knows into one LSTM or GRU operator, whose kernels have nothing of the loop's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from horngate.tensors import Array
from tests.equality.probe import Probe, Trial
from tests.equality.values import moderate

LISTS: Final = (
    *("TensorListReserve", "TensorListFromTensor", "TensorListStack", "TensorListGetItem"),
    *("TensorListSetItem", "TensorListLength", "While", "Identity", "Placeholder"),
)
LENGTHS: Final = (1, 2, 3, 7, 16)
SCALES: Final = (1.0, 1e-4, 100.0, 1e4, 1e30)

CELLS: Final[dict[str, Callable[[], layers.Layer]]] = {
    "LSTM": lambda: layers.LSTM(5),
    "LSTM of sequences": lambda: layers.LSTM(5, return_sequences=True),
    "LSTM with a state": lambda: layers.LSTM(5, return_state=True),
    "LSTM backwards": lambda: layers.LSTM(5, go_backwards=True),
    "LSTM hard": lambda: layers.LSTM(5, recurrent_activation="hard_sigmoid"),
    "LSTM relu": lambda: layers.LSTM(5, activation="relu"),
    "GRU": lambda: layers.GRU(5),
    "GRU of sequences": lambda: layers.GRU(5, return_sequences=True),
    "GRU of old": lambda: layers.GRU(5, reset_after=False),
    "SimpleRNN": lambda: layers.SimpleRNN(5),
    "bidirectional LSTM": lambda: layers.Bidirectional(layers.LSTM(5)),
    "bidirectional LSTM of sequences": lambda: layers.Bidirectional(
        layers.LSTM(5, return_sequences=True)
    ),
    "bidirectional GRU": lambda: layers.Bidirectional(layers.GRU(5)),
    "TimeDistributed": lambda: layers.TimeDistributed(layers.Dense(3)),
}


def probes() -> Iterator[Probe]:
    for name, make in CELLS.items():
        yield Probe(
            "StatelessWhile",
            name,
            partial(_steps, make),
            also=LISTS,
            free=("output_shapes", "parallel_iterations"),
            unit=1.0,
            largest=True,
            rows=True,
            apart=True,
        )
    for name, body in LOOPS.items():
        for dtype in ("float32", "int32", "int64"):
            yield Probe(
                "StatelessWhile",
                f"{name} of {dtype}",
                partial(_looped, body, dtype),
                also=LISTS,
                free=("output_shapes", "parallel_iterations"),
            )
    yield Probe("StatelessIf", "float32", _branched, also=("If",), free=("output_shapes",))


def _steps(make: Callable[[], layers.Layer]) -> Iterator[Trial]:
    for length in (*LENGTHS, None):
        keras.utils.set_random_seed(7)
        layer = make()
        layer.build((None, length, 4))
        for weight in layer.weights:
            weight.assign(moderate("float32", weight.shape, 5))
        yield Trial(
            layer,
            [("float32", [None, length, 4])],
            lambda length=length: [[each] for each in _sequences(length or 9)],
            traced=True,
        )


def _sequences(length: int) -> list[Array]:
    plain = moderate("float32", (3, length, 4), length)
    found = [plain * np.float32(scale) for scale in SCALES]
    odd = plain.copy()
    odd[0, 0, 0] = np.nan
    found += [odd, np.zeros_like(plain), plain[:1]]
    return found


def _doubled(x: tf.Tensor) -> tf.Tensor:
    return tf.map_fn(lambda each: each + each, x)


def _counted(x: tf.Tensor) -> tf.Tensor:
    return tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y + x), (0, x))[1]


LOOPS: Final[dict[str, Callable[[Any], Any]]] = {
    "map_fn": _doubled,
    "while_loop": _counted,
}


def _looped(body: Callable[[Any], Any], dtype: str) -> Iterator[Trial]:
    yield Trial(
        body,
        [(dtype, [None, 3])],
        lambda: [[moderate(dtype, (length, 3), length)] for length in LENGTHS],
        traced=True,
    )


def _branched() -> Iterator[Trial]:
    yield Trial(
        lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: x * 2, lambda: x - 1),
        [("float32", [None])],
        lambda: [[np.array(each, np.float32)] for each in ([1, 2], [-1, -2], [0], [np.nan])],
        traced=True,
    )
