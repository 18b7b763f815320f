"""SavedModels made by hand to get past the look at their operations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from horngate.errors import LoadError
from horngate.runtimes.savedmodel import SavedModelRuntime
from tests.integration.runtimes.hostile import FLOAT, Model, info, traced, v1, writing


def a_gradient(path: Path) -> Model:
    model = Model()
    plain = model.function(tf.identity)
    hostile = model.function(lambda x, _: writing(path)(x), arguments=2)
    model.graph.library.gradient.add(
        function_name=plain.signature.name, gradient_func=hostile.signature.name
    )
    node = model.graph.node.add(name="y", op="SymbolicGradient", input=["x", "x"])
    node.attr["Tin"].list.type.extend([FLOAT, FLOAT])
    node.attr["Tout"].list.type.append(FLOAT)
    node.attr["f"].func.name = plain.signature.name
    return model


def a_function_given_as_an_attribute(path: Path) -> Model:
    model = Model()
    hostile = model.function(writing(path))
    outer = model.calling("given", "func")
    node = outer.node_def.add(name="call", op="StatefulPartitionedCall", input=["x"])
    node.attr["Tin"].list.type.append(FLOAT)
    node.attr["Tout"].list.type.append(FLOAT)
    node.attr["f"].placeholder = "given"
    outer.ret["y"] = "call:output:0"
    model.call("outer").attr["f"].func.attr["given"].func.name = hostile.signature.name
    return model


def a_stream_given_as_an_attribute(path: Path) -> Model:
    model = Model()
    outer = model.calling("stream", "string")
    text = outer.node_def.add(name="text", op="Const")
    text.attr["dtype"].type = types_pb2.DT_STRING
    text.attr["value"].tensor.CopyFrom(tf.make_tensor_proto("gotcha"))
    prints = outer.node_def.add(name="prints", op="PrintV2", input=["text:output:0"])
    prints.attr["output_stream"].placeholder = "stream"
    result = outer.node_def.add(name="result", op="Identity", input=["x", "^prints"])
    result.attr["T"].type = FLOAT
    outer.ret["y"] = "result:output:0"
    model.call("outer").attr["f"].func.attr["stream"].s = f"file://{path}".encode()
    return model


def a_file_of_descriptors(path: Path) -> Model:
    def run(x: Any) -> Any:
        encoded = tf.raw_ops.EncodeProto(
            sizes=tf.ones([1, 1], tf.int32),
            values=[tf.ones([1, 1])],
            field_names=["v"],
            message_type="a.B",
            descriptor_source=str(path),
        )
        return x + tf.cast(tf.strings.length(encoded), tf.float32)

    return traced(run)


def a_vocabulary_of_another(path: Path) -> Model:
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [None], name="x")
        table = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64, shared_name="t")
        tf.raw_ops.InitializeTableFromTextFileV2(
            table_handle=table, filename=str(path), key_index=-2, value_index=-1, name="fill"
        )
        size = tf.raw_ops.LookupTableSizeV2(table_handle=table)
        tf.identity(x + tf.cast(size, tf.float32), name="y")
    model = Model(graph)
    model.meta.collection_def["legacy_init_op"].node_list.value.append("fill")
    return model


def a_vocabulary_out_of_the_folder(path: Path) -> Model:
    model = a_vocabulary_of_another(path)
    names = {node.name for node in model.graph.node if node.op == "Const"}
    (name,) = [each for each in names if "filename" in each]
    model.meta.asset_file_def.add(filename="../../target").tensor_info.CopyFrom(info(f"{name}:0"))
    return model


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (a_gradient, "WriteFile (reads or writes files)"),
        (a_function_given_as_an_attribute, "WriteFile (reads or writes files)"),
        (a_stream_given_as_an_attribute, "PrintV2 (reads or writes files)"),
        (a_file_of_descriptors, "EncodeProto (reads or writes files)"),
        (a_vocabulary_of_another, "InitializeTableFromTextFileV2 (reads or writes files)"),
        (a_vocabulary_out_of_the_folder, "the asset '../../target' (reads or writes files)"),
    ],
)
def test_refused_and_not_run(tmp_path: Path, make: Callable[[Path], Model], what: str) -> None:
    target = tmp_path / "target"
    folder = make(target).save(tmp_path / "source")
    with pytest.raises(LoadError) as refused:
        SavedModelRuntime().load(folder)
    assert what in str(refused.value)
    assert not target.exists()


def test_the_ways_round_are_real(tmp_path: Path) -> None:
    """Trusted, they do what they are refused for: the models above are no straw men."""
    for make in (a_function_given_as_an_attribute, a_gradient, a_stream_given_as_an_attribute):
        target = tmp_path / make.__name__
        folder = make(target).save(tmp_path / f"{make.__name__}-source")
        servable = SavedModelRuntime(trust_operations=True).load(folder)
        try:
            servable.run("serving_default", {"x": np.zeros(2, np.float32)})
        finally:
            servable.close()
        assert "gotcha" in target.read_text()
