"""Lists of models, labels and reloading, as TensorFlow Serving's clients ask for them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from horngate.client import Client
from tests.clients import refused
from tests.conftest import Command, Served
from tests.serving import RunningServer, wait_until

LIST = """
model_config_list {{
  config {{
    name: 'first' base_path: '{folder}/constant' model_platform: 'tensorflow'
    model_version_policy {{ all {{}} }}
    version_labels {{ key: 'stable' value: 1 }}
    version_labels {{ key: 'canary' value: 2 }}
    version_labels {{ key: 'next' value: 3 }}
  }}
}}
"""


@pytest.fixture
def folder(small_models: Served, tmp_path: Path) -> Path:
    shutil.copytree(small_models.repository, tmp_path / "models")
    constant = tmp_path / "models" / "constant"
    (constant / "model.toml").unlink(missing_ok=True)
    shutil.copytree(constant / "1", constant / "2")
    return tmp_path / "models"


@pytest.fixture
def file(folder: Path) -> Path:
    path = folder.parent / "models.config"
    path.write_text(LIST.format(folder=folder))
    return path


@pytest.fixture
def listed(file: Path) -> Iterator[RunningServer]:
    batching = file.with_name("batching.config")
    batching.write_text("max_batch_size { value: 8 } allowed_batch_sizes: [4, 8]")
    with RunningServer(
        Path("nowhere"),
        "--allow-control",
        f"--model_config_file={file}",
        f"--batching_parameters_file={batching}",
        "--enable_batching=true",
    ) as running:
        yield running


@pytest.fixture
def channel(listed: RunningServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(listed.address) as opened:
        yield opened


def predict(channel: grpc.Channel, model: str, **spec: Any) -> Any:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    if "label" in spec:
        request.model_spec.version_label = spec["label"]
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([[1.0]] * spec.get("rows", 1), tf.float32))
    return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=30)


def reload(channel: grpc.Channel, text: str) -> Any:
    request = model_management_pb2.ReloadConfigRequest()
    text_format.Parse(text, request.config)
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    return stub.HandleReloadConfigRequest(request, timeout=60)


def test_status_without_a_name_tells_labels_too(listed: RunningServer, horngate: Command) -> None:
    with Client(listed.address) as client:
        assert client.models() == ["first"]
        assert client.serving("first").labels == {"stable": 1, "canary": 2}
    told = horngate("status", "--server", listed.address).out.splitlines()
    assert told[0] == "first"
    shown = [line for line in told if line.startswith("  version")]
    assert shown == ["  version 2  AVAILABLE  onnx  canary", "  version 1  AVAILABLE  onnx  stable"]


def test_a_label_means_its_version_everywhere(channel: grpc.Channel) -> None:
    for label, version in (("stable", 1), ("canary", 2)):
        assert predict(channel, "first", label=label).model_spec.version.value == version
        metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        metadata.model_spec.name, metadata.model_spec.version_label = "first", label
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        assert stub.GetModelMetadata(metadata).model_spec.version.value == version
        status = get_model_status_pb2.GetModelStatusRequest()
        status.model_spec.name, status.model_spec.version_label = "first", label
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        (only,) = models.GetModelStatus(status).model_version_status
        assert (only.version, only.state) == (version, 30)
    assert predict(channel, "first", label="2").model_spec.version.value == 2
    code, message = refused(lambda: predict(channel, "first", label="nobody"))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "Unrecognized servable version label: nobody" in message


def test_a_label_waits_for_its_version(channel: grpc.Channel, folder: Path) -> None:
    code, _ = refused(lambda: predict(channel, "first", label="next"))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    shutil.copytree(folder / "constant" / "1", folder / "constant" / "3")

    def labelled() -> bool:
        try:
            return bool(predict(channel, "first", label="next").model_spec.version.value == 3)
        except grpc.RpcError:
            return False

    wait_until(labelled, "the label to mean the version that came")


def test_the_file_is_read_again_when_it_changes(
    channel: grpc.Channel, listed: RunningServer, file: Path, folder: Path
) -> None:
    file.write_text(LIST.format(folder=folder).replace("'first'", "'renamed'"))
    wait_until(lambda: '"renamed": true' in listed.http("/readyz")[1], "the new name")
    assert predict(channel, "renamed").model_spec.name == "renamed"
    wait_until(lambda: "first" not in listed.http("/readyz")[1], "the old name to go")


def test_a_request_replaces_the_list(channel: grpc.Channel, folder: Path) -> None:
    done = reload(
        channel,
        f"model_config_list {{ config {{ name: 'other' base_path: '{folder}/constant' }} }}",
    )
    assert done.status.error_code == 0
    assert predict(channel, "other").model_spec.version.value == 2
    code, message = refused(lambda: predict(channel, "first"))
    assert code is grpc.StatusCode.NOT_FOUND
    assert "Servable not found for request: Latest(first)" in message


def test_a_list_that_cannot_be_used_changes_nothing(channel: grpc.Channel, folder: Path) -> None:
    wrong = [
        "",
        "model_config_list { config { name: '../x' base_path: '/x' } }",
        "model_config_list { config { name: 'x' base_path: '/x' model_platform: 'caffe' } }",
        "model_config_list { config { name: 'x' } }",
    ]
    for text in wrong:
        code, _ = refused(partial(reload, channel, text))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
    empty = model_management_pb2.ReloadConfigRequest()
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    code, message = refused(lambda: stub.HandleReloadConfigRequest(empty))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "missing" in message
    assert predict(channel, "first").model_spec.version.value == 2


def test_a_label_on_a_version_that_is_not_loaded(channel: grpc.Channel, folder: Path) -> None:
    text = LIST.format(folder=folder).replace("'canary' value: 2", "'canary' value: 9")
    code, message = refused(lambda: reload(channel, text))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "expected a live version" in message
    assert predict(channel, "first", label="canary").model_spec.version.value == 2, "where it was"


def test_a_folder_outside_of_the_roots_is_refused_unseen(
    channel: grpc.Channel, folder: Path, listed: RunningServer
) -> None:
    """Names of folders elsewhere would come back as versions, or as errors that tell them apart."""
    told = set()
    for path in (
        "/proc",
        "/proc/1",
        "/root",
        "/no/such/folder",
        f"{folder}/constant/../two_inputs",
    ):
        text = f"model_config_list {{ config {{ name: 'x' base_path: '{path}' }} }}"
        code, message = refused(partial(reload, channel, text))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        told.add(message.replace(path, "…"))
    assert len(told) == 1
    assert "base_path: expected a path below " in told.pop()
    assert predict(channel, "first").model_spec.version.value == 2
    assert "proc" not in str(listed.log)


def test_roots_are_named_by_whoever_runs_the_server(folder: Path, file: Path) -> None:
    flags = ("--allow-control", f"--model_config_file={file}", f"--model-roots={folder}")
    config = f"model_config_list {{ config {{ name: 'x' base_path: '{folder}/two_inputs' }} }}"
    with (
        RunningServer(Path("nowhere"), *flags) as running,
        grpc.insecure_channel(running.address) as channel,
    ):
        assert reload(channel, config).status.error_code == 0
        code, _ = refused(lambda: reload(channel, config.replace(str(folder), "/")))
        assert code is grpc.StatusCode.INVALID_ARGUMENT


def test_a_model_that_does_not_load_is_told(channel: grpc.Channel, folder: Path) -> None:
    config = f"config {{ name: 'x' base_path: '{folder}/constant/none' }}"
    code, message = refused(lambda: reload(channel, f"model_config_list {{ {config} }}"))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "failed to load 'x'" in message


def test_requests_are_filled_up_to_an_allowed_size_and_cut_back(
    channel: grpc.Channel, listed: RunningServer
) -> None:
    reply = predict(channel, "first", rows=3)
    assert tf.make_ndarray(reply.outputs["y"]).shape == (3, 1)
    code, message = refused(lambda: predict(channel, "first", rows=9))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "at most 8 rows in a request, received 9" in message
    assert listed.metric("horngate_batch_rows_sum", model="first") == 3


def test_one_model_by_its_name_and_base_path(folder: Path) -> None:
    with (
        RunningServer(
            Path("nowhere"), "--model_name=only", f"--model_base_path={folder / 'constant'}"
        ) as running,
        grpc.insecure_channel(running.address) as channel,
    ):
        assert predict(channel, "only").model_spec.version.value == 2


def test_a_server_of_a_folder_takes_no_list(sharing: RunningServer) -> None:
    with grpc.insecure_channel(sharing.address) as channel:
        code, message = refused(lambda: reload(channel, "model_config_list {}"))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "--model-config-file" in message
