"""grpcio's private names that the front stands on are there.

Nothing of the front is imported here, so that a name that is gone is told in a sentence. What is
said where one is there and does something else is in ``test_core.py``.
"""

from __future__ import annotations

import ast
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import grpc
import pytest
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # an extension, without types

NAMES = {
    "CompletionQueue": ("poll", "shutdown"),
    "CompletionType": ("operation_complete", "queue_shutdown"),
    "ReceiveCloseOnServerOperation": ("cancelled",),
    "ReceiveMessageOperation": ("message",),
    "SendInitialMetadataOperation": (),
    "SendMessageOperation": (),
    "SendStatusFromServerOperation": (),
    "Server": (
        "add_http2_port",
        "cancel_all_calls",
        "destroy",
        "register_completion_queue",
        "request_call",
        "shutdown",
        "start",
    ),
    "StatusCode": ("cancelled",),
    "channelz_get_server": (),
    "channelz_get_server_sockets": (),
    "channelz_get_servers": (),
    "channelz_get_socket": (),
}
"""Of ``grpc._cython.cygrpc``, and of each its own."""


def changed(name: str) -> str:
    return (
        f"grpcio {version('grpcio')} has changed {name}, which horngate/fronts/grpc/core.py stands "
        "on: change it there, or bound grpcio in pyproject.toml below this version"
    )


@pytest.mark.parametrize("name", sorted(NAMES))
def test_the_name_is_there(name: str) -> None:
    assert hasattr(cygrpc, name), changed(f"cygrpc.{name}")
    for own in NAMES[name]:
        assert hasattr(getattr(cygrpc, name), own), changed(f"cygrpc.{name}.{own}")


def test_no_other_name_is_used() -> None:
    found = find_spec("horngate.fronts.grpc.core")  # which is not imported by that
    assert found is not None
    assert found.origin is not None
    used = {
        node.attr
        for node in ast.walk(ast.parse(Path(found.origin).read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "cygrpc"
    }
    assert used == set(NAMES), "expected NAMES here to be the names of cygrpc that core.py uses"


def test_credentials_hold_what_the_core_takes() -> None:
    made = grpc.local_server_credentials()
    assert isinstance(getattr(made, "_credentials", None), cygrpc.ServerCredentials), changed(
        "grpc.ServerCredentials._credentials"
    )
