from __future__ import annotations

import pytest

from horngate.batching.runs import HALF_LIFE, Pace


def test_nothing_is_expected_before_anything_ran() -> None:
    assert Pace().expected(100.0) == 0.0


def test_the_first_run_is_what_is_expected_and_later_ones_move_it() -> None:
    pace = Pace()
    pace.ran(0.1, 100.0)
    assert pace.expected(100.0) == pytest.approx(0.1)
    pace.ran(0.2, 100.2)
    assert pace.expected(100.2) == pytest.approx(0.12)


def test_what_is_known_fades_while_nothing_runs() -> None:
    pace = Pace()
    pace.ran(0.8, 100.0)
    assert pace.expected(100.0 + 0.5 * HALF_LIFE) == pytest.approx(0.8)
    assert pace.expected(100.0 + 3 * HALF_LIFE) == pytest.approx(0.1)
