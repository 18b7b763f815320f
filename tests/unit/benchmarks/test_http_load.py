from __future__ import annotations

import selectors
import socket
import threading

import pytest

from benchmarks.http_load import Refused, Sender, whole

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


class Server(threading.Thread):
    """Answers every request at once, and counts them; for one request a packet."""

    def __init__(self, connections: int) -> None:
        super().__init__()
        self.answered = 0
        self._connections = connections
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def run(self) -> None:
        with self._listener, selectors.DefaultSelector() as selector:
            for _ in range(self._connections):
                selector.register(self._listener.accept()[0], selectors.EVENT_READ)
            while selector.get_map():
                for key, _ in selector.select():
                    connection = key.fileobj
                    assert isinstance(connection, socket.socket)
                    if connection.recv(1 << 16):
                        self.answered += 1
                        connection.sendall(HEAD + b"body")
                    else:
                        selector.unregister(connection)
                        connection.close()


def test_every_request_that_was_sent_is_answered_before_the_load_ends() -> None:
    server = Server(connections=4)
    server.start()
    sender = Sender(server.address, b"POST / HTTP/1.1\r\n\r\n", in_flight=4)
    received = 0
    while received < 40:
        received += len(sender.answers())
    sender.finish()
    server.join()
    assert server.answered == received + 4
