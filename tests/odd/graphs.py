"""SavedModels written node by node: nothing is traced, and nothing of them runs meanwhile.

A node that is named by its operation alone gets inputs that fit, so that what is refused is a graph
that TensorFlow would take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow.python.framework import op_def_registry

v1 = tf.compat.v1

FREE: Final = (None,)
TAGS: Final = ("serve",)
_BARE: Final = (tf.resource.as_datatype_enum, tf.variant.as_datatype_enum)


class Func(NamedTuple):
    """A function as an attribute's value, with what it is given itself."""

    name: str
    given: Mapping[str, Any] = {}


class Given(NamedTuple):
    """An attribute's value that is what the function around it is given under ``name``."""

    name: str


class Shape(NamedTuple):
    """A shape as an attribute's value; None for an unknown number of dimensions."""

    sizes: tuple[int, ...] | None


def info(
    tensor: str, dtype: Any = tf.float32, shape: Iterable[int | None] | None = FREE
) -> meta_graph_pb2.TensorInfo:
    """A tensor of a signature; without a dtype, an operation."""
    made = meta_graph_pb2.TensorInfo(name=tensor)
    if dtype is not None:
        made.dtype = tf.as_dtype(dtype).as_datatype_enum
    if shape is None:
        made.tensor_shape.unknown_rank = True
        return made
    made.tensor_shape.SetInParent()
    for size in shape:
        made.tensor_shape.dim.add(size=-1 if size is None else size)
    return made


class Body:
    """Nodes of a graph or of a function."""

    def __init__(self, nodes: Any, *, function: bool = False) -> None:
        self.nodes = nodes
        self._function = function

    def add(self, name: str, op: str, *inputs: str, **attributes: Any) -> Any:
        """Add a node as it is told; ``device`` is its device."""
        node = self.nodes.add(name=name, op=op, input=inputs, device=attributes.pop("device", ""))
        for key, value in attributes.items():
            _write(node.attr[key], value)
        return node

    def constant(self, name: str, value: Any, dtype: Any = None) -> Any:
        tensor = tf.make_tensor_proto(value, None if dtype is None else tf.as_dtype(dtype))
        node = self.nodes.add(name=name, op="Const")
        node.attr["dtype"].type = tensor.dtype
        node.attr["value"].tensor.CopyFrom(tensor)
        return node

    def whole(self, name: str, op: str, fed: Mapping[str, Any], **attributes: Any) -> Any:
        """Add a node of ``op`` with an input for each of its arguments: ``fed``, else a default."""
        definition = op_def_registry.get(op)
        assert definition is not None, op
        values = _attributes(definition, attributes)
        inputs = []
        for argument in definition.input_arg:
            for position, dtype in enumerate(_dtypes(argument, values)):
                inputs.append(self._argument(name, argument.name, position, dtype, fed))
        return self.add(name, op, *inputs, **values)

    def _argument(
        self, node: str, argument: str, position: int, dtype: int, fed: Mapping[str, Any]
    ) -> str:
        name = f"{node}_{argument}_{position}"
        if dtype in _BARE:
            self.add(name, "Placeholder", dtype=tf.as_dtype(dtype), shape=Shape(()))
        else:
            nothing = "" if dtype == tf.string.as_datatype_enum else _zero(dtype)
            self.constant(name, fed.get(argument, nothing), dtype)
        return f"{name}:output:0" if self._function else f"{name}:0"


def _zero(dtype: int) -> Any:
    return np.zeros((), tf.as_dtype(dtype).as_numpy_dtype)


