"""A batch never changes an answer: models that mix rows, each behind a real server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton

from horngate.builder.publish import publish_saved_model
from horngate.client import Client
from horngate.tensors import Array
from tests import mixing_models
from tests.conftest import Command
from tests.serving import RunningServer

PAIRS = 20
TOGETHER = "[batching]\nmax_batch_size = 2\nmax_queue_delay = 0.3\n"
"""Two callers of one row are one batch, however far apart they come."""

MODELS = {
    "words": ("words", TOGETHER),
    "trusted": ("words", "[batching]\nallowed_batch_sizes = [4]\ntrust_rows = true\n"),
    "softmax_over_rows": ("softmax_over_rows", TOGETHER),
    "batch_normalised": ("batch_normalised", TOGETHER),
    "tenfold": ("tenfold", TOGETHER),
}


@pytest.fixture(scope="module")
def mixing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Serves them; ``unseen`` was copied into its place by hand, so nothing is recorded of it."""
    models = tmp_path_factory.mktemp("models")
    for model, (signature, settings) in MODELS.items():
        source = tmp_path_factory.mktemp("source")
        mixing_models.export(source, signature)
        publish_saved_model(source, models, model)
        (models / model / "model.toml").write_text(settings)
    mixing_models.export(models / "unseen" / "1", "sorted")
    with RunningServer(models) as running:
        yield running


def both(server: RunningServer, model: str, inputs: tuple[Array, Array]) -> list[Array]:
    """The answers to two callers at the same time, a row each."""
    name = "text" if inputs[0].dtype == object else "x"

    def ask(array: Array) -> Array:
        with Client(server.address) as client:
            answer: Array = client.predict(model, {name: array})["y"]
            return answer

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(ask, inputs))


def text(*words: str) -> Array:
    return np.array([word.encode() for word in words], object)


def test_nobody_gets_anothers_words_where_totals_agree(mixing: RunningServer) -> None:
    for number in range(PAIRS):
        answers = both(mixing, "words", (text(f"alice secret{number}"), text("")))
        assert [each.tolist() for each in answers] == [[b"alice", f"secret{number}".encode()], []]


@pytest.mark.parametrize("model", ["words", "trusted"])
def test_a_lone_text_gets_all_of_its_words(mixing: RunningServer, model: str) -> None:
    with Client(mixing.address) as client:
        answer = client.predict(model, {"text": text("alice secret")})["y"]
        assert answer.tolist() == [b"alice", b"secret"]
        # Filled up to four rows with the first of them, this one has four words.
        answer = client.predict(model, {"text": text("", "a b c d")})["y"]
        assert answer.tolist() == [b"a", b"b", b"c", b"d"]


def test_what_an_operator_trusts_and_is_wrong_is_counted_and_told(mixing: RunningServer) -> None:
    with Client(mixing.address) as client:
        client.predict("trusted", {"text": text("one two three")})
    assert mixing.metric("horngate_row_mismatches_total", model="trusted") == 1
    assert mixing.metric("horngate_version_unbatched", model="trusted") == 1
    assert "as a batch of requests has shown" in mixing.http("/models.json")[1]
    event = "a batch's answer had other rows than went in; its requests run one by one from now on"
    assert sum(line["event"] == event for line in mixing.log) == 1


def test_a_softmax_over_rows_has_its_own_row_only(mixing: RunningServer) -> None:
    for number in range(PAIRS):
        rows = np.full((1, 3), number, np.float32), np.full((1, 3), 2.0, np.float32)
        for answer in both(mixing, "softmax_over_rows", rows):
            assert answer.tolist() == [[1, 1, 1]]


def test_a_normalisation_over_the_batch_sees_its_own_row_only(mixing: RunningServer) -> None:
    for number in range(PAIRS):
        rows = np.full((1, 3), number, np.float32), np.full((1, 3), -5.0, np.float32)
        for answer in both(mixing, "batch_normalised", rows):
            assert answer.tolist() == [[0, 0, 0]]


def test_what_is_row_wise_is_still_batched(mixing: RunningServer) -> None:
    before = mixing.metric("horngate_batch_rows_count", model="tenfold")
    answers = both(mixing, "tenfold", (np.array([3]), np.array([4])))
    assert [each.tolist() for each in answers] == [[30], [40]]
    assert mixing.metric("horngate_batch_rows_count", model="tenfold") == before + 1
    assert mixing.metric("horngate_version_unbatched", model="tenfold") == 0


def test_what_was_not_established_at_publish_is_at_load(mixing: RunningServer) -> None:
    assert mixing.metric("horngate_version_unbatched", model="unseen") == 1
    reason = "signature 'sorted': a row's answer changes with the rows beside it"
    assert reason in mixing.http("/models.json")[1]
    line = next(
        line
        for line in mixing.log
        if line["event"] == "requests run one by one" and line["model"] == "unseen"
    )
    assert line["reason"].startswith(reason)


def config(server: RunningServer, model: str) -> Any:
    with triton.InferenceServerClient(server.address) as client:
        return client.get_model_config(model).config


def test_metadata_claims_rows_only_where_they_are_independent(mixing: RunningServer) -> None:
    alone, batched = config(mixing, "words"), config(mixing, "tenfold")
    assert (alone.max_batch_size, list(alone.input[0].dims)) == (0, [-1])
    assert not alone.HasField("dynamic_batching")
    assert "has shape [0] for 1 row" in alone.parameters["rows_reason"].string_value
    assert (batched.max_batch_size, list(batched.input[0].dims)) == (1024, [])
    assert "rows_reason" not in batched.parameters


def test_status_says_why(mixing: RunningServer, horngate: Command) -> None:
    status, out, _ = horngate("status", "words", "--server", mixing.address)
    assert (status, "    not batched: signature 'words': output 'y' has shape" in out) == (0, True)
