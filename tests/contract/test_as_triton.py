"""What Triton's and KServe's clients take for granted, as they ask for it."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
import tritonclient.grpc as triton
import tritonclient.http as triton_http
import tritonclient.http.aio as triton_http_aio
from tritonclient.utils import InferenceServerException

from tests.clients import tensors
from tests.contract.test_rest import send
from tests.serving import RunningServer

GZIP = {"Accept-Encoding": "gzip, deflate"}
X = np.array([[1], [2]], np.float32)


class _Odd(tf.Module):  # type: ignore[misc]  # TensorFlow ships no types
    """Signatures without a batch, of text, with much to tell of, and of one vector."""

    @tf.function(input_signature=[tf.TensorSpec([3, None], "int32", "INPUT")])  # type: ignore[untyped-decorator]  # the same
    def any_width(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"OUTPUT": x + 1}

    @tf.function(input_signature=[tf.TensorSpec([None, 1], "string", "INPUT")])  # type: ignore[untyped-decorator]  # the same
    def text(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"OUTPUT": tf.identity(x)}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 1], "float32", f"x{n:02}{'_' * 60}") for n in range(20)
        ]
    )  # type: ignore[untyped-decorator]  # the same
    def wide(self, *x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"OUTPUT": tf.add_n(x)}

    @tf.function(input_signature=[tf.TensorSpec([None, 3, None, None], "int32", "INPUT")])  # type: ignore[untyped-decorator]  # the same
    def any_size(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"OUTPUT": x + 1}

    @tf.function(input_signature=[tf.TensorSpec([None, None], "string", "INPUT")])  # type: ignore[untyped-decorator]  # the same
    def texts(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"OUTPUT": tf.identity(x)}

    @tf.function(input_signature=[tf.TensorSpec([None], "float32", "INPUT")])  # type: ignore[untyped-decorator]  # the same
    def total(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"OUTPUT": tf.reduce_sum(x)}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    models = tmp_path_factory.mktemp("odd")
    module = _Odd()
    for name in ("any_width", "text", "wide", "total", "any_size", "texts"):
        folder = str(models / name / "1")
        tf.saved_model.save(module, folder, {"serving_default": getattr(module, name)})
    with RunningServer(models, "--metrics-compat=triton") as running:
        yield running


def test_only_answers_of_a_model_are_compressed(odd: RunningServer) -> None:
    """Triton's asyncio client asks for gzip each time, and unpacks what a model answers."""

    async def ask() -> tuple[Any, ...]:
        async with triton_http_aio.InferenceServerClient(f"127.0.0.1:{odd.http_port}") as client:
            described = (
                await client.get_model_metadata("wide"),
                await client.get_model_config("wide"),
            )
            tensor = triton_http.InferInput("INPUT", [3, 1000], "INT32")
            tensor.set_data_from_numpy(np.ones((3, 1000), np.int32))
            result = await client.infer("any_width", [tensor])
            with pytest.raises(InferenceServerException, match="Request for unknown model"):
                await client.get_model_metadata("nobody" * 300)
            return *described, result.as_numpy("OUTPUT")

    metadata, config, answer = asyncio.run(ask())
    assert len(metadata["inputs"]) == len(config["input"]) == 20
    assert answer.shape == (3, 1000)
    body = json.dumps(
        {"inputs": [{"name": "INPUT", "datatype": "INT32", "shape": [3, 1000], "data": [7] * 3000}]}
    ).encode()
    reply = send(odd, "POST", "/v2/models/any_width/infer", body, GZIP)
    assert json.loads(gzip.decompress(reply.body))["outputs"][0]["data"][0] == 8


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip;q=0", None),
        ("gzip;q=0.000, deflate", "deflate"),
        ("deflate;q=0,gzip; q=0.5", "gzip"),
        ("identity", None),
    ],
)
def test_what_a_caller_rules_out_is_not_sent(
    server: RunningServer, accepted: str, coding: str | None
) -> None:
    body = json.dumps({"instances": [[1.5]] * 500}).encode()
    headers = {"Accept-Encoding": accepted}
    reply = send(server, "POST", "/v1/models/constant:predict", body, headers)
    assert reply.headers.get("content-encoding") == coding


def test_a_body_that_is_nothing_but_the_input(odd: RunningServer, server: RunningServer) -> None:
    raw = {"Inference-Header-Content-Length": "0"}
    reply = send(server, "POST", "/v2/models/constant/infer", b"\0\0\x80\x3f", raw)
    head = int(reply.headers["inference-header-content-length"])
    assert json.loads(reply.body[:head])["outputs"][0]["shape"] == [1, 1]
    assert np.frombuffer(reply.body[head:], np.float32).tolist() == [2]
    values = np.arange(12, dtype=np.int32)
    reply = send(odd, "POST", "/v2/models/any_width/infer", values.tobytes(), raw)
    head = int(reply.headers["inference-header-content-length"])
    assert json.loads(reply.body[:head])["outputs"][0]["shape"] == [3, 4]
    reply = send(odd, "POST", "/v2/models/text/versions/1/infer", b"h\xf8rn", raw)
    assert reply.body.endswith(b"\4\0\0\0h\xf8rn")
    for model, where, told in (
        ("two_inputs", server, "Raw request must only have 1 input (found 1) to be deduced but"),
        ("any_size", odd, "The shape of the raw input 'INPUT' can not be deduced because there"),
        ("texts", odd, "For BYTE datatype raw input 'INPUT', the model must have input shape [1]"),
        ("any_width", odd, "input 'INPUT': expected 12 bytes for INT32[3, 1], received 13"),
    ):
        refused = send(where, "POST", f"/v2/models/{model}/infer", b"\0" * 13, raw)
        assert refused.status == 400, model
        assert json.loads(refused.body)["error"].startswith(told)


