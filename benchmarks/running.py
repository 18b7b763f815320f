"""What a request costs servers that run already, in containers say, side by side.

    python -m benchmarks.running container=42@127.0.0.1:8500 process=43@127.0.0.1:9500 [--ca ca.pem]

Each is a name, the process id of the server on this machine (``docker inspect --format
'{{.State.Pid}}' NAME``) and the address of its gRPC port, which has TLS where ``--ca`` names who
signed its certificate. They are put under the same load in turn, round by round.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

from benchmarks.analyzer import command, find, lent
from benchmarks.cell import Cell, measure
from benchmarks.load import SMALL, Load
from benchmarks.machine import machine


class Process(NamedTuple):
    """One that somebody else started, and ends."""

    pid: int


@dataclass(frozen=True)
class Running:
    """A server as it was named."""

    name: str
    child: Process
    grpc: str
    cells: list[Cell] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``NAME=PID@HOST:PORT``."""
        name, _, where = text.partition("=")
        pid, at, address = where.partition("@")
        if not (name and at and address and pid.isdigit()):
            raise argparse.ArgumentTypeError(f"expected NAME=PID@HOST:PORT, received {text!r}")
        return cls(name, Process(int(pid)), address)

    def counts(self) -> None:
        """None are asked for: its HTTP port is anywhere."""

    def told(self, what: str) -> str:
        """The median and the range of a figure of its cells."""
        values = [getattr(each, what) for each in self.cells]
        return f"{statistics.median(values):,.0f} ({min(values):,.0f}-{max(values):,.0f})"


def main() -> None:
    """Measure, and print a line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("servers", nargs="+", type=Running.parse, metavar="NAME=PID@HOST:PORT")
    parser.add_argument("--ca", type=Path, help="who signed their certificates (PEM)")
    parser.add_argument("--model", default="mnist_fusion")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="of a window, of three")
    options = parser.parse_args()
    print(", ".join(f"{key} {value}" for key, value in machine().items()))
    program = find()
    with contextlib.ExitStack() as stack:
        flags: list[str] = []
        if options.ca is not None:
            authority = stack.enter_context(lent(program, options.ca))
            flags = ["--ssl-grpc-use-ssl", "--ssl-grpc-root-certifications-file", authority]
        for load in SMALL:
            _measure(options.servers, load, program, flags, options)
            for server in options.servers:
                print(
                    f"{load.name:<14} {server.name:<12} CPU µs a request {server.told('cpu_us')}, "
                    f"requests/s {server.told('requests_per_second')}"
                )
                server.cells.clear()


def _measure(
    servers: list[Running], load: Load, program: str, flags: list[str], options: argparse.Namespace
) -> None:
    for number in range(options.rounds):
        for server in servers:
            line = command(
                program,
                load,
                model=options.model,
                address=server.grpc,
                shapes=(),
                window=options.seconds,
                flags=flags,
            )
            server.cells.append(measure(server, load, line, options.seconds, number))


if __name__ == "__main__":
    main()
