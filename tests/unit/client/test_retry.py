import math

import pytest

from horngate.client.core import Backoff, Deadline, check_timeout
from horngate.errors import Code


def test_waits_double_and_half_of_each_is_chance() -> None:
    backoff = Backoff(retries=10, initial=0.1, maximum=0.3)
    least = [backoff.wait(n, Code.UNAVAILABLE, 9.0, 0.0) for n in range(4)]
    most = [backoff.wait(n, Code.UNAVAILABLE, 9.0, 1.0) for n in range(4)]
    assert least == pytest.approx([0.05, 0.1, 0.15, 0.15])
    assert most == pytest.approx([0.1, 0.2, 0.3, 0.3])


def test_retries_end() -> None:
    backoff = Backoff(retries=2)
    assert backoff.wait(1, Code.UNAVAILABLE, 9.0, 0.5) is not None
    assert backoff.wait(2, Code.UNAVAILABLE, 9.0, 0.5) is None
    assert Backoff(retries=0).wait(0, Code.UNAVAILABLE, 9.0, 0.5) is None


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.UNAVAILABLE])
def test_no_other_code_is_retried(code: Code) -> None:
    assert Backoff().wait(0, code, 9.0, 0.0) is None


def test_a_wait_that_would_outlast_the_deadline_is_not_begun() -> None:
    assert Backoff(initial=0.1).wait(0, Code.UNAVAILABLE, 0.09, 1.0) is None


def test_a_deadline_counts_down_to_zero() -> None:
    now = [100.0]
    deadline = Deadline(2.0, lambda: now[0])
    assert deadline.remaining() == 2.0
    now[0] = 101.5
    assert deadline.remaining() == 0.5
    now[0] = 200.0
    assert deadline.remaining() == 0.0
    assert deadline.timeout == 2.0


@pytest.mark.parametrize("timeout", [0, -1, math.inf, math.nan])
def test_a_timeout_is_positive_and_finite(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout: expected a positive, finite number"):
        check_timeout(timeout)
