"""Models that remember, draw lots, tell the time, refuse some values or do not come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import tensorflow as tf

from tests.odd.case import Alike, Case, Place, Served, not_compiled, refused
from tests.odd.graphs import Model, Shape, drawn

FLOAT: Final = tf.float32
v1 = tf.compat.v1


def draws(run: Callable[[Any], Any], **more: Any) -> Callable[[Place], None]:
    return lambda place: place.save(drawn(run, **more))


def variable(model: Model, *, initial: float | None = 0.0) -> None:
    """A variable ``w`` that the initialisation sets, where it is given a value."""
    model.add("w", "VarHandleOp", dtype=FLOAT, shape=Shape(()), container="", shared_name="w",
              allowed_devices=[])  # fmt: skip
    if initial is not None:
        model.constant("initial", initial)
        model.add("start", "AssignVariableOp", "w", "initial", dtype=FLOAT, validate_shape=False)
        model.meta.collection_def["legacy_init_op"].node_list.value.append("start")


def counter(place: Place) -> None:
    """``y`` = ``x`` + the number of runs."""
    model = Model()
    variable(model)
    model.constant("one", 1.0)
    model.add("count", "AssignAddVariableOp", "w", "one", dtype=FLOAT)
    model.add("read", "ReadVariableOp", "w", "^count", dtype=FLOAT)
    model.add("y", "AddV2", "x", "read", T=FLOAT)
    place.save(model)


def remembers_the_input(place: Place) -> None:
    """``y`` is the largest value that anybody has sent."""
    model = Model()
    variable(model)
    model.constant("axis", [0])
    model.add("before", "ReadVariableOp", "w", dtype=FLOAT)
    model.add("y", "Maximum", "x", "before", T=FLOAT)
    model.add("largest", "Max", "y", "axis", T=FLOAT, Tidx=tf.int32, keep_dims=False)
    model.add("keep", "AssignVariableOp", "w", "largest", dtype=FLOAT, validate_shape=False)
    model.add("out", "Identity", "y", "^keep", T=FLOAT)
    model.signature.outputs["y"].name = "out:0"
    place.save(model)


def set_as_it_is_loaded(place: Place) -> None:
    model = Model()
    variable(model, initial=2.0)
    model.add("read", "ReadVariableOp", "w", dtype=FLOAT)
    model.add("y", "AddV2", "x", "read", T=FLOAT)
    place.save(model)


def never_set(place: Place) -> None:
    model = Model()
    variable(model, initial=None)
    model.add("read", "ReadVariableOp", "w", dtype=FLOAT)
    model.add("y", "AddV2", "x", "read", T=FLOAT)
    place.save(model)


def mutable_table(place: Place) -> None:
    """``y`` is what was asked under the same key before."""
    model = Model()
    model.add("t", "MutableHashTableV2", container="", shared_name="t", use_node_name_sharing=False,
              key_dtype=tf.int64, value_dtype=FLOAT)  # fmt: skip
    model.constant("nothing", 0.0)
    model.add("key", "Cast", "x", SrcT=FLOAT, DstT=tf.int64, Truncate=False)
    model.add("y", "LookupTableFindV2", "t", "key", "nothing", Tin=tf.int64, Tout=FLOAT)
    model.add("put", "LookupTableInsertV2", "t", "key", "x", "^y", Tin=tf.int64, Tout=FLOAT)
    model.add("out", "Identity", "y", "^put", T=FLOAT)
    model.signature.outputs["y"].name = "out:0"
    place.save(model)


def sized_table(place: Place) -> None:
    """A table filled from constants as it is loaded."""
    model = Model()
    model.add("t", "HashTableV2", container="", shared_name="t", use_node_name_sharing=False,
              key_dtype=tf.int64, value_dtype=FLOAT)  # fmt: skip
    model.constant("keys", [1, 5], tf.int64)
    model.constant("values", [2.0, 6.0])
    model.add("fill", "LookupTableImportV2", "t", "keys", "values", Tin=tf.int64, Tout=FLOAT)
    model.meta.collection_def["legacy_init_op"].node_list.value.append("fill")
    model.constant("nothing", 0.0)
    model.add("key", "Cast", "x", SrcT=FLOAT, DstT=tf.int64, Truncate=False)
    model.add("y", "LookupTableFindV2", "t", "key", "nothing", Tin=tf.int64, Tout=FLOAT)
    place.save(model)


def variable_of_tensorflow_1(place: Place) -> None:
    model = Model()
    model.add("w", "VariableV2", dtype=FLOAT, shape=Shape(()), container="", shared_name="")
    model.constant("initial", 1.0)
    model.add("start", "Assign", "w", "initial", T=FLOAT, validate_shape=True, use_locking=True)
    model.add("y", "AddV2", "x", "w", T=FLOAT)
    model.meta.collection_def["legacy_init_op"].node_list.value.append("start")
    place.save(model)


def counter_of_tensorflow_1(place: Place) -> None:
    model = Model()
    model.add("w", "VariableV2", dtype=FLOAT, shape=Shape(()), container="", shared_name="")
    model.constant("initial", 0.0)
    model.constant("one", 1.0)
    model.add("start", "Assign", "w", "initial", T=FLOAT, validate_shape=True, use_locking=True)
    model.add("count", "AssignAdd", "w", "one", T=FLOAT, use_locking=True)
    model.add("y", "AddV2", "x", "count", T=FLOAT)
    model.meta.collection_def["legacy_init_op"].node_list.value.append("start")
    place.save(model)


def lots(x: Any) -> Any:
    return x + tf.random.uniform(tf.shape(x), seed=7)


def seeded_lots(x: Any) -> Any:
    """With seeds, yet each run goes on where the one before it ended."""
    return x + tf.raw_ops.RandomUniform(shape=tf.shape(x), dtype=FLOAT, seed=1, seed2=2)


def stateless_lots_by_place(x: Any) -> Any:
    return x + tf.random.stateless_uniform(tf.shape(x), seed=(1, 2))


def shuffled(x: Any) -> Any:
    return tf.random.shuffle(x, seed=7)


def generator(place: Place) -> None:
    """A generator's state in a variable."""
    model = Model()
    model.add("w", "VarHandleOp", dtype=tf.int64, shape=Shape((3,)), container="", shared_name="g",
              allowed_devices=[])  # fmt: skip
    model.constant("initial", [1, 2, 3], tf.int64)
    model.add("start", "AssignVariableOp", "w", "initial", dtype=tf.int64, validate_shape=False)
    model.meta.collection_def["legacy_init_op"].node_list.value.append("start")
    model.constant("algorithm", 1, tf.int64)
    model.add("sizes", "Shape", "x", T=FLOAT, out_type=tf.int64)
    model.add("lots", "StatefulStandardNormalV2", "w", "algorithm", "sizes", dtype=FLOAT,
              shape_dtype=tf.int64)  # fmt: skip
    model.add("y", "AddV2", "x", "lots", T=FLOAT)
    place.save(model)


