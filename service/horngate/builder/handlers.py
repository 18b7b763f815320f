"""Our own conversions, of operations that tf2onnx converts to something that answers otherwise.

Each has a probe in ``tests/equality`` that failed without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

Handler = tuple[Callable[..., Any], list[str]]

_FLOATS: Final = (1, 10, 11)  # FLOAT, FLOAT16, DOUBLE as ONNX numbers them


def _instead(context: Any, node: Any) -> dict[str, Any]:
    """Take ``node`` out; what the node in its stead has to give."""
    outputs, shapes, dtypes = list(node.output), node.output_shapes, node.output_dtypes
    context.remove_node(node.name)
    return {"name": node.name, "outputs": outputs, "shapes": shapes, "dtypes": dtypes}


def _selected(context: Any, node: Any, _name: str, _args: Any) -> None:
    """A choice stays one; tf2onnx multiplies by 0 and 1, and NaN and infinity get through."""
    from tf2onnx.onnx_opset.controlflow import Select  # noqa: PLC0415 - its imports warn

    node.set_attr("handles_nan", 1)
    Select.version_9(context, node)


def _compared(context: Any, node: Any, _name: str, _args: Any) -> None:
    """Integers are compared as such; tf2onnx compares them as float32."""
    inputs, operator = list(node.input), node.type
    # The counters of loops are int64 by now, whatever they were; 8 and 16 bits have no kernel.
    wide = {2: 7, 3: 7, 4: 7, 5: 7, 6: 7, 7: 7, 12: 7, 10: 1}.get(context.get_dtype(inputs[0]))
    if wide is not None:
        inputs = [_cast(context, each, wide) for each in inputs]
    context.make_node(operator, inputs, **_instead(context, node))


def _cast(context: Any, tensor: str, dtype: int) -> str:
    name: str = context.make_node("Cast", [tensor], attr={"to": dtype}).output[0]
    return name


def _extreme(context: Any, node: Any, _name: str, _args: Any) -> None:
    """NaN is never the largest for TensorFlow, nor the smallest.

    Its search begins at the lowest finite number, or the highest.
    """
    from tf2onnx.onnx_opset.reduction import ArgMax  # noqa: PLC0415 - its imports warn

    given = node.input[0]
    dtype = context.get_dtype(given)
    if dtype in _FLOATS:
        info = np.finfo(_numpy(dtype))
        largest = node.type == "ArgMax"
        worst = _constant(context, info.min if largest else info.max, dtype)
        missing = context.make_node("IsNaN", [given]).output[0]
        known = context.make_node("Where", [missing, worst, given]).output[0]
        operator = "Max" if largest else "Min"
        context.replace_input(node, given, context.make_node(operator, [known, worst]).output[0], 0)
    ArgMax.version_11(context, node)


def _reduced(context: Any, node: Any, _name: str, _args: Any) -> None:
    """The largest, or smallest, of what holds a NaN is NaN; ONNX Runtime may pass over it."""
    given = node.input[0]
    dtype = context.get_dtype(given)
    keep = node.get_attr_value("keep_dims", 0)
    places = [int(each) for each in np.ravel(node.inputs[1].get_tensor_value(as_list=False))]
    if not places:  # nothing is reduced
        context.make_node("Identity", [given], **_instead(context, node))
        return
    operator = {"Max": "ReduceMax", "Min": "ReduceMin"}[node.type]
    place = _instead(context, node)
    over = context.make_const(f"{place['name']}/axes", np.array(places, np.int64)).output[0]
    # Axes became an input of these operators with opset 18.
    told = {"keepdims": int(bool(keep))}
    if dtype not in _FLOATS:
        context.make_node(operator, [given, over], attr=told, **place)
        return
    best = context.make_node(operator, [given, over], attr=told).output[0]
    missing = context.make_node("IsNaN", [given]).output[0]
    holds = context.make_node("ReduceMax", [_cast(context, missing, 1), over], attr=told).output[0]
    none = _constant(context, np.nan, dtype)
    # Of nothing, the largest is -inf, which is not above 0 either.
    found = context.make_node("Greater", [holds, _constant(context, 0, 1)]).output[0]
    context.make_node("Where", [found, none, best], **place)


def _mean(context: Any, node: Any, _name: str, _args: Any) -> None:
    """The mean of nothing is NaN; ONNX Runtime's is 0."""
    from tf2onnx.onnx_opset.reduction import ReduceOpBase  # noqa: PLC0415 - its imports warn

    given = node.input[0]
    dtype, shape = context.get_dtype(given), context.get_shape(given)
    places = [int(each) for each in np.ravel(node.inputs[1].get_tensor_value(as_list=False))]
    node.type = "ReduceMean"
    ReduceOpBase.version_18(context, node)
    if dtype not in _FLOATS or (shape and all(shape[each] > 0 for each in places)):
        return
    mean = node.output[0]
    size = context.make_node("Shape", [given]).output[0]
    along = context.make_const(f"{node.name}/along", np.array(places, np.int64)).output[0]
    sizes = context.make_node("Gather", [size, along]).output[0]
    number = context.make_node("ReduceProd", [sizes], attr={"keepdims": 0})
    zero = _constant(context, 0, 7)
    empty = context.make_node("Equal", [number.output[0], zero]).output[0]
    chosen = context.make_node("Where", [empty, _constant(context, np.nan, dtype), mean])
    context.copy_shape(mean, chosen.output[0])
    context.insert_node_on_output(chosen, mean)


