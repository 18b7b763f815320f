"""Callers that mean harm, by messages, answers and connections: bounded memory, and others go on.

``pytest -rP`` on this file shows what each did to the other callers and to the memory.
"""

from __future__ import annotations

import contextlib
import gzip
import shutil
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from horngate.protocols.pb.inference.grpc_service_pb2 import ModelInferRequest
from tests.bystander import CHECK, INFER, Bystander
from tests.clients import PREFACE, SPARE_HANDLES
from tests.conftest import Served
from tests.http2 import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    Http2,
    block,
    frame,
    framed,
    message,
    opening,
)
from tests.serving import Held, RunningServer, wait_until

pytestmark = pytest.mark.alone  # what others feel of it, and of nothing else

TOKEN = "the-token-of-the-team"  # noqa: S105 - of this test alone
SHOWN = [(b"authorization", f"Bearer {TOKEN}".encode())]
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"
STRANGERS = 30
READ_AT_ONCE = 4
LARGEST = 64
"""MiB of a message, by default."""

UNREAD = 256
"""MiB that replies may take which nobody reads: a quarter of a quarter of ``IN_FLIGHT``."""

IN_FLIGHT = 4 * UNREAD << 20
ROWS, CLASSES = 1000, 1000
ROUNDS, HELD_SECONDS = 3, 1.5
OPEN_WINDOW = (1 << 31) - 1
STORM_SECONDS = 3
FELT = 0.1
"""Seconds of the median of others' calls beside answers of a million classes."""


@pytest.fixture(scope="module")
def repository(small_models: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import keras  # noqa: PLC0415 - imports TensorFlow

    from horngate.builder.publish import publish_keras  # noqa: PLC0415 - the same

    folder = tmp_path_factory.mktemp("many")
    shutil.copytree(small_models.repository / "constant", folder / "constant")
    x = keras.Input((1,), name="x")
    publish_keras(keras.Model(x, keras.layers.Dense(CLASSES, name="scores")(x)), folder, "many")
    return folder


@pytest.fixture
def locked(repository: Path, tmp_path: Path) -> Iterator[RunningServer]:
    tokens = tmp_path / "tokens.toml"
    tokens.write_text(f'[team]\ntoken = "{TOKEN}"\npredict = ["*"]\n')
    flags = ("--tokens-file", str(tokens), "--max-tensor-bytes-in-flight", str(IN_FLIGHT))
    running = RunningServer(repository, *flags)
    yield running
    assert running.stop() == 0
    assert [line for line in running.log if line.get("level") != "info"] == []


class Harm:
    """What a server holds at most from entering to leaving, and what another caller sees."""

    def __init__(self, server: RunningServer, what: str, *, may_be_refused: bool = False) -> None:
        self._what = what
        self._may_be_refused = may_be_refused
        self._held = Held(server)
        self._over = threading.Event()
        self._others = Bystander(server, token=TOKEN)
        self.before = self._most = self._held.resident()
        self._watch = threading.Thread(target=self._look)

    def __enter__(self) -> Harm:
        self._others.__enter__()
        self._watch.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        self._watch.join()
        self._others.__exit__()
        if raised[0] is None:
            what = f"{self._what}: grown by {self.grown} MiB at most"
            self._others.check(what, may_be_refused=self._may_be_refused)

    @property
    def grown(self) -> int:
        return self._most - self.before

    @property
    def seen(self) -> dict[str, Any]:
        return self._others.seen

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self._most = max(self._most, self._held.resident())


@pytest.mark.parametrize("path", [CHECK, REFLECTION])
def test_strangers_whose_messages_never_end(locked: RunningServer, path: str) -> None:
    data = message((LARGEST - 1) << 20)[:-1]

    def send(client: Http2) -> int:
        client.be_patient(2)
        number = client.open(path, [])
        with contextlib.suppress(OSError):
            client.send(number, data)
            client.wait(number, 5)
        return len(client.ended)

    with Harm(locked, f"{STRANGERS} endless messages to {path}", may_be_refused=True) as harm:
        clients = [Http2(locked.grpc_port) for _ in range(STRANGERS)]
        with ThreadPoolExecutor(STRANGERS) as pool:
            ended = sum(pool.map(send, clients))
        for client in clients:
            client.close()
    assert ended >= STRANGERS - READ_AT_ONCE, "whoever keeps others waiting is refused"
    # Those that are read, and twice as much of what others had sent before they were refused.
    assert harm.grown < 3 * READ_AT_ONCE * LARGEST


@pytest.mark.parametrize(
    ("path", "shown", "at_once"),
    [(CHECK, [], 8), (REFLECTION, [], 8), (INFER, SHOWN, 4), (STREAM, SHOWN, 4)],
)
def test_messages_that_inflate(
    locked: RunningServer, path: str, shown: list[tuple[bytes, bytes]], at_once: int
) -> None:
    small = gzip.compress(bytes(4 * LARGEST << 20))
    bomb = b"\1" + struct.pack(">I", len(small)) + small

    def send(_: int) -> bool:
        client = Http2(locked.grpc_port)
        number = client.open(path, [*shown, (b"grpc-encoding", b"gzip")])
        client.send(number, bomb, last=True)
        client.wait(number, 60)
        client.close()
        return number in client.ended

    with (
        Harm(locked, f"{at_once} bombs at once to {path}", may_be_refused=True) as harm,
        ThreadPoolExecutor(at_once) as pool,
    ):
        assert all(pool.map(send, range(3 * at_once)))
    assert harm.grown < (at_once + 4) * LARGEST


def many(*, classes: int = 0) -> bytes:
    """A request of 4 kB whose answer is 4 MB of numbers, or 16 of classes."""
    request = ModelInferRequest(model_name="many")
    request.inputs.add(name="x", datatype="FP32", shape=[ROWS, 1])
    request.raw_input_contents.append(bytes(4 * ROWS))
    if classes:
        request.outputs.add(name="scores").parameters["classification"].int64_param = classes
    return request.SerializeToString()


@pytest.mark.parametrize("path", [INFER, STREAM])
@pytest.mark.parametrize("reads", [True, False])
def test_answers_that_nobody_takes(locked: RunningServer, path: str, *, reads: bool) -> None:
    calls, each = (256, 1) if path == INFER else (16, 16)
    asked = framed(many())
    what = b"".join(
        frame(HEADERS, END_HEADERS, stream, block(opening(path, SHOWN)))
        + frame(DATA, 0, stream, asked) * (each - 1)
        + frame(DATA, END_STREAM, stream, asked)
        for stream in range(1, 2 * calls, 2)
    )
    how = "a window of 0" if reads else "a peer that does not read"
    with Harm(locked, f"{how}, {path}") as harm:
        for _ in range(ROUNDS):  # what does not come back as they close adds up
            clients = [
                Http2(locked.grpc_port, window=0)
                if reads
                else Http2(locked.grpc_port, window=OPEN_WINDOW, reads=4096)
                for _ in range(4)
            ]
            for client in clients:
                client.write(what)
            ends = time.monotonic() + HELD_SECONDS
            while time.monotonic() < ends:
                _read(clients if reads else [])
            for client in clients:
                client.close()
    # What is made meanwhile is beside what is kept.
    assert harm.grown < 2 * UNREAD


def _read(clients: list[Http2]) -> None:
    """Answer pings, as whoever does not read at all would not."""
    time.sleep(0.05)
    for client in clients:
        client.be_patient(0.05)
        with contextlib.suppress(OSError):
            client.receive()


def test_answers_of_a_million_classes(locked: RunningServer) -> None:
    over = threading.Event()
    data = many(classes=CLASSES)

    def ask(_: int) -> int:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
        answered = 0
        with grpc.insecure_channel(locked.address, options) as channel:
            call: Any = channel.unary_unary(INFER)
            while not over.is_set():
                call(data, timeout=60, metadata=(("authorization", f"Bearer {TOKEN}"),))
                answered += 1
        return answered

    with Harm(locked, "answers of a million classes") as harm, ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask, number) for number in range(2)]
        over.wait(8)
        over.set()
        assert all(each.result() for each in asking)
    assert all(seen.p50 < FELT for seen in harm.seen.values()), harm.seen