def time_of_day(x: Any) -> Any:
    return x + tf.cast(tf.timestamp() > 0, FLOAT)


def prints(x: Any) -> Any:
    with tf.control_dependencies([tf.raw_ops.PrintV2(input="gotcha", output_stream="log(info)")]):
        return x + 1


def asserts(x: Any) -> Any:
    with tf.control_dependencies([tf.debugging.assert_positive(x)]):
        return x + 1


def checks_numbers(x: Any) -> Any:
    return tf.debugging.check_numerics(x, "gotcha") + 1


def a_list_of_tensors(x: Any) -> Any:
    held = tf.TensorArray(FLOAT, size=2, element_shape=[None])
    return held.write(0, x).write(1, tf.ones_like(x)).stack()[0] + 1


def counts_down(x: Any) -> Any:
    """As many steps as the largest of the rows; each row's answer is its own."""
    _, y = tf.while_loop(lambda i, _: i < 1000, lambda i, y: (i + 1, y), [tf.constant(0), x])
    return y + 1


def divides(x: Any) -> Any:
    return tf.cast(tf.cast(x, tf.int32) // tf.cast(x - 7, tf.int32), FLOAT)


def gathers(x: Any) -> Any:
    return tf.gather(tf.constant([1.0, 2.0, 3.0]), tf.cast(x, tf.int32))


def decodes(x: Any) -> Any:
    return tf.strings.to_number(x)


def makes_gigabytes(x: Any) -> Any:
    """As many numbers as the caller says."""
    many = tf.cast(x[0], tf.int64)
    return x + 0 * tf.reduce_sum(tf.ones(tf.reshape(many, [1])))


def sorts_integers(x: Any) -> Any:
    return tf.sort(x, axis=1)


def floors(x: Any) -> Any:
    return x // tf.constant(3, tf.int64)


def divides_by_another(x: Any) -> Any:
    return x[:, ::-1] // x


def tens(x: Any) -> Any:
    return tf.math.floormod(x, tf.constant(10.0))


def casts(x: Any) -> Any:
    return tf.cast(tf.cast(x, tf.int32), FLOAT)


def dense(x: Any) -> Any:
    return tf.nn.relu(tf.matmul(x, tf.constant([[1.0, 2.0], [3.0, 4.0]])) + 1.0)


def alone(*why: str, answers: Any = (), **more: Any) -> Served:
    return Served(tuple(answers), batched=False, why=why, **more)


AGAIN: Final = "otherwise when it is asked again"
WIDE: Final = (None, 4)
WHOLE: Final[dict[str, Any]] = {"x": tf.int64, "shape": WIDE, "dtype": np.int64}
MOST: Final = 2**63 - 1
LEAST: Final = -(2**63)


def alike(run: Callable[[Any], Any], *values: Any, **more: Any) -> Case:
    """Of its dtype's edges; whether it is compiled is another question."""
    served = {key: more.pop(key) for key in ("dtype", "compiled") if key in more}
    name = run.__name__.replace("_", " ")
    return Case(f"{name}, published", draws(run, **more), Alike(values, **served))


CASES: Final = [
    Case("a counter", counter, alone(AGAIN)),
    Case("a counter is not compiled", counter, not_compiled("state")),
    Case("a variable that callers write", remembers_the_input, alone(AGAIN)),
    Case("a variable set as the model is loaded", set_as_it_is_loaded,
         Served((([1.0], [3.0]),), batched=True)),
    Case("a variable that is never set", never_set, refused("its variables or tables have no")),
    Case("a variable of TensorFlow 1", variable_of_tensorflow_1, Served(batched=True)),
    Case("a counter of TensorFlow 1", counter_of_tensorflow_1, alone(AGAIN)),
    Case("a table that callers write", mutable_table, alone(AGAIN)),
    Case("a table filled from constants", sized_table, Served(batched=True)),
    Case("lots", draws(lots), alone()),
    Case("lots are not compiled", draws(lots), not_compiled("RandomUniform")),
    Case("lots with seeds", draws(seeded_lots), alone()),
    Case("lots without a state, by a row's place", draws(stateless_lots_by_place), alone()),
    Case("rows in an order of luck", draws(shuffled), alone()),
    Case("lots of a generator in a variable", generator, alone(AGAIN)),
    Case("the time of day", draws(time_of_day), Served()),
    Case("the time of day is not compiled", draws(time_of_day), not_compiled("Timestamp")),
    Case("a line to the log", draws(prints), Served()),
    Case("values that an assertion refuses", draws(asserts),
         Served((([1.0], [2.0]), ([5.0, 2.0], [6.0, 3.0])), refuses=([-1.0], [1.0, -1.0]))),
    Case("an assertion is not compiled", draws(asserts), not_compiled("Assert")),
    Case("values that are not numbers, refused", draws(checks_numbers),
         Served((([1.0], [2.0]),), refuses=([float("nan")],))),
    Case("a list of tensors", draws(a_list_of_tensors), Served(batched=True)),
    Case("a loop of a thousand steps", draws(counts_down), Served(batched=True)),
    Case("integers divided by zero", draws(divides), Served((([9.0], [4.0]),), refuses=([7.0],))),
    Case("indices out of range", draws(gathers), Served((([2.0], [3.0]),), refuses=([9.0],))),
    Case("texts that are no numbers", draws(decodes, x=tf.string),
         Served((([b"1.5"], [1.5]),), dtype=object, refuses=([b"gotcha"],))),
    Case("as much memory as the caller says", draws(makes_gigabytes),
         Served((), refuses=([1e15],))),
    alike(dense, [[1.0, 2.0]], [[-1.0, 1e30]], shape=(None, 2), compiled=True),
    alike(sorts_integers, [[1764033604, 1764033601, 1764033603, 1764033602]], **WHOLE),
    alike(floors, [[-7, 7, MOST, LEAST]], [[0, -1, 1, 2**53 + 1]], **WHOLE),
    alike(tens, [[1e10, -1e10, 7.5, -7.5]], shape=WIDE),
    alike(casts, [[3e9, -3e9, 1e30, 7.9]], shape=WIDE),
    alike(divides_by_another, [[7, -2, 1, 3]], [[MOST, 2, 3, 4]], **WHOLE, compiled=False),
]  # fmt: skip
