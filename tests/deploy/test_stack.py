"""The stack as an operator runs it: real images, real volumes, a real Prometheus.

The tests stand in the order of a deployment's life; the last stops the server.
"""

from __future__ import annotations

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from horngate.client import Client
from horngate.errors import Code, HorngateError
from tests.deploy.conftest import Stack, get, get_json, wait_until
from tests.deploy.files import ROOT

pytestmark = pytest.mark.deploy

MODELS: Final = ("mnist_cnn", "mnist_fusion")
SCRAPES: Final = 60.0
"""Seconds; Prometheus asks every ten."""


def samples(model: str) -> list[Path]:
    return sorted((ROOT / "models" / model / "samples").glob("*.png"))


def inputs(model: str, picture: Path) -> dict[str, npt.NDArray[Any]]:
    """One row for the model: the picture in [0, 1], and its context where it takes one."""
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("L"), np.float32) / 255
    feeds: dict[str, npt.NDArray[Any]] = {"image": pixels.reshape(1, 28, 28, 1)}
    if model == "mnist_fusion":
        context = json.loads(picture.with_suffix(".json").read_text(encoding="utf-8"))
        feeds["context"] = np.asarray(context, np.float32).reshape(1, 10)
    return feeds


def test_the_builder_ended_well(stack: Stack) -> None:
    assert stack.engine.inspect("builder", "{{.State.ExitCode}}") == "0"


@pytest.mark.parametrize("model", MODELS)
def test_real_digits_are_recognised_from_outside(stack: Stack, model: str) -> None:
    pictures = samples(model)
    assert pictures
    with Client(stack.grpc) as client:
        for picture in pictures:
            probabilities = client.predict(model, inputs(model, picture))["probabilities"]
            assert probabilities.shape == (1, 10)
            assert int(probabilities.argmax()) == int(picture.stem[0])


def test_the_page_is_told_of_both_models(stack: Stack) -> None:
    assert "/static/app.js" in get(f"{stack.http}/")
    page = get(f"{stack.http}/models.json")
    assert all(model in page for model in MODELS)


def test_prometheus_sees_its_target_up(stack: Stack) -> None:
    def up() -> bool:
        targets = get_json(f"{stack.prometheus}/api/v1/targets?state=active")
        return [t["health"] for t in targets["data"]["activeTargets"]] == ["up"]

    wait_until("Prometheus says that its target is up", SCRAPES, up)


@pytest.mark.parametrize("model", MODELS)
def test_prometheus_counts_the_predictions(stack: Stack, model: str) -> None:
    calls = 7
    expression = f'sum(horngate_requests_total{{model="{model}", code="OK"}})'

    def counted() -> int:
        return sum(int(series["value"][1]) for series in stack.query(expression))

    # Counted from what the server itself says: Prometheus' last sample may be ten seconds old.
    before = served(stack, model)
    with Client(stack.grpc) as client:
        for _ in range(calls):
            client.predict(model, inputs(model, samples(model)[0]))
    wait_until(f"{expression} is {before + calls}", SCRAPES, lambda: counted() == before + calls)


def served(stack: Stack, model: str) -> int:
    """Calls answered with OK, by the server's own exposition."""
    wanted = re.compile(
        rf'^horngate_requests_total\{{[^}}]*code="OK"[^}}]*model="{model}"[^}}]*\}} (\S+)$',
        re.MULTILINE,
    )
    return int(sum(float(value) for value in wanted.findall(get(f"{stack.http}/metrics"))))


def test_prometheus_evaluates_every_rule_and_none_fires(stack: Stack) -> None:
    def rules() -> list[dict[str, str]]:
        groups = get_json(f"{stack.prometheus}/api/v1/rules")["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    wait_until(
        "every rule has been evaluated",
        SCRAPES,
        lambda: bool(rules()) and all(rule["health"] == "ok" for rule in rules()),
    )
    assert {rule["name"] for rule in rules() if rule["state"] == "firing"} == set()


def test_the_server_has_no_rights_that_it_does_not_need(stack: Stack) -> None:
    status = stack.engine.inside("server", "cat", "/proc/1/status")[1]
    facts = dict(re.findall(r"^(\w+):\s+(.*)$", status, re.MULTILINE))
    assert facts["Uid"].split() == ["10001"] * 4
    assert int(facts["CapEff"], 16) == 0
    assert facts["NoNewPrivs"] == "1"


@pytest.mark.parametrize("path", ["/x", "/models/x", "/opt/horngate/x"])
def test_the_server_cannot_write(stack: Stack, path: str) -> None:
    status, output = stack.engine.inside("server", "touch", path)
    assert status != 0
    assert "Read-only file system" in output


@pytest.mark.parametrize("command", ["pip", "pip3", "gcc", "curl"])
def test_the_server_image_holds_no_tool_to_build_or_fetch_with(stack: Stack, command: str) -> None:
    status, _ = stack.engine.inside("server", "sh", "-c", f"command -v {command}")
    assert status != 0


def test_the_health_check_holds(stack: Stack) -> None:
    stack.engine.check_health("server")


def ask_until_refused(stack: Stack, answered: threading.Semaphore) -> Code:
    """Predict in a loop; the code of the first error."""
    feeds = inputs("mnist_cnn", samples("mnist_cnn")[0])
    with Client(stack.grpc) as client:
        while True:
            try:
                client.predict("mnist_cnn", feeds, timeout=30)
            except HorngateError as error:
                return error.code
            answered.release()


def test_a_stop_under_load_drains(stack: Stack) -> None:
    callers, answered = 4, threading.Semaphore(0)
    with ThreadPoolExecutor(callers) as pool:
        asking = [pool.submit(ask_until_refused, stack, answered) for _ in range(callers)]
        for _ in range(10 * callers):
            assert answered.acquire(timeout=60)
        stack.engine.run_compose("stop", "server")
        # Both say that nothing ran. CANCELLED is what gRPC tells a call that reached the server
        # and no handler before the stop (grpc/grpc#41785); any other code is a request lost.
        codes = {caller.result() for caller in asking}
        assert codes <= {Code.UNAVAILABLE, Code.CANCELLED}
    assert stack.engine.inspect("server", "{{.State.ExitCode}}") == "0"
    events = [
        json.loads(line)["event"]
        for line in stack.engine.logs("server").splitlines()
        if line.startswith("{")
    ]
    assert events[-1] == "stopped"
    assert "draining" in events
