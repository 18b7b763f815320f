"""Graphs that are wrong in themselves, or hide what they do: in a text, an attribute, a name."""

from __future__ import annotations

from typing import Any, Final

import tensorflow as tf

from tests.odd.case import Case, Make, Place, Served, refused
from tests.odd.graphs import Func, Given, Model, Shape
from tests.odd.operations import MEMORY, PROGRAM

STRING: Final = tf.string
FLOAT: Final = tf.float32


def uninitialised(**attributes: Any) -> Make:
    def make(place: Place) -> None:
        model = Model()
        model.constant("size", [1000])
        model.add("empty", "Empty", "size", dtype=STRING, **attributes)
        model.plain("empty")
        place.save(model)

    return make


def function_gives_memory(place: Place) -> None:
    """Whether the memory is set to zeros is given from outside the function."""
    model = Model()
    inner = model.function("inner", init="bool")
    inner.constant("size", [8])
    inner.add("empty", "Empty", "size:output:0", dtype=FLOAT, init=Given("init"))
    inner.gives("x", "empty")
    model.call(Func("inner", {"init": False}))
    place.save(model)


def parallel_concat_start(place: Place) -> None:
    """What ``tf.parallel_stack`` becomes within TensorFlow: memory first, content later."""
    model = Model()
    model.add("start", "_ParallelConcatStart", dtype=FLOAT, shape=Shape((64,)))
    model.plain("start")
    place.save(model)


def a_graph_in_a_text(place: Place) -> None:
    """A dataset's graph that writes, in a constant that is reached."""
    inner = Model()
    inner.whole("odd", "WriteFile", {"filename": str(place.target), "contents": "gotcha"})
    model = Model()
    model.constant("program", inner.graph.SerializeToString())
    model.add("odd", "DatasetFromGraph", "program")
    model.plain("odd")
    place.save(model)


def exported_by_xla(place: Place) -> None:
    """A module of StableHLO that calls what is registered in the process, and is reached."""
    module = b"module @m { func.func public @main() { call @printf() : () -> () return } }"
    model = Model()
    model.add("odd", "XlaCallModule", version=9, module=module, Sout=[], Tin=[], Tout=[],
              platforms=["CPU"], function_list=[], dim_args_spec=[],
              has_token_input_output=False)  # fmt: skip
    model.plain("odd")
    place.save(model)


def unknown_operation(place: Place) -> None:
    model = Model().plain()
    model.add("odd", "ReadsYourThoughts")
    place.save(model)


def unknown_operation_of_a_library(place: Place) -> None:
    """What a plug-in would bring, as the signature's answer."""
    model = Model()
    model.add("y", "TFText>Whitespace", "x", T=FLOAT)
    place.save(model)


def too_many_inputs(place: Place) -> None:
    model = Model()
    model.add("y", "Identity", "x", "x", T=FLOAT)
    place.save(model)


def too_few_inputs(place: Place) -> None:
    model = Model()
    model.add("y", "AddV2", "x", T=FLOAT)
    place.save(model)


def attribute_of_another_kind(place: Place) -> None:
    model = Model()
    model.add("y", "Identity", "x", T=7)
    place.save(model)


def attribute_left_out(place: Place) -> None:
    model = Model()
    model.add("y", "Cast", "x", SrcT=FLOAT)
    place.save(model)


def attribute_unheard_of(place: Place) -> None:
    model = Model()
    model.add("y", "Identity", "x", T=FLOAT, unheard_of=b"{secret}")
    place.save(model)


def dtypes_that_do_not_meet(place: Place) -> None:
    model = Model()
    model.constant("text", "horn")
    model.add("y", "AddV2", "x", "text", T=FLOAT)
    place.save(model)


def two_nodes_of_a_name(place: Place) -> None:
    """The one that is looked at last is harmless."""
    model = Model().plain()
    model.whole("odd", "ReadFile", {"filename": str(place.secret)})
    model.constant("odd", 1.0)
    place.save(model)


def an_input_that_is_not_there(place: Place) -> None:
    model = Model()
    model.add("y", "Identity", "nobody", T=FLOAT)
    place.save(model)


def an_output_too_far(place: Place) -> None:
    model = Model()
    model.add("y", "Identity", "x:7", T=FLOAT)
    place.save(model)


def a_circle(place: Place) -> None:
    model = Model()
    model.add("a", "Identity", "b", T=FLOAT)
    model.add("b", "Identity", "a", T=FLOAT)
    model.add("y", "AddV2", "x", "a", T=FLOAT)
    place.save(model)


def a_node_of_itself(place: Place) -> None:
    model = Model()
    model.add("y", "AddV2", "x", "y", T=FLOAT)
    place.save(model)


def a_device_of_another_machine(place: Place) -> None:
    model = Model()
    model.add("y", "Identity", "x", T=FLOAT, device="/job:worker/replica:0/task:7/device:CPU:0")
    place.save(model)


def a_device_with_no_sense(place: Place) -> None:
    model = Model()
    model.add("y", "Identity", "x", T=FLOAT, device="/../../etc/passwd")
    place.save(model)


CASES: Final = [
    Case("Empty without zeros, reached", uninitialised(init=False),
         refused(f"Empty ({MEMORY})")),
    Case("Empty that leaves zeros to the default", uninitialised(),
         refused(f"Empty ({MEMORY})")),
    Case("Empty whose zeros the function's caller decides", function_gives_memory,
         refused(f"Empty ({MEMORY})")),
    Case("memory of a stack that is made side by side", parallel_concat_start,
         refused("_ParallelConcatStart")),
    Case("a graph in a text", a_graph_in_a_text, refused(f"DatasetFromGraph ({PROGRAM})")),
    Case("a module of XLA that calls into the process", exported_by_xla, refused("XlaCallModule")),
    Case("an unknown operation, which nothing leads to", unknown_operation,
         refused("ReadsYourThoughts (TensorFlow does not know it here)")),
    Case("an operation of a library that is not here", unknown_operation_of_a_library,
         refused("TFText>Whitespace")),
    Case("an operation with an input too many", too_many_inputs, refused("y")),
    Case("an operation with an input too few", too_few_inputs, refused("y")),
    Case("an attribute of another kind", attribute_of_another_kind, refused("T")),
    Case("an attribute left out", attribute_left_out, refused("DstT")),
    Case("an attribute unheard of", attribute_unheard_of, Served((([1.0], [1.0]),))),
    Case("texts and numbers added", dtypes_that_do_not_meet, refused("text")),
    Case("two nodes of one name", two_nodes_of_a_name,
         refused("two nodes of one name (cannot be followed)")),
    Case("an input that is not there", an_input_that_is_not_there, refused("nobody")),
    Case("an output that its node does not have", an_output_too_far, refused("x")),
    Case("nodes in a circle", a_circle, refused("in a cycle")),
    Case("a node that is its own input", a_node_of_itself, refused("in a cycle")),
    Case("a node on a device of another machine", a_device_of_another_machine,
         refused("/job:worker")),
    Case("a node on a device that makes no sense", a_device_with_no_sense,
         refused("/../../etc/passwd")),
]  # fmt: skip
