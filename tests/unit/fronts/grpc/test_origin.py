from __future__ import annotations

import pytest

from horngate.fronts.grpc.origin import caller_address


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:10.0.0.7:51234", "10.0.0.7"),
        ("ipv6:[::1]:51234", "::1"),
        ("ipv6:%5B2001:db8::7%5D:51234", "2001:db8::7"),
        ("unix:/tmp/behind.sock", ""),
        ("unix:", ""),
        ("", ""),
    ],
)
def test_a_caller_is_known_by_an_address_without_its_port(peer: str, address: str) -> None:
    assert caller_address(peer) == address
