"""Functions, controls, constants and configurations that are odd by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import tensorflow as tf

from tests.odd.case import Case, Place, Served, graph, refused
from tests.odd.graphs import Model, Shape, info
from tests.odd.places import plain

FLOAT: Final = tf.float32


def a_function_that_is_not_there(place: Place) -> None:
    model = Model()
    model.call("nobody")
    place.save(model)


def a_long_function(place: Place, nodes: int) -> None:
    model = Model()
    inner = model.function("long")
    last = "x"
    for number in range(nodes):
        inner.add(f"n{number}", "Identity", last, T=FLOAT)
        last = f"n{number}:output:0"
    inner.gives(last)
    model.call("long")
    place.save(model)


def long_functions(place: Place) -> None:
    """Each is fine by itself; TensorFlow runs them as one."""
    model = Model()
    for name in ("first", "second"):
        inner = model.function(name)
        last = "x"
        for number in range(9_000):
            inner.add(f"n{number}", "Identity", last, T=FLOAT)
            last = f"n{number}:output:0"
        inner.gives(last)
    model.call("first", name="once")
    model.call("second", fed="once")
    place.save(model)


def a_long_chain_of_controls(place: Place) -> None:
    model = Model()
    model.add("c0", "NoOp")
    for number in range(1, 100_000):
        model.add(f"c{number}", "NoOp", f"^c{number - 1}")
    place.save(model.plain("c99999"))


def a_constant_of_a_gigabyte(place: Place, *, reached: bool) -> None:
    model = Model()
    node = model.constant("large", [1.0])
    node.attr["value"].tensor.tensor_shape.dim[0].size = 2**28
    if reached:
        model.add("zero", "Const", dtype=tf.int32)
        model.nodes.pop()
        model.constant("zero", 0)
        model.add("one", "GatherV2", "large", "zero", "zero", Tparams=FLOAT, Tindices=tf.int32,
                  Taxis=tf.int32, batch_dims=0)  # fmt: skip
        model.add("y", "AddV2", "x", "one", T=FLOAT)
    else:
        model.plain()
    place.save(model)


def a_constant_of_more_than_the_machine(place: Place) -> None:
    model = Model().plain()
    node = model.constant("large", [1.0])
    for size in (2**31, 2**20):
        node.attr["value"].tensor.tensor_shape.dim.add(size=size)
    place.save(model)


def added(change: Callable[[Any], object]) -> Callable[[Place], None]:
    """``y`` = ``x`` + a constant whose ``TensorProto`` is changed."""

    def make(place: Place) -> None:
        model = Model()
        change(model.constant("odd", [1.0, 2.0, 3.0]).attr["value"].tensor)
        model.add("y", "AddV2", "x", "odd", T=FLOAT)
        place.save(model)

    return make


def _cut_short(tensor: Any) -> None:
    tensor.tensor_content = tensor.tensor_content[:5]


def _negative(tensor: Any) -> None:
    tensor.tensor_shape.dim[0].size = -5


def _of_no_dtype(tensor: Any) -> None:
    tensor.dtype = 99


def many_signatures() -> Model:
    model = Model().plain()
    for number in range(100):
        model.meta.signature_def[f"s{number}"].CopyFrom(model.signature)
    return model


def many_inputs() -> Model:
    """A thousand, of which all but ``x`` are of no use."""
    model = Model().plain()
    for number in range(1_000):
        name = f"i{number}"
        model.add(name, "Placeholder", dtype=FLOAT, shape=Shape((-1,)))
        model.signature.inputs[name].CopyFrom(info(f"{name}:0"))
    return model


def a_configuration(value: bytes, **more: Any) -> Any:
    def make(place: Place) -> None:
        model = Model()
        model.call(plain(model), config_proto=value, **more)
        place.save(model)

    return make


def threads_of_its_own(place: Place) -> None:
    """A function that asks for a session of ten thousand threads."""
    config = tf.compat.v1.ConfigProto(
        inter_op_parallelism_threads=10_000, intra_op_parallelism_threads=10_000
    )
    a_configuration(config.SerializeToString())(place)


def switch_and_merge() -> Model:
    model = Model()
    model.constant("which", True)
    model.constant("one", 1.0)
    model.add("fork", "Switch", "x", "which", T=FLOAT)
    model.add("left", "Identity", "fork:0", T=FLOAT)
    model.add("right", "AddV2", "fork:1", "one", T=FLOAT)
    model.add("y", "Merge", "left", "right", T=FLOAT, N=2)
    return model


def frame() -> Model:
    """``y`` = ``x`` + 1 by a loop of TensorFlow 1."""
    model = Model()
    model.constant("one", 1.0)
    model.constant("start", True)
    in_frame = {"frame_name": "f", "is_constant": False, "parallel_iterations": 1}
    model.add("again", "Enter", "start", T=tf.bool, **in_frame)
    model.add("value", "Enter", "x", T=FLOAT, **in_frame)
    model.add("step", "Enter", "one", T=FLOAT, **(in_frame | {"is_constant": True}))
    model.add("more", "Merge", "again", "again_next", T=tf.bool, N=2)
    model.add("now", "Merge", "value", "value_next", T=FLOAT, N=2)
    model.add("condition", "LoopCond", "more")
    model.add("fork", "Switch", "now", "condition", T=FLOAT)
    model.add("flag", "Switch", "more", "condition", T=tf.bool)
    model.add("added", "AddV2", "fork:1", "step", T=FLOAT)
    model.add("not", "LogicalNot", "flag:1")
    model.add("again_next", "NextIteration", "not", T=tf.bool)
    model.add("value_next", "NextIteration", "added", T=FLOAT)
    model.add("y", "Exit", "fork:0", T=FLOAT)
    return model


def no_meta_graph(place: Place) -> None:
    model = Model()
    del model.file.meta_graphs[:]
    place.save(model)


def another_tag(place: Place) -> None:
    model = Model().plain()
    model.meta.meta_info_def.tags[:] = ["train", "gpu"]
    place.save(model)


def a_producer_of_the_future() -> Model:
    model = Model().plain()
    model.graph.versions.min_consumer = 2_000_000
    return model


def a_graph_without_nodes() -> Model:
    model = Model()
    del model.graph.node[:]
    return model


CANNOT: Final = refused("TensorFlow cannot load the SavedModel")

LONG: Final = refused("more than 10000 nodes one after another")

CASES: Final = [
    Case("a function that is not there", a_function_that_is_not_there, refused("nobody")),
    Case("a function of nine thousand nodes one after another",
         lambda place: a_long_function(place, 9_000), Served((([1.0], [1.0]),))),
    Case("a function of a hundred thousand nodes one after another",
         lambda place: a_long_function(place, 100_000), LONG),
    Case("functions of nine thousand nodes each one after another", long_functions, LONG),
    Case("a chain of a hundred thousand controls", a_long_chain_of_controls, LONG),
    Case("a constant of 1 GiB out of 4 bytes",
         lambda place: a_constant_of_a_gigabyte(place, reached=True),
         refused("that the file has not got")),
    Case("a constant of 1 GiB out of 4 bytes, which nothing leads to",
         lambda place: a_constant_of_a_gigabyte(place, reached=False),
         refused("that the file has not got")),
    Case("a constant larger than the machine", a_constant_of_more_than_the_machine,
         refused("that the file has not got")),
    Case("a constant that is cut short", added(_cut_short), CANNOT),
    Case("a constant of a negative size", added(_negative), CANNOT),
    Case("a constant of a dtype that nobody has", added(_of_no_dtype), CANNOT),
    Case("a hundred signatures", graph(many_signatures), Served()),
    Case("a thousand inputs", graph(many_inputs), Served(())),
    Case("a function with ten thousand threads of its own", threads_of_its_own,
         Served((([1.0], [1.0]),))),
    Case("a function whose configuration is no protobuf", a_configuration(b"\xff\xff\xff"),
         Served((([1.0], [1.0]),))),
    Case("a function whose executor is unheard of",
         a_configuration(b"", executor_type="GOTCHA"), Served((([1.0], [1.0]),))),
    Case("a branch as TensorFlow 1 wrote it", graph(switch_and_merge), Served(batched=True)),
    Case("a loop as TensorFlow 1 wrote it", graph(frame), Served(batched=True)),
    Case("a SavedModel without a graph", no_meta_graph, refused("serve")),
    Case("a SavedModel of other tags", another_tag, refused("serve")),
    Case("a graph of a TensorFlow to come", graph(a_producer_of_the_future),
         refused("2000000")),
    Case("a signature over a graph without nodes", graph(a_graph_without_nodes), refused("x:0")),
]  # fmt: skip
