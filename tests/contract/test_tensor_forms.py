"""Datatypes that travel in a form of their own, in messages and in shared memory, by tritonclient.

FP16 and BF16 go raw or not at all, and BYTES have their lengths between them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
import tritonclient.grpc as triton
import tritonclient.http as triton_http
import tritonclient.utils.shared_memory as shm
from tritonclient.utils import InferenceServerException, serialize_byte_tensor

from horngate.builder.publish import publish_saved_model
from horngate.protocols.oip.regions import FOLDER
from horngate.tensors import Array
from tests.serving import RunningServer

KEY = "/horngate-tensor-forms"
OBJECT = FOLDER / KEY[1:]
SIZE = 4096
HALF = np.array([0.5, -2, 65504], np.float16)
BRAIN = np.array([1, -2, 3e38], ml_dtypes.bfloat16)
WORDS = np.array([b"a\0", b"", "öx".encode()], object)


class _Forms(tf.Module):  # type: ignore[misc]  # TensorFlow ships no types
    """Echoes one input of each of the three."""

    @tf.function(  # type: ignore[untyped-decorator]  # the same
        input_signature=[
            {
                "half": tf.TensorSpec([None], "float16", "half"),
                "brain": tf.TensorSpec([None], "bfloat16", "brain"),
                "words": tf.TensorSpec([None], "string", "words"),
            }
        ]
    )
    def echo(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {f"{name}_echo": tf.identity(value) for name, value in inputs.items()}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forms")
    exported, models = folder / "exported", folder / "models"
    module = _Forms()
    tf.saved_model.save(module, str(exported), {"serving_default": module.echo})
    models.mkdir()
    publish_saved_model(exported, models, "forms")
    return models


@pytest.fixture(scope="module")
def sharing(repository: Path) -> Iterator[RunningServer]:
    with RunningServer(repository, "--allow-shared-memory") as running:
        yield running


@pytest.fixture
def client(sharing: RunningServer) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(sharing.address) as opened:
        yield opened
        assert opened.is_server_ready()
        opened.unregister_system_shared_memory()


@pytest.fixture
def memory(client: triton.InferenceServerClient) -> Iterator[Any]:
    handle = shm.create_shared_memory_region("forms", KEY, SIZE)
    client.register_system_shared_memory("forms", KEY, SIZE)
    yield handle
    shm.destroy_shared_memory_region(handle)


def in_message(module: Any = triton) -> dict[str, Any]:
    tensors = {}
    for name, datatype, array in (
        ("half", "FP16", HALF),
        ("brain", "BF16", BRAIN),
        ("words", "BYTES", WORDS),
    ):
        tensors[name] = module.InferInput(name, [3], datatype)
        tensors[name].set_data_from_numpy(array)
    return tensors


def put(handle: Any, data: bytes, offset: int) -> int:
    """Write ``data`` into the memory; return how long it is."""
    shm.set_shared_memory_region(handle, [np.frombuffer(data, np.uint8)], offset=offset)
    return len(data)


def packed(words: Array) -> bytes:
    data = serialize_byte_tensor(words).item()
    assert isinstance(data, bytes)
    return data


def check(half: Array, brain: Array, words: Array) -> None:
    np.testing.assert_array_equal(half, HALF)
    np.testing.assert_array_equal(brain, BRAIN)
    assert words.tolist() == WORDS.tolist()


def test_in_messages(client: triton.InferenceServerClient) -> None:
    result = client.infer("forms", list(in_message().values()))
    check(*(result.as_numpy(f"{name}_echo") for name in ("half", "brain", "words")))


def test_in_shared_memory(client: triton.InferenceServerClient, memory: Any) -> None:
    data = {
        "half": HALF.tobytes(),
        "brain": BRAIN.tobytes(),
        "words": packed(WORDS),
    }
    tensors, outputs = in_message(), []
    # Odd places: nothing has to be aligned.
    for place, (name, each) in enumerate(data.items()):
        offset = 100 * place + 1
        tensors[name].set_shared_memory("forms", put(memory, each, offset), offset)
        outputs.append(triton.InferRequestedOutput(f"{name}_echo"))
        outputs[-1].set_shared_memory("forms", 100, 2000 + offset)
    result = client.infer("forms", list(tensors.values()), outputs=outputs)
    response = result.get_response()
    assert list(response.raw_output_contents) == [b"", b"", b""]
    for place, (name, each) in enumerate(data.items()):
        offset = 2000 + 100 * place + 1
        told = result.get_output(f"{name}_echo").parameters
        assert told["shared_memory_region"].string_param == "forms"
        assert told["shared_memory_byte_size"].int64_param == len(each)
        assert told["shared_memory_offset"].int64_param == offset
        found = shm.get_contents_as_numpy(memory, np.uint8, [len(each) + 1], offset=offset)
        assert found.tobytes() == each + b"\0", "the bytes and none behind them"


def test_some_tensors_in_shared_memory_and_others_in_the_message(
    client: triton.InferenceServerClient, memory: Any
) -> None:
    tensors = in_message()
    tensors["brain"].set_shared_memory("forms", put(memory, BRAIN.tobytes(), 8), 8)
    outputs = [triton.InferRequestedOutput(f"{name}_echo") for name in ("half", "brain", "words")]
    outputs[0].set_shared_memory("forms", 6, 64)
    result = client.infer("forms", list(tensors.values()), outputs=outputs)
    half = shm.get_contents_as_numpy(memory, np.float16, [3], offset=64)
    check(half, result.as_numpy("brain_echo"), result.as_numpy("words_echo"))


def test_words_that_need_more_than_their_place(
    client: triton.InferenceServerClient, memory: Any
) -> None:
    output = triton.InferRequestedOutput("words_echo")
    output.set_shared_memory("forms", len(packed(WORDS)) - 1)
    with pytest.raises(InferenceServerException, match="expected room for 17 bytes") as caught:
        client.infer("forms", list(in_message().values()), outputs=[output])
    assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"
    found = shm.get_contents_as_numpy(memory, np.uint8, [SIZE])
    assert not found.any(), "a part of an output is not written"


@pytest.mark.usefixtures("memory")
def test_words_whose_lengths_lie(client: triton.InferenceServerClient, memory: Any) -> None:
    tensors = in_message()
    put(memory, b"\xff\xff\xff\xff" * 4, 0)
    tensors["words"].set_shared_memory("forms", 16)
    with pytest.raises(InferenceServerException, match="input 'words': expected 4294967295 bytes"):
        client.infer("forms", list(tensors.values()))


def test_memory_that_its_owner_cuts_short(
    client: triton.InferenceServerClient, memory: Any
) -> None:
    os.truncate(OBJECT, 0)
    tensors = in_message()
    tensors["half"].set_shared_memory("forms", 6)
    output = triton.InferRequestedOutput("half_echo")
    output.set_shared_memory("forms", 6)
    for inputs, outputs in ((tensors, None), (in_message(), [output])):
        with pytest.raises(InferenceServerException, match="cut short") as caught:
            client.infer("forms", list(inputs.values()), outputs=outputs)
        assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"
    client.infer("forms", list(in_message().values()))


def test_an_object_that_its_owner_removes_stays_usable(
    client: triton.InferenceServerClient, memory: Any
) -> None:
    moved = OBJECT.rename(f"{OBJECT}-moved")
    try:
        tensors = in_message()
        tensors["half"].set_shared_memory("forms", put(memory, HALF.tobytes(), 0))
        result = client.infer("forms", list(tensors.values()))
        np.testing.assert_array_equal(result.as_numpy("half_echo"), HALF)
    finally:
        moved.rename(OBJECT)


def test_over_rest(sharing: RunningServer, memory: Any) -> None:
    tensors = in_message(triton_http)
    tensors["half"].set_shared_memory("forms", put(memory, HALF.tobytes(), 0))
    outputs = [
        triton_http.InferRequestedOutput(f"{name}_echo") for name in ("half", "brain", "words")
    ]
    outputs[1].set_shared_memory("forms", 6, 64)
    with triton_http.InferenceServerClient(f"127.0.0.1:{sharing.http_port}") as client:
        result = client.infer("forms", list(tensors.values()), outputs=outputs)
        (status,) = client.get_system_shared_memory_status()
    assert (status["name"], status["key"]) == ("forms", KEY)
    brain = shm.get_contents_as_numpy(memory, ml_dtypes.bfloat16, [3], offset=64)
    check(result.as_numpy("half_echo"), brain, result.as_numpy("words_echo"))
