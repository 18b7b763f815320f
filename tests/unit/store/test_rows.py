"""Finding out whether rows may share a run, on models made of numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from horngate.servable import Servable
from horngate.store import rows
from horngate.store.goldens import Golden
from horngate.store.rows import LOAD_SECONDS, establish
from horngate.tensors import Array, Arrays, DType, Shape, Signature, TensorSpec
from tests.fuzz.engine import MODELS, _Servable
from tests.unit.batching.doubles import DoublingServable, ManualClock

NAME = "serving_default"


class Model:
    """One signature from ``x`` to ``y``."""

    engine = "double"
    any_shape = ()

    def __init__(
        self,
        function: Callable[[Array], Any],
        dtype: DType = DType.FLOAT32,
        shape: Shape = (None, 2),
        answer: DType | None = None,
    ) -> None:
        inputs = {"x": TensorSpec("x", dtype, shape)}
        outputs = {"y": TensorSpec("y", answer or dtype, (None, None))}
        self.signatures = {NAME: Signature(NAME, inputs, outputs)}
        self.function = function
        self.sizes: list[int] = []
        self.during: Callable[[], None] = lambda: None

    def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:
        self.during()
        self.sizes.append(len(inputs["x"]))
        return {"y": np.asarray(self.function(inputs["x"]))}

    def close(self) -> None:
        """It holds nothing."""


def found(model: Model, *known: Arrays, golden: Golden | None = None, largest: int = 64) -> str:
    goldens = {} if golden is None else {NAME: golden}
    alone = establish(
        model, goldens, {NAME: known}, ManualClock(), seconds=LOAD_SECONDS, largest=largest
    )
    return alone.get(NAME, "")


def test_the_doubles_of_other_tests_are_row_by_row() -> None:
    servables: list[Servable] = [DoublingServable(), *map(_Servable, MODELS.values())]
    for servable in servables:
        assert not establish(servable, {}, {}, ManualClock(), seconds=1, largest=64)


@pytest.mark.parametrize("dtype", DType)
def test_rows_of_every_dtype_are_made_up(dtype: DType) -> None:
    model = Model(lambda x: x, dtype)
    assert not found(model)
    assert set(model.sizes) >= {1, 2, 3, 7, 16, 33, 64}
    assert found(Model(lambda x: x[::-1], dtype)).startswith("a row's answer changes")


def test_a_scalar_for_a_row_is_enough() -> None:
    for dtype in DType:
        assert not found(Model(lambda x: x[:, None], dtype, (None,)))
        assert found(Model(lambda x: x[::-1, None], dtype, (None,)))


def test_floats_may_differ_by_the_goldens_tolerances_and_all_else_not() -> None:
    def by_size(x: Array) -> Array:
        return x * (1 + len(x) * 1e-6)

    assert not found(Model(by_size))
    assert found(Model(lambda x: x + (len(x) > 2), DType.INT64))
    wide = Golden(
        {"x": np.ones((1, 2), np.float32)}, {"y": np.ones((1, 2), np.float32)}, rtol=0.1, atol=0.1
    )
    assert found(Model(lambda x: x * (1 + len(x) * 1e-3)))
    assert not found(Model(lambda x: x * (1 + len(x) * 1e-3)), golden=wide)


def test_what_kernels_make_of_nan_may_depend_on_the_place_but_not_on_neighbours() -> None:
    def by_place(x: Array) -> Array:
        place = np.arange(len(x), dtype=np.float32)[:, None]
        return np.where(np.isnan(x), place, x)

    def by_neighbours(x: Array) -> Array:
        return np.where(np.isnan(x), np.nan_to_num(x).sum(axis=0), x)

    assert not found(Model(by_place))
    assert found(Model(by_neighbours))


def test_a_model_that_takes_only_what_is_recorded_is_tried_with_that() -> None:
    def choosy(x: Array) -> Array:
        if ((x < 5e7) | (x > 9e7)).any():
            raise ValueError("out of range")
        return x * 2

    known = {"x": np.array([[6e7, 6e7], [7e7, 7e7], [8e7, 8e7]], np.float32)}
    assert found(Model(choosy)).startswith("the model refuses every row that was tried; record")
    assert not found(Model(choosy), known)
    assert found(Model(lambda x: choosy(x)[::-1]), known)


def test_one_row_is_no_evidence() -> None:
    def only_sevens(x: Array) -> Array:
        if (x != 7).any():
            raise ValueError("not seven")
        return x

    assert found(Model(only_sevens, DType.INT32)) == (
        "of all rows that were tried the model takes only one"
    )


def test_records_that_do_not_fit_are_left_out() -> None:
    odd: list[Arrays] = [
        {"z": np.ones((2, 2), np.float32)},
        {"x": np.array(1, np.float32)},
        {"x": np.ones((0, 2), np.float32)},
        {"x": np.ones((2, 2), np.float32)},
        {"x": np.ones((2, 5), np.float32)},
    ]
    assert not found(Model(lambda x: x, shape=(None, None)), *odd)


def test_free_dimensions_shrink_until_the_model_takes_them() -> None:
    def small(x: Array) -> Array:
        if x.shape[1] > 4:
            raise ValueError("too long")
        return x

    assert not found(Model(small, shape=(None, None)))
    assert found(Model(lambda x: small(x)[::-1], shape=(None, None)))


def test_no_batch_is_larger_than_will_be_run() -> None:
    model = Model(lambda x: x)
    assert not found(model, largest=4)
    assert max(model.sizes) == 4


@pytest.mark.parametrize("largest", [1, 2, 3])
def test_small_batches_are_tried_as_well(largest: int) -> None:
    assert not found(Model(lambda x: x), largest=largest)
    assert found(Model(lambda x: x - x.mean(0)), largest=largest)


def test_rows_that_are_too_large_are_not_made_up() -> None:
    for size in (2**28, 2**62):
        model = Model(lambda x: x, shape=(None, size))
        assert found(model) == "one row takes more than 32 MiB: none can be made up"
        assert not model.sizes


def test_large_rows_are_made_up_in_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MADE_UP_BYTES", 2**20)
    large = Model(lambda x: x, shape=(None, 2**14))
    assert not found(large)
    assert max(large.sizes) == 8  # 1 MiB, answers among them


def test_what_only_the_largest_values_change_is_found() -> None:
    def by_the_largest(x: Array) -> Array:
        return np.where(np.abs(x).max() < 1e20, x, 0)

    assert "changes with the rows beside it" in found(Model(by_the_largest))


def test_an_output_without_rows_and_a_failing_batch_are_told() -> None:
    def up_to_four(x: Array) -> Array:
        if len(x) > 4:
            raise MemoryError("five")
        return x

    assert found(Model(lambda x: x.sum())) == "output 'y' has shape [] for 1 row"
    assert found(Model(up_to_four)) == "the model refuses 7 rows at once that it takes one by one"
    assert not found(Model(up_to_four), largest=4)


def test_a_slow_model_is_left_alone_after_the_time_and_what_was_shown_first_is_enough() -> None:
    def after(runs: int) -> tuple[dict[str, str], int]:
        clock, model = ManualClock(), Model(lambda x: x)

        def tick() -> None:
            clock.now += 10 / runs

        model.during = tick
        alone = establish(model, {}, {}, clock, seconds=10, largest=64)
        return alone, len(model.sizes)

    told, runs = after(10)
    assert told == {NAME: "whether it mixes rows could not be established in 10 s"}
    assert runs <= 11
    assert after(60)[0] == {}
    everything = Model(lambda x: x)
    found(everything)
    assert len(everything.sizes) > 61


def test_signatures_without_a_batch_dimension_are_not_looked_at() -> None:
    model = Model(lambda x: x, shape=(3, 2))
    assert not found(model)
    assert not model.sizes


def test_inputs_are_brought_to_the_edge_one_by_one_where_all_together_are_refused() -> None:
    """An index may be 0 to 9 only; NaN in the other input is what shows the mixing."""
    specs = {
        "index": TensorSpec("index", DType.INT32, (None,)),
        "x": TensorSpec("x", DType.FLOAT32, (None, 2)),
    }
    signature = Signature(NAME, specs, {"y": TensorSpec("y", DType.FLOAT32, (None, 2))})

    class Two(Model):
        def __init__(self) -> None:
            super().__init__(lambda x: x)
            self.signatures = {NAME: signature}

        def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:
            index, x = inputs["index"], inputs["x"]
            if ((index < 0) | (index > 9)).any():
                raise IndexError("no such index")
            return {"y": np.where(np.isnan(x).any(), 0, x + index[:, None]).astype(np.float32)}

    assert found(Two()).startswith("a row's answer changes")


def test_a_row_that_comes_twice_is_one_row() -> None:
    def only_zeros(x: Array) -> Array:
        if x.any():
            raise ValueError("not zero")
        return x

    assert found(Model(only_zeros, DType.INT32, (None,))) == (
        "of all rows that were tried the model takes only one"
    )


def test_a_model_that_refuses_what_it_took_is_left_alone() -> None:
    taken: set[bytes] = set()

    def once(x: Array) -> Array:
        if x.tobytes() in taken:
            raise RuntimeError("again")
        taken.add(x.tobytes())
        return x

    assert found(Model(once)) == "the model refuses a row that it took before"
