"""Batch forming as a pure data structure: no thread, no lock, no clock.

Work waits in lanes, one for each key, and a lane's work may share a batch. Lanes take turns in
the order in which they began to wait, so that no shape and no signature starves another; only
lanes of a lower level always go first. What has to run again takes turns with all of them.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import NamedTuple

from horngate.batching.batch import Growth
from horngate.batching.observer import Waiting
from horngate.batching.work import LaneKey, Work
from horngate.errors import Overloaded

Lane = OrderedDict[Work, None]
"""Waiting work in order of arrival; a dict, so that a cancelled call leaves in O(1)."""


class Turn(NamedTuple):
    """What ``BatchQueue.take`` found.

    ``batch`` is what to run now, empty for nothing; ``expired`` left the queue because their
    deadlines had passed; ``ripe_at`` is when to ask again, None when nothing waits for time.
    """

    batch: list[Work]
    expired: list[Work]
    ripe_at: float | None


class BatchQueue:
    """What waits for one model version. Not thread-safe: the scheduler's lock guards it."""

    def __init__(
        self,
        *,
        max_batch_size: int,
        max_queue_rows: int,
        max_queue_delay: float,
        growth: Callable[[], Growth] | None = None,
    ) -> None:
        self._growth = growth
        self._max_batch_size = max_batch_size
        self._max_queue_rows = max_queue_rows
        self._max_queue_delay = max_queue_delay
        self._lanes: OrderedDict[tuple[int, LaneKey], Lane] = OrderedDict()
        self._again: deque[list[Work]] = deque()
        self._lanes_first = False
        self.rows = 0

    @property
    def empty(self) -> bool:
        """Whether nothing waits, neither for its first run nor to run again."""
        return not self.rows and not self._again

    @property
    def waiting(self) -> Waiting:
        """All that waits."""
        again = [work for batch in self._again for work in batch if not work.done]
        return Waiting(
            sum(map(len, self._lanes.values())) + len(again),
            self.rows + sum(work.rows for work in again),
        )

    def batches_before(self, work: Work) -> int:
        """Batches that will run before ``work``, were it pushed now; at least so many.

        A new lane waits for a turn of each that is there. Where levels differ there is no telling:
        what comes later may go first.
        """
        if work.level:
            return 0
        lane = self._lanes.get((work.level, work.key))
        if lane is None:
            return len(self._lanes)
        if len(self._lanes) == 1:
            return self.rows // self._max_batch_size
        return sum(each.rows for each in lane) // self._max_batch_size

    def push(self, work: Work) -> None:
        """Add ``work`` at the end of its lane.

        Raises:
            Overloaded: the queue has no room for its rows. An empty queue takes any work.
        """
        if self.rows and self.rows + work.rows > self._max_queue_rows:
            raise Overloaded(
                f"the queue is full: expected room for {work.rows} rows, found {self.rows} of "
                f"{self._max_queue_rows} waiting; retry with backoff"
            )
        key = (work.level, work.key)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = OrderedDict()
        lane[work] = None
        self.rows += work.rows

    def remove(self, work: Work) -> bool:
        """Take cancelled ``work`` out; False where it had left already."""
        key = (work.level, work.key)
        lane = self._lanes.get(key)
        if lane is None or work not in lane:
            return False
        del lane[work]
        self.rows -= work.rows
        if not lane:
            del self._lanes[key]
        return True

    def put_back(self, batches: Iterable[list[Work]]) -> None:
        """Take in what ran and has to run again, in these batches.

        It was accepted once and is never refused, so it does not count towards
        ``max_queue_rows``: nobody else is refused for it either.
        """
        self._again.extend(batches)

    def take(self, now: float, takes: float = 0.0) -> Turn:
        """Form the next batch: the first ripe lane's work, up to ``max_batch_size`` rows.

        Batches that were put back and lanes take turns, so that one request that a model refuses
        holds nobody else up for longer than its neighbours' run.

        Work whose deadline passes within ``takes`` seconds, what a run takes, has expired: its
        answer would come too late.

        A lane is ripe when it can fill a batch or its oldest work has waited for
        ``max_queue_delay``; work that runs alone waits for no company. Work larger than a batch
        runs alone, never cut.
        """
        expired: list[Work] = []
        if not self._again:
            return self._take_ripe(now, takes, expired) if self._lanes else Turn([], expired, None)
        if self._lanes_first:
            self._lanes_first = False
            turn = self._take_ripe(now, takes, expired)
            if turn.batch:
                return turn._replace(ripe_at=now)
        batch = self._take_again(now + takes, expired)
        if not batch:
            return self._take_ripe(now, takes, expired)
        self._lanes_first = True
        return Turn(batch, expired, now if self._lanes or self._again else None)

    def drain(self) -> list[Work]:
        """Empty the queue and return what was in it."""
        waiting = [work for lane in self._lanes.values() for work in lane]
        waiting += [work for batch in self._again for work in batch if not work.done]
        self._lanes.clear()
        self._again.clear()
        self.rows = 0
        return waiting

    def _take_again(self, done: float, expired: list[Work]) -> list[Work]:
        while self._again:
            batch: list[Work] = []
            for work in self._again.popleft():
                if work.done:  # its caller gave up meanwhile
                    continue
                late = work.deadline is not None and work.deadline <= done
                (expired if late else batch).append(work)
            if batch:
                return batch
        return []

    def _take_ripe(self, now: float, takes: float, expired: list[Work]) -> Turn:
        ripe_at: float | None = None
        for key in self._in_turn():
            lane = self._lanes[key]
            oldest = next(iter(lane))
            due = oldest.enqueued + self._max_queue_delay
            if due > now and not oldest.alone and not self._fills_a_batch(lane):
                ripe_at = due if ripe_at is None else min(ripe_at, due)
                continue
            batch = self._cut(lane, now + takes, expired)
            if lane:
                self._lanes.move_to_end(key)
            else:
                del self._lanes[key]
            if batch:
                return Turn(batch, expired, now if self._lanes else None)
        return Turn([], expired, ripe_at)

    def _in_turn(self) -> list[tuple[int, LaneKey]]:
        keys = list(self._lanes)
        if len(keys) > 1:
            keys.sort(key=itemgetter(0))  # stable: lanes of one level keep their turns
        return keys

    def _fills_a_batch(self, lane: Lane) -> bool:
        rows = 0
        for work in lane:
            rows += work.rows
            if rows >= self._max_batch_size:
                return True
        return False

    def _cut(self, lane: Lane, done: float, expired: list[Work]) -> list[Work]:
        # Deadlines are looked at here and nowhere else, so that a long queue costs a batch no
        # walk over all of it; whoever's deadline passes further back cancels the call anyway.
        batch: list[Work] = []
        rows = 0
        growth = None if self._growth is None else self._growth()
        while lane:
            work = next(iter(lane))
            late = work.deadline is not None and work.deadline <= done
            if not late and batch and rows + work.rows > self._max_batch_size:
                break
            if not late and growth is not None and not growth.admits(work):
                break
            del lane[work]
            self.rows -= work.rows
            if late:
                expired.append(work)
            else:
                batch.append(work)
                rows += work.rows
        return batch
