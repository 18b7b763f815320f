"""Integers by which a model's memory grows are found out before they are gigabytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from horngate.builder.comparison import EDGES, edge_inputs
from horngate.builder.lengths import MOST_GROWTH, STEPS, largest_integers
from horngate.errors import InvalidRequest
from horngate.tensors import Arrays, DType, Signature, TensorSpec

SPECS = {
    name: TensorSpec(name, dtype, (None,))
    for name, dtype in [("x", DType.INT64), ("other", DType.INT32), ("small", DType.INT8)]
}
SIGNATURE = Signature("s", SPECS, SPECS)
USUAL: Arrays = {name: np.ones(2, spec.dtype.numpy) for name, spec in SPECS.items()}


class Grows:
    """Takes as many bytes as ``of`` says for the largest ``x``, and keeps the largest that came."""

    def __init__(self, of: Callable[[int], int]) -> None:
        self._of = of
        self.largest = 0

    def run(self, _name: str, inputs: Arrays) -> dict[str, Any]:
        x = int(inputs["x"].max())
        self.largest = max(self.largest, x)
        return {"y": np.ones(self._of(x), np.uint8)}


def largest(servable: Grows) -> dict[str, int]:
    double: Any = servable
    return largest_integers(double, SIGNATURE, USUAL)


@pytest.mark.parametrize("power", [1, 2, 3])
def test_a_value_that_is_a_length_is_bounded(power: int) -> None:
    servable = Grows(lambda x: x**power)
    found = largest(servable)
    assert found.keys() == {"x"}
    assert found["x"] ** power <= 2 * MOST_GROWTH
    assert servable.largest**power <= 4**power * 2 * MOST_GROWTH, "what was tried to find it out"


def test_a_value_that_is_none_may_be_any() -> None:
    servable = Grows(lambda _: 100)
    assert largest(servable) == {}
    assert servable.largest == STEPS[-1]


def test_a_model_that_refuses_values_bounds_them_itself() -> None:
    def of(x: int) -> int:
        if x > 100:
            raise InvalidRequest("no vocabulary has that")
        return 1

    assert largest(Grows(of)) == {}


def test_no_edge_goes_beyond_it() -> None:
    seen = [edge_inputs(SIGNATURE, rows=50, edge=edge, largest={"x": 1024}) for edge in EDGES]
    assert max(int(np.abs(each["x"]).max()) for each in seen) == 1024
    assert max(int(each["other"].max()) for each in seen) == np.iinfo(np.int32).max
