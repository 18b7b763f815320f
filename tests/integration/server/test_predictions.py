"""Answers over the wire are Keras' own, whatever was batched with what."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from horngate.client import Client
from horngate.errors import InvalidRequest, ModelNotFound, VersionNotFound
from horngate.tensors import Array
from tests.clients import tensors
from tests.conftest import Served
from tests.serving import RunningServer
from tests.small_models import _EveryDType

Ask = Callable[[dict[str, Array]], Array]


def assert_same(answer: Array, expected: Array) -> None:
    """Equal to float32 rounding: sums are taken in another order in another batch."""
    np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-6)


def inputs(rows: int, seed: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {
        "image": rng.random((rows, 4, 4, 1), np.float32),
        "context": rng.random((rows, 3), np.float32),
    }


def by_tfserving(server: RunningServer) -> Ask:
    client = Client(server.address)
    return lambda fed: client.predict("two_inputs", fed)["probabilities"]


def by_triton(server: RunningServer) -> Ask:
    client = triton.InferenceServerClient(server.address)

    def ask(fed: dict[str, Array]) -> Array:
        result: Any = client.infer("two_inputs", tensors(**fed))
        answer: Array = result.as_numpy("probabilities")
        return answer

    return ask


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12), seed=st.integers(0, 2**31))
def test_any_mix_of_concurrent_requests_is_answered_as_keras_would(
    server: RunningServer, small_models: Served, sizes: list[int], seed: int
) -> None:
    asks = (by_tfserving(server), by_triton(server))
    fed = [inputs(rows, seed + index) for index, rows in enumerate(sizes)]
    with ThreadPoolExecutor(len(fed)) as callers:
        answers = [
            callers.submit(asks[index % 2], request).result for index, request in enumerate(fed)
        ]
    whole = [np.concatenate([request[name] for request in fed]) for name in ("image", "context")]
    expected = small_models.keras_models["two_inputs"].predict(whole, verbose=0)
    ends = np.cumsum(sizes)
    for answer, start, end in zip(answers, ends - sizes, ends, strict=True):
        assert_same(answer(), expected[start:end])


def test_strings_integers_and_several_outputs(server: RunningServer, small_models: Served) -> None:
    word = np.array([[b"horn"], [b"neither"], [b"ivory"]], object)
    count = np.array([[1, 2], [3, 4], [0, 9]], np.int32)
    answer = Client(server.address).predict("words", {"word": word, "count": count})
    assert answer.keys() == {"scores", "echo"}
    np.testing.assert_array_equal(answer["echo"], count)
    import tensorflow as tf  # noqa: PLC0415 - after the server fixture, which imports it as well

    expected = small_models.keras_models["words"](
        {"word": tf.constant(word), "count": tf.constant(count)}
    )
    assert_same(answer["scores"], expected["scores"].numpy())


def test_an_output_filter_gives_what_it_names(server: RunningServer) -> None:
    fed = {"word": np.array([["horn"]]), "count": np.array([[1, 2]], np.int32)}
    answer = Client(server.address).predict("words", fed, outputs=["echo"])
    assert list(answer) == ["echo"]


def every_dtype() -> dict[str, Array]:
    from horngate.tensors import DType  # noqa: PLC0415 - beside its only use

    made: dict[str, Array] = {}
    for name in _EveryDType.DTYPES:
        if name == "string":
            made[name] = np.array([b"", b"\x00\xff", "ähre".encode()], object)
        else:
            made[name] = np.array([0, 1, 3]).astype(DType(name).numpy)
    return made


def test_every_dtype_comes_back_as_it_went(server: RunningServer) -> None:
    fed = every_dtype()
    answer = Client(server.address).predict("every_dtype", fed)
    for name, array in fed.items():
        echoed = answer[f"{name}_echo"]
        assert echoed.dtype == array.dtype, name
        np.testing.assert_array_equal(echoed, array)


def test_a_signature_without_a_batch_dimension_is_served(server: RunningServer) -> None:
    answer = Client(server.address).predict(
        "every_dtype", {"x": np.array([1, 2, 4], np.float32)}, signature="whole"
    )
    assert answer["sum"].item() == 7


def test_a_value_that_the_model_refuses_fails_its_own_request_alone(
    server: RunningServer,
) -> None:
    client = Client(server.address)

    def ask(index: int) -> Any:
        count = np.array([[1, 99 if index == 5 else 2]], np.int32)  # 99 is past the embedding's end
        return client.predict("words", {"word": np.array([["horn"]]), "count": count})

    with ThreadPoolExecutor(12) as callers:
        errors = [callers.submit(ask, index).exception for index in range(12)]
    assert isinstance(errors.pop(5)(), InvalidRequest)
    assert not any(error() for error in errors)


def test_the_client_learns_which_error_it_was(server: RunningServer) -> None:
    client = Client(server.address, retries=0)
    fed = inputs(1, 1)
    with pytest.raises(ModelNotFound):
        client.predict("nobody", fed, version=3)
    with pytest.raises(VersionNotFound):
        client.predict("two_inputs", fed, version=3)


def test_a_large_request_of_many_rows_is_answered_whole(
    server: RunningServer, small_models: Served
) -> None:
    fed = inputs(1000, 7)
    answer = by_triton(server)(fed)
    expected = small_models.keras_models["two_inputs"].predict(
        [fed["image"], fed["context"]], verbose=0
    )
    assert_same(answer, expected)


def test_a_message_over_the_limit_is_refused_and_the_server_goes_on(quick_models: Path) -> None:
    with RunningServer(quick_models, "--max-message-bytes", "100000") as running:
        client = triton.InferenceServerClient(running.address)
        with pytest.raises(triton.InferenceServerException) as caught:
            client.infer("two_inputs", tensors(image=np.zeros((1000, 4, 4, 10), np.float32)))
        assert caught.value.status() == str(grpc.StatusCode.RESOURCE_EXHAUSTED)
        assert len(by_triton(running)(inputs(2, 1))) == 2
