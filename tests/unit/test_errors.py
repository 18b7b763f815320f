"""What an error tells to whom."""

from __future__ import annotations

from horngate.errors import HorngateError, InvalidRequest, LoadError, ModelNotReady


def test_what_is_for_operators_is_beside_what_is_for_callers() -> None:
    for error in (
        InvalidRequest("the model refused", detail="/etc/secret: 7"),
        LoadError("the model refused", detail="/etc/secret: 7"),
    ):
        assert str(error) == "the model refused"
        assert error.detail == "/etc/secret: 7"


def test_without_it_there_is_none() -> None:
    assert HorngateError("anything").detail == ""
    assert ModelNotReady("not yet", model="m").detail == ""
