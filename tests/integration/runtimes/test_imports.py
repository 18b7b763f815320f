"""What TensorFlow would do as it imports a graph, before anybody asks it to run a part of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.framework import op_def_registry

from horngate.errors import LoadError
from horngate.runtimes import contents
from horngate.runtimes import scan as scan_module
from horngate.runtimes.operations import named
from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.store.manifest import Hashes
from tests.integration.runtimes.hostile import FLOAT, Model, info, traced, writing

TEXT, INT = types_pb2.DT_STRING, types_pb2.DT_INT32


def constant(model: Model, name: str, value: Any, dtype: Any = None) -> str:
    node = model.graph.node.add(name=name, op="Const")
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, dtype))
    node.attr["dtype"].type = node.attr["value"].tensor.dtype
    return name


def plain() -> Model:
    """``y`` is ``x``."""
    model = Model()
    model.graph.node.add(name="y", op="Identity", input=["x"]).attr["T"].type = FLOAT
    return model


def shaping(model: Model, text: str) -> Model:
    """A node that nothing leads to, whose shape is the number that the tensor ``text`` says."""
    number = model.graph.node.add(name="number", op="StringToNumber", input=[text])
    number.attr["out_type"].type = INT
    packed = model.graph.node.add(
        name="packed", op="ExpandDims", input=["number", constant(model, "axis_0", 0)]
    )
    packed.attr["T"].type = INT
    shaped = model.graph.node.add(
        name="shaped", op="Reshape", input=[constant(model, "zero", 0.0), "packed"]
    )
    shaped.attr["T"].type = FLOAT
    return model


def reads(path: Path) -> Model:
    model = plain()
    model.graph.node.add(name="read", op="ReadFile", input=[constant(model, "path", str(path))])
    return shaping(model, "read")


def matches(path: Path) -> Model:
    model = plain()
    pattern = constant(model, "path", str(path.parent / "*"))
    model.graph.node.add(name="names", op="MatchingFiles", input=[pattern])
    joined = model.graph.node.add(
        name="joined", op="ReduceJoin", input=["names", constant(model, "axis", 0)]
    )
    joined.attr["keep_dims"].b = False
    return shaping(model, "joined")


def debugs(path: Path) -> Model:
    model = plain()
    node = model.graph.node.add(
        name="debug", op="DebugIdentity", input=[constant(model, "number_text", b"3")]
    )
    node.attr["T"].type = TEXT
    node.attr["tensor_name"].s = b"number_text:0"
    node.attr["debug_urls"].list.s.append(f"file://{path.parent}/dumped".encode())
    return shaping(model, "debug")


def calls_deeply(_: Path) -> Model:
    model = Model()
    for number in range(500):
        function = model.graph.library.function.add()
        function.signature.name = f"f{number}"
        call = function.node_def.add(name="call", op="StatefulPartitionedCall")
        call.attr["f"].func.name = f"f{number + 1}"
    model.call("f0")
    return model


def unpacks(_: Path) -> Model:
    model = plain()
    constant(model, "large", [1.0])
    model.graph.node[-1].attr["value"].tensor.tensor_shape.dim[0].size = 2**33
    return model


def unpacks_as_a_caller_says(_: Path) -> Model:
    """The constant's value is an attribute of an attribute."""
    model = unpacks(_)
    value = model.graph.node[-1].attr["value"].tensor
    call = model.call(model.function(tf.identity).signature.name)
    call.name = "call"
    call.attr["f"].func.attr["value"].tensor.CopyFrom(value)
    del model.graph.node[2]
    return model


def forges_a_handle(_: Path) -> Model:
    model = plain()
    constant(model, "handle", 1.0)
    tensor = model.graph.node[-1].attr["value"].tensor
    tensor.dtype = types_pb2.DT_VARIANT
    tensor.variant_val.add(type_name="tensorflow::TensorList")
    return model


def parses_handles(_: Path) -> Model:
    model = plain()
    node = model.graph.node.add(name="parsed", op="ParseTensor", input=["bytes"])
    node.attr["out_type"].type = types_pb2.DT_VARIANT
    return model


def is_given_a_function_by_default(path: Path) -> Model:
    """What a function calls unless it is told otherwise."""
    model = Model()
    hostile = model.function(writing(path))
    outer = model.calling("given", "func")
    outer.signature.attr[0].default_value.func.name = hostile.signature.name
    call = outer.node_def.add(name="call", op="StatefulPartitionedCall", input=["x"])
    call.attr["f"].placeholder = "given"
    model.call("outer")
    return model


