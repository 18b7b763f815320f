"""How much of an error's message is told."""

from __future__ import annotations

import json

import pytest

from horngate.errors import Code
from horngate.protocols.http import failed
from horngate.protocols.method import MESSAGE_BYTES, MESSAGE_CHARACTERS, cut


def test_a_message_of_usual_length_is_told_whole() -> None:
    for message in ("", "expected 1 row, received 'ä'", "a" * MESSAGE_CHARACTERS):
        assert cut(message) == message


@pytest.mark.parametrize(
    ("character", "kept"),
    [
        ("a", MESSAGE_CHARACTERS),
        ("%", MESSAGE_BYTES // 3),
        ("\n", MESSAGE_BYTES // 3),
        ("ä", MESSAGE_BYTES // 6),
        ("\U0001d4b3", MESSAGE_BYTES // 12),
    ],
)
def test_a_long_message_is_cut_by_what_it_takes_in_a_header(character: str, kept: int) -> None:
    assert cut(character * 100_000) == character * kept


def test_a_long_message_is_cut_in_json_too() -> None:
    reply = failed(Code.INVALID_ARGUMENT, "a" * 100_000)
    assert json.loads(reply.body) == {"error": "a" * MESSAGE_CHARACTERS}
