"""The fuzz corpus and compressed bombs against a real server: told what is wrong, and still up."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from horngate.client import Client
from tests.fuzz.hostile.common import INFER, PREDICT
from tests.fuzz.hostile.compressed import BOMB
from tests.fuzz.target import CORPUS, split_http, unpack
from tests.serving import RunningServer

SECONDS = 30
MAY_GROW = 256 << 20
BOUNDLESS = [("grpc.max_send_message_length", -1)]
INPUTS = sorted(CORPUS.iterdir())


@pytest.fixture(autouse=True)
def still_serving(server: RunningServer) -> Iterator[None]:
    """Each test finds the server as it was, and no larger than its share."""
    with Client(server.address) as client:
        client.predict("constant", {"x": np.ones((1, 1), np.float32)})
        before = resident_bytes(server)
        yield
        answer = client.predict("constant", {"x": np.ones((1, 1), np.float32)})
    assert answer["y"].tolist() == [[2.0]]
    assert server.http("/healthz")[0] == 200
    assert resident_bytes(server) - before < MAY_GROW


def resident_bytes(server: RunningServer) -> int:
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def asked(channel: grpc.Channel, path: str, data: bytes) -> tuple[grpc.StatusCode, str]:
    """How a call with these bytes ends."""
    call: Any = channel.unary_unary(path)
    try:
        call(data, timeout=SECONDS)
    except grpc.RpcError as error:
        failed: Any = error
        return failed.code(), failed.details()
    return grpc.StatusCode.OK, ""


def test_the_corpus_over_grpc(server: RunningServer) -> None:
    bad = {}
    with grpc.insecure_channel(server.address) as channel:
        for file in INPUTS:
            path, data = unpack(file.read_bytes())
            if path.startswith("/v"):
                continue
            code, message = asked(channel, path, data)
            if code in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL) or (
                code is not grpc.StatusCode.OK and not message
            ):
                bad[file.stem] = (code, message)
            if "-long-" in file.stem:
                assert code is not grpc.StatusCode.RESOURCE_EXHAUSTED, (
                    "its message fits in no header"
                )
    assert not bad


def test_the_corpus_over_rest(server: RunningServer) -> None:
    bad = {}
    for file in INPUTS:
        path, data = unpack(file.read_bytes())
        if not path.startswith("/v"):
            continue
        headers, body = split_http(data)
        connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=SECONDS)
        connection.putrequest("POST", path)
        for name, value in [*headers, (b"content-length", str(len(body)).encode())]:
            connection.putheader(name.decode(), value)
        connection.endheaders(body)
        reply = connection.getresponse()
        said = reply.read()
        connection.close()
        if reply.status == 500 or (reply.status != 200 and not json.loads(said)["error"]):
            bad[file.stem] = (reply.status, said[:200])
    assert not bad


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/%00%ff%ed%a0%80:predict",
        "/v2/models/%2e%2e%2f%2e%2e/infer",
        "/v1/models/constant/versions/" + "9" * 5000,
        "/v2/models/" + "a" * 30_000 + "/infer",
        "/" + "%25" * 5000,
    ],
)
def test_odd_paths(server: RunningServer, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=SECONDS)
    connection.request("POST", path, b"{}")
    assert connection.getresponse().status in range(400, 500)
    connection.close()


@pytest.mark.parametrize("path", [PREDICT, INFER])
def test_a_compressed_bomb(server: RunningServer, path: str) -> None:
    with grpc.insecure_channel(
        server.address, BOUNDLESS, compression=grpc.Compression.Gzip
    ) as channel:
        code, message = asked(channel, path, bytes(BOMB))
    assert code in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNIMPLEMENTED), message
