"""Where a server listens, once it serves."""

from __future__ import annotations

import json
import socket
from collections.abc import Collection
from typing import Any

from benchmarks.child import Child


def free_port() -> int:
    """A port that was free a moment ago, for servers that do not take port 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def live_ports(server: Child, models: Collection[str]) -> tuple[int, int]:
    """The gRPC and the HTTP port of a server that logs JSON, once every one of ``models`` is live.

    Raises:
        ChildFailed: it ended before that, or said nothing for long.
    """
    ports: tuple[int, int] | None = None
    live: set[str] = set()
    while ports is None or not live.issuperset(models):
        try:
            line: dict[str, Any] = json.loads(server.line())
        except ValueError:
            continue  # TensorFlow's own notices
        if line.get("event") == "listening":
            ports = (line["grpc_port"], line["http_port"])
        elif line.get("event") == "available":
            live.add(line["model"])
    return ports
