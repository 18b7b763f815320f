"""Loading, unloading and the index, as Triton's client asks for them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from tests.clients import tensors
from tests.conftest import Served
from tests.serving import RunningServer, wait_until


@pytest.fixture
def repository(small_models: Served, tmp_path: Path) -> Path:
    shutil.copytree(small_models.repository, tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def explicit(repository: Path) -> Iterator[RunningServer]:
    with RunningServer(
        repository,
        "--model-control-mode=explicit",
        "--load-model=constant",
    ) as running:
        yield running


@pytest.fixture
def client(explicit: RunningServer) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(explicit.address) as opened:
        yield opened


def states(client: triton.InferenceServerClient) -> dict[str, str]:
    index = client.get_model_repository_index()
    return {each.name: each.state for each in index.models}


def two_inputs() -> list[Any]:
    return tensors(image=np.zeros((1, 4, 4, 1), np.float32), context=np.zeros((1, 3), np.float32))


def test_models_are_loaded_and_unloaded_on_request(client: triton.InferenceServerClient) -> None:
    known = states(client)
    assert known.pop("constant") == "READY"
    assert set(known.values()) == {""}
    assert client.is_server_ready()
    assert not client.is_model_ready("two_inputs")
    client.load_model("two_inputs")
    assert states(client)["two_inputs"] == "READY"
    assert client.infer("two_inputs", two_inputs()).as_numpy("probabilities").shape == (1, 3)
    client.unload_model("two_inputs")
    assert not client.is_model_ready("two_inputs")
    with pytest.raises(InferenceServerException):
        client.infer("two_inputs", two_inputs())
    client.load_model("two_inputs")
    assert client.is_model_ready("two_inputs")


def test_a_new_version_is_there_when_the_load_returns(
    client: triton.InferenceServerClient, repository: Path
) -> None:
    shutil.copytree(repository / "constant" / "1", repository / "constant" / "2")
    client.load_model("constant")
    assert client.is_model_ready("constant", "2")
    ready = client.get_model_repository_index()
    versions = {(each.version, each.state) for each in ready.models if each.name == "constant"}
    assert ("2", "READY") in versions


def test_what_cannot_be_loaded_is_told_with_the_reason(
    client: triton.InferenceServerClient, repository: Path
) -> None:
    with pytest.raises(InferenceServerException, match="failed to load 'nobody'"):
        client.load_model("nobody")
    shutil.copytree(repository / "constant" / "1", repository / "broken" / "1")
    (repository / "broken" / "1" / "saved_model.pb").write_bytes(b"no")
    with pytest.raises(
        InferenceServerException, match=r"failed to load 'broken': version 1: saved"
    ):
        client.load_model("broken")
    client.unload_model("nobody")  # no error, as in Triton
    assert client.is_server_ready()


def test_a_configuration_that_says_what_is_served_anyway_is_taken(
    client: triton.InferenceServerClient,
) -> None:
    client.unload_model("two_inputs")
    client.load_model("two_inputs", config="{}")
    config = client.get_model_config("two_inputs", as_json=True)["config"]
    client.unload_model("two_inputs")
    client.load_model("two_inputs", config=json.dumps(config))
    client.load_model("two_inputs", config=json.dumps(config))
    client.load_model("two_inputs", config='{"backend": "tensorflow", "name": "two_inputs"}')
    assert client.is_model_ready("two_inputs")


def test_another_configuration_is_refused_and_nothing_is_loaded_by_it(
    client: triton.InferenceServerClient,
) -> None:
    said = "'config' is refused: max_batch_size: expected 1024, as the model is served, received 7"
    client.load_model("two_inputs")
    with pytest.raises(InferenceServerException, match=said):
        client.load_model("two_inputs", config='{"max_batch_size": 7}')
    assert client.is_model_ready("two_inputs"), "as it was"
    client.unload_model("two_inputs")
    with pytest.raises(InferenceServerException, match=said):
        client.load_model("two_inputs", config='{"max_batch_size": 7}')
    wait_until(lambda: not client.is_model_ready("two_inputs"), "it to be unloaded again")
    with pytest.raises(InferenceServerException) as refused:
        client.load_model("constant", config="{}", files={"file:1/model.onnx": b"ONNX"})
    assert "the parameter 'file:1/model.onnx' is refused" in str(refused.value)


def test_kserves_dialect_has_the_name_in_the_first_field(explicit: RunningServer) -> None:
    with grpc.insecure_channel(explicit.address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        stub.RepositoryModelLoad(
            service_pb2.RepositoryModelLoadRequest(repository_name="two_inputs")
        )
        ready = stub.ModelReady(service_pb2.ModelReadyRequest(name="two_inputs"))
        assert ready.ready
        with pytest.raises(grpc.RpcError) as refused:
            stub.RepositoryModelLoad(service_pb2.RepositoryModelLoadRequest())
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_server_that_follows_its_folder_says_how_to_load_on_request(
    server: RunningServer,
) -> None:
    with triton.InferenceServerClient(server.address) as client:
        with pytest.raises(InferenceServerException) as refused:
            client.load_model("constant")
        assert "UNAVAILABLE" in refused.value.status()
        assert "--model-control-mode explicit" in refused.value.message()
        assert states(client)["constant"] == "READY"
        only_ready = client.get_model_repository_index()
        assert {each.version for each in only_ready.models if each.name == "constant"} >= {"1"}
