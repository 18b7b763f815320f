"""``horngate predict`` and ``horngate status`` as they are typed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from horngate.cli.main import main
from tests.conftest import Command
from tests.integration.client.fake_server import FakeServer


@pytest.fixture
def digit(tmp_path: Path) -> list[str]:
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(tmp_path / "4.png")
    (tmp_path / "4.json").write_text(json.dumps([0.0] * 4 + [0.9] + [0.02] * 5))
    return [
        *("--input", f"image=@{tmp_path / '4.png'}"),
        *("--input", f"context=@{tmp_path / '4.json'}"),
    ]


@pytest.fixture
def ask(fake: FakeServer, horngate: Command) -> Command:
    """A command about what the fake serves."""
    return lambda command, *arguments: horngate(command, "--server", fake.address, *arguments)


def test_predict_draws_a_chart(fake: FakeServer, ask: Command, digit: list[str]) -> None:
    softmax = {"activations": {"probabilities": "softmax"}}
    fake.engine, fake.meanings = ("onnx", ""), {"serving_default": softmax}
    status, out, err = ask("predict", "mnist_fusion", *digit)
    assert status == 0
    assert "input 'image': nothing says what its pixels are: 0..1 is taken" in err
    first, _, second, *bars = out.splitlines()
    assert first == "mnist_fusion version 3, serving_default"
    assert second == "probabilities  float32[1, 10]"
    assert len(bars) == 10
    assert [number for number, bar in enumerate(bars) if bar.endswith("◀")] == [4]
    assert "0.9000" in bars[4]


@pytest.mark.parametrize("engine", [("", ""), ("onnx", "")])
@pytest.mark.parametrize(
    "meanings",
    [
        {},
        {"serving_default": {"labels": {"probabilities": ["too", "few"]}}},
        {"serving_default": 7},
        {"another": {}},
    ],
)
def test_predict_guesses_no_winner(
    fake: FakeServer,
    ask: Command,
    digit: list[str],
    engine: tuple[str, str],
    meanings: dict[str, object],
) -> None:
    """Of a server that does not say what its answers are, or says what does not fit them."""
    fake.engine, fake.meanings = engine, meanings
    status, out, _ = ask("predict", "mnist_fusion", *digit, "--pixels", "0..1")
    assert status == 0
    assert "◀" not in out
    assert "0.9" in out


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command",
    [["predict", "mnist_fusion"], ["status"], ["check-migration", "."], ["--help"]],
    ids=str,
)
def test_whoever_reads_no_more_is_told_of_no_error(
    fake: FakeServer, digit: list[str], command: list[str], unbuffered: str
) -> None:
    """As with ``| head``: output fails as it is written, or buffered as the command ends."""
    asked = [*digit, "--pixels=0..1", "--server", fake.address]
    given = {"predict": asked, "status": ["--server", fake.address]}
    started = [sys.executable, "-m", "horngate", *command, *given.get(command[0], [])]
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "wb") as unread:
        done = subprocess.run(
            started,
            stdout=unread,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            timeout=60,
            check=False,
        )
    assert done.stderr == b""
    # argparse takes no notice itself of help that cannot be written.
    helped = unbuffered and command == ["--help"]
    assert done.returncode == (0 if helped else 128 + signal.SIGPIPE)


def test_no_output_at_all_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)  # as Python has it after ``>&-``
    assert main(["inspect", "nowhere"]) == 1


def test_predict_for_machines(ask: Command, digit: list[str]) -> None:
    status, out, _ = ask("predict", "mnist_fusion", *digit, "--version", "3", "--json")
    assert status == 0
    document = json.loads(out)
    assert document["model"] == "mnist_fusion"
    assert document["version"] == 3
    assert document["signature"] == "serving_default"
    assert document["outputs"]["probabilities"][0][4] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "Servable not found"),
        (["mnist_fision"], "Latest(mnist_fision); did you mean 'mnist_fusion'?"),
        (["mnist_fusion", "--input", "imgae=[1]"], "did you mean 'image'?"),
        (["mnist_fusion", "--signature", "serving"], "did you mean 'serving_default'?"),
        (["mnist_fusion", "--signature", "x"], "(serving_default), received 'x'"),
        (["mnist_fusion", "--input", "context=[1]"], "expected shape [?, 10], received [1, 1]"),
        (["mnist_fusion", "--input", "image=@no.png"], "received no.png"),
    ],
)
def test_what_is_wrong_is_said_on_stderr(ask: Command, arguments: list[str], words: str) -> None:
    status, out, err = ask("predict", *arguments)
    assert (status, out) == (1, "")
    assert err.startswith("horngate predict: ")
    assert words in err


def test_no_server(horngate: Command) -> None:
    for command in ("predict", "status"):
        status, _, err = horngate(command, "m", "--server", "127.0.0.1:1")
        assert status == 1
        assert "expected a server at 127.0.0.1:1; start it" in err


def test_a_timeout_is_a_number_of_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["predict", "m", "--timeout", "soon"])
    assert "expected a positive number of seconds, received 'soon'" in capsys.readouterr().err


def test_status_shows_versions_and_how_to_call_them(ask: Command) -> None:
    status, out, _ = ask("status", "mnist_fusion")
    assert status == 0
    assert out.splitlines() == [
        "mnist_fusion",
        "  version 4  END: no SavedModel",
        "  version 3  AVAILABLE",
        "    serving_default",
        "      in   context  float32[?, 10]",
        "      in   image    float32[?, 28, 28, 1]",
        "      out  probabilities  float32[?, 10]",
    ]


def test_status_tells_the_engine_and_why_it_is_not_the_fastest(
    fake: FakeServer, ask: Command
) -> None:
    fake.engine = ("onnx", "")
    assert "  version 3  AVAILABLE  onnx" in ask("status", "mnist_fusion").out.splitlines()
    fake.engine = ("tensorflow", "not served by onnx: not compiled: it is random")
    assert ask("status", "mnist_fusion").out.splitlines()[2:4] == [
        "  version 3  AVAILABLE  tensorflow",
        "    not on the fastest engine: not served by onnx: not compiled: it is random",
    ]
    told = json.loads(ask("status", "mnist_fusion", "--json").out)["models"][0]["versions"][1]
    assert (told["engine"], told["engine_reason"]) == fake.engine


def test_status_without_a_name_lists_all_with_labels(fake: FakeServer, ask: Command) -> None:
    fake.engine, fake.labels = ("onnx", ""), '{"stable": 3, "canary": 3, "next": 9}'
    told = ask("status")
    assert told.status == 0
    assert told.out.splitlines()[:3] == [
        "mnist_fusion",
        "  version 4  END: no SavedModel",
        "  version 3  AVAILABLE  onnx  canary, stable",
    ]
    version = json.loads(ask("status", "--json").out)["models"][0]["versions"][1]
    assert version["labels"] == ["canary", "stable"]


def test_status_of_all_at_a_server_that_does_not_tell(fake: FakeServer, ask: Command) -> None:
    fake.silent = True
    status, _, err = ask("status")
    assert (status, "Method not found!" in err) == (1, True)
    status, _, err = ask("status", "mnist_fision")
    assert (status, "Latest(mnist_fision)\n" in err) == (1, True)


def test_status_tells_which_model_may_be_meant(ask: Command) -> None:
    status, _, err = ask("status", "mnist_fision")
    assert status == 1
    assert err.endswith("did you mean 'mnist_fusion'?\n")


def test_a_command_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    for typed, told in (("pubish", "did you mean 'publish'?"), ("x", "the commands are build")):
        with pytest.raises(SystemExit) as caught:
            main([typed])
        assert caught.value.code == 2
        assert f"expected a command, received {typed!r}; {told}" in capsys.readouterr().err


def test_status_for_machines_and_with_a_model_that_is_not_there(ask: Command) -> None:
    status, out, err = ask("status", "mnist_fusion", "gone", "--json")
    assert (status, "gone at" in err) == (1, True)
    known, gone = json.loads(out)["models"]
    assert gone == {"model": "gone", "versions": []}
    assert [version["state"] for version in known["versions"]] == ["END", "AVAILABLE"]
    assert known["versions"][0]["error"] == "no SavedModel"
    inputs = known["versions"][1]["signatures"]["serving_default"]["inputs"]
    assert inputs["context"] == {"dtype": "float32", "shape": [None, 10]}
