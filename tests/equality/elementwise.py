"""Operations on each element by itself: functions, arithmetic, comparisons, casts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import tensorflow as tf

from tests.equality.probe import Feeds, Probe, Spec, Trial, call
from tests.equality.values import ALL, FLOATS, INTEGERS, NUMBERS, cut, drawn, edges, pairs

SIGNED: Final = tuple(name for name in INTEGERS if name.startswith("int"))

UNARY: Final[dict[str, Sequence[str]]] = {
    **dict.fromkeys(("Identity", "StopGradient", "Snapshot", "ZerosLike", "OnesLike"), ALL),
    **dict.fromkeys(("Abs", "Neg", "Sign", "Square", "Reciprocal", "Inv"), NUMBERS),
    **dict.fromkeys(("Relu", "Relu6"), NUMBERS),
    **dict.fromkeys(
        (
            *("Exp", "Expm1", "Log", "Log1p", "Sqrt", "Rsqrt", "Sigmoid", "Tanh", "Sin", "Cos"),
            *("Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "Floor"),
            *("Ceil", "Round", "Rint", "Erf", "Erfc", "Erfinv", "Lgamma", "Digamma", "Elu", "Selu"),
            *("Softplus", "Softsign", "IsNan", "IsInf", "IsFinite", "BesselI0e", "BesselI1e"),
            *("Ndtri", "PreventGradient"),
        ),
        FLOATS,
    ),
    "LogicalNot": ("bool",),
    "Invert": INTEGERS,
    "PopulationCount": INTEGERS,
}

BINARY: Final[dict[str, Sequence[str]]] = {
    **dict.fromkeys(("AddV2", "Add", "Sub", "Mul", "Maximum", "Minimum"), NUMBERS),
    **dict.fromkeys(("SquaredDifference", "Pow"), NUMBERS),
    **dict.fromkeys(
        ("RealDiv", "DivNoNan", "MulNoNan", "Atan2", "Xdivy", "Xlogy", "Xlog1py"), FLOATS
    ),
    **dict.fromkeys(("Div", "FloorDiv", "FloorMod", "TruncateDiv", "TruncateMod", "Mod"), NUMBERS),
    **dict.fromkeys(("Less", "LessEqual", "Greater", "GreaterEqual"), NUMBERS),
    **dict.fromkeys(("LogicalAnd", "LogicalOr"), ("bool",)),
    **dict.fromkeys(("BitwiseAnd", "BitwiseOr", "BitwiseXor"), INTEGERS),
    **dict.fromkeys(("LeftShift", "RightShift"), INTEGERS),
}
BOUNDED: Final = ("Sigmoid", "Tanh", "Erf", "Erfc", "Sin", "Cos", "Softplus")
"""Near 1 somewhere: near 0 they are as exact as there, and no more."""

DIVIDING: Final = ("Div", "FloorDiv", "FloorMod", "TruncateDiv", "TruncateMod", "Mod")
DIVISORS: Final = (1, 2, 3, 7, 10, 60, 100, 127, 3600, 86400, 2**31 - 1, 10**15 + 1)


def probes() -> Iterator[Probe]:
    for operation, dtypes in UNARY.items():
        for dtype in dtypes:
            unit = 0.01 if operation in BOUNDED else 0
            yield Probe(operation, dtype, partial(_unary, operation, dtype), unit=unit)
    for operation, dtypes in BINARY.items():
        for dtype in dtypes:
            yield Probe(operation, dtype, partial(_binary, operation, dtype, {}))
    yield from _comparisons()
    yield from _divisions()
    yield from _others()


def _comparisons() -> Iterator[Probe]:
    for operation in ("Equal", "NotEqual"):
        for dtype in ALL:
            for strict in (True, False):
                attributes = {"incompatible_shape_error": strict}
                trials = partial(_binary, operation, dtype, attributes)
                yield Probe(operation, f"{dtype}, {'strict' if strict else 'as =='}", trials)


def _divisions() -> Iterator[Probe]:
    for operation in DIVIDING:
        for dtype in INTEGERS:
            yield Probe(
                operation,
                f"{dtype} by a constant",
                partial(_divided, operation, dtype),
                needs=("divisor:1",),
            )


def _others() -> Iterator[Probe]:
    for dtype in NUMBERS:
        yield Probe(
            "Pow",
            f"{dtype} to a constant",
            partial(_raised, dtype),
            needs=("exponent:1",),
        )
    for dtype in FLOATS:
        yield Probe("LeakyRelu", dtype, partial(_leaky, dtype), free=("alpha",))
    for source in (*NUMBERS, "bool"):
        for target in (*NUMBERS, "bool"):
            yield Probe("Cast", f"{source} to {target}", partial(_cast, source, target))
    for operation in ("Select", "SelectV2"):
        for dtype in (*NUMBERS, "bool"):  # ONNX Runtime's Where of texts shows what lies behind one
            yield Probe(operation, dtype, partial(_select, operation, dtype))
    for dtype in NUMBERS:
        yield Probe("AddN", dtype, partial(_add_n, dtype), free=("N",))
        yield Probe("ClipByValue", dtype, partial(_clip, dtype))
        yield Probe("BiasAdd", dtype, partial(_bias, dtype))


def _unary(operation: str, dtype: str) -> Iterator[Trial]:
    make = partial(call, operation)
    yield Trial(make, [(dtype, [None])], lambda: cut([edges(dtype)]), rowwise=True)
    yield Trial(make, [(dtype, [None, 3, 5])], lambda: [[drawn(dtype, (4, 3, 5))]])
    yield Trial(make, [(dtype, [None])], lambda: [[edges(dtype)[:0]]])


def _binary(operation: str, dtype: str, attributes: dict[str, Any]) -> Iterator[Trial]:
    make = partial(call, operation, **attributes)
    each = edges(dtype)
    yield Trial(
        make,
        [(dtype, [None]), (dtype, [None])],
        lambda: cut(pairs(each, each)),
        rowwise=True,
    )
    small = each[each != 0] if operation in DIVIDING else each
    yield Trial(
        make,
        [(dtype, [None, 1]), (dtype, [1, None])],
        lambda: [[each[:, None], small[None]], [each[:0, None], small[None]]],
    )
    yield Trial(make, [(dtype, [None, 2]), (dtype, [])], lambda: [[drawn(dtype, (5, 2)), small[1]]])


def _divided(operation: str, dtype: str) -> Iterator[Trial]:
    kind = np.dtype(dtype)
    for divisor in DIVISORS:
        if np.iinfo(kind).min <= divisor <= np.iinfo(kind).max:
            yield Trial(
                lambda x, by=divisor: call(operation, x, tf.constant(by, dtype)),
                [(dtype, [None])],
                lambda: cut([edges(dtype)]),
            )


def _raised(dtype: str) -> Iterator[Trial]:
    powers = (0, 1, 2, 3, 5) if dtype in INTEGERS else (0.5, 2, -1, 1.5, -0.5, 0, 1, 3, 0.25, 10)
    for power in powers:
        yield Trial(
            lambda x, power=power: call("Pow", x, tf.constant(power, dtype)),
            [(dtype, [None])],
            lambda: cut([edges(dtype)]),
        )


def _leaky(dtype: str) -> Iterator[Trial]:
    for alpha in (0.2, 0.3, 0.01, 0.0, 1.0, 1.5, -0.5):
        yield Trial(
            lambda x, alpha=alpha: call("LeakyRelu", x, alpha=alpha),
            [(dtype, [None])],
            lambda: cut([edges(dtype)]),
        )


def _cast(source: str, target: str) -> Iterator[Trial]:
    yield Trial(
        lambda x: call("Cast", x, DstT=target), [(source, [None])], lambda: cut([edges(source)])
    )


def _select(operation: str, dtype: str) -> Iterator[Trial]:
    def feeds() -> Feeds:
        each = edges(dtype)
        mask = np.arange(each.size) % 3 == 0
        return cut([mask, each, each[::-1]])

    each: Spec = (dtype, [None])
    yield Trial(partial(call, operation), [("bool", [None]), each, each], feeds)
    if operation == "SelectV2":
        specs: list[Spec] = [("bool", [None, 1]), (dtype, [None, 3]), (dtype, [])]
        mask = np.array([[True], [False], [True]])
        yield Trial(
            partial(call, operation), specs, lambda: [[mask, drawn(dtype, (3, 3)), edges(dtype)[1]]]
        )


def _add_n(dtype: str) -> Iterator[Trial]:
    for number in (1, 2, 3):
        yield Trial(
            lambda *tensors: tf.raw_ops.AddN(inputs=list(tensors)),
            [(dtype, [None])] * number,
            lambda number=number: cut([drawn(dtype, (50,), seed) for seed in range(number)]),
        )


def _clip(dtype: str) -> Iterator[Trial]:
    for low, high in ((0, 6), (1, 1), (0, 100)):
        yield Trial(
            lambda x, low=low, high=high: call(
                "ClipByValue", x, tf.constant(low, dtype), tf.constant(high, dtype)
            ),
            [(dtype, [None])],
            lambda: cut([edges(dtype)]),
        )


def _bias(dtype: str) -> Iterator[Trial]:
    for shape in ([None, 3], [None, 2, 3], [None, 2, 2, 3]):
        size = tuple(5 if each is None else each for each in shape)
        yield Trial(
            partial(call, "BiasAdd", data_format="NHWC"),
            [(dtype, shape), (dtype, [3])],
            lambda size=size: [[drawn(dtype, size), drawn(dtype, (3,), 1)]],
        )
