"""What works of what other servers have on disk and on their command lines."""

from __future__ import annotations

import os
import shlex
import threading
from pathlib import Path

import pytest
from onnx import helper

from horngate.cli.check_migration import DIFFERS, FAILS, WORKS, Check, Row
from horngate.cli.main import main
from horngate.errors import ConfigError
from horngate.runtimes.onnx import OnnxRuntime
from tests.onnx_models import model, put, scaled, value


def rows(*words: object, origin: str | None = None) -> list[Row]:
    return list(Check().rows([str(word) for word in words], origin))


def outcomes(found: list[Row]) -> dict[str, str]:
    return {row.what: row.outcome for row in found}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Triton's: one model that works, one of another engine, one with an unknown operation."""
    put(scaled(), tmp_path / "scaled" / "2")
    (tmp_path / "scaled" / "config.pbtxt").write_text(
        'platform: "onnxruntime_onnx" max_batch_size: 4 response_cache { enable: true }'
    )
    (tmp_path / "torch" / "1").mkdir(parents=True)
    (tmp_path / "torch" / "1" / "model.pt").touch()
    (tmp_path / "both").mkdir()
    (tmp_path / "both" / "config.pbtxt").write_text("ensemble_scheduling { }")
    foo = model([helper.make_node("Foo", ["x"], ["y"])], [value("x", [1])], [value("y", [1])])
    put(foo, tmp_path / "foo" / "1")
    return tmp_path


def test_a_repository(repository: Path) -> None:
    found = rows(repository)
    assert outcomes(found) == {
        "both: config.pbtxt": FAILS,
        "foo: version 1": FAILS,
        "scaled: config.pbtxt": DIFFERS,
        "scaled: version 2": WORKS,
        "torch: version 1": FAILS,
    }
    told = {row.what: row.do for row in found}
    assert told["both: config.pbtxt"].startswith("ensemble_scheduling is not served; call")
    assert "received PyTorch; export it as ONNX" in told["torch: version 1"]
    assert "received Foo" in told["foo: version 1"]


@pytest.mark.parametrize("path", ["scaled", "scaled/config.pbtxt"])
def test_one_model_by_its_folder_or_its_config(repository: Path, path: str) -> None:
    assert outcomes(rows(repository / path)) == {
        "scaled: config.pbtxt": DIFFERS,
        "scaled: version 2": WORKS,
    }


def test_a_list_of_models(repository: Path) -> None:
    file = repository / "models.config"
    file.write_text(
        f'model_config_list {{ config {{ name: "a" base_path: "{repository}/scaled" }} '
        'config { name: "b" base_path: "gs://bucket/b" } }'
    )
    found = rows(file, origin="tfserving")
    assert outcomes(found)["a: version 2"] == WORKS
    (remote,) = (row for row in found if row.what == "b")
    assert remote.outcome == FAILS
    assert "copy it here, or mount it" in remote.do
    assert ("the default of host", DIFFERS) in outcomes(found).items()


def test_other_files_of_tensorflow_serving(tmp_path: Path) -> None:
    file = tmp_path / "batching.config"
    file.write_text("max_batch_size { value: 8 }")
    assert outcomes(rows(file)) == {str(file): WORKS}
    file.write_text("prometheus_config { enable: true }")
    assert outcomes(rows(file)) == {str(file): WORKS}
    file.write_text("server_key: 'k'")
    assert outcomes(rows(file)) == {str(file): FAILS}


def test_a_command_line(repository: Path) -> None:
    found = rows(
        *("tritonserver", "--model-repository", repository / "scaled", "--grpc-port=8001"),
        *("--strict-readiness=false", "--rate-limit=execution_count", "--allow-grpc", "--nonsense"),
    )
    assert outcomes(found) == {
        "--model-repository": WORKS,
        "scaled: config.pbtxt": DIFFERS,
        "scaled: version 2": WORKS,
        "--grpc-port": WORKS,
        "--strict-readiness": FAILS,
        "--rate-limit": FAILS,
        "--allow-grpc": WORKS,
        "--nonsense": FAILS,
        "the default of host": DIFFERS,
        "the default of http_port": DIFFERS,
        "the default of model_control_mode": DIFFERS,
        "the default of metrics_compat": DIFFERS,
    }


@pytest.mark.parametrize("quote", ['"', "'", ""])
def test_a_command_line_in_one_word_or_in_a_script(repository: Path, quote: str) -> None:
    models = repository / ("my models" if quote else "models")
    put(scaled(), models / "scaled" / "1")
    line = f"tritonserver --model-repository={quote}{models}{quote} --http-port 8000"
    expected = {"--model-repository": WORKS, "scaled: version 1": WORKS, "--http-port": WORKS}
    assert expected.items() <= outcomes(rows(line)).items()
    script = repository / "start.sh"
    long = line.replace(" --http", " \\\n --http")
    script.write_text(f"#!/bin/sh\n# a comment\nexec /opt/{long}\n")
    assert expected.items() <= outcomes(rows(script)).items()


