from __future__ import annotations

import pytest

from horngate.access import gate
from horngate.access.gate import Rates, check_rate
from horngate.errors import ConfigError, RateLimited
from tests.unit.batching.doubles import ManualClock


def test_a_burst_of_a_second_and_then_one_call_for_each_share_of_time() -> None:
    clock = ManualClock()
    rates = Rates(clock)
    for _ in range(10):
        rates.take("a", 10)
    with pytest.raises(RateLimited, match="10 requests a second") as refused:
        rates.take("a", 10)
    assert refused.value.retry_after == pytest.approx(0.1)
    clock.now += 0.101
    rates.take("a", 10)
    with pytest.raises(RateLimited):
        rates.take("a", 10)


def test_a_refused_call_costs_the_client_nothing() -> None:
    clock = ManualClock()
    rates = Rates(clock)
    rates.take("a", 1)
    for _ in range(100):
        with pytest.raises(RateLimited):
            rates.take("a", 1)
    clock.now += 1.0
    rates.take("a", 1)


def test_clients_do_not_pay_for_each_other() -> None:
    rates = Rates(ManualClock())
    rates.take("a", 1)
    rates.take("b", 1)


def test_a_rate_below_one_a_second_lets_one_through() -> None:
    clock = ManualClock()
    rates = Rates(clock)
    rates.take("a", 0.1)
    with pytest.raises(RateLimited):
        rates.take("a", 0.1)
    clock.now += 10.1
    rates.take("a", 0.1)


def test_clients_are_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MOST_CLIENTS", 3)
    rates = Rates(ManualClock())
    for name in ("a", "b", "c", "b", "d"):
        rates.take(name, 2)
    with pytest.raises(RateLimited):  # b was not the one forgotten
        rates.take("b", 2)
    rates.take("a", 2)


@pytest.mark.parametrize("wrong", [0.0, -1.0, 1e7, float("nan")])
def test_what_is_no_rate(wrong: float) -> None:
    with pytest.raises(ConfigError, match="client_rate: expected"):
        check_rate("client_rate", wrong)
