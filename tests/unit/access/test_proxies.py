from __future__ import annotations

import pytest

from horngate.access.proxies import Proxies, parse_proxies
from horngate.errors import ConfigError

PROXIES = Proxies(parse_proxies("10.0.0.0/8, 192.0.2.1,2001:db8:1::/48"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.9", [], "198.51.100.9"),
        ("198.51.100.9", ["203.0.113.5"], "198.51.100.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["1.1.1.1", "203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.5, 192.0.2.1"], "203.0.113.5"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["203.0.113.5, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.5,"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.5:4711"], "203.0.113.5"),
        ("10.0.0.1", ["[2001:db8:2::7]:4711"], "2001:db8:2::/64"),
        ("::ffff:10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        ("::ffff:198.51.100.9", ["203.0.113.5"], "198.51.100.9"),
        ("2001:db8:1::1", ["2001:db8:2::7"], "2001:db8:2::/64"),
        ("fe80::1%eth0", ["203.0.113.5"], "fe80::/64"),
        ("", ["203.0.113.5"], ""),
    ],
)
def test_a_client_is_the_last_that_no_proxy_of_ours_is(
    peer: str, forwarded: list[str], client: str
) -> None:
    assert PROXIES.client(peer, forwarded) == client


def test_no_header_is_believed_where_no_proxy_is_named() -> None:
    assert Proxies().client("127.0.0.1", ["203.0.113.5"]) == "127.0.0.1"
    assert parse_proxies("") == ()


@pytest.mark.parametrize("text", ["*", "10.0.0.1/8", "localhost", "10.0.0.0/8; 10.1.0.0/16"])
def test_what_is_no_address_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match="trusted_proxies: expected addresses or networks"):
        parse_proxies(text)