def test_bytes_that_are_no_text_are_no_json(odd: RunningServer) -> None:
    def ask(value: bytes, *, binary: bool) -> Any:
        word = triton_http.InferInput("INPUT", [1, 1], "BYTES")
        word.set_data_from_numpy(np.array([[value]], object))
        output = triton_http.InferRequestedOutput("OUTPUT", binary_data=binary)
        with triton_http.InferenceServerClient(f"127.0.0.1:{odd.http_port}") as client:
            return client.infer("text", [word], outputs=[output]).as_numpy("OUTPUT")

    assert ask(b"h\xf8rn", binary=True).tolist() == [[b"h\xf8rn"]]
    assert ask("hörn".encode(), binary=False).tolist() == [["hörn"]]
    with pytest.raises(InferenceServerException, match="output 'OUTPUT': expected text in UTF-8"):
        ask(b"h\xf8rn", binary=False)


def test_health_says_what_it_is(server: RunningServer) -> None:
    for path, told in (
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        ("/v2/models/constant/ready", {"ready": True}),
    ):
        reply = send(server, "GET", path)
        assert (reply.status, json.loads(reply.body)) == (200, told)
        assert reply.headers["content-type"] == "application/json"
    reply = send(server, "GET", "/v2/models/nobody/ready")
    assert (reply.status, json.loads(reply.body)) == (400, {"ready": False})


def test_a_slash_at_the_end_changes_nothing(server: RunningServer) -> None:
    assert send(server, "GET", "/v2/").body == send(server, "GET", "/v2").body


def test_the_config_over_http_has_what_image_clients_read(server: RunningServer) -> None:
    with triton_http.InferenceServerClient(f"127.0.0.1:{server.http_port}") as client:
        (tensor,) = client.get_model_config("constant")["input"]
    assert tensor["format"] == "FORMAT_NONE"


def test_errors_begin_as_tritons(server: RunningServer) -> None:
    inputs = tensors(x=X)
    with triton.InferenceServerClient(server.address) as client:
        for ask in (client.get_model_metadata, client.get_model_config):
            with pytest.raises(InferenceServerException) as refused:
                ask("nobody")
            assert refused.value.message().startswith("Request for unknown model: 'nobody' is not")
            assert refused.value.status() == "StatusCode.INVALID_ARGUMENT"
        with pytest.raises(InferenceServerException) as refused:
            client.infer("constant", inputs, model_version="7")
        told = "Request for unknown model: 'constant' version 7 is not found"
        assert refused.value.message().startswith(told)
        assert refused.value.status() == "StatusCode.NOT_FOUND"


def test_the_servers_name(server: RunningServer, odd: RunningServer) -> None:
    for running, name in ((server, "horngate"), (odd, "triton")):
        with triton.InferenceServerClient(running.address) as client:
            assert client.get_server_metadata().name == name


def test_a_name_of_ones_own(tmp_path: Path) -> None:
    flags = "--metrics-compat=triton", "--id=ivory", "--model-control-mode=explicit"
    with (
        RunningServer(tmp_path, *flags) as running,
        triton.InferenceServerClient(running.address) as client,
    ):
        assert client.get_server_metadata().name == "ivory"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_compressed_messages(server: RunningServer, coding: str) -> None:
    x = np.ones((500, 1), np.float32)
    with triton.InferenceServerClient(server.address) as client:
        result = client.infer("constant", tensors(x=x), compression_algorithm=coding)
    assert result.as_numpy("y").tolist() == [[2]] * 500
    compression = getattr(grpc.Compression, coding.capitalize())
    with grpc.insecure_channel(server.address, compression=compression) as channel:
        stub = triton.service_pb2_grpc.GRPCInferenceServiceStub(channel)
        request = triton.service_pb2.ModelInferRequest(model_name="constant")
        tensor = request.inputs.add(name="x", datatype="FP32", shape=[500, 1])
        tensor.contents.fp32_contents.extend([1] * 500)
        assert stub.ModelInfer(request).outputs[0].shape == [500, 1]


def test_numbers_above_63_bits_are_parameters(server: RunningServer) -> None:
    def ask(value: object) -> Any:
        tensor = {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1]}
        body = {"inputs": [tensor], "parameters": {"my_own": value}}
        return send(server, "POST", "/v2/models/constant/infer", json.dumps(body).encode())

    assert ask(2**64 - 1).status == ask(2**63).status == ask(-(2**63)).status == 200
    refused = ask([2**63])
    assert refused.status == 400
    assert "'parameter my_own': expected" in json.loads(refused.body)["error"]


def test_a_long_vector_is_no_batch(odd: RunningServer) -> None:
    with triton.InferenceServerClient(odd.address) as client:
        long = np.ones(5000, np.float32)
        assert client.infer("total", tensors(INPUT=long)).as_numpy("OUTPUT") == 5000
        assert client.get_model_config("total").config.max_batch_size == 0
