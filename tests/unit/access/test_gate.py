from __future__ import annotations

import pytest

from horngate.access.caller import Caller, Tokens, digest
from horngate.access.gate import Gate
from horngate.access.proxies import Proxies, parse_proxies
from horngate.errors import RateLimited, Unauthenticated
from tests.unit.batching.doubles import ManualClock

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


def test_a_header_from_anybody_makes_nobody_another_client() -> None:
    gate = Gate(ManualClock(), rate=1)
    gate.admit("", "127.0.0.1", ["192.0.2.1"])
    with pytest.raises(RateLimited):
        gate.admit("", "127.0.0.1", ["192.0.2.2"])


def test_behind_a_trusted_proxy_a_client_is_the_one_it_names() -> None:
    gate = Gate(ManualClock(), rate=1, proxies=Proxies(parse_proxies("127.0.0.1")))
    gate.admit("", "127.0.0.1", ["192.0.2.1"])
    gate.admit("", "127.0.0.1", ["192.0.2.2"])
    with pytest.raises(RateLimited):
        gate.admit("", "127.0.0.1", ["203.0.113.9, 192.0.2.2"])


def test_the_addresses_of_one_ipv6_subscriber_are_one_client() -> None:
    gate = Gate(ManualClock(), rate=1)
    gate.admit("", "2001:db8::1")
    gate.admit("", "2001:db8:0:1::1")
    with pytest.raises(RateLimited):
        gate.admit("", "2001:db8::2")
