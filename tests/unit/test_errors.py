"""What an error tells to whom."""

from __future__ import annotations

from horngate.errors import HorngateError, InvalidRequest, LoadError, ModelNotReady, printable


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


def test_names_of_any_bytes_and_any_length_can_be_told() -> None:
    error = LoadError("file 'größe-\udcff' " + "n" * 100_000, detail="d" * 100_000)
    assert str(error).startswith("file 'größe-\\udcff' nnn")
    assert str(error).encode()
    assert len(str(error)) < 2100
    assert len(error.detail) < 8100


def test_what_moves_a_cursor_is_told_and_not_obeyed() -> None:
    error = LoadError("'a\x1b[2J\r' is wrong\n\tand more", detail="\x9b2J\u202e")
    assert str(error) == "'a\\x1b[2J\\x0d' is wrong\n\tand more"
    assert error.detail == "\\x9b2J\\u202e"
    assert printable("one\ntwo \udcff größe") == "one\\x0atwo \\udcff größe"
