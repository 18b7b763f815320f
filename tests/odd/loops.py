"""What would never end, or take longer than anybody waits: each of it is bounded.

The last of the tables, because a loop in an engine cannot be ended from outside: it takes a
processor until the server goes, which has to go all the same when it is told to.
"""

from __future__ import annotations

from typing import Any, Final

import tensorflow as tf

from tests.odd.case import Case, Place, Served, refused
from tests.odd.graphs import Func, Model, drawn
from tests.odd.places import plain

FLOAT: Final = tf.float32


def a_function_of_itself(place: Place) -> None:
    model = Model()
    inner = model.function("again")
    inner.add("call", "StatefulPartitionedCall", "x", Tin=[FLOAT], Tout=[FLOAT], f=Func("again"))
    inner.gives("call:output:0")
    model.call("again")
    place.save(model)


def two_functions_of_each_other(place: Place) -> None:
    model = Model()
    for name, other in (("ping", "pong"), ("pong", "ping")):
        inner = model.function(name)
        inner.add("call", "PartitionedCall", "x", Tin=[FLOAT], Tout=[FLOAT], f=Func(other))
        inner.gives("call:output:0")
    model.call("ping")
    place.save(model)


def functions_by_the_power_of_two(place: Place) -> None:
    """Forty functions, each of which calls the one before it twice: a trillion calls."""
    model = Model()
    called = plain(model)
    for depth in range(40):
        outer = model.function(f"f{depth}")
        call = {"Tin": [FLOAT], "Tout": [FLOAT], "f": Func(called)}
        outer.add("a", "PartitionedCall", "x", **call)
        outer.add("b", "PartitionedCall", "a:output:0", **call)
        outer.gives("b:output:0")
        called = f"f{depth}"
    model.call(called)
    place.save(model)


def initialisation_that_does_not_end(place: Place) -> None:
    with tf.Graph().as_default() as drawn_graph:
        again = tf.while_loop(lambda _: True, lambda i: i + 1, [tf.constant(0)])
        with tf.control_dependencies(tf.nest.flatten(again)):
            tf.no_op(name="start")
    model = Model()
    nodes, library = drawn_graph.as_graph_def().node, drawn_graph.as_graph_def().library
    model.graph.node.extend(nodes)
    model.graph.library.CopyFrom(library)
    model.meta.collection_def["legacy_init_op"].node_list.value.append("start")
    place.save(model.plain())


def a_loop_without_an_end(place: Place) -> None:
    """A frame that is entered and never left."""
    model = Model()
    in_frame = {"frame_name": "f", "is_constant": False, "parallel_iterations": 1}
    model.add("in", "Enter", "x", T=FLOAT, **in_frame)
    model.add("now", "Merge", "in", "next", T=FLOAT, N=2)
    model.add("next", "NextIteration", "now", T=FLOAT)
    model.add("y", "Identity", "x", T=FLOAT)
    place.save(model)


def loops_on_zeros(place: Place) -> None:
    """It answers all but zeros, and zeros is what a model is warmed up with."""

    def run(x: Any) -> Any:
        return tf.while_loop(lambda y: tf.reduce_any(tf.equal(y, 0.0)), tf.identity, [x])[0] + 1.0

    place.save(drawn(run))


def loops_on_a_value(place: Place) -> None:
    def run(x: Any) -> Any:
        return tf.while_loop(lambda y: tf.reduce_any(tf.equal(y, 666.0)), tf.identity, [x])[0] + 1.0

    place.save(drawn(run))


CASES: Final = [
    Case("a function that calls itself", a_function_of_itself,
         refused("again", "which calls itself (cannot be followed)")),
    Case("two functions that call each other", two_functions_of_each_other,
         refused("which calls itself")),
    Case("functions that call each other a trillion times", functions_by_the_power_of_two,
         refused("more than 2000000 nodes, with every call written out")),
    Case("a loop that is entered and never left", a_loop_without_an_end,
         Served((([1.0], [1.0]),))),
    Case("a model that loops on a value", loops_on_a_value,
         Served((([1.0], [2.0]),), refuses_last=([666.0],))),
    Case("an initialisation that does not end", initialisation_that_does_not_end,
         refused("expected to load within")),
    Case("a model that loops on zeros", loops_on_zeros, refused("expected to load within")),
]  # fmt: skip
