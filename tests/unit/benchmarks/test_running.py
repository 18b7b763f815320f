from __future__ import annotations

import argparse

import pytest

from benchmarks.running import Running


def test_a_server_is_named_with_its_process_and_its_port() -> None:
    server = Running.parse("container=42@127.0.0.1:8500")
    assert (server.name, server.child.pid, server.grpc) == ("container", 42, "127.0.0.1:8500")


@pytest.mark.parametrize("text", ["42@127.0.0.1:8500", "a=x@127.0.0.1:8500", "a=42", ""])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected NAME=PID@HOST:PORT"):
        Running.parse(text)
