"""A load of one request over HTTP/1.1, again and again, over connections that stay open.

    python -m benchmarks.http_load HOST:PORT PATH BODY --in-flight 16 --seconds 0.7

BODY is a file with JSON. It reports as perf_analyzer does, whose JSON costs it more than a server.
A reply that is not 200 ends it with status 1.
"""

from __future__ import annotations

import argparse
import re
import selectors
import socket
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

STRETCH: Final = 1.2
"""perf_analyzer's windows last a fifth longer than they are told to, and these are its like."""
LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
END: Final = b"\r\n\r\n"
QUIET_SECONDS: Final = 30.0


class Refused(RuntimeError):
    """A reply that is none, or no 200."""


@dataclass
class Connection:
    """One connection, with one request in flight."""

    socket: socket.socket
    sent_at: float = 0.0
    received: bytearray = field(default_factory=bytearray)

    def send(self, request: bytes) -> None:
        """Send the next request."""
        self.received.clear()
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Read what is there; whether the reply is whole.

        Raises:
            Refused: the peer closed, or replied something else than 200.
        """
        data = self.socket.recv(1 << 18)
        if not data:
            raise Refused("expected a reply, received the end of the connection")
        self.received += data
        return whole(self.received)


def whole(received: bytes | bytearray) -> bool:
    """Whether ``received`` is a reply to its end.

    Raises:
        Refused: it is no 200, or has no length.
    """
    head = received.find(END)
    if head < 0:
        return False
    status = bytes(received[: received.find(b"\r\n")])
    if b" 200 " not in status + b" ":
        raise Refused(f"expected 200, received {status.decode(errors='replace')}")
    length = LENGTH.search(received, 0, head + 2)
    if length is None:
        raise Refused("expected a reply with a length")
    return len(received) >= head + len(END) + int(length[1])


class Sender:
    """Keeps every connection at one request in flight."""

    def __init__(self, address: str, request: bytes, in_flight: int) -> None:
        host, _, port = address.rpartition(":")
        self._request = request
        self._selector = selectors.DefaultSelector()
        for _ in range(in_flight):
            made = socket.create_connection((host, int(port)), timeout=QUIET_SECONDS)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(made)
            self._selector.register(made, selectors.EVENT_READ, connection)
            connection.send(request)

    def answers(self, *, again: bool = True) -> list[float]:
        """Wait until some are answered; how long each took, in seconds.

        ``again``: send the next request on their connections, or close them.

        Raises:
            Refused: an answer is none.
        """
        took: list[float] = []
        ready = self._selector.select(QUIET_SECONDS)
        if not ready:
            raise Refused(f"expected a reply within {QUIET_SECONDS:.0f} s")
        for key, _ in ready:
            connection: Connection = key.data
            if connection.receive():
                took.append(time.perf_counter() - connection.sent_at)
                if again:
                    connection.send(self._request)
                else:
                    self._selector.unregister(connection.socket)
                    connection.socket.close()
        return took

    def finish(self) -> None:
        """Wait for the answers that are due, so that the server has no call that was given up."""
        while self._selector.get_map():
            self.answers(again=False)


def run(sender: Sender, *, warm_up: int, windows: int, seconds: float) -> None:
    """Send, and report each window and the whole."""
    sent = 0
    while sent < warm_up:
        sent += len(sender.answers())
    everything: list[float] = []
    for number in range(1, windows + 1):
        began = time.perf_counter()
        came: list[float] = []
        while (now := time.perf_counter()) < began + seconds * STRETCH:
            came += sender.answers()
        print(
            f"  Pass [{number}] throughput: {len(came) / (now - began):.2f} infer/sec", flush=True
        )
        everything += came
    sender.finish()
    hundredths = statistics.quantiles(everything, n=100)
    print(f"  Request count: {len(everything)}")
    print(f"  p50 latency: {hundredths[49] * 1e6:.0f} usec")
    print(f"  p99 latency: {hundredths[98] * 1e6:.0f} usec")


def main() -> int:
    """Put the load on."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("address")
    add("path")
    add("body", type=Path)
    add("--in-flight", type=int, required=True)
    add("--seconds", type=float, required=True, help="a window")
    add("--windows", type=int, default=3)
    add("--warm-up", type=int, default=100, help="requests before the first window")
    options = parser.parse_args()
    body = options.body.read_bytes()
    head = f"POST {options.path} HTTP/1.1\r\nhost: {options.address}\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    try:
        sender = Sender(options.address, head.encode() + body, options.in_flight)
        run(sender, warm_up=options.warm_up, windows=options.windows, seconds=options.seconds)
    except (OSError, Refused) as error:
        print(f"http_load: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
