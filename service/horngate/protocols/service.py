"""A service of the wire contracts: its methods have the messages that its descriptor says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from horngate.answer import Answer
from horngate.call import Call
from horngate.errors import HorngateError
from horngate.protocols.method import DuplexMethod, Preparing, Status, StreamMethod, UnaryMethod
from horngate.protocols.pb import POOL


class Service:
    """Makes the methods of the service ``name``, whose errors are answered by ``status``.

    Each raises ``KeyError`` for a method that the service has not.
    """

    def __init__(self, protocol: str, name: str, status: Callable[[HorngateError], Status]) -> None:
        self._descriptor = POOL.FindServiceByName(name)
        self._all: dict[str, Any] = {"protocol": protocol, "service": name, "status": status}

    def unary(
        self,
        name: str,
        handler: Callable[[Any, Call], Message | Answer[Message]],
        *,
        status: Callable[[HorngateError], Status] | None = None,
        predicts: bool = False,
        is_open: bool = False,
        prepared: Preparing | None = None,
    ) -> UnaryMethod:
        """One message each way; ``status`` where it answers errors in a way of its own."""
        return UnaryMethod(
            **self._said(name) | ({"status": status} if status else {}),
            handler=handler,
            predicts=predicts,
            open=is_open,
            prepared=prepared,
        )

    def stream(
        self,
        name: str,
        handler: Callable[[Any, Call, Callable[[Message], None]], Callable[[], None]],
        *,
        is_open: bool = False,
    ) -> StreamMethod:
        """One message in, any number out."""
        return StreamMethod(**self._said(name), handler=handler, open=is_open)

    def duplex(
        self,
        name: str,
        handler: Callable[[Any, Call], Message | Answer[Message]],
        *,
        failed: Callable[[Any, Status], Message],
        predicts: bool = False,
        is_open: bool = False,
    ) -> DuplexMethod:
        """Any number in, and one out for each."""
        return DuplexMethod(
            **self._said(name), handler=handler, failed=failed, predicts=predicts, open=is_open
        )

    def _said(self, name: str) -> dict[str, Any]:
        method = self._descriptor.methods_by_name[name]
        return {
            **self._all,
            "name": name,
            "request": GetMessageClass(method.input_type),
            "response": GetMessageClass(method.output_type),
        }
