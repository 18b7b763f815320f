"""Whatever is sent to a port that it does not expect: no line in the log, and others are served."""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients import PREFACE, ask
from tests.http2 import Http2, message
from tests.serving import Held, RunningServer, wait_until

PREDICT = b"POST /v1/models/constant:predict HTTP/1.1\r\nHost: x\r\n"
BODY = b'{"instances": [[1.0]]}'
TIMES = 30
CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n"
CHUNKED = PREDICT + CHUNKS
HEALTHY = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\n"


def sized(body: bytes, *headers: bytes) -> bytes:
    return (
        PREDICT
        + b"".join(each + b"\r\n" for each in (*headers, b"Content-Length: %d" % len(body), b""))
        + body
    )


HTTP = {
    "chunk-without-a-size": CHUNKED + b"zz\r\n{}\r\n",
    "chunk-below-zero": CHUNKED + b"-1\r\n{}\r\n",
    "chunk-of-another-size": CHUNKED + b"2\r\n{}{}{}\r\n0\r\n\r\n",
    "chunk-of-a-huge-size": CHUNKED + b"ffffffffffffffffffffffff\r\n{}\r\n",
    "chunk-after-a-good-one": CHUNKED + b"2\r\n{}\r\nzz\r\n",
    "chunk-on-a-page": HEALTHY + CHUNKS + b"zz\r\n",
    "chunk-on-no-page": b"POST /none HTTP/1.1\r\nHost: x\r\n" + CHUNKS + b"zz\r\n",
    "length-that-is-none": PREDICT + b"Content-Length: many\r\n\r\n" + BODY,
    "length-below-zero": PREDICT + b"Content-Length: -5\r\n\r\n" + BODY,
    "length-twice": PREDICT + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + BODY,
    "length-of-a-thousand-digits": PREDICT + b"Content-Length: " + b"9" * 1000 + b"\r\n\r\n" + BODY,
    "length-too-short": PREDICT + b"Content-Length: 3\r\n\r\n" + BODY,
    "length-and-chunks": PREDICT
    + b"Content-Length: 22\r\nTransfer-Encoding: chunked\r\n\r\n16\r\n"
    + BODY
    + b"\r\n0\r\n\r\n",
    "another-transfer-encoding": PREDICT + b"Transfer-Encoding: gzip\r\n\r\n" + BODY,
    "header-too-long": PREDICT + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
    "headers-too-many": PREDICT + b"X: y\r\n" * 20_000 + b"\r\n",
    "header-without-a-colon": PREDICT + b"nonsense\r\n\r\n",
    "header-folded": PREDICT + b"X: y\r\n  z\r\n\r\n",
    "header-with-a-nul": PREDICT + b"X: y\0z\r\n\r\n",
    "header-of-any-bytes": PREDICT + b"X: \xff\xfe\r\n\r\n",
    "host-that-is-none": b"GET /none HTTP/1.1\r\nHost: [\r\n\r\n",
    "host-of-any-bytes": b"GET /none HTTP/1.1\r\nHost: \xff\xfe@:99999999\r\n\r\n",
    "host-twice": b"GET /none HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "host-missing": b"GET /healthz HTTP/1.1\r\n\r\n",
    "method-unknown": b"BREW /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "method-of-any-bytes": b"\xff\xfe /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "method-connect": b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere:443\r\n\r\n",
    "method-options-star": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "method-trace": b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n",
    "version-9": b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n",
    "version-0.9": b"GET /healthz\r\n\r\n",
    "version-1.0": b"GET /healthz HTTP/1.0\r\n\r\n",
    "version-2": PREFACE,
    "tls-hello": bytes.fromhex("160301020001000 1fc0303".replace(" ", "")) + bytes(200),
    "zeros": bytes(500),
    "path-of-any-bytes": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "path-no-utf-8": b"GET /%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n",
    "path-nul": b"GET /v1/models/%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "path-nul-model": sized(BODY).replace(b"constant", b"%00"),
    "path-surrogate": b"GET /v1/models/%ed%a0%80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "path-up": b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    "path-absolute": b"GET http://elsewhere/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "path-long": b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "path-huge-version": b"GET /v1/models/constant/versions/"
    + b"9" * 5000
    + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "query-of-any-bytes": b"GET /metrics?%ff=%00&name[]=[ HTTP/1.1\r\nHost: x\r\n\r\n",
    "body-no-json": sized(b"{"),
    "body-no-utf-8": sized(b"\xff\xfe\x00"),
    "body-surrogate": sized(rb'{"instances": ["\ud800"]}'),
    "body-deep": sized(b"[" * 100_000),
    "body-no-gzip": sized(b"no gzip", b"Content-Encoding: gzip"),
    "body-half-gzip": sized(gzip.compress(BODY)[:-6], b"Content-Encoding: gzip"),
    "body-bad-deflate": sized(b"no deflate", b"Content-Encoding: deflate"),
    "body-unknown-coding": sized(BODY, b"Content-Encoding: \xff\xfe"),
    "body-announced-too-long": PREDICT + b"Content-Length: 99999999999\r\n\r\n",
    "binary-length-none": sized(BODY, b"Inference-Header-Content-Length: x"),
    "binary-length-long": sized(BODY, b"Inference-Header-Content-Length: " + b"9" * 5000),
    "expect-and-nothing": PREDICT + b"Expect: 100-continue\r\nContent-Length: 22\r\n\r\n",
    "expect-too-much": PREDICT + b"Expect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n",
    "expect-another": sized(BODY, b"Expect: nonsense"),
    "upgrade-websocket": UPGRADE + b"Upgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    "upgrade-h2c": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade, http2-settings\r\n"
    b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    "upgrade-any-bytes": UPGRADE + b"Upgrade: \xff\r\n\r\n",
    "authorization-any-bytes": sized(BODY, b"Authorization: Bearer \xff\xfe"),
    "accept-any-bytes": sized(BODY, b"Accept-Encoding: \xff;q=\xfe,gzip"),
    "one-after-another": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 100,
    "one-after-another-then-none": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3
    + b"\0\0\0\r\n\r\n",
    "two-then-a-bad-chunk": sized(BODY) * 2 + CHUNKED + b"zz\r\n",
    "head-with-a-body": b"HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
}

