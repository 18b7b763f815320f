"""How one model's requests may be batched and limited."""

from __future__ import annotations

import bisect
import itertools
from dataclasses import dataclass, replace
from typing import Final

from horngate.errors import ConfigError

MAX_LEVELS: Final = 100
MOST_INSTANCES: Final = 1024
"""Each is a thread, or two."""

DEFAULT_BATCH_SIZE: Final = 64
"""Rows of a batch where nothing could be measured."""


@dataclass(frozen=True, slots=True)
class BatchingOptions:
    """Table ``[batching]`` of ``model.toml``.

    Attributes:
        enabled: whether rows of several requests may share one run of the model. Switch it
            off for a model that mixes rows (a mean over the batch, say).
        max_batch_size: rows up to which requests are glued together; left out, what measuring
            the model finds best. One larger request is not cut: it runs alone.
        max_queue_rows: rows that may wait; a request beyond is refused at once, UNAVAILABLE.
        max_queue_delay: seconds that a batch may wait to fill up. 0: whatever is queued when
            the engine comes free is the next batch.
        allowed_batch_sizes: rows of a run, ascending; a batch is filled up to the next of them with
            rows that nobody is answered with. Empty: any number. The last is ``max_batch_size``,
            and one request may not carry more.
        pad_variable_length_inputs: whether requests whose rows differ in shape share a run: the
            shorter ones are filled up with the first element of each tensor. Outputs are not cut.
        priority_levels: how many priorities requests may have; 1 runs before 2, and a request
            without one has the last. Only what has the same priority shares a batch. 0: priorities
            mean nothing.
        trust_rows: whether rows may share a run without anybody having established that the model
            answers each row as if it were alone. Where that is wrong, callers get answers that
            depend on each other's rows, or are each other's.
        instances: batches that may run at the same time; left out, the cores, at most 8,
            over the threads that a run takes.
    """

    enabled: bool = True
    max_batch_size: int | None = None
    max_queue_rows: int = 4096
    max_queue_delay: float = 0.0
    instances: int | None = None
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    priority_levels: int = 0
    trust_rows: bool = False

    def __post_init__(self) -> None:
        self._check_allowed()
        for key in ("max_batch_size", "max_queue_rows", "instances"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise ConfigError(
                    f"{key}: expected at least 1, received {value}; "
                    "to switch batching off set enabled = false"
                )
        if self.instances is not None and self.instances > MOST_INSTANCES:
            raise ConfigError(
                f"instances: expected at most {MOST_INSTANCES}, received {self.instances}"
            )
        if not 0 <= self.max_queue_delay <= 10:
            raise ConfigError(
                f"max_queue_delay: expected 0 to 10 seconds, received {self.max_queue_delay}"
            )
        if not 0 <= self.priority_levels <= MAX_LEVELS:
            raise ConfigError(
                f"priority_levels: expected 0 to {MAX_LEVELS}, received {self.priority_levels}"
            )
        if self.max_queue_rows < (self.max_batch_size or 1):
            raise ConfigError(
                f"max_queue_rows: expected at least max_batch_size ({self.max_batch_size}), "
                f"received {self.max_queue_rows}"
            )

    def _check_allowed(self) -> None:
        allowed = self.allowed_batch_sizes
        if not allowed:
            return
        if allowed[0] < 1 or any(low >= high for low, high in itertools.pairwise(allowed)):
            raise ConfigError(
                f"allowed_batch_sizes: expected ascending numbers of 1 or more, received {allowed}"
            )
        if self.max_batch_size not in (None, allowed[-1]):
            raise ConfigError(
                f"allowed_batch_sizes: expected the last one to be max_batch_size "
                f"({self.max_batch_size}), received {allowed[-1]}"
            )

    def filled(self, rows: int) -> int:
        """How many rows a batch of ``rows`` is run with: the next allowed size.

        More rows than the largest allowed size are run as they are.
        """
        index = bisect.bisect_left(self.allowed_batch_sizes, rows)
        return rows if index == len(self.allowed_batch_sizes) else self.allowed_batch_sizes[index]

    @property
    def fills_up(self) -> bool:
        """Whether a run may be larger than what was asked of it."""
        return bool(self.allowed_batch_sizes) or self.pad_variable_length_inputs

    @property
    def at_once(self) -> int:
        """``instances``, one where that is left open."""
        return 1 if self.instances is None else self.instances

    def decided(self, best: int | None, instances: int = 1) -> BatchingOptions:
        """These options with nothing left open: ``best`` rows in a batch, and ``instances``."""
        rows = self.max_batch_size
        if self.allowed_batch_sizes:
            rows = self.allowed_batch_sizes[-1]
        if rows is None:
            rows = min(DEFAULT_BATCH_SIZE if best is None else best, self.max_queue_rows)
        at_once = instances if self.instances is None else self.instances
        return replace(self, max_batch_size=rows, instances=at_once)


@dataclass(frozen=True, slots=True)
class LimitOptions:
    """Table ``[limits]`` of ``model.toml``.

    Attributes:
        max_request_rows: rows that one request may carry; more is INVALID_ARGUMENT.
        max_tensor_bytes: bytes that one of its inputs may take; more is INVALID_ARGUMENT. Strings
            count by their number, eight bytes each; what they hold counts into the message.
    """

    max_request_rows: int = 1024
    max_tensor_bytes: int = 256 * 1024 * 1024

    def __post_init__(self) -> None:
        for key in ("max_request_rows", "max_tensor_bytes"):
            value = getattr(self, key)
            if value < 1:
                raise ConfigError(f"{key}: expected at least 1, received {value}")
