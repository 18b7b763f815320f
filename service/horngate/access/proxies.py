"""Which address a call comes from: what a header says counts where an operator's proxy said it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

from horngate.errors import ConfigError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

SUBSCRIBER: Final = 64
"""Bits of an IPv6 address that one subscriber has in common; the rest they choose as they like."""


class Proxies:
    """Immutable. ``networks``: those whose ``x-forwarded-for`` is believed; none by default.

    >>> proxies = Proxies(parse_proxies("10.0.0.0/8"))
    >>> proxies.client("10.0.0.1", ["192.0.2.1, 198.51.100.7", "10.0.0.2"])
    '198.51.100.7'
    >>> proxies.client("198.51.100.9", ["192.0.2.1"])
    '198.51.100.9'
    """

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = tuple(networks)

    def client(self, peer: str, forwarded: Iterable[str] = ()) -> str:
        """Whom a call comes from, an address; IPv6 as the network of the subscriber.

        From the connection's ``peer`` backwards, each proxy is believed about who came to it, and
        the first that is none of ours is the client. What stands before that in the header is the
        client's own invention. "" for a peer that is not known.
        """
        client = _parsed(peer)
        if client is None:
            return peer
        if self._networks and self._trusts(client):
            for part in reversed(",".join(forwarded).split(",")):
                named = _parsed(_bare(part))
                if named is None:
                    break
                client = named
                if not self._trusts(client):
                    break
        return _subscriber(client)

    def _trusts(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)


def parse_proxies(text: str) -> tuple[Network, ...]:
    """Addresses and networks with commas between them.

    Raises:
        ConfigError: one of them is none.
    """
    networks: list[Network] = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        try:
            networks.append(ipaddress.ip_network(part))
        except ValueError as error:
            raise ConfigError(
                "trusted_proxies: expected addresses or networks such as 10.0.0.0/8 with commas "
                f"between them, received {part!r}: {error}"
            ) from error
    return tuple(networks)


def _parsed(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _bare(part: str) -> str:
    """An address of the header without brackets and port, which some proxies add."""
    part = part.strip()
    if part.startswith("["):
        return part[1:].partition("]")[0]
    return part.partition(":")[0] if part.count(":") == 1 else part


def _subscriber(address: _Address) -> str:
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((int(address), SUBSCRIBER), strict=False))
