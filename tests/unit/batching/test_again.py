"""Batches that failed, or whose answers nobody can be given: what runs again, when and for whom."""

from __future__ import annotations

import re

import numpy as np
import pytest

from horngate.batching.options import BatchingOptions
from horngate.batching.work import Work
from horngate.errors import (
    Cancelled,
    EngineFailed,
    EngineStuck,
    Expired,
    InvalidInput,
    ShuttingDown,
)
from horngate.tensors import Array, Arrays, DType, Signature, TensorSpec
from tests.unit.batching.doubles import DOUBLING, Bench, DoublingServable

SPLITTING = Signature(
    "serving_default",
    inputs={"text": TensorSpec("text", DType.STRING, (None,))},
    outputs={"words": TensorSpec("words", DType.STRING, (None,))},
)


class Splitting(DoublingServable):
    """``tf.strings.split(text).flat_values``: one row for each word, not for each text."""

    def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:
        self.calls.append(inputs["text"].shape)
        self.during()
        return {"words": np.array(b" ".join(inputs["text"].tolist()).split(), object)}


class SplittingBench(Bench):
    """A version whose rows nobody has looked at, as ``trust_rows`` lets it be served."""

    def __init__(self, options: BatchingOptions | None = None) -> None:
        self.splitting = Splitting()
        super().__init__(options, servable=self.splitting)

    def ask(self, *texts: bytes) -> Work:
        inputs = {"text": np.array(texts, object)}
        return self.scheduler.submit(SPLITTING, inputs, len(texts), None)


def words(work: Work) -> list[bytes]:
    found: list[bytes] = work.result()["words"].tolist()
    return found


def test_a_value_that_the_model_refuses_fails_its_own_request_alone(bench: Bench) -> None:
    good, bad, fine = bench.submit([1]), bench.submit([np.nan]), bench.submit([3])
    bench.executor.run_all()
    assert [good.result()["y"].item(), fine.result()["y"].item()] == [2, 6]
    with pytest.raises(EngineFailed, match="the model failed to run; ask with other") as failed:
        bad.result()
    assert failed.value.detail.startswith("ValueError: not a number")


def test_one_refused_value_of_many_is_searched_for_by_halves(bench: Bench) -> None:
    works = [bench.submit([np.nan if index == 11 else index]) for index in range(64)]
    bench.executor.run_all()
    assert len(bench.servable.calls) == 13, "the batch, and two halves on each of six levels"
    for index, work in enumerate(works):
        if index != 11:
            assert work.result()["y"].item() == 2 * index
    with pytest.raises(EngineFailed):
        works[11].result()


def test_each_run_of_a_failed_batch_has_a_start_of_its_own(bench: Bench) -> None:
    """Ten seconds of quick runs are not one run of ten seconds."""
    works = [bench.submit([np.nan if index == 0 else index]) for index in range(16)]
    waiting: list[Work] = []

    def during() -> None:
        bench.clock.now += 4
        assert not bench.scheduler.give_up(5)
        if len(bench.servable.calls) == 3:
            waiting.append(bench.submit([100]))

    bench.servable.during = during
    bench.executor.run_all()
    assert not bench.observer.stuck_runs
    assert [work.result()["y"].item() for work in [*works[1:], *waiting]] == [
        *range(2, 32, 2),
        200,
    ]


def test_others_who_wait_take_turns_with_what_runs_again() -> None:
    bench = Bench(BatchingOptions(max_batch_size=4))
    for index in range(4):
        bench.submit([np.nan if index == 0 else index])
    bench.executor.turn()
    others = [bench.submit([7, 7]) for _ in range(2)]
    later = bench.submit([8, 8, 8])
    bench.executor.run_all()
    assert bench.servable.calls[:5] == [(4, 1), (2, 1), (2, 2), (2, 1), (1, 3)]
    assert [work.result()["y"].shape for work in [*others, later]] == [(1, 2), (1, 2), (1, 3)]


def test_what_runs_again_takes_no_room_in_the_queue_and_is_told_as_waiting() -> None:
    bench = Bench(BatchingOptions(max_batch_size=4, max_queue_rows=4))
    works = [bench.submit([np.nan]) for _ in range(4)]
    bench.executor.turn()
    works += [bench.submit([1]) for _ in range(4)]
    assert bench.scheduler.waiting == (8, 8)
    bench.executor.run_all()
    assert bench.scheduler.waiting == (0, 0)
    assert [work.result()["y"].item() for work in works[4:]] == [2] * 4


def test_a_member_whose_deadline_passes_or_whose_caller_gives_up_is_not_run_again(
    bench: Bench,
) -> None:
    late = bench.submit([1], deadline=bench.clock.now + 5)
    gone, fine, bad = bench.submit([2]), bench.submit([3]), bench.submit([np.nan])
    bench.executor.turn()
    gone.cancel()
    bench.clock.now += 6
    bench.executor.run_all()
    assert bench.servable.calls == [(4, 1), (2, 1), (1, 1), (1, 1)], "neither of the first half"
    with pytest.raises(Expired):
        late.result()
    with pytest.raises(Cancelled):
        gone.result()
    with pytest.raises(EngineFailed):
        bad.result()
    assert fine.result()["y"].item() == 6


def test_a_version_is_drained_only_when_what_runs_again_has_run(bench: Bench) -> None:
    drained: list[bool] = []
    bench.submit([np.nan])
    fine = bench.submit([1])
    bench.scheduler.close(lambda: drained.append(fine.done))
    bench.executor.turn()
    assert not drained
    bench.executor.run_all()
    assert drained == [True]