def restores_for_callers(_: Path) -> Model:
    """The signature's input is the name of the file that variables are restored from."""
    model = plain()
    node = model.graph.node.add(
        name="restored", op="RestoreV2", input=["prefix", "names", "slices"]
    )
    node.attr["dtypes"].list.type.append(FLOAT)
    model.graph.node.add(name="prefix", op="Placeholder").attr["dtype"].type = TEXT
    constant(model, "names", [b"w"])
    constant(model, "slices", [b""])
    model.meta.saver_def.filename_tensor_name = "prefix:0"
    model.meta.saver_def.restore_op_name = "restored"
    model.meta.signature_def["theirs"].inputs["prefix"].name = "prefix:0"
    model.meta.signature_def["theirs"].outputs["y"].name = "restored:0"
    return model


def fills_from_what_is_not_given(path: Path) -> Model:
    """Through a variable that something else than an assignment may set."""

    def run(x: Any) -> Any:
        name = tf.raw_ops.VarHandleOp(dtype=tf.string, shape=[], shared_name="n")
        again = tf.raw_ops.VarHandleOp(dtype=tf.string, shape=[], shared_name="n")
        given = tf.raw_ops.AssignVariableOp(resource=name, value=tf.constant("", name="asset"))
        with tf.control_dependencies([given]):
            other = tf.raw_ops.AssignVariableOp(resource=again, value=tf.constant(str(path)))
        with tf.control_dependencies([other]):
            read = tf.raw_ops.ReadVariableOp(resource=name, dtype=tf.string)
        table = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64, shared_name="t")
        tf.raw_ops.InitializeTableFromTextFileV2(
            table_handle=table, filename=read, key_index=-2, value_index=-1, name="fill"
        )
        return x

    model = traced(run)
    model.meta.collection_def["legacy_init_op"].node_list.value.append("fill")
    model.meta.asset_file_def.add(filename="words").tensor_info.name = "asset:0"
    return model


def transforms_in_no_mode(_: Path) -> Model:
    def run(x: Any) -> Any:
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=tf.reshape(x, [1, 1, -1, 1]),
            transforms=[[1.0, 0, 0, 0, 1, 0, 0, 0]],
            output_shape=[4, 4],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="NONE",
        )

    return traced(run)


def decomposes_without_vectors(_: Path) -> Model:
    def run(x: Any) -> Any:
        return tf.raw_ops.SelfAdjointEigV2(input=tf.reshape(x, [2, 2]), compute_v=False)[1]

    return traced(run)


def changes_its_input(_: Path) -> Model:
    return traced(lambda x: tf.raw_ops.InplaceAdd(x=x, i=[0], v=[[1.0]]))


def gathers_callers(_: Path) -> Model:
    model = Model()
    name = model.function(tf.identity).signature.name
    node = model.graph.node.add(name="y", op="BatchFunction", input=["x"])
    node.attr["f"].func.name = name
    return model


def carries_a_program(_: Path) -> Model:
    model = plain()
    model.graph.node.add(name="call", op="XlaCallModule").attr["module"].s = b"ML\xefR"
    return model


def controls(path: Path) -> Model:
    model = plain()
    files = [constant(model, "path", str(path)), constant(model, "what", b"gotcha")]
    model.graph.node.add(name="odd/../name^1", op="WriteFile", input=files)
    model.graph.node[1].input.append("^odd/../name^1")
    return model


def nests_functions(path: Path) -> Model:
    """A function that is an attribute of an attribute of an attribute."""
    model = plain()
    hostile = model.function(writing(path))
    attributes = model.graph.node[1].attr
    for _ in range(20):
        attributes["f"].func.name = "nothing"
        attributes = attributes["f"].func.attr
    attributes["f"].func.name = hostile.signature.name
    return model


def two_initialisations(_: Path) -> Model:
    model = plain()
    model.meta.collection_def["saved_model_main_op"].node_list.value.extend(["x", "y"])
    return model


def adding_one(_: Path) -> Model:
    model = Model()
    model.call(model.function(lambda x: x + 1).signature.name)
    return model


def has_a_constant_without_a_value(path: Path) -> Model:
    model = adding_one(path)
    (function,) = model.graph.library.function
    for node in function.node_def:
        if node.op == "Const":
            del node.attr["value"]
    return model


