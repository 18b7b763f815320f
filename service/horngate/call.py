"""One call, from its first byte to its reply: whom it comes from, until when, what it holds.

It knows no message, no front and no metric.
"""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager

from horngate.access.caller import Caller
from horngate.batching.executor import Burst
from horngate.batching.work import deadline_passed
from horngate.budget import UNCOUNTED, Budget, Share
from horngate.lifecycle.served import Subject


class Call:
    """One call in flight, as far as the engine may know it. Belongs to one call.

    Attributes:
        started: when it arrived, in seconds of the engine's clock.
        deadline: when its caller stops waiting, on the same clock; None for never.
        caller: whom it comes from; None where the server does not ask.
        submitted: when its prediction was queued; None for what does not predict.
        subject: filled in by the engine as soon as it knows a live version, errors included.
        budget: what it may hold of; None where nobody counts.
        share: what it holds; None while that is next to nothing.
        burst: what it came with, where the thread that brought it runs batches.
    """

    __slots__ = (
        "budget",
        "burst",
        "caller",
        "deadline",
        "share",
        "started",
        "subject",
        "submitted",
    )

    def __init__(
        self, started: float, deadline: float | None = None, *, caller: Caller | None = None
    ) -> None:
        self.started = started
        self.deadline = deadline
        self.caller = caller
        self.submitted: float | None = None
        self.subject: Subject | None = None
        self.budget: Budget | None = None
        self.share: Share | None = None
        self.burst: Burst | None = None

    def hold(self, size: int) -> None:
        """Count ``size`` bytes until the call ends, before they are made.

        Raises:
            Overloaded, InvalidRequest: as ``Budget.take``.
        """
        share = self._share(size)
        if share is not None:
            share.take(size)

    def expand(self, size: int) -> None:
        """The same for a tensor that takes more than its sender sent.

        The tensors that are handed to the engine are counted once, whether announced here or not.

        Raises:
            Overloaded, InvalidRequest: as ``Budget.take``.
        """
        share = self._share(size)
        if share is not None:
            share.take(size, ahead=True)

    def room(self, size: int) -> AbstractContextManager[None]:
        """Count ``size`` bytes for as long as the context lasts.

        Raises:
            Overloaded, InvalidRequest: as ``Budget.take``.
        """
        if self.budget is None or size <= UNCOUNTED:
            return contextlib.nullcontext()
        return self.budget.room(size)

    def hold_tensors(self, size: int) -> None:
        """Count the tensors of a request that is about to be queued.

        Raises:
            Overloaded, InvalidRequest: as ``Budget.take``.
        """
        share = self._share(size)
        if share is not None:
            share.take_tensors(size)

    def end(self) -> None:
        """The call has ended: what it holds is given back, once no run has it any more.

        From any thread, and more than once: another may still write an answer that nobody wants.
        """
        self.budget = None
        share = self.share
        if share is not None:
            share.end()

    def _share(self, size: int) -> Share | None:
        """What it holds of the budget; None where ``size`` is not worth counting."""
        share, budget = self.share, self.budget
        if share is None and budget is not None and size > UNCOUNTED:
            share = self.share = Share(budget)
            if self.budget is None:  # it ended between these lines, and found no share to end
                share.end()
        return share

    def check_model(self, model: str) -> None:
        """Refuse a model that the caller may not ask.

        Raises:
            PermissionDenied: the caller is known, and the model is not theirs.
        """
        if self.caller is not None:
            self.caller.check_model(model)

    def check_admin(self) -> None:
        """Refuse a caller who may not change the server.

        Raises:
            PermissionDenied: the caller is known, and no administrator.
        """
        if self.caller is not None:
            self.caller.check_admin()

    @property
    def operator(self) -> bool:
        """Whether they may know what is for operators. Where nobody is asked, nobody is one."""
        return self.caller is not None and self.caller.admin

    def ran_out(self, now: float) -> bool:
        """Whether a call that its caller gave up at ``now`` was given up for its deadline."""
        return deadline_passed(self.deadline, now)
