"""Allowed batch sizes and rows of different shapes, through a scheduler driven by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from horngate.batching.batch import FREE_BYTES, GROWTH, Growth, concatenated, run_bytes
from horngate.batching.options import BatchingOptions
from horngate.batching.work import Work
from horngate.errors import ConfigError
from horngate.tensors import DType, Signature, TensorSpec
from tests.unit.batching.doubles import UNBATCHED, Bench

PLANES = Signature(
    "serving_default",
    inputs={"x": TensorSpec("x", DType.FLOAT32, (None, None, None))},
    outputs={"y": TensorSpec("y", DType.FLOAT32, (None, None, None))},
)


def test_a_batch_is_filled_up_to_the_next_allowed_size_and_nobody_sees_it() -> None:
    bench = Bench(BatchingOptions(allowed_batch_sizes=(2, 4, 8), max_batch_size=8))
    first, second = bench.submit([1]), bench.submit([2], [3])
    bench.executor.run_all()
    assert bench.servable.calls == [(4, 1)]
    assert first.result()["y"].tolist() == [[2]]
    assert second.result()["y"].tolist() == [[4], [6]]


@pytest.mark.parametrize(("sizes", "values", "filled"), [((4,), (1, 2, 3), 4), ((1, 2), (1, 2), 2)])
def test_a_single_request_is_filled_up_as_well_unless_its_size_is_allowed(
    sizes: tuple[int, ...], values: tuple[int, ...], filled: int
) -> None:
    bench = Bench(BatchingOptions(allowed_batch_sizes=sizes))
    work = bench.submit(*([value] for value in values))
    bench.executor.run_all()
    assert bench.servable.calls == [(filled, 1)]
    assert work.result()["y"].tolist() == [[2 * value] for value in values]
    assert [rows for _, rows, _, _ in bench.observer.batches] == [len(values)], "asked for"


def test_a_signature_without_a_batch_dimension_is_left_alone() -> None:
    bench = Bench(BatchingOptions(allowed_batch_sizes=(4,)))
    work = bench.scheduler.submit(UNBATCHED, {"x": np.ones(3, np.float32)}, 1, None)
    bench.executor.run_all()
    assert bench.servable.calls == [(3,)]
    assert work.result()["y"].tolist() == [2, 2, 2]


def test_rows_of_different_shapes_share_a_batch_where_that_is_asked_for() -> None:
    bench = Bench(BatchingOptions(pad_variable_length_inputs=True))
    short, long = bench.submit([1, 2]), bench.submit([3, 4, 5])
    bench.executor.run_all()
    assert bench.servable.calls == [(2, 3)]
    assert short.result()["y"].tolist() == [[2, 4, 2]]
    assert long.result()["y"].tolist() == [[6, 8, 10]]


def test_and_run_apart_where_it_is_not() -> None:
    bench = Bench()
    bench.submit([1, 2])
    bench.submit([3, 4, 5])
    bench.executor.run_all()
    assert bench.servable.calls == [(1, 2), (1, 3)]


@pytest.mark.parametrize(
    ("sizes", "largest", "message"),
    [
        ((4, 2), None, "ascending numbers of 1 or more, received \\(4, 2\\)"),
        ((0, 2), None, "ascending"),
        ((2, 2), None, "ascending"),
        ((2, 4), 8, "the last one to be max_batch_size \\(8\\), received 4"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(
    sizes: tuple[int, ...], largest: int | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        BatchingOptions(allowed_batch_sizes=sizes, max_batch_size=largest)


def test_the_largest_allowed_size_is_the_batch() -> None:
    assert BatchingOptions(allowed_batch_sizes=(2, 16)).decided(4).max_batch_size == 16


def test_strings_are_filled_up_alike() -> None:
    short = np.array([[b"a"]], object)
    empty = np.empty((1, 0), object)
    long = np.array([[b"b", b"c"]], object)
    made = concatenated([short, empty, long], 2)
    assert made.tolist() == [[b"a", b"a"], [b"", b""], [b"b", b"c"], [b"a", b"a"], [b"a", b"a"]]


def columns_and_lines(bench: Bench, sizes: list[tuple[int, int]]) -> None:
    for shape in sizes:
        x = np.broadcast_to(np.float32(1), (1, *shape))
        bench.scheduler.submit(PLANES, {"x": x}, 1, None)
    bench.executor.run_all()


def test_what_padding_would_blow_up_runs_apart() -> None:
    bench = Bench(BatchingOptions(pad_variable_length_inputs=True))
    columns_and_lines(bench, [(1, 40_000), (40_000, 1), (1, 39_000)])
    assert bench.servable.calls == [(1, 1, 40_000), (1, 40_000, 1), (1, 1, 39_000)]


def test_what_padding_makes_little_larger_still_shares_a_run() -> None:
    bench = Bench(BatchingOptions(pad_variable_length_inputs=True))
    columns_and_lines(bench, [(1, 2), (1000, 1000), (900, 1100)])
    assert bench.servable.calls == [(3, 1000, 1100)]
    large = Bench(BatchingOptions(pad_variable_length_inputs=True))
    columns_and_lines(large, [(3000, 3000), (3000, 2900)])
    assert large.servable.calls == [(2, 3000, 3000)]


def test_filling_a_batch_up_to_an_allowed_size_never_blows_it_up() -> None:
    bench = Bench(BatchingOptions(allowed_batch_sizes=(1, 1024)))
    columns_and_lines(bench, [(1000, 1000), (1000, 1000)])
    assert bench.servable.calls == [(1, 1000, 1000), (1, 1000, 1000)]


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.integers(0, 2000), st.integers(0, 2000)),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from([(), (1, 4, 64), (2, 16)]),
)
def test_no_batch_grows_beyond_its_bound(
    sizes: list[tuple[int, int, int]], allowed: tuple[int, ...]
) -> None:
    options = BatchingOptions(pad_variable_length_inputs=True, allowed_batch_sizes=allowed)
    growth = Growth(options.filled)
    members = []
    for rows, *shape in sizes:
        x = np.broadcast_to(np.float32(1), (rows, *shape))
        work = Work(PLANES, {"x": x}, rows, None, alone=False)
        if growth.admits(work):
            members.append(work)
    filled = options.filled(sum(work.rows for work in members))
    alone = sum(run_bytes([work], options.filled(work.rows)) for work in members)
    if len(members) > 1:
        assert run_bytes(members, filled) <= max(FREE_BYTES, GROWTH * alone)
