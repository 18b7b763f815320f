from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from horngate.access.caller import Caller
from horngate.errors import ModelNotFound, PermissionDenied
from horngate.fronts.http.page import Page, Visit
from horngate.inference import Inference
from horngate.lifecycle.settings import ModelSettings, VersionOptions
from horngate.lifecycle.status import UnderWay
from horngate.protocols.http import HttpReply
from horngate.telemetry.exposition import Exposition, Statistics
from horngate.telemetry.metrics import Metrics
from horngate.web.live import Live
from horngate.web.pages import View, pages, readiness
from horngate.web.record import PNG, NoPicture
from tests.unit.batching.doubles import ManualClock
from tests.unit.lifecycle.house import House

TEAM = Caller("team", predict=("good*",))
OPERATOR = Caller("operator", admin=True)
TFSERVING = "/monitoring/prometheus/metrics"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def engine(house: House) -> Inference:
    return Inference(house.repository, house.control, ManualClock())


@pytest.fixture
def table(engine: Inference) -> dict[str, Page]:
    return made(engine)


def made(
    engine: Inference, *, shown: bool = True, under_way: UnderWay | None = None
) -> dict[str, Page]:
    metrics = Metrics()
    exposition = Exposition(metrics, Statistics(metrics, lambda *_: 0), list, triton=False)
    live = Live(metrics.calls, metrics.ran, lambda: 1)
    view = View(engine, live, lambda: under_way or UnderWay(), lambda: 8500)
    return {page.path: page for page in pages(engine, exposition, view if shown else None)}


def visit(
    caller: Caller | None = None, headers: Mapping[str, str] | None = None, **places: str
) -> Visit:
    return Visit(places, headers or {}, caller)


def told(reply: HttpReply) -> Any:
    assert reply.headers["Cache-Control"] == "no-store"
    return json.loads(reply.body)


def everything(table: dict[str, Page], caller: Caller | None = None) -> Any:
    return told(table["/models.json"].answer(visit(caller)))


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


def test_health_and_metrics_stay_without_the_page(engine: Inference) -> None:
    table = made(engine, shown=False)
    assert table["/healthz"].answer(visit()).status == 200
    assert b"horngate_build_info" in table["/metrics"].answer(visit()).body
    assert b":tensorflow:" not in table["/metrics"].answer(visit()).body
    assert b":tensorflow:serving:request_count" in table[TFSERVING].answer(visit()).body
    for path in ("/", "/models/{model}", "/models/{model}/try"):
        reply = table[path].answer(visit())
        assert (reply.status, reply.content_type) == (404, "text/plain; charset=utf-8")
        assert b"switched off" in reply.body
    shown = {"/models.json", "/live.json", "/static/{file}", "/models/{model}/facts.json"}
    assert shown.isdisjoint(table)
    assert shown <= made(engine).keys()


def test_only_what_names_no_model_is_open(table: dict[str, Page]) -> None:
    assert {path for path, page in table.items() if page.open} == {
        "/healthz",
        "/readyz",
        "/",
        "/models/{model}",
        "/models/{model}/try",
        "/static/{file}",
    }