def test_what_would_run_again_after_the_end_is_told_and_so_is_who_waits_for_a_stuck_run() -> None:
    bench, stuck = Bench(), Bench()
    bench.servable.during = bench.scheduler.abort
    works = [bench.submit([np.nan]), bench.submit([1])]
    drained: list[bool] = []
    bench.scheduler.close(lambda: drained.append(True))
    bench.executor.turn()
    assert drained
    for work in works:
        with pytest.raises(ShuttingDown):
            work.result()
    works = [stuck.submit([np.nan]), stuck.submit([1])]
    stuck.executor.turn()

    def during() -> None:
        stuck.clock.now += 10
        stuck.scheduler.give_up(10)

    stuck.servable.during = during
    stuck.executor.turn()
    for work in works:
        with pytest.raises(EngineStuck):
            work.result()


def test_a_model_whose_rows_are_not_established_runs_request_by_request() -> None:
    bench = Bench(
        BatchingOptions(allowed_batch_sizes=(4,)), alone={"serving_default": "it sorts its rows"}
    )
    works = [bench.submit([1]), bench.submit([2], [3])]
    bench.executor.run_all()
    assert bench.servable.calls == [(1, 1), (2, 1)]
    assert works[1].result()["y"].tolist() == [[4], [6]]
    assert bench.scheduler.alone == {"serving_default": "it sorts its rows"}


def test_what_runs_alone_waits_for_no_company() -> None:
    bench = Bench(BatchingOptions(max_queue_delay=5), alone={"serving_default": "it sorts"})
    work = bench.submit([1])
    bench.executor.turn()
    assert work.result()["y"].item() == 2


def test_a_batch_with_other_rows_than_went_in_is_run_again_one_by_one() -> None:
    bench = SplittingBench()
    works = [bench.ask(b"one two three"), bench.ask(b"four"), bench.ask(b"")]
    bench.executor.run_all()
    assert [words(work) for work in works] == [[b"one", b"two", b"three"], [b"four"], []]
    assert bench.splitting.calls == [(3,), (1,), (1,), (1,)]
    reason = "output 'words' has shape [4] for a batch of 3 rows"
    assert bench.observer.mismatches == [("serving_default", 3, reason)]
    assert bench.scheduler.alone["serving_default"].startswith(reason)


def test_after_that_totals_that_agree_by_chance_give_nobody_anothers_rows() -> None:
    bench = SplittingBench(BatchingOptions(max_batch_size=2))
    bench.ask(b"one two three")
    bench.ask(b"four")
    queued_before = [bench.ask(b"alice secret"), bench.ask(b"")]
    bench.executor.run_all()
    after = [bench.ask(b"bob secret"), bench.ask(b"")]
    bench.executor.run_all()
    assert [words(work) for work in queued_before] == [[b"alice", b"secret"], []]
    assert [words(work) for work in after] == [[b"bob", b"secret"], []]
    assert len(bench.observer.mismatches) == 1


def test_what_another_instance_has_found_out_counts_for_a_batch_under_way() -> None:
    bench = SplittingBench(BatchingOptions(max_batch_size=2, instances=2))
    agreeing = [bench.ask(b"alice secret"), bench.ask(b"")]
    bench.ask(b"one two three")
    bench.ask(b"four")

    def meanwhile() -> None:
        bench.splitting.during = lambda: None
        bench.executor.turn()

    bench.splitting.during = meanwhile
    bench.executor.run_all()
    assert bench.splitting.calls[:2] == [(2,), (2,)]
    assert [words(work) for work in agreeing] == [[b"alice", b"secret"], []]


def test_filling_never_costs_a_caller_a_row() -> None:
    bench = SplittingBench(BatchingOptions(allowed_batch_sizes=(4,)))
    work = bench.ask(b"alice secret")
    bench.executor.run_all()
    assert words(work) == [b"alice", b"secret"]
    assert bench.splitting.calls == [(4,), (1,)]
    assert len(bench.observer.mismatches) == 1


def test_one_request_with_other_rows_than_went_in_is_answered_whole() -> None:
    bench = SplittingBench()
    work = bench.ask(b"a b c", b"d")
    bench.executor.run_all()
    assert words(work) == [b"a", b"b", b"c", b"d"]
    assert not bench.observer.mismatches


MISFIT = "input 'x': expected shape [?, 1], received [2]"


def misfit(bench: Bench, *values: float) -> Work:
    x = np.array(values, np.float32)
    return bench.scheduler.submit(DOUBLING, {"x": x}, 1, None, misfit=InvalidInput(MISFIT))


@pytest.mark.parametrize("sizes", [(), (4,)])
def test_a_misfit_shares_no_run_and_is_filled_up_by_nothing(sizes: tuple[int, ...]) -> None:
    options = BatchingOptions(max_batch_size=4, allowed_batch_sizes=sizes)
    bench = Bench(options)
    works = [bench.submit([1]), misfit(bench, 5, 6), bench.submit([2]), misfit(bench, 7, 8)]
    bench.executor.run_all()
    assert sorted(bench.servable.calls) == [(2,), (2,), (4 if sizes else 2, 1)]
    assert [work.result()["y"].tolist() for work in works] == [[[2]], [10, 12], [[4]], [14, 16]]


def test_a_misfit_that_the_engine_refuses_is_told_what_it_was_sent(bench: Bench) -> None:
    refused = misfit(bench, np.nan, 1)
    bench.executor.run_all()
    with pytest.raises(InvalidInput, match=re.escape(MISFIT)) as told:
        refused.result()
    assert told.value.detail.startswith("ValueError: not a number")