def has_a_constant_that_is_a_number(path: Path) -> Model:
    model = adding_one(path)
    (function,) = model.graph.library.function
    for node in function.node_def:
        if node.op == "Const":
            node.attr["value"].i = 7
    return model


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (has_a_constant_without_a_value, "a node Const (has no attribute 'value') in the function"),
        (has_a_constant_that_is_a_number, "a node Const (has an attribute 'value' of another kind"),
        (reads, "ReadFile (reads or writes files) in the graph, though nothing leads there"),
        (matches, "MatchingFiles (reads or writes files) in the graph"),
        (debugs, "DebugIdentity (reads or writes files) in the graph"),
        (calls_deeply, "more than 100 calls within each other"),
        (unpacks, "bytes that the file has not got"),
        (unpacks_as_a_caller_says, "bytes that the file has not got"),
        (forges_a_handle, "a constant (stands for what only a run can have)"),
        (parses_handles, "ParseTensor (makes handles of a caller's bytes)"),
        (is_given_a_function_by_default, "WriteFile (reads or writes files) in the function"),
        (restores_for_callers, "RestoreV2 (reads or writes files) in signature 'theirs'"),
        (fills_from_what_is_not_given, "InitializeTableFromTextFileV2 (reads or writes files)"),
        (transforms_in_no_mode, "ImageProjectiveTransformV3 (gives memory that nobody has"),
        (decomposes_without_vectors, "SelfAdjointEigV2 (gives memory that nobody has written)"),
        (changes_its_input, "InplaceAdd (changes a tensor where it stands)"),
        (gathers_callers, "BatchFunction (waits for other callers, or mixes them)"),
        (carries_a_program, "XlaCallModule (runs a program that it carries or names)"),
        (controls, "WriteFile (reads or writes files) in signature"),
        (nests_functions, "WriteFile (reads or writes files) in signature"),
        (two_initialisations, "several initialisations (cannot be followed)"),
    ],
)
def test_refused_before_anything_is_imported(
    tmp_path: Path, make: Callable[[Path], Model], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    folder = make(target).save(tmp_path / "source")
    monkeypatch.setattr(tf.graph_util, "import_graph_def", pytest.fail)
    with pytest.raises(LoadError) as refused:
        SavedModelRuntime().load(folder)
    assert what in str(refused.value)
    assert [each.name for each in tmp_path.iterdir()] == ["source"]


def test_what_a_graph_reads_as_it_is_imported_is_for_operators(tmp_path: Path) -> None:
    """Trusted, it is read while it is imported: the models above are no straw men."""
    target = tmp_path / "target"
    target.write_text("1234321")
    with pytest.raises(LoadError) as refused:
        SavedModelRuntime(trust_operations=True).load(reads(target).save(tmp_path / "source"))
    assert "1234321" in refused.value.detail
    assert "1234321" not in str(refused.value)
    debugged = debugs(target).save(tmp_path / "debugged")
    with pytest.raises(LoadError):
        SavedModelRuntime(trust_operations=True).load(debugged)
    assert (tmp_path / "dumped").exists()


def test_a_file_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(LoadError, match="ReadFile"):
        SavedModelRuntime().load(reads(tmp_path / "fifo").save(tmp_path / "source"))


def test_what_nothing_leads_to_is_not_imported(tmp_path: Path) -> None:
    model = plain()
    constant(model, "unused", 1.0)
    model.function(tf.identity)
    folder = model.save(tmp_path / "source")
    kept = contents.looked_at(Hashes(folder)).graph_def
    assert [node.name for node in kept.node] == ["x", "y"]
    assert not kept.library.function


def test_how_to_run_is_not_for_the_file_to_say(tmp_path: Path) -> None:
    model = Model()
    call = model.call(model.function(tf.identity).signature.name)
    config = config_pb2.ConfigProto(log_device_placement=True)
    config.graph_options.rewrite_options.custom_optimizers.add(name="anything")
    call.attr["config_proto"].s = config.SerializeToString()
    call.attr["executor_type"].s = b"ANY"
    call.attr["_scoped_allocator"].list.i.extend([1, 2])
    call.attr["_forward_input"].list.i.extend([0, 0])
    call.experimental_type.type_id = 7
    folder = model.save(tmp_path / "source")
    for objects in (False, True):
        node = contents.looked_at(Hashes(folder), objects=objects).graph_def.node[1]
        assert not node.HasField("experimental_type")
        attributes = node.attr
        kept = config_pb2.ConfigProto.FromString(attributes["config_proto"].s)
        assert kept == config_pb2.ConfigProto(allow_soft_placement=True)
        assert attributes["executor_type"].s == b""
        assert not [name for name in attributes if name.startswith("_")]
    servable = SavedModelRuntime().load(folder)
    assert servable.run("serving_default", {"x": np.ones(2, np.float32)})["y"].tolist() == [1, 1]
    servable.close()


def test_each_node_is_visited_once_for_all_signatures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thousand signatures, each of which leads to all that the one before leads to."""
    model = plain()
    before, each = "x", info("y:0")
    for number in range(1000):
        node = model.graph.node.add(name=f"n{number}", op="Identity", input=[before])
        node.attr["T"].type = FLOAT
        before = node.name
        each.name = f"{before}:0"
        model.meta.signature_def[f"s{number}"].outputs["y"].CopyFrom(each)
    visited: list[str] = []

    def visit(name: str) -> str | None:
        visited.append(name)
        return named(name)

    monkeypatch.setattr(scan_module, "named", visit)
    findings, reached = scan_module.scan(model.meta, op_def_registry.get)
    assert not findings
    assert len(visited) == len(model.graph.node) == len(reached.nodes)
