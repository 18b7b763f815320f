"""``horngate predict`` and ``horngate status`` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from horngate.cli.main import main
from tests.integration.client.fake_server import FakeServer


@pytest.fixture
def digit(tmp_path: Path) -> list[str]:
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(tmp_path / "4.png")
    (tmp_path / "4.json").write_text(json.dumps([0.0] * 4 + [0.9] + [0.02] * 5))
    return [
        *("--input", f"image=@{tmp_path / '4.png'}"),
        *("--input", f"context=@{tmp_path / '4.json'}"),
    ]


def test_predict_draws_a_chart(
    fake: FakeServer, digit: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "mnist_fusion", *digit, "--server", fake.address]) == 0
    first, _, second, *bars = capsys.readouterr().out.splitlines()
    assert first == "mnist_fusion version 3, serving_default"
    assert second == "probabilities  float32[1, 10]"
    assert len(bars) == 10
    assert [number for number, bar in enumerate(bars) if bar.endswith("◀")] == [4]
    assert "0.9000" in bars[4]


def test_predict_for_machines(
    fake: FakeServer, digit: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", "mnist_fusion", *digit, "--server", fake.address, "--version", "3"]
    assert main([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["model"] == "mnist_fusion"
    assert document["version"] == 3
    assert document["signature"] == "serving_default"
    assert document["outputs"]["probabilities"][0][4] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "Servable not found"),
        (["mnist_fusion", "--signature", "x"], "(serving_default), received 'x'"),
        (["mnist_fusion", "--input", "context=[1]"], "expected shape [?, 10], received [1, 1]"),
        (["mnist_fusion", "--input", "image=@no.png"], "received no.png"),
    ],
)
def test_what_is_wrong_is_said_on_stderr(
    fake: FakeServer,
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["predict", *arguments, "--server", fake.address]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("horngate predict: ")
    assert words in err


def test_no_server(fake: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("predict", "status"):
        assert main([command, "m", "--server", "127.0.0.1:1"]) == 1
        assert "expected a server at 127.0.0.1:1; start it" in capsys.readouterr().err


def test_a_timeout_is_a_number_of_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["predict", "m", "--timeout", "soon"])
    assert "expected a positive number of seconds, received 'soon'" in capsys.readouterr().err


def test_status_shows_versions_and_how_to_call_them(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "mnist_fusion", "--server", fake.address]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "mnist_fusion",
        "  version 4  END: no SavedModel",
        "  version 3  AVAILABLE",
        "    serving_default",
        "      in   context  float32[?, 10]",
        "      in   image    float32[?, 28, 28, 1]",
        "      out  probabilities  float32[?, 10]",
    ]


def test_status_tells_the_engine_and_why_it_is_not_the_fastest(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.engine = ("onnx", "")
    assert main(["status", "mnist_fusion", "--server", fake.address]) == 0
    assert "  version 3  AVAILABLE  onnx" in capsys.readouterr().out.splitlines()
    fake.engine = ("tensorflow", "not served by onnx: not compiled: it is random")
    assert main(["status", "mnist_fusion", "--server", fake.address]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:4] == [
        "  version 3  AVAILABLE  tensorflow",
        "    not on the fastest engine: not served by onnx: not compiled: it is random",
    ]
    assert main(["status", "mnist_fusion", "--json", "--server", fake.address]) == 0
    told = json.loads(capsys.readouterr().out)["models"][0]["versions"][1]
    assert (told["engine"], told["engine_reason"]) == fake.engine


def test_status_for_machines_and_with_a_model_that_is_not_there(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "mnist_fusion", "gone", "--json", "--server", fake.address]) == 1
    out, err = capsys.readouterr()
    assert "gone at" in err
    known, gone = json.loads(out)["models"]
    assert gone == {"model": "gone", "versions": []}
    assert [version["state"] for version in known["versions"]] == ["END", "AVAILABLE"]
    assert known["versions"][0]["error"] == "no SavedModel"
    inputs = known["versions"][1]["signatures"]["serving_default"]["inputs"]
    assert inputs["context"] == {"dtype": "float32", "shape": [None, 10]}
