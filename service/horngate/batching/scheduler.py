"""The scheduler of one model version: takes work, runs it in batches, answers each its own.

Batching needs no timer. While the engine runs a batch, arriving work queues; when it ends, all
that is queued, up to ``max_batch_size`` rows, is the next batch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from horngate.batching.batch import Growth, RowsDiffer, cut, holding, join
from horngate.batching.executor import Burst, Executor
from horngate.batching.observer import BatchObserver, Refusal, Waiting
from horngate.batching.options import DEFAULT_BATCH_SIZE, BatchingOptions
from horngate.batching.queue import BatchQueue
from horngate.batching.runs import Pace, Runs
from horngate.batching.work import Work, deadline_passed
from horngate.budget import Share
from horngate.errors import (
    EngineFailed,
    EngineStuck,
    Expired,
    InvalidRequest,
    Overloaded,
    RequestError,
    ShuttingDown,
    in_full,
)
from horngate.servable import Clock, Servable
from horngate.tensors import Arrays, Signature

_REFUSALS: Final = {
    Overloaded: Refusal.QUEUE_FULL,
    Expired: Refusal.TOO_SHORT,
    EngineStuck: Refusal.STUCK,
}


class SchedulerClosed(ShuttingDown):
    """The version is on its way out and took nothing: another version may take the request."""


class Scheduler:
    """Thread-safe. Every accepted work is completed exactly once, whatever happens.

    The accepted work not yet finished is what keeps a version in memory: ``close`` tells when
    the last of it is done, and only then may the servable go.

    ``alone`` says of signatures that could be batched by their shapes why they are not: their
    requests run one by one, and no rows are added to them. One whose answer has other rows than
    went in joins them.
    """

    def __init__(
        self,
        servable: Servable,
        options: BatchingOptions,
        executor: Executor,
        clock: Clock,
        observer: BatchObserver,
        *,
        alone: Mapping[str, str],
    ) -> None:
        self._servable = servable
        self._alone = dict(alone)
        self._options = options
        self._executor = executor
        self._clock = clock
        self._observer = observer
        self._lock = threading.Lock()
        self._queue = BatchQueue(
            max_batch_size=options.max_batch_size or DEFAULT_BATCH_SIZE,
            max_queue_rows=options.max_queue_rows,
            max_queue_delay=options.max_queue_delay,
            growth=partial(Growth, options.filled) if options.fills_up else None,
        )
        self._runs = Runs()
        self._pace = Pace()
        self._closed = False
        self._aborted = False
        self._on_drained: Callable[[], None] | None = None
        executor.start(self._turn, self._pace.usual)

    @property
    def waiting(self) -> Waiting:
        """What waits right now."""
        with self._lock:
            return self._queue.waiting

    @property
    def alone(self) -> Mapping[str, str]:
        """Why a signature that could be batched by its shapes runs alone, by its name."""
        return self._alone

    @property
    def stuck(self) -> bool:
        """Whether a run was given up and has not come back."""
        return self._runs.stuck > 0

    def give_up(self, seconds: float) -> bool:
        """Give up runs that have not come back for ``seconds``; whether there were any.

        Their callers are told, and so is whoever waits: nothing is taken until they come back.
        """
        now = self._clock()
        with self._lock:
            late = self._runs.give_up(now - seconds)
            waiting = self._queue.drain() if late else []
        for run in late:
            self._observer.stuck(sum(work.rows for work in run.batch), now - run.started)
            for work in run.batch:
                work.fail(_stuck(seconds))
        if waiting:
            self._observer.refused(Refusal.STUCK, len(waiting))
        for work in waiting:
            work.fail(_stuck(seconds))
        if late:
            self._tell_if_drained()
        return bool(late)

    def submit(
        self,
        signature: Signature,
        inputs: Arrays,
        rows: int,
        deadline: float | None,
        priority: int = 0,
        *,
        share: Share | None = None,
        burst: Burst | None = None,
        misfit: InvalidRequest | None = None,
    ) -> Work:
        """Queue one admitted request.

        Args:
            signature: one of the servable's.
            inputs: what ``admission.admit`` has passed; not copied, so not to be changed.
            rows: what ``admit`` returned.
            deadline: in seconds of the clock, None for none.
            priority: 1 goes first, where the options have ``priority_levels``; 0 is none.
            share: what the call holds of the server's budget, if anything.
            burst: what the call came with, where its thread runs batches.
            misfit: what is told of the inputs' shapes where the engine refuses them; run alone.

        Raises:
            Overloaded: the queue is full.
            Expired: the deadline has passed already, or will before the request can have run.
            EngineStuck: a run was given up and has not come back.
            SchedulerClosed: the version is being retired.
        """
        now = self._clock()
        if deadline is not None and deadline <= now:
            self._observer.refused(Refusal.EXPIRED, 1)
            raise _expired()
        alone = misfit is not None or not (self._options.enabled and self._batched(signature))
        padded = self._options.pad_variable_length_inputs
        work = Work(
            signature,
            inputs,
            rows,
            deadline,
            alone=alone,
            padded=padded,
            share=share,
            misfit=misfit,
        )
        work.enqueued = now
        levels = self._options.priority_levels
        if levels:
            work.level = min(priority or levels, levels)
        work.on_cancel = self._leave
        try:
            idle = self._enqueue(work, now)
        except (Overloaded, Expired, EngineStuck) as error:
            self._observer.refused(_REFUSALS[type(error)], 1)
            raise
        if idle:
            self._executor.wake(burst)
        return work

    def close(self, on_drained: Callable[[], None]) -> None:
        """Take nothing more; call ``on_drained`` once all accepted work is finished.

        It is called on whichever thread finishes last, at once if there is none left.
        """
        with self._lock:
            self._closed = True
            self._on_drained = on_drained
        self._tell_if_drained()

    def abort(self) -> None:
        """Refuse all that is still queued; a batch under way ends by itself."""
        with self._lock:
            self._aborted = True
            waiting = self._queue.drain()
        self._shut_out(waiting)
        self._tell_if_drained()

    def _shut_out(self, waiting: list[Work]) -> None:
        if waiting:
            self._observer.refused(Refusal.SHUTTING_DOWN, len(waiting))
        for work in waiting:
            work.fail(ShuttingDown("the server shut down before the request ran; retry elsewhere"))

    def _enqueue(self, work: Work, now: float) -> bool:
        """Queue ``work``; whether an instance is free to take it."""
        with self._lock:
            if self._closed:
                raise SchedulerClosed("the version is being unloaded; ask again")
            if self._runs.stuck:
                raise EngineStuck(
                    "the model's engine does not come back from a run; ask another server"
                )
            if work.deadline is not None:
                self._check_deadline(work, work.deadline - now, now)
            self._queue.push(work)
            return self._runs.number < self._options.at_once

    def _check_deadline(self, work: Work, left: float, now: float) -> None:
        """Refuse at once what cannot be answered in time: later it would cost others their turn."""
        takes = self._pace.expected(now)
        before = self._queue.batches_before(work) / self._options.at_once
        if takes * (1.0 + before) > left:
            raise Expired(
                f"expected a deadline of {takes * (1.0 + before):.3f} s or more, received "
                f"{left:.3f} s, in which the request cannot run; allow more time or lower the load"
            )

    def _leave(self, work: Work) -> None:
        with self._lock:
            left = self._queue.remove(work)
        if left:
            late = deadline_passed(work.deadline, self._clock())
            self._observer.refused(Refusal.EXPIRED if late else Refusal.CANCELLED, 1)
            self._tell_if_drained()

    def _turn(self) -> float | None:
        """Run at most one batch; see ``executor.TurnFunction``."""
        now = self._clock()
        with self._lock:
            if self._runs.number >= self._options.at_once:
                return None  # whoever runs asks again when it has run
            turn = self._queue.take(now, self._pace.expected(now))
            parted = len(turn.batch) > 1 and not self._batched(turn.batch[0].signature)
            if parted:  # queued together before it was found out
                self._queue.put_back([work] for work in turn.batch)
            run = self._runs.begin(turn.batch, now) if turn.batch and not parted else None
            another = turn.ripe_at == now and self._runs.number < self._options.at_once
        if another:
            self._executor.wake()
        if turn.expired:
            self._observer.refused(Refusal.EXPIRED, len(turn.expired))
            for work in turn.expired:
                work.fail(_expired())
        if run is not None:
            try:
                self._run(turn.batch, now)
            finally:
                with self._lock:
                    self._runs.end(run)
                if run.given_up:
                    self._observer.came_back(self._clock() - now)
        self._tell_if_drained()
        if run is not None or parted:
            return 0.0
        return None if turn.ripe_at is None else max(0.0, turn.ripe_at - now)

    def _run(self, batch: list[Work], now: float) -> None:
        signature = batch[0].signature
        rows = sum(work.rows for work in batch)
        try:
            missing = 0 if batch[0].misfit is not None else self._missing(signature, rows)
            if _counted(batch):
                with holding(batch, rows + missing):
                    outputs = self._servable.run(signature.name, join(batch, missing))
            else:
                outputs = self._servable.run(signature.name, join(batch, missing))
            parts = cut(batch, outputs, missing)
        except RowsDiffer as error:
            self._part(batch, rows, str(error))
            return
        except Overloaded as error:  # no room to join them: in halves, then
            self._recover(batch, error)
            return
        except Exception as error:  # noqa: BLE001 - an engine may raise anything; each caller is told
            self._observer.failed(signature.name, rows, error)
            self._recover(batch, error)
            return
        if len(batch) > 1 and not self._batched(signature):
            # Another instance found out meanwhile: that these totals agree may be chance.
            self._again([[work] for work in batch])
            return
        ended = self._clock()
        self._pace.ran(ended - now, ended)
        waits = [now - work.enqueued for work in batch]
        self._observer.ran(signature.name, rows, waits, ended - now)
        for work, part in zip(batch, parts, strict=True):
            work.succeed(part)

    def _missing(self, signature: Signature, rows: int) -> int:
        """How many rows fill a batch up to an allowed size."""
        if not self._options.allowed_batch_sizes or not self._batched(signature):
            return 0
        return self._options.filled(rows) - rows

    def _batched(self, signature: Signature) -> bool:
        return signature.batched and signature.name not in self._alone

    def _part(self, batch: list[Work], rows: int, reason: str) -> None:
        """Run the members again one by one, and all that is asked of this signature from now on.

        For good: where totals agree the next time, that is chance, and callers would get each
        other's rows.
        """
        name = batch[0].signature.name
        with self._lock:
            self._alone = {**self._alone, name: f"{reason}, as a batch of requests has shown"}
        self._observer.rows_differed(name, rows, reason)
        self._again([[work] for work in batch])

    def _again(self, batches: list[list[Work]]) -> None:
        with self._lock:
            self._queue.put_back(batches)
            waiting = self._queue.drain() if self._aborted else []
        self._shut_out(waiting)

    def _recover(self, batch: list[Work], error: Exception) -> None:
        """Run a failed batch again in halves, so that in the end only the culprit fails.

        A value that a model refuses (an index past an embedding's end) passes every check of
        names, dtypes and shapes and must still not fail its neighbours. Each half is a run of its
        own: with its own start, after which it counts as stuck, and between others' runs.
        """
        if len(batch) > 1:
            half = len(batch) // 2
            self._again([batch[:half], batch[half:]])
            return
        failed = error if isinstance(error, RequestError) else _engine_failed(error)
        misfit = batch[0].misfit
        if misfit is not None and isinstance(failed, InvalidRequest | EngineFailed):
            misfit.detail = failed.detail
            failed = misfit
        batch[0].fail(failed)

    def _tell_if_drained(self) -> None:
        with self._lock:
            if not self._closed or not self._queue.empty or self._runs.number:
                return
            on_drained, self._on_drained = self._on_drained, None
        if on_drained is not None:
            on_drained()


def _counted(batch: list[Work]) -> bool:
    """Whether any of it is worth counting; asked first, as most is not."""
    for work in batch:  # noqa: SIM110 - any() makes a generator, at three times the cost
        if work.share is not None:
            return True
    return False


def _expired() -> Expired:
    return Expired(
        "the deadline passed before the request could run; allow more time or lower the load"
    )


def _stuck(seconds: float) -> EngineStuck:
    return EngineStuck(
        f"the model's engine did not come back within {seconds:g} s; ask another server"
    )


def _engine_failed(error: Exception) -> EngineFailed:
    # What an engine says may name files and quote the model's tensors, other callers' among them.
    failed = EngineFailed(
        "the model failed to run; ask with other values, or ask whoever runs this server: its log "
        "says why",
        detail=in_full(error),
    )
    failed.__cause__ = error
    return failed