GRPC = {
    "http-1": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "tls-hello": HTTP["tls-hello"],
    "zeros": bytes(500),
    "preface-then-nonsense": PREFACE + b"\xff" * 500,
    "frame-too-long": PREFACE + b"\xff\xff\xff\0\0\0\0\0\1" + bytes(100),
    "headers-that-are-none": PREFACE + b"\0\0\5\1\4\0\0\0\1" + b"\xff" * 5,
    "headers-on-an-even-stream": PREFACE + b"\0\0\1\1\5\0\0\0\2\x82",
    "data-on-no-stream": PREFACE + b"\0\0\1\0\1\0\0\0\1x",
    "settings-of-a-wrong-size": PREFACE + b"\0\0\5\4\0\0\0\0\0" + bytes(5),
    "window-of-zero": PREFACE + b"\0\0\4\x08\0\0\0\0\0" + bytes(4),
    "continuation-alone": PREFACE + b"\0\0\1\x09\4\0\0\0\1\x82",
    "priority-on-itself": PREFACE + b"\0\0\5\2\0\0\0\0\1\0\0\0\1\1",
    "pings": PREFACE + b"\0\0\x08\6\0\0\0\0\0abcdefgh" * 50,
    "goaway": PREFACE + b"\0\0\x08\7\0\0\0\0\0" + bytes(8),
    "no-headers-that-are-wanted": PREFACE + b"\0\0\1\1\5\0\0\0\1\x82",
}

CALLS = (
    "/tensorflow.serving.PredictionService/Predict",
    "/tensorflow.serving.PredictionService/Predict/%00",
    "/inference.GRPCInferenceService/ModelInfer",
    "/inference.GRPCInferenceService/ModelStreamInfer",
    "/inference.GRPCInferenceService/ServerMetadata",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/no.Service/Method",
    "no path at all",
)

MESSAGES = {
    "no-protobuf": b"\0" + struct.pack(">I", 5) + b"\xff" * 5,
    "said-to-be-compressed": b"\1" + struct.pack(">I", 5) + b"\xff" * 5,
    "of-another-flag": b"\x77" + struct.pack(">I", 5) + b"\xff" * 5,
    "of-a-huge-length": b"\0" + struct.pack(">I", 2**32 - 1) + b"\xff" * 5,
    "cut-short": b"\0" + struct.pack(">I", 50) + b"\xff" * 5,
    "half-a-head": b"\0\0",
    "several": message(0) * 5,
    "none": b"",
}


@pytest.fixture(scope="module")
def running(quick_models: Path) -> Iterator[RunningServer]:
    with RunningServer(quick_models) as server:
        ask(server)
        yield server


def said(port: int, data: bytes) -> bytes:
    """What a port says to ``data``, sent and followed by the end of what is sent."""
    told = b""
    one = socket.create_connection(("127.0.0.1", port), timeout=20)
    with one, contextlib.suppress(OSError):
        one.sendall(data)
        one.shutdown(socket.SHUT_WR)
        while more := one.recv(65_536):
            told += more
    return told


@pytest.mark.parametrize("name", HTTP)
def test_a_broken_http_request_leaves_no_line(running: RunningServer, name: str) -> None:
    before = len(running.log)
    for _ in range(TIMES):
        told = said(running.http_port, HTTP[name])
        assert b" 500 " not in told[:20]
    assert running.http("/healthz")[0] == 200
    assert running.log[before:] == []


def test_a_bad_chunk_is_answered_with_400(running: RunningServer) -> None:
    assert said(running.http_port, HTTP["chunk-without-a-size"]).startswith(b"HTTP/1.1 400 ")
    assert said(running.http_port, HTTP["chunk-after-a-good-one"]).startswith(b"HTTP/1.1 400 ")


def test_nothing_names_what_serves_http(running: RunningServer) -> None:
    assert b"uvicorn" not in said(running.http_port, HTTP["version-1.0"]).lower()


@pytest.mark.parametrize("name", GRPC)
def test_broken_bytes_on_the_grpc_port_leave_no_line(running: RunningServer, name: str) -> None:
    before = len(running.log)
    for _ in range(TIMES):
        said(running.grpc_port, GRPC[name])
    assert ask(running) == ask(running)
    assert running.log[before:] == []


@pytest.mark.parametrize("name", MESSAGES)
def test_broken_messages_of_every_call_leave_no_line(running: RunningServer, name: str) -> None:
    before = len(running.log)
    for path in CALLS:
        for _ in range(2):
            client = Http2(running.grpc_port)
            client.be_patient(0.1)
            with contextlib.suppress(OSError):
                number = client.open(path, [])
                client.send(number, MESSAGES[name], last=True)
                client.wait(number, 0.1)
            client.close()
    assert ask(running) == ask(running)
    assert running.log[before:] == []


def test_what_was_sent_leaves_nothing_behind(running: RunningServer) -> None:
    held = Held(running)
    before = held.handles()
    for data in HTTP.values():
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", running.http_port), timeout=5) as one,
        ):
            one.sendall(data)
    wait_until(lambda: held.handles() <= before, "the connections to be given back")
