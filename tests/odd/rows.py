"""Models whose rows do not keep to themselves, and some that only look as if."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import tensorflow as tf

from tests.odd.case import Case, Place, Served
from tests.odd.graphs import drawn

FLOAT: Final = tf.float32
SLOW: Final = "[batching]\nmax_queue_delay = 0.02\nmax_batch_size = 16\n"
"""So that callers who ask at the same time share a run wherever they may."""

WIDE: Final = (None, 3)


def rows(run: Callable[[Any], Any], **more: Any) -> Callable[[Place], None]:
    def make(place: Place) -> None:
        place.save(drawn(run, **more))
        place.settings(SLOW)

    return make


def batches_of(number: int) -> Callable[[Place], None]:
    """A model that keeps to its rows, and settings of as many rows in a batch."""

    def make(place: Place) -> None:
        place.save(drawn(squared))
        place.settings(f"[batching]\nmax_batch_size = {number}\n")

    return make


def words_of_texts(x: Any) -> Any:
    return tf.strings.split(x).flat_values


def letters_of_texts(x: Any) -> Any:
    return tf.strings.unicode_split(x, "UTF-8").flat_values


def softmax_over_rows(x: Any) -> Any:
    return tf.nn.softmax(x, axis=0)


def length_over_rows(x: Any) -> Any:
    return tf.math.l2_normalize(x, axis=0)


def sorted_rows(x: Any) -> Any:
    return tf.sort(x, axis=0)


def summed_rows(x: Any) -> Any:
    return tf.cumsum(x, axis=0)


def turned_rows(x: Any) -> Any:
    return tf.reverse(x, [0])


def without_doubles(x: Any) -> Any:
    return tf.unique(x)[0]


def first_of_doubles(x: Any) -> Any:
    """To each row the place of the first equal to it."""
    return tf.cast(tf.unique(x)[1], FLOAT)


def largest_of_rows(x: Any) -> Any:
    return x + tf.cast(tf.argmax(x, axis=0), FLOAT)


def without_the_mean(x: Any) -> Any:
    return x - tf.reduce_mean(x, axis=0, keepdims=True)


def over_the_largest(x: Any) -> Any:
    return x / (1 + tf.reduce_max(tf.abs(x)))


def first_for_all(x: Any) -> Any:
    return tf.zeros_like(x) + x[:1]


def without_the_last(x: Any) -> Any:
    return x[:-1]


def twice(x: Any) -> Any:
    return tf.repeat(x, 2)


def doubled(x: Any) -> Any:
    return tf.concat([x, x], 0)


def columns(x: Any) -> Any:
    return tf.transpose(x)


def in_one(x: Any) -> Any:
    return tf.reshape(tf.reduce_sum(x), [1])


def one_number(x: Any) -> Any:
    return tf.reduce_sum(x)


def by_their_number(x: Any) -> Any:
    return x + tf.cast(tf.shape(x)[0], FLOAT)


def by_parity(x: Any) -> Any:
    """Otherwise only where there is an odd number of rows above one."""
    number = tf.shape(x)[0]
    odd = tf.logical_and(tf.equal(number % 2, 1), number > 1)
    return tf.where(odd, x + 1, x)


def from_seventeen_on(x: Any) -> Any:
    """Otherwise only in a large batch."""
    return tf.where(tf.shape(x)[0] > 12, x + 1, x)


def by_place(x: Any) -> Any:
    return x + tf.range(tf.shape(x)[0], dtype=FLOAT)


def lots_by_place(x: Any) -> Any:
    return x + tf.random.stateless_uniform(tf.shape(x), (1, 2))


def neighbours(x: Any) -> Any:
    return x + tf.roll(x, 1, 0)


def over_rows_of_pictures(x: Any) -> Any:
    """A convolution whose picture is the batch."""
    weights = tf.ones([3, 1, 1])
    return tf.nn.conv1d(x[None, :, :], weights, 1, "SAME")[0]


def attention(x: Any) -> Any:
    return tf.matmul(tf.nn.softmax(tf.matmul(x, x, transpose_b=True)), x)


def best_of_rows(x: Any) -> Any:
    """Those among the two largest stay, the rest is nothing."""
    best = tf.math.top_k(x, k=tf.minimum(2, tf.shape(x)[0])).values[-1]
    return tf.where(x >= best, x, tf.zeros_like(x))


def longest_text(x: Any) -> Any:
    """Every row as long as the longest of the batch."""
    return tf.strings.substr(
        tf.strings.join([x, tf.fill(tf.shape(x), "     ")]), tf.zeros(tf.shape(x), tf.int32),
        tf.fill(tf.shape(x), tf.reduce_max(tf.strings.length(x))),
    )  # fmt: skip


def padded_words(x: Any) -> Any:
    return tf.strings.split(x).to_tensor(b"-")


def whole_if_any_is_not_a_number(x: Any) -> Any:
    return tf.where(tf.reduce_any(tf.math.is_nan(x)), tf.zeros_like(x), x)


def whole_if_any_is_large(x: Any) -> Any:
    return tf.where(tf.reduce_any(tf.abs(x) > 1e30), tf.zeros_like(x), x)


def whole_if_any_is_negative(x: Any) -> Any:
    return tf.where(tf.reduce_any(x < 0), tf.zeros_like(x), x)


def whole_if_two_are_equal(x: Any) -> Any:
    equal = tf.size(tf.unique(x)[0]) < tf.size(x)
    return tf.where(equal, x + 1, x)


def whole_if_one_is_seven_and_a_half(x: Any) -> Any:
    """A value that nobody would try."""
    return tf.where(tf.reduce_any(tf.equal(x, 7.4375)), tf.zeros_like(x), x)


def by_the_scale_of_all(x: Any) -> Any:
    """As weights are made integers: one scale for all that is there."""
    scale = tf.reduce_max(tf.abs(x)) / 127.0 + 1e-9
    return tf.round(x / scale) * scale


def two_outputs_one_mixed(x: Any) -> Any:
    return {"y": x + 1, "z": tf.nn.softmax(x, axis=0)}


def features(x: Any) -> Any:
    return tf.nn.softmax(x, axis=1)


def row_by_row(x: Any) -> Any:
    return tf.map_fn(lambda row: row * 2, x)


def rows_by_hash(x: Any) -> Any:
    return tf.cast(tf.strings.to_hash_bucket_fast(x, 1000), FLOAT)


def sorted_and_put_back(x: Any) -> Any:
    """Rows go far and come home: each answer is its own."""
    order = tf.argsort(x, stable=True)
    return tf.gather(tf.gather(x, order) * 2, tf.argsort(order, stable=True))


def squared(x: Any) -> Any:
    return x * x


ROW: Final = "row"


def alone(run: Callable[[Any], Any], *answers: Any, known: str = "", **more: Any) -> Case:
    """It runs alone, whoever asks beside; ``answers`` are what is sent and what comes."""
    name = run.__name__.replace("_", " ")
    served = {key: more.pop(key) for key in ("dtype",) if key in more}
    outcome = Served(tuple(answers), batched=False, why=(ROW,), **served)
    return Case(f"{name}, which runs alone", rows(run, **more), outcome, known)


def batched(run: Callable[[Any], Any], *answers: Any, **more: Any) -> Case:
    name = run.__name__.replace("_", " ")
    served = {key: more.pop(key) for key in ("dtype",) if key in more}
    return Case(
        f"{name} in a batch", rows(run, **more), Served(tuple(answers), batched=True, **served)
    )


TEXT: Final[dict[str, Any]] = {"x": tf.string, "dtype": object}

CASES: Final = [
    alone(words_of_texts, ([b"alice secret"], [b"alice", b"secret"]), ([b"bob"], [b"bob"]),
          ([b""], []), **TEXT),
    alone(letters_of_texts, ([b"ab"], [b"a", b"b"]), ([b"c"], [b"c"]), **TEXT),
    alone(softmax_over_rows, ([1.0], [1.0]), ([5.0], [1.0]), ([2.0], [1.0])),
    alone(length_over_rows, ([1.0], [1.0]), ([5.0], [1.0])),
    alone(sorted_rows, ([3.0], [3.0]), ([1.0], [1.0]), ([2.0], [2.0])),
    alone(summed_rows, ([3.0], [3.0]), ([1.0], [1.0]), ([2.0], [2.0])),
    alone(turned_rows, ([3.0], [3.0]), ([1.0, 2.0], [2.0, 1.0])),
    alone(without_doubles, ([3.0, 3.0], [3.0]), ([1.0], [1.0])),
    alone(first_of_doubles, ([3.0], [0.0]), ([1.0], [0.0])),
    alone(largest_of_rows, ([3.0], [3.0]), ([1.0], [1.0])),
    alone(without_the_mean, ([3.0], [0.0]), ([1.0], [0.0])),
    alone(over_the_largest, ([3.0], [0.75]), ([1.0], [0.5])),
    alone(first_for_all, ([3.0], [3.0]), ([1.0], [1.0])),
    alone(without_the_last, ([3.0, 4.0], [3.0]), ([1.0], [])),
    alone(twice, ([3.0], [3.0, 3.0]), ([1.0], [1.0, 1.0])),
    alone(doubled, ([3.0, 4.0], [3.0, 4.0, 3.0, 4.0]), ([1.0], [1.0, 1.0])),
    alone(columns, ([[1.0, 2.0, 3.0]], [[1.0], [2.0], [3.0]]), shape=(None, 3), out=(None, None)),
    alone(in_one, ([3.0], [3.0]), ([1.0, 2.0], [3.0])),
    Case("one number for all rows, which runs alone", rows(one_number, out=()),
         Served((([3.0], 3.0), ([1.0, 2.0], 3.0)), batched=False)),
    alone(by_their_number, ([3.0], [4.0]), ([1.0], [2.0])),
    alone(by_parity, ([3.0], [3.0]), ([1.0], [1.0]), ([2.0], [2.0])),
    alone(from_seventeen_on, ([3.0] * 7, [3.0] * 7), ([1.0] * 8, [1.0] * 8)),
    alone(by_place, ([3.0], [3.0]), ([1.0], [1.0])),
    alone(lots_by_place, ([3.0], None)),
    alone(neighbours, ([3.0], [6.0]), ([1.0], [2.0])),
    alone(over_rows_of_pictures, ([[1.0]], [[1.0]]), ([[2.0]], [[2.0]]), shape=(None, 1)),
    alone(attention, ([[1.0, 2.0, 3.0]], [[1.0, 2.0, 3.0]]), ([[3.0, 2.0, 1.0]], [[3.0, 2.0, 1.0]]),
          shape=WIDE),
    alone(best_of_rows, ([3.0], [3.0]), ([1.0], [1.0]), ([2.0], [2.0])),
    alone(longest_text, ([b"a"], [b"a"]), ([b"abc"], [b"abc"]), **TEXT),
    alone(padded_words, ([b"a"], [[b"a"]]), ([b"a b"], [[b"a", b"b"]]), out=(None, None), **TEXT),
    alone(whole_if_any_is_not_a_number, ([1.0], [1.0]), ([float("nan")], [0.0])),
    alone(whole_if_any_is_large, ([1.0], [1.0]), ([2e30], [0.0])),
    alone(whole_if_any_is_negative, ([1.0], [1.0]), ([-1.0], [0.0])),
    alone(whole_if_two_are_equal, ([1.0], [1.0]), ([1.0], [1.0])),
    alone(whole_if_one_is_seven_and_a_half, ([1.0], [1.0]), ([7.4375], [0.0]),
          known="a value that nobody tries; docs/reliability.md says so"),
    alone(by_the_scale_of_all, ([1.0], [1.0]), ([100.0], [100.0])),
    alone(two_outputs_one_mixed, ([1.0], {"y": [2.0], "z": [1.0]}),
          ([3.0], {"y": [4.0], "z": [1.0]})),
    batched(features, ([[1.0, 1.0, 1.0]], [[1 / 3] * 3]), ([[0.0, 0.0, 0.0]], [[1 / 3] * 3]),
            shape=WIDE),
    batched(row_by_row, ([1.0], [2.0]), ([3.0], [6.0])),
    batched(rows_by_hash, ([b"a"], None), ([b"b"], None), **TEXT),
    batched(sorted_and_put_back, ([3.0], [6.0]), ([1.0], [2.0]), ([2.0], [4.0])),
    batched(squared, ([3.0], [9.0]), ([1.0], [1.0]), ([2.0], [4.0])),
    *[Case(f"batches of {number} at most", batches_of(number),
           Served((([3.0], [9.0]), ([1.0], [1.0])), batched=True)) for number in (1, 2, 3)],
]  # fmt: skip
