"""When a call is tried again, and until when: pure, with the clock handed in.

gRPC could retry by itself (``retryPolicy`` in a service config), and is not asked to: it keeps
at most 256 KiB of a request for that, and a larger one, a hundred small pictures, is silently
never retried. It also answers with the last error only, and no test can hold its clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from horngate.errors import Code


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often, and after how long, an UNAVAILABLE call is tried again.

    No other code is retried. UNAVAILABLE says that the request cost no engine time: the queue is
    full, the server drains, or none was reached. Should a connection break while the model ran,
    running it again does no harm, for a prediction changes nothing. A deadline that has passed
    must not be stretched, and what failed once inside the model would fail again.

    Attributes:
        retries: how many times at most, after the first attempt.
        initial: the first wait in seconds; each later one is twice as long.
        maximum: the longest wait in seconds.
    """

    retries: int = 2
    initial: float = 0.1
    maximum: float = 2.0

    def wait(self, attempt: int, code: Code, remaining: float, random: float) -> float | None:
        """The seconds to wait after a failed attempt, or None where the error is final.

        Half of the wait is random, so that callers refused at once do not come back at once.

        Args:
            attempt: how many attempts failed before this one, from 0.
            code: how this one failed.
            remaining: seconds to the deadline. A wait that would outlast it is not begun.
            random: a number in [0, 1).
        """
        if code is not Code.UNAVAILABLE or attempt >= self.retries:
            return None
        longest = min(self.maximum, self.initial * 2**attempt)
        seconds = longest * (0.5 + random / 2)
        return seconds if seconds < remaining else None


class Deadline:
    """The end of all attempts of one call. Belongs to one call.

    Attributes:
        timeout: the seconds that were given.
    """

    __slots__ = ("_clock", "_end", "timeout")

    def __init__(self, timeout: float, clock: Callable[[], float]) -> None:
        self.timeout = timeout
        self._clock = clock
        self._end = clock() + timeout

    def remaining(self) -> float:
        """Seconds left, 0.0 when it has passed."""
        return max(0.0, self._end - self._clock())


def check_timeout(timeout: float) -> float:
    """``timeout`` itself.

    Raises:
        ValueError: it is no positive, finite number of seconds.
    """
    if not 0 < timeout < math.inf:
        raise ValueError(
            f"timeout: expected a positive, finite number of seconds, received {timeout!r}"
        )
    return timeout
