from __future__ import annotations

import importlib.util

import pytest

from horngate.errors import ConfigError
from horngate.transports.choice import choose


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_a_port_that_only_this_machine_reaches_is_carried_natively(host: str) -> None:
    assert choose("auto", host).transport == "native"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "example.org"])  # noqa: S104 - nothing is bound
def test_a_port_open_to_others_stays_with_grpcio_and_says_why(host: str) -> None:
    choice = choose("auto", host)
    assert choice.transport == "grpcio"
    assert host in choice.reason


def test_what_is_asked_for_is_taken() -> None:
    assert choose("native", "0.0.0.0").transport == "native"  # noqa: S104 - the same
    assert choose("grpcio", "127.0.0.1").transport == "grpcio"


@pytest.mark.usefixtures("not_installed")
def test_without_the_library_grpcio_serves_and_insisting_is_an_error() -> None:
    assert choose("auto", "127.0.0.1") == ("grpcio", "pygrpc-native is not installed")
    with pytest.raises(ConfigError, match=r"pip install 'horngate\[native\]'"):
        choose("native", "127.0.0.1")