def test_what_reads_models_files_is_made_apart(
    house: House, table: dict[str, Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write("good", 3)
    house.look(1)
    read: list[str] = []

    def reads(made: Any) -> Any:
        def reading(*_: object) -> Any:
            read.append("a file")
            return made

        return reading

    for name, made in (
        ("facts.of_model", {}),
        ("facts.of_version", {}),
        ("pages.starts", {}),
        ("pages.picture", PNG),
    ):
        monkeypatch.setattr(f"horngate.web.{name}", reads(made))
    for page in table.values():
        read.clear()
        page.answer(visit(model="good", version="3", picture="training.png", file="app.js"))
        assert page.reads == bool(read), page.path


def test_what_a_version_was_tried_with_is_not_kept_for_the_one_in_its_place(
    house: House, engine: Inference, table: dict[str, Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write("good", 3)
    house.look(1)
    statuses, replaced = engine.statuses("good", 3), 0
    made: list[int] = []

    describe = engine.describe

    def replacing(*arguments: Any) -> object:
        nonlocal replaced
        described, replaced = describe(*arguments), 1
        return described

    def read(*_: object) -> dict[str, list[int]]:
        made.append(len(made))
        return {"serving_default": made[-1:]}

    monkeypatch.setattr(engine, "describe", replacing)
    monkeypatch.setattr("horngate.web.pages.starts", read)
    monkeypatch.setattr(
        engine,
        "statuses",
        lambda *_: [replace(each, since=each.since + replaced) for each in statuses],
    )
    page = table["/models/{model}/versions/{version}/starts.json"]
    for expected in (0, 1, 1):
        reply = told(page.answer(visit(model="good", version="3")))
        assert reply == {"serving_default": [expected]}


def test_the_page_is_told_of_what_is_served_and_what_failed(
    house: House, table: dict[str, Page]
) -> None:
    assert everything(table)["models"] == []
    house.write("good", 3)
    house.write("broken", 1, "bad")
    house.look(1)
    content = everything(table)
    assert content["server"]["ready"] is False
    assert content["server"]["grpc_port"] == 8500
    broken, good = content["models"]
    assert (good["name"], good["newest"]) == ("good", 3)
    assert good["versions"][0]["state"] == "available"
    assert good["versions"][0]["since"] > 0
    assert {each["name"] for each in good["signatures"]} == {"serving_default", "whole"}
    assert good["signatures"][0]["inputs"][0]["text"] == "float32[?, ?]"
    assert broken["versions"][0]["error"] == "expected a good version"
    assert "failed to load" in broken["why"]


def test_callers_see_their_models_alone(house: House, table: dict[str, Page]) -> None:
    for name in ("good", "other"):
        house.write(name, 1)
    house.look(1)
    assert [each["name"] for each in everything(table, TEAM)["models"]] == ["good"]
    assert [each["name"] for each in everything(table, OPERATOR)["models"]] == ["good", "other"]
    for path in ("facts.json", "live.json", "report/{picture}", "versions/{version}/starts.json"):
        page = table[f"/models/{{model}}/{path}"]
        for name in ("other", "nobody"):
            with pytest.raises(PermissionDenied):
                page.answer(visit(TEAM, model=name, version="1", picture="training.png"))
    with pytest.raises(ModelNotFound):
        table["/models/{model}/facts.json"].answer(visit(OPERATOR, model="nobody"))


def test_why_a_version_failed_is_whole_for_operators_alone(
    house: House, engine: Inference, table: dict[str, Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write("good", 1)
    house.look(1)
    status = house.state(1, "good")
    bad = type(status)("good", 1, status.state, error="no room", detail="/secret/path")
    monkeypatch.setattr(engine, "statuses", lambda *_: [bad])
    errors = [
        everything(table, caller)["models"][0]["versions"][0]["error"]
        for caller in (None, TEAM, OPERATOR)
    ]
    assert errors == ["no room", "no room", "no room [/secret/path]"]


def test_what_does_not_come_back_is_told(engine: Inference) -> None:
    held = made(engine, under_way=UnderWay(71.2, (("m", 3), ("good", 0))))
    assert everything(held)["notices"] == [
        "m 3: a load or a closing does not come back",
        "good settings: a load or a closing does not come back",
        "the models folder has not answered for 71 s; what is live stays live",
    ]
    assert [line[:4] for line in everything(held, TEAM)["notices"]] == ["good", "the "]
    assert everything(made(engine, under_way=UnderWay(2.0, ())))["notices"] == []


def test_labels_are_told(house: House, table: dict[str, Page]) -> None:
    house.write("good", 3)
    house.configure("good", ModelSettings(versions=VersionOptions(labels={"<b>": 3, "next": 4})))
    house.look(1)
    assert everything(table)["models"][0]["labels"] == {"<b>": 3}


def test_a_model_in_full_has_what_its_files_say(house: House, table: dict[str, Page]) -> None:
    folder = house.write("good", 1).parent
    (folder / "README.md").write_text("# <script>alert(1)</script>\n")
    (folder / "report").mkdir()
    (folder / "report" / "training.png").write_bytes(PNG + b"rest")
    (folder / "report" / "confusion.png").write_text("no picture")
    house.look(1)
    page = table["/models/{model}/facts.json"]
    content = told(page.answer(visit(model="good")))
    assert content["card"] == "# <script>alert(1)</script>\n"
    assert content["live"]["1"]["engine"] == "double"
    assert content["live"]["1"]["compiled"] is None
    picture = table["/models/{model}/report/{picture}"]
    reply = picture.answer(visit(model="good", picture="training.png"))
    assert (reply.body, reply.content_type) == (PNG + b"rest", "image/png")
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    for name in ("confusion.png", "README.md", "..", "other.png"):
        with pytest.raises(NoPicture):
            picture.answer(visit(model="good", picture=name))


def test_no_link_of_a_models_folder_is_followed(
    house: House, table: dict[str, Page], tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(PNG + b"a secret")
    folder = house.write("good", 1).parent
    (folder / "README.md").symlink_to(secret)
    (folder / "report").mkdir()
    (folder / "report" / "training.png").symlink_to(secret)
    house.look(1)
    content = told(table["/models/{model}/facts.json"].answer(visit(model="good")))
    assert content["card"] == ""
    with pytest.raises(NoPicture):
        table["/models/{model}/report/{picture}"].answer(
            visit(model="good", picture="training.png")
        )


def test_where_to_start_from_is_read_once_for_a_version_that_is_loaded(
    house: House, table: dict[str, Page]
) -> None:
    folder = house.write("good", 1).parent
    (folder / "samples").mkdir()
    (folder / "samples" / "one.json").write_text('{"x": [[1.5, 2]], "nobody": [1]}')
    house.look(1)
    page = table["/models/{model}/versions/{version}/starts.json"]
    first = page.answer(visit(model="good", version="1"))
    assert told(first)["serving_default"] == [
        {"kind": "sample", "title": "one", "inputs": {"x": {"shape": [1, 2], "values": [1.5, 2.0]}}}
    ]
    (folder / "samples" / "one.json").write_text("broken")
    assert page.answer(visit(model="good", version="1")) is first
    with pytest.raises(ModelNotFound):
        page.answer(visit(model="good", version="one"))
