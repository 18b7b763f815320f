"""Tensors in shared memory, handed over by Triton's own client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.utils.shared_memory as shm
from tritonclient.utils import InferenceServerException

from tests.clients import tensors
from tests.serving import RunningServer


@pytest.fixture
def client(sharing: RunningServer) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(sharing.address) as opened:
        yield opened
        opened.unregister_system_shared_memory()


@pytest.fixture
def region(client: triton.InferenceServerClient) -> Iterator[Any]:
    handle = shm.create_shared_memory_region("region", "/horngate-contract", 64)
    client.register_system_shared_memory("region", "/horngate-contract", 64)
    yield handle
    shm.destroy_shared_memory_region(handle)


def asked(size: int = 8, offset: int = 0, name: str = "region") -> list[Any]:
    tensor = triton.InferInput("x", [2, 1], "FP32")
    tensor.set_shared_memory(name, size, offset)
    return [tensor]


def test_inputs_and_outputs_in_shared_memory(
    client: triton.InferenceServerClient, region: Any
) -> None:
    x = np.array([[1], [2]], np.float32)
    shm.set_shared_memory_region(region, [x], offset=16)
    output = triton.InferRequestedOutput("y")
    output.set_shared_memory("region", 8, 32)
    result = client.infer("constant", asked(8, 16), outputs=[output])
    y = shm.get_contents_as_numpy(region, np.float32, [2, 1], offset=32)
    assert np.diff(y.ravel()).tolist() == [1]
    written = result.get_output("y")
    assert written.parameters["shared_memory_region"].string_param == "region"
    assert written.parameters["shared_memory_byte_size"].int64_param == 8
    assert written.parameters["shared_memory_offset"].int64_param == 32
    in_message = client.infer("constant", asked(8, 16)).as_numpy("y")
    np.testing.assert_array_equal(in_message, y)


@pytest.mark.usefixtures("region")
def test_status_and_extensions(client: triton.InferenceServerClient) -> None:
    assert "system_shared_memory" in client.get_server_metadata().extensions
    (status,) = client.get_system_shared_memory_status().regions.values()
    known = (status.name, status.key, status.offset, status.byte_size)
    assert known == ("region", "/horngate-contract", 0, 64)
    client.unregister_system_shared_memory("region")
    assert not client.get_system_shared_memory_status().regions
    assert not client.get_cuda_shared_memory_status().regions


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ((8, 60, "region"), r"Invalid offset \+ byte size for shared memory region: 'region'"),
        ((65, 0, "region"), r"Invalid offset \+ byte size for shared memory region: 'region'"),
        ((8, 64, "region"), "Invalid offset for shared memory region: 'region'"),
        ((4, 0, "region"), "expected 8 bytes for FP32"),
        ((8, 0, "nobody"), "Unable to find shared memory region: 'nobody'"),
    ],
)
@pytest.mark.usefixtures("region")
def test_bounds(
    client: triton.InferenceServerClient, place: tuple[int, int, str], said: str
) -> None:
    with pytest.raises(InferenceServerException, match=said):
        client.infer("constant", asked(*place))
    assert client.is_server_ready()


@pytest.mark.usefixtures("region")
def test_an_output_that_does_not_fit(client: triton.InferenceServerClient) -> None:
    output = triton.InferRequestedOutput("y")
    output.set_shared_memory("region", 4)
    with pytest.raises(InferenceServerException, match="expected room for 8 bytes"):
        client.infer("constant", asked(), outputs=[output])


@pytest.mark.usefixtures("region")
def test_what_cannot_be_registered(client: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="already in manager"):
        client.register_system_shared_memory("region", "/horngate-contract", 64)
    for key, size, said in (
        ("/nowhere", 8, "Unable to open shared memory region: '/nowhere'"),
        ("/../etc/passwd", 8, "key: expected a shared memory object's name"),
        (
            "/horngate-contract",
            65,
            "failed to register shared memory region: 'other', invalid args",
        ),
    ):
        with pytest.raises(InferenceServerException, match=f"^.*{said}"):
            client.register_system_shared_memory("other", key, size)
    with pytest.raises(InferenceServerException, match="no GPU memory"):
        client.register_cuda_shared_memory("gpu", b"MA==", 0, 8)


def test_it_is_off_unless_it_is_allowed(server: RunningServer) -> None:
    with triton.InferenceServerClient(server.address) as client:
        assert "system_shared_memory" not in client.get_server_metadata().extensions
        with pytest.raises(InferenceServerException, match="--allow-shared-memory"):
            client.register_system_shared_memory("r", "/x", 8)
        with pytest.raises(InferenceServerException, match="--allow-shared-memory"):
            client.infer("constant", asked())


def test_log_settings_change_the_log(client: triton.InferenceServerClient) -> None:
    assert client.get_log_settings(as_json=True)["settings"]["log_info"] == {"bool_param": True}
    changed = client.update_log_settings({"log_verbose_level": 1}, as_json=True)
    assert changed["settings"]["log_verbose_level"] == {"uint32_param": 1}
    client.update_log_settings({"log_verbose_level": 0})
    trace = client.get_trace_settings(as_json=True)["settings"]
    assert trace["trace_level"] == {"value": ["OFF"]}


def test_classification(client: triton.InferenceServerClient) -> None:
    fed = tensors(image=np.ones((2, 4, 4, 1), np.float32), context=np.ones((2, 3), np.float32))
    values = client.infer("two_inputs", fed).as_numpy("probabilities")
    output = triton.InferRequestedOutput("probabilities", class_count=2)
    classes = client.infer("two_inputs", fed, outputs=[output]).as_numpy("probabilities")
    assert classes.shape == (2, 2)
    for row, texts in enumerate(classes.tolist()):
        first = int(np.argmax(values[row]))
        assert texts[0] == f"{values[row, first]:f}:{first}".encode()
