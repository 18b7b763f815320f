"""A configuration in RepositoryModelLoad: what is served anyway, or refused by name."""

from __future__ import annotations

import pytest
from google.protobuf import json_format

from horngate.errors import InvalidRequest, Unsupported
from horngate.protocols.oip.override import hold_override, read_override
from horngate.protocols.pb.inference.grpc_service_pb2 import RepositoryModelLoadRequest
from horngate.protocols.pb.inference.model_config_pb2 import ModelConfig

SERVED = json_format.Parse(
    """{"name": "m", "platform": "onnxruntime_onnx", "backend": "onnx", "max_batch_size": 8,
    "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": [3]}],
    "dynamic_batching": {"preferred_batch_size": [4]}}""",
    ModelConfig(),
)


def request(config: str | None = None, *names: str) -> RepositoryModelLoadRequest:
    made = RepositoryModelLoadRequest(model_name="m")
    for name in names:
        made.parameters[name].bytes_param = b"x"
    if config is not None:
        made.parameters["config"].string_param = config
    return made


def hold(config: str) -> None:
    override = read_override(request(config), "m")
    assert override is not None
    hold_override(override, SERVED)


@pytest.mark.parametrize(
    "config",
    [
        "{}",
        json_format.MessageToJson(SERVED),
        json_format.MessageToJson(SERVED, preserving_proto_field_name=True),
        '{"backend": "onnxruntime"}',
        '{"input": [{"name": "x"}], "dynamic_batching": {}}',
        '{"input": [{"name": "x", "dims": ["3"], "data_type": 11}], "runtime": ""}',
    ],
)
def test_what_is_served_anyway_is_taken(config: str) -> None:
    hold(config)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('{"max_batch_size": 0}', "max_batch_size: expected 8, as the model is served, rec"),
        ('{"maxBatchSize": 7}', "max_batch_size: expected 8, .* received 7; a model is what"),
        ('{"backend": "python"}', 'backend: expected "onnx", .* received "python"'),
        ('{"input": [{"dims": [4]}]}', r'input\[0\].dims\[0\]: expected "3", .* received "4"'),
        ('{"input": []}', r'input: expected \[{"name": "x".* received none'),
        ('{"output": [{"name": "y"}]}', "output: expected none, as the model is served"),
        ('{"instance_group": [{"count": 2}]}', "instance_group: expected none"),
        ('{"dynamic_batching": {"priority_levels": 2}}', "dynamic_batching.priority_levels: exp"),
    ],
)
def test_anything_else_is_refused_by_name(config: str, said: str) -> None:
    with pytest.raises(
        Unsupported, match=f"failed to load 'm': the parameter 'config' is refused: {said}"
    ):
        hold(config)


@pytest.mark.parametrize(
    "config", ["", "{", "[]", '{"nonsense": 1}', "[" * 60_000, " " * 70_000, '{"input": 1}']
)
def test_what_is_no_configuration_is_told_so(config: str) -> None:
    with pytest.raises(InvalidRequest, match="'config': expected a ModelConfig as JSON; "):
        read_override(request(config), "m")


def test_files_and_other_parameters_are_refused_by_name() -> None:
    assert read_override(request(), "m") is None
    assert read_override(request(None, "unload_dependents"), "m") is None
    with pytest.raises(Unsupported, match="'file:1/m' is refused: no files") as refused:
        read_override(request("{}", "file:1/m"), "m")
    assert "put '1/m' into the model's folder" in str(refused.value)
    with pytest.raises(Unsupported, match="'other' is refused: a model is what is in its folder"):
        read_override(request(None, "other"), "m")
