"""What callers say of themselves, and what they are given: held to what the operator set."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import keras
import numpy as np
import pytest
import tritonclient.grpc as triton
from keras import layers

from horngate.builder.publish import publish_keras
from horngate.client import Client
from horngate.errors import HorngateError
from tests.clients import tensors
from tests.conftest import Served
from tests.serving import RunningServer, serve, tokens_file

WIDE = 1000
LIMIT = 2048


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A row in is a thousand values out, which are more than a message may have."""
    models = tmp_path_factory.mktemp("models")
    x = keras.Input((1,), name="x")
    publish_keras(keras.Model(x, layers.RepeatVector(WIDE, name="y")(x)), models, "wide")
    small = keras.Model(x, layers.Dense(1, kernel_initializer="ones", name="y")(x))
    publish_keras(small, models, "small")
    with RunningServer(models, "--max-message-bytes", str(LIMIT)) as running:
        yield running


def exhausted(server: RunningServer, method: str) -> float:
    return server.metric("horngate_requests_total", method=method, code="RESOURCE_EXHAUSTED")


def test_a_reply_over_the_limit_is_refused_and_counted_as_that(wide: RunningServer) -> None:
    before = exhausted(wide, "Predict"), len(wide.log)
    with Client(wide.address, retries=0) as client:
        for _ in range(20):
            with pytest.raises(HorngateError, match=r"larger than max \(\d+ vs. 2048 bytes\)"):
                client.predict("wide", {"x": np.ones((1, 1), np.float32)})
    assert exhausted(wide, "Predict") == before[0] + 20
    assert wide.log[before[1] :] == []


def test_a_reply_over_the_limit_ends_no_stream(wide: RunningServer) -> None:
    before = exhausted(wide, "ModelStreamInfer"), len(wide.log)
    asked = tensors(x=np.ones((1, 1), np.float32))
    told: list[Any] = []
    with triton.InferenceServerClient(wide.address) as client:
        client.start_stream(lambda result, error: told.append(error))
        for _ in range(50):
            client.async_stream_infer("wide", asked)
            client.async_stream_infer("small", asked)
        client.stop_stream()
    assert len(told) == 100
    assert sum(error is None for error in told) == 50
    assert all("larger than max" in str(error) for error in told if error is not None)
    assert exhausted(wide, "ModelStreamInfer") == before[0] + 50
    assert wide.log[before[1] :] == []


