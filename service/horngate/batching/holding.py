"""What a run holds of the server's budget: its members' tensors, and the copy that joins them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from horngate.batching.padding import run_bytes
from horngate.batching.work import Work
from horngate.errors import Overloaded


@contextlib.contextmanager
def holding(batch: Sequence[Work], rows: int) -> Iterator[None]:
    """Hold them while ``batch`` runs in ``rows`` rows, though its callers may leave meanwhile.

    At least one of ``batch`` is counted. What runs alone was, as it was queued. Members that are
    not worth counting come to a batch that is not either: ``padding.Growth`` bounds what filling up
    makes of it.

    Raises:
        Overloaded: by entering it, where there is no room to join them; each alone still fits.
    """
    shares = [work.share for work in batch if work.share is not None]
    budget = shares[0].budget
    size = run_bytes(batch, rows) if len(batch) > 1 else 0
    if not budget.try_take(size):
        raise Overloaded(
            f"expected room for {size} bytes to join the requests of a batch, found too little; "
            "retry with backoff, or raise max_tensor_bytes_in_flight"
        )
    for share in shares:
        share.keep()
    try:
        yield
    finally:
        for share in shares:
            share.drop()
        budget.give(size)
