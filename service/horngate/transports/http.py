"""The HTTP port: a table of pages, served on a thread and an event loop of its own.

Apart from the gRPC loop, so that a scrape or a health check neither waits for requests nor makes
them wait.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from horngate.errors import ConfigError


class Reply(NamedTuple):
    """What a page answers."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """One path, answered to GET and HEAD by a plain function that does not block for long."""

    path: str
    answer: Callable[[], Reply]


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """Where to listen."""

    host: str = "127.0.0.1"
    port: int = 8501


class HttpServer:
    """Listens from its construction on, so that a port in use is known before models load."""

    def __init__(self, pages: Sequence[Page], options: HttpOptions) -> None:
        self._socket = _listen(options)
        self.port: int = self._socket.getsockname()[1]
        app = Starlette(routes=[Route(page.path, _endpoint(page)) for page in pages])
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="http", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the replies under way and end."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(5)
        self._socket.close()


def _listen(options: HttpOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((options.host, options.port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"http_port: expected a free port on {options.host}, received {options.port}: "
            f"{error.strerror}; choose another, or 0 for any free one"
        ) from error
    listener.listen(128)
    return listener


def _endpoint(page: Page) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:  # noqa: ARG001 - Starlette passes it
        reply = page.answer()
        return Response(reply.body, reply.status, media_type=reply.content_type)

    return endpoint