def _attributes(definition: Any, given: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for attribute in definition.attr:
        if attribute.name in given:
            values[attribute.name] = given[attribute.name]
        elif not attribute.HasField("default_value"):
            values[attribute.name] = _default(attribute)
        elif attribute.type == "int":
            values[attribute.name] = attribute.default_value.i
    return values | {key: given[key] for key in given if key not in values}


def _default(attribute: Any) -> Any:
    allowed = attribute.allowed_values.list.type
    one: Any
    match attribute.type.removeprefix("list(").removesuffix(")"):
        case "type":
            one = tf.as_dtype(allowed[0] if allowed else tf.float32)
        case "int":
            one = max(1, attribute.minimum)
        case "string":
            texts = attribute.allowed_values.list.s
            one = texts[0] if texts else b""
        case "shape":
            one = Shape(())
        case "func":
            one = Func("plain")
        case "bool":
            one = False
        case "float":
            one = 1.0
        case _:
            one = tf.make_tensor_proto(0.0)
    return [one] if attribute.type.startswith("list(") else one


def _dtypes(argument: Any, values: Mapping[str, Any]) -> list[int]:
    if argument.type_list_attr:
        return [tf.as_dtype(each).as_datatype_enum for each in values[argument.type_list_attr]]
    number = values[argument.number_attr] if argument.number_attr else 1
    dtype = values[argument.type_attr] if argument.type_attr else argument.type
    return [tf.as_dtype(dtype).as_datatype_enum] * number


def _write(attribute: Any, value: Any) -> None:
    if isinstance(value, list):
        attribute.list.SetInParent()
        for each in value:
            one = attr_value_pb2.AttrValue()
            _write(one, each)
            kind = one.WhichOneof("value")
            getattr(attribute.list, kind).append(getattr(one, kind))
    elif isinstance(value, Func):
        attribute.func.name = value.name
        for key, inner in value.given.items():
            _write(attribute.func.attr[key], inner)
    elif isinstance(value, Shape):
        _write_shape(attribute.shape, value.sizes)
    elif isinstance(value, tf.DType):
        attribute.type = value.as_datatype_enum
    elif isinstance(value, Given):
        attribute.placeholder = value.name
    elif isinstance(value, str):
        attribute.s = value.encode()
    else:
        _write_plain(attribute, value)


def _write_plain(attribute: Any, value: Any) -> None:
    for kind, field in ((bool, "b"), (int, "i"), (float, "f"), (bytes, "s")):
        if isinstance(value, kind):
            setattr(attribute, field, value)
            return
    attribute.tensor.CopyFrom(value)


def _write_shape(shape: Any, sizes: tuple[int, ...] | None) -> None:
    if sizes is None:
        shape.unknown_rank = True
        return
    shape.SetInParent()
    for size in sizes:
        shape.dim.add(size=size)


class Function(Body):
    """A function of the library: ``x`` float32 in, ``y`` float32 out; nodes are to be added."""

    def __init__(self, library: Any, name: str, attributes: Mapping[str, str]) -> None:
        self.definition = library.function.add()
        signature = self.definition.signature
        signature.name = name
        signature.is_stateful = True
        signature.input_arg.add(name="x", type=tf.float32.as_datatype_enum)
        signature.output_arg.add(name="y", type=tf.float32.as_datatype_enum)
        for key, kind in attributes.items():
            signature.attr.add(name=key, type=kind)
        super().__init__(self.definition.node_def, function=True)

    def gives(self, tensor: str = "x", *controls: str) -> Function:
        """``y`` is ``tensor``, after ``controls``."""
        self.add("result", "Identity", tensor, *(f"^{each}" for each in controls), T=tf.float32)
        self.definition.ret["y"] = "result:output:0"
        return self


class Model(Body):
    """A ``MetaGraphDef`` with ``x`` float32 [n] fed; ``y`` = ``x`` + 1 until said otherwise."""

    def __init__(self, *, x: Any = tf.float32, shape: tuple[int | None, ...] = FREE) -> None:
        self.file = saved_model_pb2.SavedModel(saved_model_schema_version=1)
        self.meta = self.file.meta_graphs.add()
        self.meta.meta_info_def.tags.extend(TAGS)
        self.meta.meta_info_def.tensorflow_version = tf.__version__
        self.graph = self.meta.graph_def
        self.graph.versions.producer = 2000
        super().__init__(self.graph.node)
        sizes = tuple(-1 if size is None else size for size in shape)
        self.add("x", "Placeholder", dtype=tf.as_dtype(x), shape=Shape(sizes))
        self.signature = self.meta.signature_def["serving_default"]
        self.signature.method_name = "tensorflow/serving/predict"
        self.signature.inputs["x"].CopyFrom(info("x:0", x, shape))
        self.signature.outputs["y"].CopyFrom(info("y:0", x, shape))

    def plain(self, *controls: str) -> Model:
        """``y`` = ``x`` + 1, after ``controls``."""
        self.constant("one", 1.0)
        self.add("y", "AddV2", "x", "one", *(f"^{each}" for each in controls), T=tf.float32)
        return self

    def function(self, name: str, **attributes: str) -> Function:
        return Function(self.graph.library, name, attributes)

    def call(self, function: Func | str, *, name: str = "y", fed: str = "x", **more: Any) -> Any:
        """``name`` is what ``function`` makes of ``fed``."""
        called = Func(function) if isinstance(function, str) else function
        return self.add(
            name,
            "StatefulPartitionedCall",
            fed,
            Tin=[tf.float32],
            Tout=[tf.float32],
            f=called,
            **more,
        )

    def save(self, folder: Path) -> None:
        (folder / "variables").mkdir(parents=True, exist_ok=True)
        (folder / "saved_model.pb").write_bytes(self.file.SerializeToString())


def drawn(
    run: Callable[[Any], Any],
    *,
    x: Any = tf.float32,
    shape: tuple[int | None, ...] = FREE,
    out: tuple[int | None, ...] | None = None,
) -> Model:
    """The model that answers ``run(x)``, drawn by TensorFlow's own functions, without variables.

    ``out`` is the shape that the signature claims of ``y``, that of ``x`` where None. ``run`` may
    return a dict of outputs.
    """
    with tf.Graph().as_default() as graph:
        answers = run(v1.placeholder(x, shape, name="x"))
        if not isinstance(answers, dict):
            answers = {"y": answers}
        named = {key: tf.identity(value, name=f"out_{key}") for key, value in answers.items()}
    model = Model(x=x, shape=shape)
    model.graph.CopyFrom(graph.as_graph_def())
    model.signature.outputs.clear()
    for key, value in named.items():
        claimed = shape if out is None else out
        model.signature.outputs[key].CopyFrom(info(value.name, value.dtype, claimed))
    return model
