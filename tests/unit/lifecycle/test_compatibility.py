from __future__ import annotations

import re
from dataclasses import replace

import pytest

from horngate.lifecycle.desired import difference
from horngate.tensors import DType, Signature, TensorSpec


def spec(name: str, *shape: int | None, dtype: DType = DType.FLOAT32) -> TensorSpec:
    return TensorSpec(name, dtype, shape)


def signature(
    inputs: list[TensorSpec], outputs: list[TensorSpec], name: str = "serving_default"
) -> Signature:
    return Signature(
        name, {each.name: each for each in inputs}, {each.name: each for each in outputs}
    )


BEFORE = signature([spec("x", None, 4)], [spec("y", None, 2)])
INPUT, OUTPUT = [spec("x", None, 4)], [spec("y", None, 2)]


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        signature([spec("x", None, None)], OUTPUT),
        signature(INPUT, [spec("y", None, 2), spec("more", None)]),
    ],
    ids=["the same", "a freer input", "one more output"],
)
def test_what_harms_nobody(after: Signature) -> None:
    assert difference({"serving_default": BEFORE}, {"serving_default": after}) is None
    more = {"serving_default": after, "more": replace(after, name="more")}
    assert difference({"serving_default": BEFORE}, more) is None


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (signature([spec("z", None, 4)], OUTPUT), "expected the inputs x, received z"),
        (signature([*INPUT, spec("z", None)], OUTPUT), "expected the inputs x, received x, z"),
        (signature([spec("x", None, 5)], OUTPUT), "input 'x': expected float32"),
        (signature([spec("x", 1, 4)], OUTPUT), "input 'x'"),
        (signature([spec("x", None)], OUTPUT), "input 'x'"),
        (signature([spec("x", None, 4, dtype=DType.FLOAT64)], OUTPUT), "received float64"),
        (signature(INPUT, [spec("z", None, 2)]), "output 'y' is gone; there is z"),
        (signature(INPUT, [spec("y", None, 3)]), "output 'y'"),
        (signature(INPUT, [spec("y", None, None)]), "output 'y'"),
        (signature(INPUT, [spec("y", None, 2, dtype=DType.INT64)]), "output 'y'"),
    ],
)
def test_what_breaks_callers(after: Signature, told: str) -> None:
    found = difference({"serving_default": BEFORE}, {"serving_default": after})
    assert found is not None
    assert re.search(told, found)


def test_a_signature_that_is_gone() -> None:
    found = difference({"serving_default": BEFORE}, {"other": BEFORE})
    assert found == "signature 'serving_default' is gone; there is other"
