from __future__ import annotations

import pytest

from horngate.access.caller import Caller
from horngate.access.gate import Gate
from horngate.access.tokens import Tokens, digest
from horngate.errors import RateLimited, Unauthenticated
from tests.unit.scheduling.doubles import ManualClock

TOKENS = Tokens(
    {
        digest("token-of-the-quick"): Caller("quick", rate=100),
        digest("token-of-the-slow"): Caller("slow"),
    }
)


def test_a_gate_without_tokens_and_rates_is_open() -> None:
    gate = Gate(ManualClock())
    assert not gate.closed
    assert gate.admit("", "10.0.0.1") is None


def test_without_tokens_a_client_is_an_address() -> None:
    gate = Gate(ManualClock(), rate=1)
    assert gate.closed
    assert gate.admit("", "10.0.0.1") is None
    gate.admit("", "10.0.0.2")
    with pytest.raises(RateLimited):
        gate.admit("", "10.0.0.1")
    for _ in range(3):
        gate.admit("", "")  # an address that is not known is nobody's to share


def test_with_tokens_a_client_is_a_token_and_may_have_a_rate_of_its_own() -> None:
    gate = Gate(ManualClock(), tokens=lambda: TOKENS, rate=1)
    slow = gate.admit("Bearer token-of-the-slow", "10.0.0.1")
    assert slow is not None
    assert slow.name == "slow"
    with pytest.raises(RateLimited):
        gate.admit("Bearer token-of-the-slow", "10.0.0.2")
    for _ in range(5):
        gate.admit("Bearer token-of-the-quick", "10.0.0.1")
    with pytest.raises(Unauthenticated):
        gate.admit("", "10.0.0.1")
