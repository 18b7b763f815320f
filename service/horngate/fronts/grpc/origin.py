"""Where a call comes from: what it says of itself, and what gRPC says of it."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote

from horngate.calls import Who
from horngate.fronts.grpc.core import CoreCall, peer
from horngate.fronts.origin import Headers, authorization, forwarded


class Origin(NamedTuple):
    """A call of the core, its metadata, and its deadline in seconds of the server's clock."""

    core: CoreCall
    metadata: Headers
    deadline: float | None

    def who(self) -> Who:
        """Whom it comes from.

        Raises:
            Unauthenticated: as ``authorization``.
        """
        address = caller_address(peer(self.core))
        return Who(authorization(self.metadata), address, forwarded(self.metadata))


def held(metadata: Headers) -> int:
    """The bytes that metadata take, without what each entry takes beside its text."""
    size = 0
    for name, value in metadata:
        size += len(name) + len(value)
    return size


def caller_address(name: str) -> str:
    """The address in gRPC's name of a peer, without its port; "" for a Unix socket.

    >>> caller_address("ipv4:10.0.0.7:51234"), caller_address("ipv6:%5B::1%5D:51234")
    ('10.0.0.7', '::1')
    """
    family, _, rest = name.partition(":")
    if family not in ("ipv4", "ipv6"):
        return ""
    return unquote(rest).rpartition(":")[0].strip("[]")
