"""Where an operation stands: whatever leads to it, or nothing at all, it is found."""

from __future__ import annotations

from typing import Final

import tensorflow as tf

from tests.odd.case import Case, Place, Served, refused
from tests.odd.graphs import Body, Func, Given, Model, Shape, info

WRITES: Final = refused("WriteFile (reads or writes files)")
FLOAT: Final = tf.float32


def write(body: Body, place: Place, name: str = "odd") -> str:
    """A node that writes; its name."""
    body.whole(name, "WriteFile", {"filename": str(place.target), "contents": "gotcha"})
    return name


def writing(model: Model, place: Place, name: str = "writing") -> str:
    """A function that writes; its name."""
    inner = model.function(name)
    write(inner, place)
    inner.gives("x", "odd")
    return name


def plain(model: Model, name: str = "harmless") -> str:
    model.function(name).gives()
    return name


def an_output(place: Place) -> None:
    model = Model()
    write(model, place)
    place.save(model.plain("odd"))


def a_second_signature(place: Place) -> None:
    model = Model().plain()
    write(model, place)
    model.add("z", "Identity", "x", "^odd", T=FLOAT)
    other = model.meta.signature_def["other"]
    other.inputs["x"].CopyFrom(info("x:0"))
    other.outputs["z"].CopyFrom(info("z:0"))
    place.save(model)


def a_function(place: Place) -> None:
    model = Model()
    model.call(writing(model, place))
    place.save(model)


def a_function_that_nobody_calls(place: Place) -> None:
    model = Model().plain()
    writing(model, place)
    place.save(model)


def a_function_of_a_function(place: Place) -> None:
    model = Model()
    called = writing(model, place)
    for depth in range(20):
        outer = model.function(f"outer{depth}")
        outer.add("call", "PartitionedCall", "x", Tin=[FLOAT], Tout=[FLOAT], f=Func(called))
        outer.gives("call:output:0")
        called = f"outer{depth}"
    model.call(called)
    place.save(model)


def a_gradient(place: Place) -> None:
    model = Model().plain()
    model.graph.library.gradient.add(
        function_name=plain(model), gradient_func=writing(model, place)
    )
    place.save(model)


def the_initialisation(place: Place) -> None:
    model = Model().plain()
    write(model, place)
    model.meta.collection_def["legacy_init_op"].node_list.value.append("odd")
    place.save(model)


def the_initialisation_as_a_signature(place: Place) -> None:
    model = Model().plain()
    write(model, place)
    model.add("done", "NoOp", "^odd")
    start = model.meta.signature_def["__saved_model_init_op"]
    start.outputs["__saved_model_init_op"].CopyFrom(info("done", None, None))
    place.save(model)


def the_training(place: Place) -> None:
    model = Model().plain()
    write(model, place)
    model.add("train", "NoOp", "^odd")
    signature = model.meta.signature_def["__saved_model_train_op"]
    signature.outputs["__saved_model_train_op"].CopyFrom(info("train", None, None))
    place.save(model)


def another_meta_graph(place: Place) -> None:
    """One that is not served: the file is read and looked at as a whole."""
    model = Model().plain()
    other = Model()
    write(other, place)
    other.meta.meta_info_def.tags[:] = ["train"]
    model.file.meta_graphs.add().CopyFrom(other.meta)
    place.save(model)


def a_loop(place: Place) -> None:
    model = Model()
    body = writing(model, place)
    condition = model.function("condition")
    condition.constant("no", [False])
    condition.definition.signature.output_arg[0].type = tf.bool.as_datatype_enum
    condition.add("result", "Squeeze", "no:output:0", T=tf.bool)
    condition.definition.ret["y"] = "result:output:0"
    model.add(
        "y", "While", "x", T=[FLOAT], cond=Func("condition"), body=Func(body), output_shapes=[]
    )
    place.save(model)


def a_branch(place: Place) -> None:
    model = Model()
    model.constant("which", True)
    model.add(
        "y", "If", "which", "x", Tcond=tf.bool, Tin=[FLOAT], Tout=[FLOAT], output_shapes=[],
        then_branch=Func(plain(model)), else_branch=Func(writing(model, place)),
    )  # fmt: skip
    place.save(model)


def a_case(place: Place) -> None:
    model = Model()
    model.constant("which", 0)
    branches = [Func(plain(model)), Func(plain(model, "two")), Func(writing(model, place))]
    model.add(
        "y", "Case", "which", "x", Tin=[FLOAT], Tout=[FLOAT], branches=branches, output_shapes=[]
    )
    place.save(model)


def a_map(place: Place) -> None:
    model = Model()
    model.add(
        "y", "MapDefun", "x", Targuments=[FLOAT], Tcaptured=[], output_types=[FLOAT],
        output_shapes=[Shape(())], f=Func(writing(model, place)), max_intra_op_parallelism=1,
    )  # fmt: skip
    place.save(model)


def a_batch_function(place: Place) -> None:
    model = Model()
    model.add(
        "y", "BatchFunction", "x", f=Func(writing(model, place)), num_batch_threads=1,
        max_batch_size=4, batch_timeout_micros=0, Tin=[FLOAT], Tcaptured=[], Tout=[FLOAT],
    )  # fmt: skip
    place.save(model)


def a_symbolic_gradient(place: Place) -> None:
    model = Model()
    model.add(
        "y", "SymbolicGradient", "x", "x", Tin=[FLOAT, FLOAT], Tout=[FLOAT],
        f=Func(writing(model, place)),
    )  # fmt: skip
    place.save(model)


