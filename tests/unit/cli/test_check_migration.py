"""What works of what other servers have on disk and on their command lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from onnx import helper

from horngate.cli.check_migration import DIFFERS, FAILS, WORKS, Row, check
from horngate.cli.main import main
from horngate.errors import ConfigError
from tests.onnx_models import model, put, scaled, value


def rows(*words: object, origin: str | None = None) -> list[Row]:
    return list(check([str(word) for word in words], origin))


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
        *("--strict-readiness=false", "--rate-limit=off", "--allow-grpc", "--nonsense"),
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


def test_the_command_prints_a_table(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-migration", str(repository / "scaled")]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "differs   scaled: config.pbtxt  response_cache: answers are not cached"
    assert told[1] == "works     scaled: version 2     on ONNX Runtime"
    assert main(["check-migration", str(repository)]) == 1
    command = ["--", "tensorflow_model_server", "--port=8500", "--enable_profiler"]
    assert main(["check-migration", *command]) == 1
    assert "does not  --enable_profiler" in capsys.readouterr().out


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing is there"):
        rows(tmp_path / "absent")
