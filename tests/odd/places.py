"""Where an operation stands: whatever leads to it, or nothing at all, it is found.

And where functions, controls and constants stand that are odd by themselves.
"""

from __future__ import annotations

from typing import Any, Final

import tensorflow as tf

from tests.odd.case import Case, Place, Served, graph, refused
from tests.odd.graphs import Body, Func, Given, Model, Shape, drawn, info

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
    start.outputs["__saved_model_init_op"].CopyFrom(info("done", 0, None))
    place.save(model)


def the_training(place: Place) -> None:
    model = Model().plain()
    write(model, place)
    model.add("train", "NoOp", "^odd")
    signature = model.meta.signature_def["__saved_model_train_op"]
    signature.outputs["__saved_model_train_op"].CopyFrom(info("train", 0, None))
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
    model.whole("read", "RestoreV2", {"tensor_names": ["w"], "shape_and_slices": [""]}, dtypes=[FLOAT])
    model.nodes[-1].input[0] = "other:0"
    model.add("restore", "NoOp", "^read", "^prefix")
    saver = model.meta.saver_def
    saver.filename_tensor_name, saver.restore_op_name = "prefix:0", "restore"
    saver.save_tensor_name = "prefix:0"
    place.save(model)


def table(place: Place, filename: str, *, asset: str | None) -> Model:
    """``y`` = ``x`` + the number of words in the table of ``asset``."""
    model = Model()
    model.constant("file", filename)
    model.add("table", "HashTableV2", key_dtype=tf.string, value_dtype=tf.int64, shared_name="t",
              container="", use_node_name_sharing=False)  # fmt: skip
    model.add("fill", "InitializeTableFromTextFileV2", "table", "file", key_index=-2,
              value_index=-1, vocab_size=-1, delimiter="\t", offset=0)  # fmt: skip
    model.add("size", "LookupTableSizeV2", "table")
    model.add("number", "Cast", "size", SrcT=tf.int64, DstT=FLOAT, Truncate=False)
    model.add("y", "AddV2", "x", "number", T=FLOAT)
    model.meta.collection_def["legacy_init_op"].node_list.value.append("fill")
    if asset is not None:
        model.meta.asset_file_def.add(filename=asset).tensor_info.CopyFrom(
            info("file:0", tf.string, ())
        )
    return model


def asset(name: str | None, *, constant: str = "unused") -> Any:
    """A table of two words out of ``assets/words.txt``, whose asset is named otherwise."""

    def make(place: Place) -> None:
        filled = {"secret": place.secret, "outside": place.outside}
        told = None if name is None else name.format(**filled)
        place.save(table(place, constant.format(**filled), asset=told))
        (place.folder / "assets").mkdir()
        (place.folder / "assets" / "words.txt").write_text("horn\nivory\n")

    return make


def an_asset_that_is_not_text(place: Place) -> None:
    """A file name in bytes that are not UTF-8, which proto3 forbids and a file may hold."""
    model = table(place, "unused", asset="wordsXXXX.txt")
    place.save(model)
    file = place.folder / "saved_model.pb"
    file.write_bytes(file.read_bytes().replace(b"wordsXXXX.txt", b"words\xff\xfe\xfd\xfc.txt"))


def an_asset_twice(place: Place) -> None:
    """Two assets of one tensor: the file that is checked is not the one that is read."""
    model = table(place, "unused", asset="words.txt")
    model.meta.asset_file_def.add(filename="../../../outside/secret.txt").tensor_info.CopyFrom(
        info("file:0", tf.string, ())
    )
    place.save(model)
    (place.folder / "assets").mkdir()
    (place.folder / "assets" / "words.txt").write_text("horn\nivory\n")


def a_table_that_nothing_fills_from_an_asset(place: Place) -> None:
    place.save(table(place, str(place.secret), asset=None))


def assets_of_tensorflow_1(place: Place) -> None:
    model = table(place, "unused", asset=None)
    old = type(model.meta)().asset_file_def.add(filename="{}".format(place.secret))
    old.tensor_info.CopyFrom(info("file:0", tf.string, ()))
    model.meta.collection_def["saved_model_assets"].any_list.value.add().Pack(old)
    place.save(model)


def a_function_that_is_not_there(place: Place) -> None:
    model = Model()
    model.call("nobody")
    place.save(model)


def a_function_twice(place: Place) -> None:
    """The one that is looked at last is harmless."""
    model = Model()
    writing(model, place, "twice")
    plain(model, "twice")
    model.call("twice")
    place.save(model)


def a_long_function(place: Place) -> None:
    model = Model()
    inner = model.function("long")
    last = "x"
    for number in range(100_000):
        inner.add(f"n{number}", "Identity", last, T=FLOAT)
        last = f"n{number}:output:0"
    inner.gives(last)
    model.call("long")
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


def a_constant_that_is_cut_short(place: Place) -> None:
    model = Model().plain()
    node = model.constant("short", [1.0, 2.0, 3.0])
    node.attr["value"].tensor.tensor_content = node.attr["value"].tensor.tensor_content[:5]
    place.save(model)


def a_constant_of_a_negative_size(place: Place) -> None:
    model = Model().plain()
    node = model.constant("odd", [1.0])
    node.attr["value"].tensor.tensor_shape.dim[0].size = -5
    place.save(model)


