"""docs/compatibility.md against the peers' descriptors, our flags, and the tests that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    model_service_pb2,
    prediction_service_pb2,
)
from tritonclient.grpc import service_pb2

from horngate.cli import peer_flags
from horngate.config.server import ServerSettings
from horngate.protocols.pb.tensorflow_serving.config.session_bundle_config_pb2 import (
    BatchingParameters,
)
from tests.contract.peers import tfserving, triton
from tests.contract.peers.tfserving_examples import NETWORK

TESTS = Path(__file__).resolve().parents[1]
PAGE = (TESTS.parent / "docs" / "compatibility.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| -")]
SERVICES = [
    prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"],
    model_service_pb2.DESCRIPTOR.services_by_name["ModelService"],
    service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"],
]
UNREAD = (
    "Logging",
    "Sampling",
    "LogCollector",
    "ServableVersionPolicy",
    "PredictStreamed",
    "Options",
)
"""Messages inside fields that are listed as not read."""
OF_TENSORFLOW = {f"tensorflow.{name}" for name in ("TensorProto", "SignatureDef", "TensorInfo")}


def listed(message: Descriptor) -> bool:
    name = message.full_name
    if name.startswith("inference."):
        own = message.file.name == "grpc_service.proto" and message.containing_type is None
        return own or name == "inference.ModelConfig"
    ours = name.startswith("tensorflow.serving.") or name in OF_TENSORFLOW
    return ours and not any(word in name for word in UNREAD)


def reachable() -> Iterator[Descriptor]:
    todo: list[Any] = [get_model_metadata_pb2.SignatureDefMap.DESCRIPTOR]
    for service in SERVICES:
        for method in service.methods:
            todo += [method.input_type, method.output_type]
    seen: set[str] = set()
    while todo:
        message = todo.pop()
        if message.full_name in seen:
            continue
        seen.add(message.full_name)
        entry = message.GetOptions().map_entry
        if entry or listed(message):
            todo += [field.message_type for field in message.fields if field.message_type]
        if listed(message) and not entry:
            yield message


MESSAGES = sorted(reachable(), key=lambda message: str(message.full_name))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.full_name)
def test_every_field_of_theirs_is_in_the_table(message: Descriptor) -> None:
    (row,) = [row for row in ROWS if row.startswith(f"| `{message.full_name}` |")]
    assert [field.name for field in message.fields if f"`{field.name}`" not in row] == []


def test_every_call_of_theirs_is_in_the_table() -> None:
    for service in SERVICES:
        for method in service.methods:
            name = method.name
            if service.name != "GRPCInferenceService":
                name = f"{service.name}.{name}"
            assert any(row.startswith(f"| `{name}` |") for row in ROWS), name


def test_every_flag_that_is_taken_or_refused_is_in_the_table() -> None:
    aliases = [flag for flags in peer_flags.ALIASES.values() for flag in flags]
    others = [f"--{name}" for name in (*peer_flags.ALWAYS, *peer_flags.ABSENT)]
    dashed = [flag for flag in aliases if flag.replace("_", "-") != "--model-repository"]
    for flag in [*dashed, *others, "--model-repository"]:
        assert any(row.startswith("| `-") and f"`{flag}`" in row for row in ROWS), flag
    for name in peer_flags.ALIASES:
        assert hasattr(ServerSettings(), name)


def test_every_option_of_the_batching_file_is_in_the_table() -> None:
    for field in BatchingParameters.DESCRIPTOR.fields:
        assert f"`{field.name}`" in PAGE


def test_every_row_names_a_test_that_is_there() -> None:
    for row in ROWS:
        if row.endswith("| Test |"):
            continue
        (named,) = re.findall(r"`(test_\w+::test_\w+)` \|$", row) or [None]
        assert named, row
        file, _, function = named.partition("::")
        texts = [path.read_text(encoding="utf-8") for path in TESTS.rglob(f"{file}.py")]
        assert any(re.search(rf"^def {function}\(", text, re.MULTILINE) for text in texts), row


def test_the_peers_tests_pass_but_for_those_that_say_why() -> None:
    page = (TESTS.parent / "docs" / "peers.md").read_text(encoding="utf-8")
    outcomes = dict(re.findall(r"^\| `([\w/., :]+)` \| (.*) \|$", page, re.MULTILINE))
    assert len(outcomes) > 30
    reasons = {**tfserving.EXCEPTIONS, **triton.EXCEPTIONS, "resnet_client.py": NETWORK}
    for name, outcome in outcomes.items():
        if outcome != "passes":
            assert outcome in {f"no: {reason}" for reason in reasons.values()}, name