def test_values_that_the_server_does_not_take(repository: Path) -> None:
    found = rows("tensorflow_model_server", "--port=8501", "--rest_api_port=8501")
    (together,) = (row for row in found if row.what == "the values of flags")
    assert together.outcome == FAILS
    assert "expected another port than grpc_port" in together.do
    found = rows("tensorflow_model_server", "--port=many")
    assert (
        "--grpc-port: grpc_port: expected `int`"
        in {row.what: row.do for row in found}["the values of flags"]
    )


def test_a_repository_given_twice_is_told(repository: Path) -> None:
    flag = f"--model-repository={repository / 'scaled'}"
    assert outcomes(rows("tritonserver", flag, flag))["--model-repository"] == FAILS


def test_the_version_that_is_wanted_is_the_one_that_is_loaded(repository: Path) -> None:
    put(scaled(), repository / "scaled" / "7")
    config = repository / "scaled" / "config.pbtxt"
    config.write_text("max_batch_size: 4 version_policy { specific { versions: 2 } }")
    assert outcomes(rows(repository / "scaled")) == {"scaled: version 2": WORKS}
    config.write_text("max_batch_size: 4 version_policy { specific { versions: 3 } }")
    (row,) = rows(repository / "scaled")
    assert row == (
        FAILS,
        "scaled",
        f"expected to serve one of 2, 7 in {repository / 'scaled'}; it is none",
    )


@pytest.mark.parametrize("content", [b"\xff\xfe\0\1", b"\0" * 100, b"x" * (2 << 20), b"{" * 9999])
def test_a_file_that_is_no_text_is_told_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd").write_bytes(content)
    (row,) = rows(tmp_path / "odd")
    assert row.outcome == FAILS


def test_odd_paths(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for odd in (tmp_path / "fifo", "x" * 5000, "a\0b", "tritonserver 'open"):
        with pytest.raises(ConfigError):
            rows(odd)
    put(scaled(), tmp_path / "models" / "my model" / "1")
    (tmp_path / "models" / "linked").symlink_to("nowhere")
    os.mkfifo(tmp_path / "models" / "queue")
    told = rows(tmp_path / "models")
    assert outcomes(told) == {str(tmp_path / "models"): FAILS, "my model": FAILS}
    assert "expected letters, digits" in told[-1].do


def test_many_models_are_told_as_they_come(tmp_path: Path) -> None:
    for number in range(1000):
        (tmp_path / f"m{number}" / "1").mkdir(parents=True)
    found = Check().rows([str(tmp_path)])
    assert next(found).outcome == FAILS
    assert len(list(found)) == 999


@pytest.mark.parametrize("page", ["from-tensorflow-serving", "from-triton"])
def test_the_guides_examples_run(
    repository: Path, page: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(scaled(), repository / "models" / "scaled" / "1")
    (repository / "models.config").write_text(
        f'model_config_list {{ config {{ name: "m" base_path: "{repository}/models/scaled" }} }}'
    )
    monkeypatch.chdir(repository)
    text = (Path(__file__).parents[3] / "docs" / f"{page}.md").read_text()
    examples = [line for line in text.splitlines() if line.startswith("horngate check-migration")]
    assert len(examples) == 2
    for example in examples:
        assert main(shlex.split(example, comments=True)[1:]) == 0
        assert "version 1" in capsys.readouterr().out


def test_a_load_that_does_not_come_back_is_told(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it hangs: and the process does not wait for it either."""
    held, ended = threading.Event(), list[int]()
    monkeypatch.setattr(OnnxRuntime, "load", lambda *_, **__: held.wait())
    monkeypatch.setattr(os, "_exit", ended.append)
    main(["check-migration", "--load-seconds", "0.2", str(repository / "scaled")])
    held.set()
    assert ended == [1]
    assert "did not come back from loading it on onnx" in capsys.readouterr().out


def test_what_a_terminal_would_obey_is_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(scaled(), tmp_path / "m" / "1")
    (tmp_path / "m" / "config.pbtxt").write_text('name: "\\033[2J"')
    assert main(["check-migration", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert "\33" not in told
    assert "x1b[2J" in told


def test_the_command_prints_a_table(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-migration", str(repository / "scaled")]) == 0
    told = capsys.readouterr().out.splitlines()
    told = [" ".join(line.split()) for line in told]
    assert told == [
        "differs scaled: config.pbtxt response_cache: answers are not cached",
        "works scaled: version 2 on ONNX Runtime",
    ]
    assert main(["check-migration", str(repository)]) == 1
    command = ["--", "tensorflow_model_server", "--port=8500", "--enable_profiler"]
    assert main(["check-migration", *command]) == 1
    assert "does not  --enable_profiler" in capsys.readouterr().out


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing is there"):
        rows(tmp_path / "absent")
