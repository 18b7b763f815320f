from __future__ import annotations

import json
from pathlib import Path

import pytest

from horngate.inference import Inference
from horngate.lifecycle.settings import ModelSettings, VersionOptions
from horngate.lifecycle.status import UnderWay
from horngate.server.pages import pages, readiness, status_page
from horngate.telemetry.exposition import Exposition, Statistics
from horngate.telemetry.metrics import Metrics
from tests.unit.batching.doubles import ManualClock
from tests.unit.lifecycle.house import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def engine(house: House) -> Inference:
    return Inference(house.repository, house.control, ManualClock())


def test_readiness_names_each_model(house: House, engine: Inference) -> None:
    house.write("good", 1)
    house.write("broken", 1, "bad")
    house.look(1)
    reply = readiness(engine)
    assert reply.status == 503
    assert json.loads(reply.body) == {"ready": False, "models": {"broken": False, "good": True}}
    house.write("broken", 1)
    house.look()
    assert readiness(engine).status == 200


def test_the_status_page_shows_what_is_served_and_what_failed(
    house: House, engine: Inference
) -> None:
    assert "repository is empty" in status_page(engine)
    house.write("good", 3)
    house.write("broken", 1, "bad")
    house.look(1)
    page = status_page(engine)
    assert "Not ready" in page
    for shown in ("<td>3<td>available", "float32[?, ?]", "expected a good version", "whole"):
        assert shown in page


def test_the_status_page_shows_what_does_not_come_back(engine: Inference) -> None:
    page = status_page(engine, None, UnderWay(71.2, (("m", 3), ("<other>", 0))))
    assert "m 3: a load or a closing does not come back" in page
    assert "&lt;other&gt; settings" in page
    assert "the models folder has not answered for 71 s" in page
    assert "class=bad>m 3" not in status_page(engine, None, UnderWay(2.0, ()))


def test_what_a_model_is_called_or_says_is_shown_as_text(
    house: House, engine: Inference, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write("m", 1)
    house.look(1)
    status = house.state(1)
    bad = type(status)(status.model, 1, status.state, error="<script>alert(1)</script>")
    monkeypatch.setattr(engine, "statuses", lambda _: [bad])
    assert "<script>" not in status_page(engine)


def test_the_table_of_pages(engine: Inference) -> None:
    metrics = Metrics()
    statistics = Statistics(metrics, lambda *_: 0)
    exposition = Exposition(metrics, statistics, list, triton=False)
    answers = {page.path: page.answer() for page in pages(engine, exposition)}
    tfserving = "/monitoring/prometheus/metrics"
    assert set(answers) == {"/", "/healthz", "/readyz", "/metrics", tfserving}
    assert answers["/healthz"].status == 200
    assert b"horngate_build_info" in answers["/metrics"].body
    assert b":tensorflow:" not in answers["/metrics"].body
    assert b"horngate_build_info" in answers[tfserving].body
    assert b":tensorflow:serving:request_count" in answers[tfserving].body


def test_the_status_page_shows_labels(house: House, engine: Inference) -> None:
    house.write("good", 3)
    house.configure("good", ModelSettings(versions=VersionOptions(labels={"<b>": 3, "next": 4})))
    house.look(1)
    assert "labels: <code>&lt;b&gt;</code> 3</p>" in status_page(engine)
