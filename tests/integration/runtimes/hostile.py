"""SavedModels made by hand, node by node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2

v1 = tf.compat.v1
SPEC = tf.TensorSpec([None], tf.float32)
FLOAT = types_pb2.DT_FLOAT


class Model:
    """A ``MetaGraphDef`` with ``x`` float32 [n] fed and ``y`` fetched, to be added to."""

    def __init__(self, graph: tf.Graph | None = None) -> None:
        self.file = saved_model_pb2.SavedModel(saved_model_schema_version=1)
        self.meta = self.file.meta_graphs.add()
        self.meta.meta_info_def.tags.append("serve")
        self.graph = self.meta.graph_def
        if graph is not None:
            self.graph.CopyFrom(graph.as_graph_def())
        else:
            x = self.graph.node.add(name="x", op="Placeholder")
            x.attr["dtype"].type = FLOAT
        signature = self.meta.signature_def["serving_default"]
        signature.inputs["x"].CopyFrom(info("x:0"))
        signature.outputs["y"].CopyFrom(info("y:0"))

    def function(self, run: Callable[..., Any], *, arguments: int = 1) -> Any:
        """Add ``run`` as a function; its ``FunctionDef``."""
        concrete = tf.function(run).get_concrete_function(*[SPEC] * arguments)
        added = self.graph.library.function.add()
        added.CopyFrom(concrete.function_def)
        added.signature.is_stateful = True
        return added

    def call(self, function: str) -> Any:
        """``y`` is what the function makes of ``x``; the ``NodeDef``."""
        node = self.graph.node.add(name="y", op="StatefulPartitionedCall", input=["x"])
        node.attr["Tin"].list.type.append(FLOAT)
        node.attr["Tout"].list.type.append(FLOAT)
        node.attr["f"].func.name = function
        return node

    def calling(self, placeholder: str, kind: str) -> Any:
        """Add a function that is given ``placeholder`` as an attribute; its ``FunctionDef``."""
        added = self.graph.library.function.add()
        added.signature.name = "outer"
        added.signature.is_stateful = True
        added.signature.input_arg.add(name="x", type=FLOAT)
        added.signature.output_arg.add(name="y", type=FLOAT)
        added.signature.attr.add(name=placeholder, type=kind)
        return added

    def save(self, folder: Path) -> Path:
        (folder / "variables").mkdir(parents=True)
        (folder / "saved_model.pb").write_bytes(self.file.SerializeToString())
        return folder


def info(tensor: str) -> Any:
    with tf.Graph().as_default():
        info = v1.saved_model.build_tensor_info(v1.placeholder(tf.float32, [None]))
    info.name = tensor
    return info


def writing(path: Path) -> Callable[[Any], Any]:
    def write(x: Any) -> Any:
        with tf.control_dependencies([tf.io.write_file(str(path), "gotcha")]):
            return tf.identity(x)

    return write


def traced(run: Callable[[Any], Any]) -> Model:
    with tf.Graph().as_default() as graph:
        tf.identity(run(v1.placeholder(tf.float32, [None], name="x")), name="y")
    return Model(graph)
