"""Callers without a token, and what they send: no memory, no log line, no stream too many."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from tests.clients import PREFACE, ask, health, refused, streamed
from tests.conftest import Served
from tests.http2 import Http2, message
from tests.serving import Held, RunningServer, tokens_file, wait_until

TOKEN = "the-token-of-the-team"  # noqa: S105 - of this test alone
TOKENS = f'[team]\ntoken = "{TOKEN}"\npredict = ["*"]\n'
PREDICT = "/tensorflow.serving.PredictionService/Predict"
METADATA = "/inference.GRPCInferenceService/ServerMetadata"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
CHECK = "/grpc.health.v1.Health/Check"
NO_UTF_8 = (b"authorization", b"Bearer seen-in-the-log\xff\xfe")
MEGABYTES = 48
CALLS = 8
MAY_GROW = 128


@pytest.fixture(scope="module")
def locked(quick_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    flags = tokens_file(tmp_path_factory.mktemp("tokens"), TOKENS)
    with RunningServer(quick_models, *flags) as running:
        yield running


def test_messages_that_never_end_take_no_memory(quick_models: Path, tmp_path: Path) -> None:
    data = message(MEGABYTES << 20)[:-1]
    with (
        RunningServer(quick_models, *tokens_file(tmp_path, TOKENS)) as running,
        contextlib.closing(Http2(running.grpc_port)) as client,
    ):
        held = Held(running)
        client.be_patient(1)
        before = held.resident()
        for path in (PREDICT, METADATA) * (CALLS // 2):
            client.send(client.open(path, []), data)
        assert held.resident() - before < MAY_GROW
        scraped = running.rest("/metrics", token=TOKEN).text.splitlines()
        refused = [line for line in scraped if "UNAUTHENTICATED" in line]
        assert sum(float(line.rpartition(" ")[2]) for line in refused) == CALLS, refused


def test_bodies_that_nobody_wants_take_no_memory(locked: RunningServer) -> None:
    held = Held(locked)
    before = held.resident()
    head = f"GET /v2/health/live HTTP/1.1\r\nHost: x\r\nContent-Length: {MEGABYTES << 20}\r\n\r\n"
    kept: list[socket.socket] = []
    for _ in range(CALLS):
        one = socket.create_connection(("127.0.0.1", locked.http_port), timeout=2)
        kept.append(one)
        one.sendall(head.encode())
        try:
            for _ in range(MEGABYTES - 1):
                one.sendall(bytes(1 << 20))
        except OSError:
            continue  # the server has answered, and closed it
    assert held.resident() - before < MAY_GROW
    for one in kept:
        one.close()
    assert locked.http("/healthz")[0] == 200


@pytest.mark.parametrize(
    "metadata",
    [
        [NO_UTF_8],
        [(b"x-other", b"\xff\xfe"), (b"authorization", f"Bearer {TOKEN}".encode())],
        [(b"grpc-timeout", b"-1S")],
    ],
)
def test_metadata_of_any_bytes_leave_no_line_in_the_log(
    locked: RunningServer, metadata: list[tuple[bytes, bytes]]
) -> None:
    before = len(locked.log)
    with contextlib.closing(Http2(locked.grpc_port)) as client:
        for path in (PREDICT, METADATA, CHECK):
            number = client.open(path, metadata)
            client.send(number, message(0), last=True)
            client.wait(number)
    time.sleep(0.2)
    assert locked.log[before:] == []


def test_two_tokens_are_refused_on_both_ports(locked: RunningServer) -> None:
    shown = f"Bearer {TOKEN}"
    with grpc.insecure_channel(locked.address) as channel:
        for path in (PREDICT, METADATA):
            call: Any = channel.unary_unary(path)
            twice = (("authorization", shown), ("authorization", "Bearer another-token"))
            code, words = refused(lambda: call(b"", metadata=twice, timeout=10))  # noqa: B023 - called at once
            assert code is grpc.StatusCode.UNAUTHENTICATED
            assert "received 2; send one" in words
    with socket.create_connection(("127.0.0.1", locked.http_port), timeout=10) as one:
        one.sendall(
            f"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: {shown}\r\n"
            "Authorization: Bearer another-token\r\n\r\n".encode()
        )
        assert one.recv(65_536).startswith(b"HTTP/1.1 401 ")


def test_no_redirect_names_a_host(locked: RunningServer) -> None:
    with socket.create_connection(("127.0.0.1", locked.http_port), timeout=10) as one:
        one.sendall(b"GET /metrics/ HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n")
        told = one.recv(65_536)
    assert told.startswith(b"HTTP/1.1 404 ")
    assert b"elsewhere" not in told


def test_streams_and_their_messages_count(small_models: Served, tmp_path: Path) -> None:
    shutil.copytree(small_models.repository / "constant", tmp_path / "constant")
    # So that a message waits for its answer until the next ones are there.
    (tmp_path / "constant" / "model.toml").write_text("[batching]\nmax_queue_delay = 0.5\n")
    with RunningServer(tmp_path, "--max-in-flight", "2") as running:
        errors = streamed(running, None, 200)
        assert any("at most 2 calls in flight" in str(error) for error in errors)
        assert len(errors) == 200
        with grpc.insecure_channel(running.address) as channel:
            watch = health(channel, "Watch")
            streams = [watch(timeout=30) for _ in range(2)]
            assert all(next(stream).status == 1 for stream in streams)
            code, words = refused(lambda: next(watch(timeout=30)))
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "at most 2 open streams of those that need no token" in words
            assert streamed(running, None, 1) == [None], "theirs are others than anybody's"
            reflection: Any = channel.stream_stream(REFLECTION)
            code, _ = refused(lambda: next(reflection(iter([b""]), timeout=30)))
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
            for stream in streams:
                stream.cancel()
        wait_until(lambda: streamed(running, None, 1) == [None], "the streams to be gone")
        assert ask(running) == ask(running)


def test_a_stream_that_anybody_opens_keeps_little(locked: RunningServer) -> None:
    with grpc.insecure_channel(locked.address) as channel:
        watch = health(channel, "Watch")
        code, words = refused(lambda: next(watch("x" * 5000, timeout=30)))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "expected a message of at most 4096 bytes" in words


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_does_not_outlive_the_authority_that_let_it_in(
    quick_models: Path, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    ca, clients, others = trustme.CA(), trustme.CA(), trustme.CA()
    files = {name: tmp_path / f"{name}.pem" for name in ("key", "cert", "clients")}
    leaf = ca.issue_cert("localhost")
    leaf.private_key_pem.write_to_path(str(files["key"]))
    files["cert"].write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    clients.cert_pem.write_to_path(str(files["clients"]))
    flags = [("--tls-cert", "cert"), ("--tls-key", "key"), ("--tls-client-ca", "clients")]
    named = [part for flag, name in flags for part in (flag, str(files[name]))]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    ca.configure_trust(context)
    clients.issue_cert("one@example.org").configure_cert(context)
    with RunningServer(quick_models, *named, ready=False) as running:
        ports = [running.grpc_port]
        if version is ssl.TLSVersion.TLSv1_3:
            ports.append(running.http_port)
        else:
            assert not _answers(running.http_port, context, None)
        sessions = {port: _session(port, context, None) for port in ports}
        others.cert_pem.write_to_path(str(files["clients"]))
        wait_until(
            lambda: not any(_answers(port, context, None) for port in ports),
            "the other authority to be asked for",
        )
        for port, session in sessions.items():
            assert not _answers(port, context, session), port


ASKED = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def _session(port: int, context: ssl.SSLContext, session: ssl.SSLSession | None) -> ssl.SSLSession:
    """That of a connection on which the server has answered."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost", session=session) as one,
    ):
        one.sendall(PREFACE if one.selected_alpn_protocol() == "h2" else ASKED)
        if not one.recv(100):
            raise ConnectionError("closed")
        assert one.session is not None
        return one.session


def _answers(port: int, context: ssl.SSLContext, session: ssl.SSLSession | None) -> bool:
    try:
        _session(port, context, session)
    except OSError:
        return False
    return True