def filled_as_it_is_loaded(place: Place) -> None:
    """TensorFlow folds constants: 4 GiB of ones, of which a sum is asked."""
    model = Model()
    model.constant("sizes", [2**30])
    model.constant("value", 1.0)
    model.constant("zero", 0)
    model.add("fill", "Fill", "sizes", "value", T=FLOAT, index_type=tf.int32)
    model.add("sum", "Sum", "fill", "zero", T=FLOAT, Tidx=tf.int32, keep_dims=False)
    model.add("y", "AddV2", "x", "sum", T=FLOAT)
    place.save(model)


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


def two_of_one_tag(place: Place) -> None:
    """The first is harmless, the second is not: which one is served is not left to luck."""
    model = Model().plain()
    other = Model()
    write(other, place)
    model.file.meta_graphs.add().CopyFrom(other.plain("odd").meta)
    place.save(model)


def a_producer_of_the_future() -> Model:
    model = Model().plain()
    model.graph.versions.min_consumer = 2_000_000
    return model


def a_graph_without_nodes() -> Model:
    model = Model()
    del model.graph.node[:]
    return model


_WRITING: Final = [
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
         named_as_a_harmless_operation, refused("Relu")),
    Case("a file is written by a branch of TensorFlow 1", a_branch_of_tensorflow_1, WRITES),
    Case("a file is written by the restoring", the_restoring, WRITES),
    Case("a file is written by the second of two functions of one name", a_function_twice,
         refused("twice")),
    Case("a file is written by the second of two graphs of one tag", two_of_one_tag, WRITES),
    Case("the saver's saving", the_saving, Served(batched=True)),
    Case("the saver's restoring of a constant's file", variables_of_another_file,
         refused("RestoreV2 (reads or writes files)")),
]  # fmt: skip

ELSEWHERE: Final = "reads or writes files"

_ASSETS: Final = [
    Case("a table of an asset", asset("words.txt"), Served((([1.0], [3.0]),))),
    Case("a table of a file outside", a_table_that_nothing_fills_from_an_asset,
         refused(f"InitializeTableFromTextFileV2 ({ELSEWHERE})")),
    Case("an asset by its whole path", asset("{secret}"), refused("the asset", "secret.txt")),
    Case("an asset two folders up", asset("../../../../outside/secret.txt"),
         refused("the asset '../../../../outside/secret.txt'")),
    Case("an asset that goes out and in again", asset("../assets/words.txt"),
         refused("the asset '../assets/words.txt'")),
    Case("an asset whose name has a NUL", asset("words.txt\0/../../x"), refused("words.txt")),
    Case("an asset of a name of 10 kB", asset("w" * 10_000), refused("www")),
    Case("an asset without a name", asset(""), refused("asset")),
    Case("an asset that is the folder of assets", asset("."), refused("asset")),
    Case("an asset that is not there", asset("nowhere.txt"), refused("nowhere.txt")),
    Case("an asset over a network", asset("gs://bucket/words.txt"), refused("gs:")),
    Case("an asset in bytes that are no text", an_asset_that_is_not_text, refused("saved_model.pb")),
    Case("two assets of one tensor", an_asset_twice, refused("secret.txt")),
    Case("an asset outside as TensorFlow 1 wrote it", assets_of_tensorflow_1,
         refused("secret.txt")),
]  # fmt: skip

_ODD: Final = [
    Case("a function that is not there", a_function_that_is_not_there, refused("nobody")),
    Case("a function of a hundred thousand nodes", a_long_function,
         Served((([1.0], [1.0]),))),
    Case("a chain of a hundred thousand controls", a_long_chain_of_controls, Served()),
    Case("a constant of 1 GiB out of 4 bytes",
         lambda place: a_constant_of_a_gigabyte(place, reached=True), refused("large")),
    Case("a constant of 1 GiB out of 4 bytes, which nothing leads to",
         lambda place: a_constant_of_a_gigabyte(place, reached=False), refused("large")),
    Case("a constant larger than the machine", a_constant_of_more_than_the_machine,
         refused("large")),
    Case("a constant that is cut short", a_constant_that_is_cut_short, refused("short")),
    Case("a constant of a negative size", a_constant_of_a_negative_size, refused("odd")),
    Case("4 GiB that TensorFlow folds into a constant", filled_as_it_is_loaded,
         refused("memory")),
    Case("a function with ten thousand threads of its own", threads_of_its_own,
         Served((([1.0], [1.0]),))),
    Case("a function whose configuration is no protobuf", a_configuration(b"\xff\xff\xff"),
         refused("config")),
    Case("a function whose executor is unheard of",
         a_configuration(b"", executor_type="GOTCHA"), refused("GOTCHA")),
    Case("a branch as TensorFlow 1 wrote it", graph(switch_and_merge), Served(batched=True)),
    Case("a loop as TensorFlow 1 wrote it", graph(frame), Served(batched=True)),
    Case("a SavedModel without a graph", no_meta_graph, refused("serve")),
    Case("a SavedModel of other tags", another_tag, refused("serve")),
    Case("a graph of a TensorFlow to come", graph(a_producer_of_the_future),
         refused("2000000")),
    Case("a signature over a graph without nodes", graph(a_graph_without_nodes), refused("x:0")),
]  # fmt: skip

CASES: Final = [*_WRITING, *_ASSETS, *_ODD]
