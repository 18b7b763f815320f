from __future__ import annotations

import pytest

from benchmarks.http_load import Refused, whole

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"


def test_a_reply_is_whole_when_its_body_is() -> None:
    whole_reply = HEAD + b"body"
    assert [whole(whole_reply[:at]) for at in range(len(whole_reply))] == [False] * len(whole_reply)
    assert whole(whole_reply)


def test_a_refusal_is_an_error_in_the_servers_words() -> None:
    with pytest.raises(Refused, match="429 Too Many Requests"):
        whole(b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n")


def test_a_reply_without_a_length_is_an_error() -> None:
    with pytest.raises(Refused, match="with a length"):
        whole(b"HTTP/1.1 200 OK\r\n\r\n{}")