def given_to_a_function(place: Place) -> None:
    model = Model()
    outer = model.function("outer", given="func")
    outer.add("call", "StatefulPartitionedCall", "x", Tin=[FLOAT], Tout=[FLOAT], f=Given("given"))
    outer.gives("call:output:0")
    model.call(Func("outer", {"given": Func(writing(model, place))}))
    place.save(model)


def another_implementation(place: Place) -> None:
    model = Model()
    writing(model, place)
    plain(model)
    for each, device in zip(model.graph.library.function, (b"CPU", b"GPU"), strict=True):
        each.attr["api_implements"].s = b"one"
        each.attr["api_preferred_device"].s = device
    model.call("harmless")
    place.save(model)


def named_as_an_operation(place: Place) -> None:
    """The graph calls the function as if it were an operation."""
    model = Model()
    writing(model, place, "MyOwn")
    model.add("y", "MyOwn", "x")
    place.save(model)


def named_as_a_harmless_operation(place: Place) -> None:
    """A function with the name of an operation that everybody trusts."""
    model = Model()
    writing(model, place, "Relu")
    model.add("y", "Relu", "x", T=FLOAT)
    place.save(model)


def a_branch_of_tensorflow_1(place: Place) -> None:
    model = Model()
    model.constant("which", False)
    model.add("fork", "Switch", "x", "which", T=FLOAT)
    write(model, place)
    model.add("left", "Identity", "fork:0", T=FLOAT)
    model.add("right", "Identity", "fork:1", "^odd", T=FLOAT)
    model.add("y", "Merge", "left", "right", T=FLOAT, N=2)
    place.save(model)


def the_restoring(place: Place) -> None:
    """A saver that restores, and writes before."""
    model = Model().plain()
    write(model, place)
    model.constant("prefix", "unused")
    model.add("restore", "NoOp", "^odd")
    saver = model.meta.saver_def
    saver.filename_tensor_name, saver.restore_op_name = "prefix:0", "restore"
    saver.save_tensor_name = "prefix:0"
    place.save(model)


def the_saving(place: Place) -> None:
    """TensorFlow's own saver: it writes where it is told, and no server tells it."""
    model = Model().plain()
    model.constant("prefix", "unused")
    model.whole("save", "SaveV2", {"tensor_names": ["w"], "shape_and_slices": [""]}, dtypes=[FLOAT])
    model.nodes[-1].input[0] = "prefix:0"
    saver = model.meta.saver_def
    saver.filename_tensor_name, saver.save_tensor_name = "prefix:0", "prefix:0"
    saver.restore_op_name = ""
    place.save(model)


def variables_of_another_file(place: Place) -> None:
    """The saver's own restoring, whose file a constant names instead of the server."""
    model = Model().plain()
    model.constant("prefix", "unused")
    model.constant("other", str(place.secret))
    model.whole(
        "read", "RestoreV2", {"tensor_names": ["w"], "shape_and_slices": [""]}, dtypes=[FLOAT]
    )
    model.nodes[-1].input[0] = "other:0"
    model.add("restore", "NoOp", "^read", "^prefix")
    saver = model.meta.saver_def
    saver.filename_tensor_name, saver.restore_op_name = "prefix:0", "restore"
    saver.save_tensor_name = "prefix:0"
    place.save(model)


def a_function_twice(place: Place) -> None:
    """The one that is looked at last is harmless."""
    model = Model()
    writing(model, place, "twice")
    plain(model, "twice")
    model.call("twice")
    place.save(model)


def two_of_one_tag(place: Place) -> None:
    """The first is harmless, the second is not: which one is served is not left to luck."""
    model = Model().plain()
    other = Model()
    write(other, place)
    model.file.meta_graphs.add().CopyFrom(other.plain("odd").meta)
    place.save(model)


CASES: Final = [
    Case("a file is written by a signature", an_output, WRITES),
    Case("a file is written by a second signature", a_second_signature, WRITES),
    Case("a file is written by a function", a_function, WRITES),
    Case("a file is written by a function that nobody calls", a_function_that_nobody_calls, WRITES),
    Case("a file is written twenty functions deep", a_function_of_a_function, WRITES),
    Case("a file is written by a gradient", a_gradient, WRITES),
    Case("a file is written by the initialisation", the_initialisation, WRITES),
    Case("a file is written by the signature of the initialisation",
         the_initialisation_as_a_signature, WRITES),
    Case("a file is written by the training", the_training, WRITES),
    Case("a file is written by a graph that is not served", another_meta_graph, WRITES),
    Case("a file is written by a loop's body", a_loop, WRITES),
    Case("a file is written by the branch not taken", a_branch, WRITES),
    Case("a file is written by the third of three cases", a_case, WRITES),
    Case("a file is written for each row", a_map, WRITES),
    Case("a file is written by a function that gathers batches", a_batch_function, WRITES),
    Case("a file is written by a symbolic gradient's function", a_symbolic_gradient, WRITES),
    Case("a file is written by what a function is given", given_to_a_function, WRITES),
    Case("a file is written by another implementation", another_implementation, WRITES),
    Case("a file is written by a function called as an operation", named_as_an_operation, WRITES),
    Case("a file is written by a function named like an operation",
         named_as_a_harmless_operation,
         refused("a function called 'Relu' (stands for an operation)")),
    Case("a file is written by a branch of TensorFlow 1", a_branch_of_tensorflow_1, WRITES),
    Case("a file is written by the restoring", the_restoring, WRITES),
    Case("a file is written by the second of two functions of one name", a_function_twice,
         refused("two functions of one name")),
    Case("a file is written by the second of two graphs of one tag", two_of_one_tag, WRITES),
    Case("the saver's saving", the_saving, Served(batched=True)),
    Case("the saver's restoring of a constant's file", variables_of_another_file,
         refused("RestoreV2 (reads or writes files)")),
]  # fmt: skip
