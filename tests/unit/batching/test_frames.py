"""What failed keeps no frames: they hold the tensors of whoever passed through them."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from horngate.answer import Ticket
from horngate.batching.options import BatchingOptions
from horngate.batching.scheduler import Scheduler
from horngate.errors import EngineFailed, InvalidRequest, drop_frames
from horngate.tensors import Array, Arrays
from tests.unit.batching.doubles import (
    DOUBLING,
    DoublingServable,
    ManualClock,
    ManualExecutor,
    Recorder,
)


class Failing(DoublingServable):
    """Raises as engines do: an error of its own, out of a frame that has the inputs."""

    def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:
        raise RuntimeError(f"{signature} of {len(inputs)} inputs")


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    """Memory that waits for the collector is memory that a flood of failures fills."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_a_ticket_that_failed_lets_go_of_what_the_error_passed() -> None:
    ticket: Ticket[Array] = Ticket()
    held = _failed(ticket)
    assert ticket.done
    assert held() is None


def test_nobodys_inputs_stay_after_a_run_that_failed() -> None:
    executor = ManualExecutor()
    scheduler = Scheduler(
        Failing(), BatchingOptions(), executor, ManualClock(), Recorder(), alone={}
    )
    held = _submitted(scheduler, executor)
    assert held() is None


def _failed(ticket: Ticket[Array]) -> weakref.ref[Array]:
    tensor = np.zeros(4)
    try:
        _refuse(tensor)
    except InvalidRequest as error:
        ticket.fail(error)
    return weakref.ref(tensor)


def _refuse(tensor: Array) -> None:
    try:
        tensor[len(tensor)]
    except IndexError as error:
        raise InvalidRequest("no such row") from error


def _submitted(scheduler: Scheduler, executor: ManualExecutor) -> weakref.ref[Array]:
    inputs = {"x": np.zeros((1, 2), np.float32)}
    work = scheduler.submit(DOUBLING, inputs, 1, None)
    executor.run_all()
    try:
        work.result()
    except EngineFailed as error:
        drop_frames(error)  # as whoever tells a caller does
    return weakref.ref(inputs["x"])
