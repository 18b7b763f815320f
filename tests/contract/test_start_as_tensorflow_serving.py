"""The server started by TensorFlow Serving's flags: when and where it is there, what it reads."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from horngate.config.server import ServerSettings
from horngate.errors import ConfigError
from horngate.server.assembly import channel_arguments
from tests.conftest import Served
from tests.serving import RunningServer

CONFIG = "model_config_list {{ config {{ name: '{name}' base_path: '{folder}/constant' }} }}"


def ask(address: str, model: str) -> Any:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.ones((1, 1), np.float32)))
    with grpc.insecure_channel(address) as channel:
        return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request)


def test_the_port_opens_when_the_model_is_there_and_a_socket_beside_it(
    small_models: Served, tmp_path: Path
) -> None:
    socket = tmp_path / "serving.sock"
    running = RunningServer(
        Path("nowhere"),
        f"--model_base_path={small_models.repository / 'constant'}",
        "--model_name=named",
        f"--grpc_socket_path={socket}",
        "--grpc_channel_arguments=grpc.max_connection_age_ms=60000,grpc.lb_policy_name=grpclb",
        "--rest_api_timeout_in_ms=30000",
        ready=False,
    )
    try:
        events = [line["event"] for line in running.log]
        assert events.index("available") < events.index("listening")
        replies = [ask(address, "named") for address in (running.address, f"unix:{socket}")]
        assert [len(reply.outputs["y"].float_val) for reply in replies] == [1, 1]
    finally:
        assert running.stop() == 0


def test_a_signal_ends_a_server_that_still_waits_for_its_models(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    running = RunningServer(
        tmp_path, "--wait-for-models=on", f"--model_base_path={tmp_path / 'empty'}", ready=False
    )
    assert running.stop() == 0


def test_tensor_content_where_it_is_asked_for(small_models: Served) -> None:
    running = RunningServer(
        small_models.repository, "--enable_serialization_as_tensor_content=true"
    )
    try:
        for _ in range(4):  # prepared from the third on
            output = ask(running.address, "constant").outputs["y"]
            assert output.tensor_content
            assert not output.float_val
    finally:
        assert running.stop() == 0


@pytest.mark.parametrize("seconds", [0, 1])
def test_a_list_is_read_once_where_its_interval_is_none(
    small_models: Served, tmp_path: Path, seconds: int
) -> None:
    folder, file = tmp_path / "constant", tmp_path / "models.config"
    shutil.copytree(small_models.repository / "constant", folder)
    file.write_text(CONFIG.format(name="first", folder=tmp_path))
    running = RunningServer(
        Path("nowhere"),
        f"--model_config_file={file}",
        f"--model_config_file_poll_wait_seconds={seconds}",
    )
    try:
        file.write_text(CONFIG.format(name="second", folder=tmp_path))
        if seconds:
            running.wait_for_log("available", model="second")
        else:  # what came after the list was changed is there: it was not looked at
            shutil.copytree(folder / "1", tmp_path / "2")
            (tmp_path / "2").rename(folder / "2")
            running.wait_for_log("available", model="first", version=2)
            assert ask(running.address, "first").model_spec.version.value == 2
    finally:
        assert running.stop() == 0


def test_a_list_that_is_none_ends_the_start_in_their_words_and_ours(tmp_path: Path) -> None:
    file = tmp_path / "bad.config"
    file.write_text("improperly formatted file")
    ended = subprocess.run(
        [sys.executable, "-m", "horngate", "serve", f"--model_config_file={file}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "Error parsing text-format tensorflow.serving.ModelServerConfig" in ended.stderr
    assert str(file) in ended.stderr


def test_channel_arguments_are_names_and_values() -> None:
    told = "grpc.max_connection_age_ms=2000, grpc.lb_policy_name=grpclb,"
    assert channel_arguments(told.replace(" ", "")) == (
        ("grpc.max_connection_age_ms", 2000),
        ("grpc.lb_policy_name", "grpclb"),
    )
    assert channel_arguments(ServerSettings().grpc_channel_arguments) == ()
    for wrong in ("max_age=1", "grpc.age"):
        with pytest.raises(ConfigError, match=r"expected grpc\.NAME=VALUE"):
            channel_arguments(wrong)