def _ranked(context: Any, node: Any, _name: str, _args: Any) -> None:
    """The largest as they are; tf2onnx takes all but float16 as float32."""
    given, count = node.input
    (shapes, dtypes), outputs = (node.output_shapes, node.output_dtypes), list(node.output)
    place = _instead(context, node)
    wanted = _cast(context, count, 7)
    one = context.make_const(f"{place['name']}/shape", np.array([1], np.int64)).output[0]
    wanted = context.make_node("Reshape", [wanted, one]).output[0]
    top = context.make_node("TopK", [given, wanted], output_count=2).output
    context.make_node(
        "Identity", [top[0]], outputs=[outputs[0]], shapes=shapes[:1], dtypes=dtypes[:1]
    )
    context.make_node(
        "Cast",
        [top[1]],
        attr={"to": dtypes[1]},
        outputs=[outputs[1]],
        shapes=shapes[1:],
        dtypes=dtypes[1:],
    )


def _modulo(context: Any, node: Any, _name: str, _args: Any) -> None:
    """The remainder with the divisor's sign; tf2onnx rounds the quotient to zero."""
    left, right = node.input
    dtype = context.get_dtype(left)
    if dtype not in _FLOATS:
        context.make_node("Mod", [left, right], **_instead(context, node))
        return
    place = _instead(context, node)
    remainder = context.make_node("Mod", [left, right], attr={"fmod": 1}).output[0]
    zero = _constant(context, 0, dtype)
    signs = [context.make_node("Less", [each, zero]).output[0] for each in (remainder, right)]
    other = context.make_node("Xor", signs).output[0]
    whole = context.make_node("Equal", [remainder, zero]).output[0]
    rest = context.make_node("Not", [whole]).output[0]
    wrong = context.make_node("And", [rest, other]).output[0]
    moved = context.make_node("Add", [remainder, right]).output[0]
    context.make_node("Where", [wrong, moved, remainder], **place)


def _divided(context: Any, node: Any, _name: str, _args: Any) -> None:
    """The quotient rounded down; tf2onnx rounds that of integers to zero."""
    left, right = node.input
    dtype = context.get_dtype(left)
    place = _instead(context, node)
    quotient = context.make_node("Div", [left, right]).output[0]
    if dtype in _FLOATS:
        context.make_node("Floor", [quotient], **place)
        return
    back = context.make_node("Mul", [quotient, right]).output[0]
    # Past the quotient rounded down where it was rounded up, which a remainder below zero tells:
    # the divisor is a constant above zero, by the table.
    rest = context.make_node("Sub", [left, back]).output[0]
    below = context.make_node("Less", [rest, _constant(context, 0, dtype)]).output[0]
    context.make_node("Sub", [quotient, _cast(context, below, dtype)], **place)


def _soft_sign(context: Any, node: Any, _name: str, _args: Any) -> None:
    """``x / (1 + |x|)`` as TensorFlow has it; ONNX Runtime's own makes 0 of the largest float."""
    (given,) = node.input
    dtype = context.get_dtype(given)
    place = _instead(context, node)
    size = context.make_node("Abs", [given]).output[0]
    more = context.make_node("Add", [size, _constant(context, 1, dtype)]).output[0]
    context.make_node("Div", [given, more], **place)


def _widened(context: Any, node: Any, _name: str, _args: Any) -> None:
    """float16 in float32 and back: of 90, ONNX Runtime's softplus makes infinity."""
    (given,), operator = node.input, node.type
    place = _instead(context, node)
    if context.get_dtype(given) != 10:
        context.make_node(operator, [given], **place)
        return
    wide = context.make_node(operator, [_cast(context, given, 1)]).output[0]
    context.make_node("Cast", [wide], attr={"to": 10}, **place)


def _constant(context: Any, value: Any, dtype: int) -> str:
    from tf2onnx import utils  # noqa: PLC0415 - its imports warn

    made = context.make_const(utils.make_name("constant"), np.array(value, _numpy(dtype)))
    name: str = made.output[0]
    return name


def _numpy(dtype: int) -> Any:
    from tf2onnx import utils  # noqa: PLC0415 - its imports warn

    return utils.map_onnx_to_numpy_type(dtype)


HANDLERS: Final[dict[str, Handler]] = {
    "Select": (_selected, []),
    "SelectV2": (_selected, []),
    "Less": (_compared, []),
    "Greater": (_compared, []),
    "Mean": (_mean, []),
    "Max": (_reduced, []),
    "Min": (_reduced, []),
    "ArgMax": (_extreme, []),
    "ArgMin": (_extreme, []),
    "TopKV2": (_ranked, []),
    "FloorMod": (_modulo, []),
    "FloorDiv": (_divided, []),
    "Softsign": (_soft_sign, []),
    "Softplus": (_widened, []),
    "Log": (_widened, []),
}
"""By TensorFlow's operation, as tf2onnx takes ``custom_op_handlers``."""
