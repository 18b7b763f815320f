"""What both clients have in common: how a server is reached. Makes no call."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from horngate.client.core import DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_TIMEOUT, Core
from horngate.client.messages import METHODS, Method


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


def _read(path: str | os.PathLike[str] | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()


class Connected:
    """What both clients are: a server, and what their calls carry; arguments as for ``Client``.

    ``_library`` is ``grpc`` or ``grpc.aio``, which the channel is of.
    """

    _library: Any

    def __init__(
        self,
        server: str = "localhost:8500",
        *,
        timeout: float = DEFAULT_TIMEOUT,
        retries: int = 2,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        token: str | None = None,
        tls: Tls | None = None,
    ) -> None:
        self._core = Core(
            server, timeout=timeout, retries=retries, max_message_bytes=max_message_bytes
        )
        self._options = [
            ("grpc.max_send_message_length", max_message_bytes),
            ("grpc.max_receive_message_length", max_message_bytes),
            # While gRPC waits to reconnect it fails calls at once. Its first wait, of a second,
            # would outlast our retries, which would then meet the same old error.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 5000),
        ]
        self._credentials = None if tls is None else tls.credentials()
        self._metadata = () if token is None else (("authorization", f"Bearer {token}"),)
        self._channel: Any = None
        self._calls: dict[Method, Any] = {}
        self._closed = False
        if self._library is grpc:
            self._open()  # asyncio's binds itself to the loop that is there as it is made

    def _open(self) -> None:
        """Make the channel, and what calls each method over it."""
        server, options = self._core.server, self._options
        self._channel = (
            self._library.insecure_channel(server, options=options)
            if self._credentials is None
            else self._library.secure_channel(server, self._credentials, options=options)
        )
        self._calls = {
            method: self._channel.unary_unary(
                method.path,
                request_serializer=None,
                response_deserializer=method.response.FromString,
            )
            for method in METHODS
        }

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("expected an open client, received a closed one; make a new one")
