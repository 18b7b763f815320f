"""New versions come in, and broken ones stay out, without a request noticing."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from horngate.client import Client
from horngate.lifecycle.status import State
from tests.serving import RunningServer, wait_until


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    publish(tmp_path, 1)
    return tmp_path


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that nobody serves."""
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture
def running(repository: Path) -> Iterator[RunningServer]:
    server = RunningServer(repository)
    yield server
    assert server.stop() == 0


def publish(repository: Path, value: int) -> Path:
    """Publish version ``value`` of a model that adds ``value``."""
    from horngate.builder.publish import publish_keras  # noqa: PLC0415 - imports TensorFlow
    from tests.small_models import constant  # noqa: PLC0415 - the same

    return publish_keras(constant(value), repository, "adder", version=value).folder


def answer(client: Client) -> float:
    return float(client.predict("adder", {"x": np.zeros((1, 1), np.float32)})["y"].item())


def live(client: Client) -> list[int]:
    return [s.version for s in client.status("adder") if s.state is State.AVAILABLE]


def test_new_versions_take_over_under_load_without_a_failed_request(
    running: RunningServer, repository: Path
) -> None:
    stop = threading.Event()
    failures: list[str] = []
    seen: set[float] = set()

    def load() -> None:
        client = Client(running.address, retries=0)
        while not stop.is_set():
            try:
                seen.add(answer(client))
            except Exception as error:  # noqa: BLE001 - every failure counts
                failures.append(repr(error))

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    client = Client(running.address)
    for version in (2, 3, 4):
        publish(repository, version)
        wait_until(lambda: live(client) == [version], f"version {version}")  # noqa: B023 - called at once
        wait_until(lambda: float(version) in seen, "an answer of it")  # noqa: B023 - the same
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert seen == {1, 2, 3, 4}


def test_a_damaged_version_leaves_the_old_one_serving_and_says_why(
    running: RunningServer, repository: Path, elsewhere: Path
) -> None:
    client = Client(running.address)
    second = publish(elsewhere, 2)
    damaged = repository / "adder" / "2"
    shutil.copytree(second, damaged)
    variables = damaged / "variables" / "variables.data-00000-of-00001"
    variables.write_bytes(variables.read_bytes()[:-1] + b"\xff")
    line = running.wait_for_log("load failed", version=2)
    assert "differs from its checksum" in line["reason"]
    status = next(s for s in client.status("adder") if s.version == 2)
    assert status.state is State.END
    assert "differs from its checksum" in status.error
    assert running.metric("horngate_version_load_failures_total", model="adder") == 1
    assert answer(client) == 1
    assert running.http("/readyz")[0] == 200

    shutil.copy(second / "variables" / variables.name, variables)
    wait_until(lambda: live(client) == [2], "the mended version")
    assert answer(client) == 2


def test_a_version_that_answers_wrongly_on_its_goldens_does_not_go_live(
    running: RunningServer, repository: Path, elsewhere: Path
) -> None:
    other = publish(elsewhere, 2)
    (other / "assets.extra/horngate/checksums.json").unlink()
    shutil.copytree(repository / "adder/1/assets.extra", other / "assets.extra", dirs_exist_ok=True)
    (other / "assets.extra/horngate/checksums.json").unlink()
    shutil.copytree(other, repository / "adder" / "2")
    line = running.wait_for_log("load failed", version=2)
    assert "wrong answer on the goldens" in line["reason"]
    assert answer(Client(running.address)) == 1


def test_a_version_that_is_copied_slowly_is_taken_when_it_is_whole(
    running: RunningServer, repository: Path, elsewhere: Path
) -> None:
    source = publish(elsewhere, 2)
    target = repository / "adder" / "2"
    client = Client(running.address)
    for path in sorted(source.rglob("*"), reverse=True):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
            assert answer(client) in (1, 2)
    wait_until(lambda: live(client) == [2], "the whole version")
    assert answer(client) == 2


def test_a_folder_that_is_no_saved_model_is_reported(
    running: RunningServer, repository: Path
) -> None:
    folder = repository / "adder" / "7"
    folder.mkdir()
    (folder / "notes.txt").write_text("not a model")
    line = running.wait_for_log("load failed", version=7)
    assert "expected a SavedModel" in line["reason"]
    assert "notes.txt" in line["reason"]
    assert answer(Client(running.address)) == 1


def test_new_batching_settings_are_taken_up_and_a_typo_is_not(
    running: RunningServer, repository: Path
) -> None:
    settings = repository / "adder" / "model.toml"
    settings.write_text("[limits]\nmax_request_rows = 2\n")
    running.wait_for_log("available", version=1)  # as it started
    running.wait_for_log("available", version=1)
    client = Client(running.address)
    with pytest.raises(Exception, match="at most 2 rows"):
        client.predict("adder", {"x": np.zeros((3, 1), np.float32)})
    settings.write_text("[limits]\nmax_request_row = 4\n")
    line = running.wait_for_log("settings not taken")
    assert "did you mean 'max_request_rows'" in line["reason"]
    assert answer(client) == 1
