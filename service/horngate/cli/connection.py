"""The arguments of every command that calls a server."""

from __future__ import annotations

import argparse
import math

from horngate.client import Client


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--server``, ``--timeout`` and ``--json``."""
    parser.add_argument(
        "--server",
        metavar="HOST:PORT",
        default="localhost:8500",
        help="the server's gRPC address (default %(default)s)",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=10.0,
        help="how long each call may take (default %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def connect(options: argparse.Namespace) -> Client:
    """The client that ``options`` describe; use it in a ``with``."""
    return Client(options.server, timeout=options.timeout)


def seconds(text: str) -> float:
    """A positive number of seconds.

    Raises:
        argparse.ArgumentTypeError: anything else.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(
            f"expected a positive number of seconds, received {text!r}"
        )
    return number
