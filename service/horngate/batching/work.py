"""One admitted request on its way through the queue and the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from horngate.answer import Ticket
from horngate.budget import Share
from horngate.errors import Cancelled, InvalidRequest
from horngate.tensors import Array, Arrays, Signature, tensor_bytes

LaneKey: TypeAlias = tuple[object, ...]
"""What requests must have in common to share a batch."""


EXPIRY_SLACK: Final = 0.05
"""Seconds. A caller counts its deadline from an earlier moment than the server can, so its
cancellation comes a little before the deadline that the server knows."""


def deadline_passed(deadline: float | None, now: float) -> bool:
    """Whether a call that was given up at ``now`` was given up because of its deadline."""
    return deadline is not None and deadline <= now + EXPIRY_SLACK


class Work(Ticket[dict[str, Array]]):
    """A ticket for every output of the signature, by name, that knows what to run.

    ``inputs`` have passed ``admission``. ``key`` is the signature's name and, unless rows of
    different shapes are ``padded``, those non-batch shapes that it leaves open; work that has to
    run ``alone`` has a key that nothing shares. Work of a lower ``level`` runs first.
    ``share`` is what its call holds for its inputs, None where that is next to nothing. A
    ``misfit`` is what its shapes are told of where the engine refuses them.
    """

    __slots__ = (
        "alone",
        "deadline",
        "enqueued",
        "inputs",
        "key",
        "level",
        "misfit",
        "on_cancel",
        "rows",
        "share",
        "signature",
    )

    def __init__(
        self,
        signature: Signature,
        inputs: Arrays,
        rows: int,
        deadline: float | None,
        *,
        alone: bool,
        padded: bool = False,
        share: Share | None = None,
        misfit: InvalidRequest | None = None,
    ) -> None:
        super().__init__()
        self.misfit = misfit
        self.share = share
        self.signature = signature
        self.inputs = inputs
        self.rows = rows
        self.alone = alone
        self.deadline = deadline
        self.enqueued = 0.0
        self.level = 0
        self.on_cancel: Callable[[Work], None] | None = None
        self.key: LaneKey = (
            (id(self),)
            if alone
            else (signature.name,)
            if padded
            else (signature.name, *[inputs[name].shape[1:] for name in signature.free])
        )

    def size(self) -> int:
        return tensor_bytes(self._value) if self.done and self._error is None else 0

    def cancel(self) -> None:
        if self.fail(Cancelled("the caller cancelled the call before its answer was ready")):
            leave = self.on_cancel
            if leave is not None:
                leave(self)
