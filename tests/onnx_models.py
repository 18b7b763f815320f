"""Small ONNX models for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

FLOAT = TensorProto.FLOAT
Shape = Sequence[int | str | None]


def value(name: str, shape: Shape | None, dtype: int = FLOAT) -> Any:
    """An input or output; a shape of None is none at all."""
    return helper.make_tensor_value_info(name, dtype, shape)


def model(
    nodes: Sequence[Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    constants: Sequence[Any] = (),
    **domains: int,
) -> onnx.ModelProto:
    """A model of ``nodes`` in opset 18; a further domain's name has ``__`` for each dot."""
    graph = helper.make_graph(nodes, "graph", inputs, outputs, list(constants))
    opsets = {"": 18, **{name.replace("__", "."): version for name, version in domains.items()}}
    made = helper.make_model(
        graph, opset_imports=[helper.make_opsetid(name, number) for name, number in opsets.items()]
    )
    made.ir_version = 10
    return made


def scaled(factor: float = 2.0) -> onnx.ModelProto:
    """Input ``zebra`` times ``factor`` plus ``apple``, [rows, 3] both: ``sum``."""
    constant = helper.make_tensor("factor", FLOAT, [1], [factor])
    nodes = [
        helper.make_node("Mul", ["zebra", "factor"], ["scaled"]),
        helper.make_node("Add", ["scaled", "apple"], ["sum"]),
    ]
    shape: Shape = ["rows", 3]
    return model(
        nodes, [value("zebra", shape), value("apple", shape)], [value("sum", shape)], [constant]
    )


def put(made: onnx.ModelProto, folder: Path) -> Path:
    """Write the model as ``model.onnx`` into ``folder``, which is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(made.SerializeToString())
    return folder