@pytest.mark.parametrize(
    ("path", "body", "method"),
    [
        ("/v1/models/wide:predict", {"instances": [[1.0]]}, "Predict"),
        ("/v1/models/wide:predict", {"inputs": [[1.0]]}, "Predict"),
        ("/v2/models/wide/infer", {}, "ModelInfer"),
        ("/v2/models/wide/infer", {"parameters": {"binary_data_output": True}}, "ModelInfer"),
    ],
)
def test_rest_keeps_to_the_same_limit(
    wide: RunningServer, path: str, body: dict[str, object], method: str
) -> None:
    if method == "ModelInfer":
        given = {"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1.0]}
        body = body | {"inputs": [given]}
    before = exhausted(wide, method)
    told = wide.rest(path, body, headers={"Accept-Encoding": "gzip"})
    assert told.status == 413
    assert "larger than max" in json.loads(told.text)["error"]
    assert exhausted(wide, method) == before + 1


def passed(server: RunningServer, headers: dict[str, str], calls: int = 100) -> int:
    body = {"instances": [[1.0]]}
    path = "/v1/models/constant:predict"
    statuses = [
        server.rest(path, body, headers={k: v.format(n) for k, v in headers.items()}).status
        for n in range(calls)
    ]
    assert set(statuses) <= {200, 429}
    return statuses.count(200)


def called(server: RunningServer, metadata: dict[str, str], calls: int = 100) -> int:
    answered = 0
    with grpc.insecure_channel(server.address) as channel:
        live: Any = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        for n in range(calls):
            try:
                live(b"", metadata=[(k, v.format(n)) for k, v in metadata.items()], timeout=10)
            except grpc.RpcError as error:
                answered += error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED
    return answered


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
def test_no_header_makes_a_caller_another(quick_models: Path, header: str) -> None:
    with RunningServer(quick_models, "--client-rate", "0.01") as running:
        value = "for=192.0.2.{}" if header == "Forwarded" else "192.0.2.{}"
        assert passed(running, {header: value}, 20) == 1
        assert called(running, {header.lower(): value}, 20) <= 1


def test_behind_a_trusted_proxy_each_caller_has_its_rate(quick_models: Path) -> None:
    flags = ("--client-rate", "0.01", "--trusted-proxies", "127.0.0.0/8")
    with RunningServer(quick_models, *flags) as running:
        assert passed(running, {"X-Forwarded-For": "192.0.2.{}"}, 10) == 10
        assert passed(running, {"X-Forwarded-For": "203.0.113.{}, 198.51.100.7"}, 10) == 1
        assert called(running, {"x-forwarded-for": "192.0.3.{}"}, 10) == 10
        assert called(running, {"x-forwarded-for": "203.0.113.{}, 198.51.100.8"}, 10) == 1


def test_an_empty_token_is_nobodys(quick_models: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"").hexdigest()
    flags = tokens_file(tmp_path, f'[team]\nsha256 = "{digest}"\npredict = ["*"]\n')
    ended = serve("--models", str(quick_models), *flags)
    assert ended.returncode == 1
    assert "[team]: sha256: expected the digest of a token, received that of" in ended.stderr


TEAM, OPERATOR = "the-token-of-the-team", "the-token-of-the-operator"


@pytest.fixture(scope="module")
def told(small_models: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with tokens, and a model whose settings cannot be used."""
    folder = tmp_path_factory.mktemp("told")
    models = folder / "models"
    shutil.copytree(small_models.repository / "constant", models / "constant")
    shutil.copytree(small_models.repository / "constant", models / "broken")
    (models / "broken" / "model.toml").write_text("nonsense = 1\n")
    flags = tokens_file(
        folder,
        f'[team]\ntoken = "{TEAM}"\npredict = ["broken"]\n'
        f'[operator]\ntoken = "{OPERATOR}"\nadmin = true\n',
    )
    with RunningServer(models, *flags, ready=False) as running:
        running.wait_for_log("available")
        yield running


def seen(server: RunningServer, token: str | None) -> dict[str, str]:
    """What a caller is told, by where they ask."""
    pages = ["/models.json", "/readyz", "/v1/models/broken", "/v2/models/broken/ready"]
    pages += ["/v2/models/broken", "/models/broken/facts.json"]
    asked = ("/v2/repository/index", "/v1/models/broken:predict")
    bodies = dict.fromkeys(pages) | {path: {"instances": [[1.0]]} for path in asked}
    return {path: server.rest(path, body, token=token).text for path, body in bodies.items()}


def test_why_a_version_failed_names_no_file_but_to_operators(told: RunningServer) -> None:
    (line,) = [line for line in told.log if line["event"] == "load failed"]
    assert str(told.models) in line["reason"]
    assert "nonsense" in line["reason"]
    for token in (None, TEAM):
        for path, words in seen(told, token).items():
            assert str(told.models) not in words, (token, path)
            assert "nonsense" not in words, (token, path)
    operators = seen(told, OPERATOR)
    for path in ("/models.json", "/v1/models/broken", "/v2/repository/index"):
        assert "nonsense" in operators[path], path
    assert "its settings cannot be used" in seen(told, TEAM)["/v1/models/broken"]


def test_what_is_there_is_for_those_who_may_ask_it(told: RunningServer) -> None:
    """An orchestrator needs no token, and no names."""
    assert json.loads(seen(told, None)["/readyz"]) == {"ready": False}
    assert json.loads(seen(told, "a-token-that-nobody-has")["/readyz"]) == {"ready": False}
    assert json.loads(seen(told, TEAM)["/readyz"])["models"] == {"broken": False}
    assert "constant" in seen(told, OPERATOR)["/readyz"]
    assert "constant" not in seen(told, TEAM)["/models.json"]
    assert "broken" in seen(told, TEAM)["/models.json"]
    assert "constant" in seen(told, OPERATOR)["/models.json"]
