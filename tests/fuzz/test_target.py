"""The target finds what it is there to find, and the bounded run ends as it says."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from horngate.errors import Code, EngineFailed, InvalidRequest
from horngate.protocols.method import Status, UnaryMethod
from tests.fuzz import target
from tests.fuzz.hostile.common import PREDICT
from tests.fuzz.target import Finding, Outcome, feed, measured, pack_http, split_http, unpack

Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts another handler, or another status, into Predict."""
    table = target.table()

    def put(**changes: Any) -> None:
        method = table.methods[PREDICT]
        assert isinstance(method, UnaryMethod)
        methods = {**table.methods, PREDICT: dataclasses.replace(method, **changes)}
        monkeypatch.setattr(target, "table", lambda: table._replace(methods=methods))

    return put


def raising(error: Exception) -> Callable[[Any, Any], Any]:
    def handler(request: Any, call: Any) -> Any:
        raise error

    return handler


def test_an_error_that_was_designed_passes(install: Install) -> None:
    install(handler=raising(InvalidRequest("expected more")))
    assert feed(PREDICT, b"") == Outcome(Code.INVALID_ARGUMENT, "expected more")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("x"), "KeyError: 'x'"),
        (MemoryError("much"), "MemoryError: much"),
        (EngineFailed("broke"), "answered INTERNAL: broke"),
        (InvalidRequest(""), "answered INVALID_ARGUMENT"),
    ],
)
def test_what_must_not_happen_is_found(install: Install, error: Exception, said: str) -> None:
    install(handler=raising(error))
    with pytest.raises(Finding, match=said):
        feed(PREDICT, b"")


def test_a_status_that_is_not_total_is_found(install: Install) -> None:
    def status(error: Exception) -> Status:
        raise LookupError(error)

    install(handler=raising(InvalidRequest("a")), status=status)
    with pytest.raises(Finding, match="LookupError"):
        feed(PREDICT, b"")


def test_memory_beyond_what_input_may_cost_is_found(install: Install) -> None:
    def greedy(request: Any, call: Any) -> Any:
        raise InvalidRequest(str(len(bytes(target.BASE + 1000))))

    install(handler=greedy)
    with pytest.raises(Finding, match="0 bytes of input took"):
        measured(PREDICT, b"")


def test_inputs_for_rest_are_headers_and_a_body() -> None:
    path, data = unpack(pack_http("/v2", b"a\r\n\r\nb", Content_Encoding="gzip", X="y"))
    assert path == "/v2"
    assert split_http(data) == ([(b"content-encoding", b"gzip"), (b"x", b"y")], b"a\r\n\r\nb")
    assert split_http(unpack(pack_http("/v2", b"a"))[1]) == ([], b"a")
    assert split_http(b"a") == ([], b"a")


def test_what_is_served_nowhere_is_nobodys() -> None:
    assert feed("/nobody.Nothing/At", b"") is None


def test_a_bounded_run_ends_well() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--seconds", "1", "--engine", "random"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " inputs" in done.stdout
