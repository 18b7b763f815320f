"""How a gRPC channel is opened, the same for both clients."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import grpc


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS from the client's side; files in PEM.

    Attributes:
        ca: who signed the server's certificate; None for those that gRPC trusts.
        cert: what the client shows where the server asks for it; with ``key``.
        key: its key.
    """

    ca: str | os.PathLike[str] | None = None
    cert: str | os.PathLike[str] | None = None
    key: str | os.PathLike[str] | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        """What gRPC opens a channel with.

        Raises:
            OSError: a file cannot be read.
            ValueError: a certificate without its key, or a key without its certificate.
        """
        if (self.cert is None) != (self.key is None):
            raise ValueError("expected a certificate and its key, received one of the two")
        return grpc.ssl_channel_credentials(_read(self.ca), _read(self.key), _read(self.cert))


def call_metadata(token: str | None) -> tuple[tuple[str, str], ...]:
    """What every call carries: the token, where there is one."""
    return () if token is None else (("authorization", f"Bearer {token}"),)


def _read(path: str | os.PathLike[str] | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()


def channel_options(max_message_bytes: int) -> list[tuple[str, int]]:
    """What a channel is opened with.

    Args:
        max_message_bytes: the largest message, either way.
    """
    return [
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_receive_message_length", max_message_bytes),
        # While gRPC waits to reconnect it fails calls at once. Its first wait, of a second,
        # would outlast our retries, which would then meet the same old error.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 5000),
    ]
