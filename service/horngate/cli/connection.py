"""The arguments of every command that calls a server."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from horngate.client import Client, Tls
from horngate.errors import ConfigError, HorngateError, ModelNotFound, did_you_mean

_VARIABLE: Final = "HORNGATE_TOKEN"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--server``, ``--timeout``, ``--json``, and what a locked server asks for."""
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
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        type=Path,
        help="a file that holds the token to send (also HORNGATE_TOKEN, the token itself)",
    )
    parser.add_argument("--tls", action="store_true", help="speak TLS")
    parser.add_argument("--tls-ca", metavar="FILE", help="who signed the server's certificate")
    parser.add_argument("--tls-cert", metavar="FILE", help="the certificate to show")
    parser.add_argument("--tls-key", metavar="FILE", help="its key")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def connect(options: argparse.Namespace) -> Client:
    """The client that ``options`` describe; use it in a ``with``."""
    files = (options.tls_ca, options.tls_cert, options.tls_key)
    return Client(
        options.server,
        timeout=options.timeout,
        token=_token(options.token_file),
        tls=Tls(*files) if options.tls or any(files) else None,
    )


@contextlib.contextmanager
def near_names(client: Client) -> Iterator[None]:
    """Tell whoever asks for a model that the server does not know which one may be meant.

    Raises:
        ModelNotFound: as it was raised inside, with the nearest name.
    """
    try:
        yield
    except ModelNotFound as error:
        hint = ""
        with contextlib.suppress(HorngateError):  # another server may not list its models
            hint = did_you_mean(error.model, client.models())
        if not hint:
            raise
        raise ModelNotFound(f"{error}; {hint}", model=error.model) from error


def _token(file: Path | None) -> str | None:
    # Never an argument: every user of a machine can list those.
    if file is None:
        return os.environ.get(_VARIABLE) or None
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--token-file: expected a readable file; {error}") from error


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
