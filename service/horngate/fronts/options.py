"""What both ports are told: where to listen, and what is too much."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from horngate.access.watched import Watched
from horngate.fronts.tls import Certificates


@dataclass(frozen=True, slots=True)
class PortOptions:
    """One port's.

    Attributes:
        host: an address.
        port: 0 for any free one.
        max_message_bytes: the largest message, or body, either way.
        max_header_bytes: the most metadata of a call, or headers of a request.
        max_in_flight: calls that may wait for their answers; one more is refused at once.
        max_unsent_bytes: of replies that callers may leave unread, all together; gRPC's only.
        keepalive_seconds: a connection that has been silent for this long is asked whether its peer
            is there, and ended where no answer comes within a third of that.
        certificates: what TLS is spoken with; None for plain text.
        socket: the path of a Unix socket that is listened on as well; gRPC's only.
        arguments: of gRPC's core, after those that follow from the rest; gRPC's only.
        deadline_seconds: how long a request may wait for its run; HTTP's only, None for any time.
    """

    host: str = "127.0.0.1"
    port: int = 0
    max_message_bytes: int = 64 * 1024 * 1024
    max_header_bytes: int = 16 * 1024
    max_in_flight: int = 8192
    max_unsent_bytes: int = 1 << 30
    keepalive_seconds: float = 60.0
    certificates: Watched[Certificates] | None = None
    socket: Path | None = None
    arguments: tuple[tuple[str, int | str], ...] = ()
    deadline_seconds: float | None = None

    @property
    def address(self) -> str:
        """Host and port as one text, an IPv6 host in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def keepalive_ms(self) -> tuple[int, int]:
        """Milliseconds of silence before a ping, and of waiting for its answer."""
        silence = int(self.keepalive_seconds * 1000)
        return silence, silence // 3


def is_loopback(host: str) -> bool:
    """Whether ``host`` is open to this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