def test_a_message_that_is_all_parts(locked: RunningServer) -> None:
    data = b"\x2a\x00" * (30 << 20)  # inputs without anything in them
    options = [("grpc.max_send_message_length", -1)]
    with (
        Harm(locked, "a message of 30 million parts") as harm,
        grpc.insecure_channel(locked.address, options) as channel,
    ):
        call: Any = channel.unary_unary(INFER)
        with pytest.raises(grpc.RpcError) as told:
            call(data, timeout=60, metadata=(("authorization", f"Bearer {TOKEN}"),))
        assert "expected a message of at most 1048576 messages" in str(told.value)
    assert harm.grown < 6 * LARGEST


@pytest.mark.parametrize("says", ["nothing", "a-health-check"])
def test_connection_after_connection(locked: RunningServer, says: str) -> None:
    check = frame(HEADERS, END_HEADERS, 1, block(opening(CHECK)))
    check += frame(DATA, END_STREAM, 1, message(0))
    said = PREFACE + check if says == "a-health-check" else b""
    held = Held(locked)
    handles = held.handles()
    made, ends = 0, time.monotonic() + STORM_SECONDS
    with Harm(locked, f"connections that say {says}", may_be_refused=True) as harm:
        while time.monotonic() < ends:
            with socket.socket() as one, contextlib.suppress(OSError):
                one.connect(("127.0.0.1", locked.grpc_port))
                one.sendall(said)
                made += 1
    print(f"{made / STORM_SECONDS:.0f} connections a second")  # noqa: T201 - a figure, as above
    wait_until(lambda: held.handles() <= handles + SPARE_HANDLES, "the handles to be given back")
    assert harm.grown < made * 0.08
