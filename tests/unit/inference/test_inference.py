from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from horngate.batching.options import BatchingOptions, LimitOptions
from horngate.budget import Budget
from horngate.call import Call
from horngate.errors import (
    InvalidInput,
    InvalidOutputName,
    InvalidRequest,
    ModelNotFound,
    Overloaded,
    ShuttingDown,
    SignatureNotFound,
    TooManyRows,
    VersionNotFound,
)
from horngate.inference import Inference
from horngate.lifecycle.served import Subject
from horngate.lifecycle.settings import ModelSettings
from horngate.tensors import Array, Request
from tests.unit.batching.doubles import DoublingServable, ManualClock
from tests.unit.lifecycle.house import House


class Door:
    """An engine over one doubling model ``m`` in version 1."""

    def __init__(self, root: Path) -> None:
        self.house = House(root)
        self.house.write("m", 1)
        self.house.configure(
            "m",
            ModelSettings(
                batching=BatchingOptions(max_batch_size=8), limits=LimitOptions(max_request_rows=4)
            ),
        )
        self.house.look(1)
        self.engine = Inference(self.house.repository, self.house.control, ManualClock())
        self.call = Call(0.0)

    def request(self, rows: int = 1, **changes: object) -> Request:
        fields: dict[str, object] = {"model": "m", "inputs": {"x": x(rows)}} | changes
        return Request(**fields)  # type: ignore[arg-type]  # a test's short hand

    def run(self, version: int = 1) -> None:
        self.house.executors["m", version].run_all()


def x(rows: int) -> Array:
    return np.ones((rows, 2), np.float32)


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def test_a_prediction_names_the_version_and_signature_that_answered(door: Door) -> None:
    answer = door.engine.predict(door.request(), door.call)
    door.run()
    response = answer.result()
    assert (response.model, response.version) == ("m", 1)
    assert response.signature.name == "serving_default"
    assert response.outputs["y"].tolist() == [[2, 2]]
    assert door.call.subject == Subject("m", 1, "serving_default")


def test_what_is_known_at_once_is_raised_at_once_and_accounted_to_whom_it_concerns(
    door: Door,
) -> None:
    predict = door.engine.predict

    def subject() -> Subject | None:
        return door.call.subject

    with pytest.raises(ModelNotFound):
        predict(door.request(model="nobody"), door.call)
    assert subject() is None, "a name that a client made up is nobody's"
    with pytest.raises(VersionNotFound):
        predict(door.request(version=9), door.call)
    with pytest.raises(SignatureNotFound, match="'serving_default', 'whole'"):
        predict(door.request(signature="z"), door.call)
    assert subject() == Subject("m", 1, "")
    with pytest.raises(InvalidInput):
        predict(door.request(inputs={}), door.call)
    assert subject() == Subject("m", 1, "serving_default")
    with pytest.raises(InvalidOutputName):
        predict(door.request(outputs=("z",)), door.call)
    with pytest.raises(TooManyRows, match="at most 4 rows"):
        predict(door.request(rows=5), door.call)


def test_a_version_retired_between_look_up_and_submission_is_looked_up_again(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = door.house.repository.find("m", None)
    door.house.write("m", 2)
    door.house.look()
    found = [old, door.house.repository.find("m", None)]
    monkeypatch.setattr(door.house.repository, "find", lambda *_: found.pop(0))
    answer = door.engine.predict(door.request(), door.call)
    door.run(version=2)
    assert answer.result().version == 2


def test_what_is_left_out_is_the_default_of_the_version_that_answers(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    signatures = DoublingServable.signatures
    for number, default in ((2, 1), (3, 5)):
        told = replace(signatures["serving_default"], defaults={"x": x(1) * default})
        monkeypatch.setattr(DoublingServable, "signatures", {**signatures, "serving_default": told})
        door.house.write("m", number)
        door.house.look(number)
        if number == 2:
            old = door.house.repository.find("m", None)
    found = [old, door.house.repository.find("m", None)]
    monkeypatch.setattr(door.house.repository, "find", lambda *_: found.pop(0))
    answer = door.engine.predict(door.request(inputs={}), door.call)
    door.run(version=3)
    assert answer.result().outputs["y"].tolist() == [[10, 10]]


def test_a_request_is_counted_at_full_size_and_refused_beyond_the_budget(door: Door) -> None:
    door.call.budget = budget = Budget(1 << 20)
    wide = np.broadcast_to(np.float32(1), (4, 50_000))
    door.engine.predict(door.request(inputs={"x": wide}), door.call)
    assert budget.used == wide.nbytes
    another = Call(0.0)
    another.budget = budget
    with pytest.raises(Overloaded, match="expected room for 800000 bytes of tensors"):
        door.engine.predict(door.request(inputs={"x": wide}), another)
    another.end()
    door.run()
    assert budget.used == wide.nbytes
    door.call.end()
    assert budget.used == 0


def test_a_request_that_is_filled_up_is_counted_filled_up(tmp_path: Path) -> None:
    door = Door(tmp_path)
    filling = ModelSettings(batching=BatchingOptions(allowed_batch_sizes=(1, 1000)))
    door.house.configure("m", filling)
    door.house.write("m", 2)
    door.house.look(2)
    door.call.budget = budget = Budget(1 << 20)
    door.engine.predict(door.request(inputs={"x": x(1)}), door.call)
    assert budget.used == 0
    wide = np.ones((2, 500), np.float32)
    with pytest.raises(InvalidRequest, match="received one of 2000000; send fewer rows"):
        door.engine.predict(door.request(inputs={"x": wide}), door.call)


def test_a_draining_server_is_not_ready_and_says_so_to_listeners(door: Door) -> None:
    heard: list[bool] = []
    stop = door.engine.on_change(lambda: heard.append(door.engine.ready()))
    assert door.engine.ready()
    assert door.engine.ready("m")
    door.engine.begin_drain()
    assert heard == [False]
    assert not door.engine.ready("m")
    stop()
    door.engine.begin_drain()
    assert heard == [False]


def test_a_draining_server_finishes_what_it_accepted_and_takes_nothing_more(door: Door) -> None:
    accepted = door.engine.predict(door.request(), door.call)
    door.engine.begin_drain()
    with pytest.raises(ShuttingDown, match="ask another"):
        door.engine.predict(door.request(), door.call)
    door.run()
    assert accepted.result().version == 1


def test_a_description_tells_limits_versions_and_signatures(door: Door) -> None:
    described = door.engine.describe("m", None, door.call)
    assert (described.version, described.live_versions) == (1, (1,))
    assert (described.max_batch_size, described.max_request_rows) == (8, 4)
    assert set(described.signatures) == {"serving_default", "whole"}
    assert described.engine == "double"
    assert door.call.subject == Subject("m", 1, "")


def test_readiness_of_versions_and_of_unknown_models(door: Door) -> None:
    assert door.engine.ready("m", 1)
    assert not door.engine.ready("m", 2)
    assert not door.engine.ready("nobody")
    assert door.engine.models() == ["m"]
    assert door.engine.knows("m")
