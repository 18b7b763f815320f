"""Tasks on real threads, and what a task and the one that decides tell each other."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from horngate.lifecycle.tasks import Continue, GivenUp, Progress, Task, Tasks
from tests.unit.batching.doubles import ManualClock


def task(work: Callable[[], object], follows: Continue = lambda: None) -> Task:
    made = Task("load", "m", 10.0, 1)

    def run(_: Progress) -> Continue:
        work()
        return follows

    made.work = run
    return made


def test_what_follows_runs_on_the_thread_that_takes_it() -> None:
    woken = threading.Event()
    tasks = Tasks(ManualClock(), woken.set)
    ran: list[str] = []
    tell = lambda: ran.append(threading.current_thread().name)  # noqa: E731 - told of twice
    tasks.begin(task(tell, tell))
    assert woken.wait(10)
    for follows in tasks.take():
        follows()
    assert ran == ["load-m-1", threading.current_thread().name]
    assert tasks.running == ()


def test_what_a_task_raises_is_handed_over() -> None:
    woken = threading.Event()
    tasks = Tasks(ManualClock(), woken.set)

    def fail() -> None:
        raise ValueError("damaged")

    failing, errors = task(fail), list[Exception]()
    failing.failed = errors.append
    tasks.begin(failing)
    assert woken.wait(10)
    for follows in tasks.take():
        follows()
    assert [str(error) for error in errors] == ["damaged"]


def test_waiting_ends_when_the_threads_have() -> None:
    go = threading.Event()
    tasks = Tasks(ManualClock(), lambda: None)
    tasks.begin(task(lambda: go.wait(10)))
    tasks.wait(tasks.running, 0)
    assert tasks.take() == [], "it has not ended"
    go.set()
    tasks.wait(tasks.running, 10)
    assert len(tasks.take()) == 1


def test_a_task_ends_or_is_given_up_and_never_both() -> None:
    ended, left = Progress(), Progress()
    ended.end()
    assert not ended.give_up()
    assert left.give_up()
    with pytest.raises(GivenUp):
        left.reach("warm-up")
    with pytest.raises(GivenUp):
        left.end()
    assert left.step == "starting"
