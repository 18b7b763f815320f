"""A new version that is wrong in any way leaves the old one serving, and can be mended."""

from __future__ import annotations

import json
import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from horngate.builder.publish import publish_keras
from horngate.client import Client
from horngate.protocols.tfserving import warmup
from horngate.store import manifest
from horngate.store.goldens import Golden, read_goldens, write_golden
from tests.serving import RunningServer, wait_until
from tests.small_models import constant, two_inputs

Damage = Callable[[Path], None]
VARIABLES = "variables/variables.data-00000-of-00001"


@pytest.fixture(scope="module")
def goods(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions 1 and 2 of ``m``: x + 1 and x + 2. Version 3 is of other inputs."""
    folder = tmp_path_factory.mktemp("goods")
    publish_keras(constant(1), folder, "m")
    publish_keras(constant(2), folder, "m")
    publish_keras(two_inputs(), folder, "m")
    return folder / "m"


@pytest.fixture
def running(goods: Path, tmp_path: Path) -> Iterator[RunningServer]:
    shutil.copytree(goods / "1", tmp_path / "m" / "1")
    server = RunningServer(tmp_path)
    yield server
    assert server.stop() == 0


def ask(server: RunningServer) -> int:
    """The version that answers, whose answer is checked."""
    with Client(server.address, retries=0) as client:
        answer = client.predict("m", {"x": np.full((1, 1), 5.0, np.float32)})
    assert answer["y"].item() == 5 + answer.version
    return answer.version


def corrupt(version: Path) -> None:
    data = bytearray((version / VARIABLES).read_bytes())
    data[len(data) // 2] ^= 0xFF
    (version / VARIABLES).write_bytes(data)


def loop(version: Path) -> None:
    """A file that cannot be opened, for root neither."""
    (version / VARIABLES).unlink()
    (version / VARIABLES).symlink_to(Path(VARIABLES).name)


def secret(version: Path) -> None:
    (version / "assets").mkdir(exist_ok=True)
    (version / "assets" / "vocab.txt").symlink_to("/etc/passwd")


def fifo(version: Path) -> None:
    (version / VARIABLES).unlink()
    os.mkfifo(version / VARIABLES)


def deep(version: Path) -> None:
    version.joinpath(*["d"] * 100).mkdir(parents=True)


def elsewhere(version: Path) -> None:
    version.rename(version.with_name("elsewhere"))
    version.symlink_to("elsewhere")


def half(version: Path) -> None:
    (version / "saved_model.pb").unlink()


def other_goldens(version: Path) -> None:
    golden = read_goldens(version)["serving_default"]
    wrong = {name: np.asarray(value + 1, value.dtype) for name, value in golden.outputs.items()}
    write_golden(version, "serving_default", Golden(golden.inputs, wrong))
    manifest.write_checksums(version)


def bad_warm_up(version: Path) -> None:
    (version / warmup.FILE).write_bytes(b"no record at all")
    manifest.write_checksums(version)


def too_large(version: Path) -> None:
    """Ten terabytes by its size; nothing of it is written, and nothing is read before it counts."""
    compiled = version / "assets.extra/horngate/compiled"
    with (compiled / "more.onnx").open("wb") as file:
        file.truncate(10 * 2**40)


FAULTS: dict[str, tuple[Damage, str]] = {
    "corrupt": (corrupt, "checksum"),
    "incomplete": (half, "saved_model.pb"),
    "wrong on its goldens": (other_goldens, "golden"),
    "failing its warm-up": (bad_warm_up, "tf_serving_warmup_requests"),
    "too large": (too_large, "MiB left of the limit"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_old_version_serves_and_a_mended_one_is_taken_up(
    running: RunningServer, goods: Path, fault: str
) -> None:
    damage, told = FAULTS[fault]
    staging = running.models / "m" / "staging"
    shutil.copytree(goods / "2", staging)
    damage(staging)
    staging.rename(running.models / "m" / "2")
    line = running.wait_for_log("load failed", model="m", version=2)
    assert told in line["reason"]
    assert ask(running) == 1
    assert running.metric("horngate_version_load_failures_total", model="m") == 1
    statuses = json.loads(running.http("/v1/models/m")[1])["model_version_status"]
    by_version = {each["version"]: each for each in statuses}
    assert by_version["2"]["state"] == "END"
    assert told in by_version["2"]["status"]["error_message"]
    assert by_version["1"]["state"] == "AVAILABLE"
    assert told in running.http("/")[1]
    mend(running.models / "m" / "2", goods / "2")
    wait_until(lambda: ask(running) == 2, "the mended version")


def mend(version: Path, good: Path) -> None:
    for path in version.rglob("*"):
        if path.is_file() and not (good / path.relative_to(version)).exists():
            path.unlink()
    shutil.copytree(good, version, dirs_exist_ok=True)


ODD: dict[str, tuple[Damage, str]] = {
    "a link to itself": (loop, "symbolic link"),
    "a link to the server's own files": (secret, "symbolic link"),
    "a FIFO": (fifo, "FIFO"),
    "a folder without end": (deep, "folders deep"),
    "a link in its place": (elsewhere, "symbolic link"),
}


@pytest.mark.parametrize("what", ODD)
def test_a_version_that_is_odd_hides_no_other(
    running: RunningServer, goods: Path, what: str
) -> None:
    """Version 3 is, and version 2 comes after it."""
    make, told = ODD[what]
    for number in (3, 2):
        staging = running.models / "m" / "staging"
        shutil.copytree(goods / "2", staging)
        if number == 3:
            make(staging)
        (running.models / "m" / "staging").rename(running.models / "m" / str(number))
        if number == 3:
            line = running.wait_for_log("load failed", model="m", version=3)
            assert told in line["reason"]
            assert ask(running) == 1
    wait_until(lambda: ask(running) == 2, "the version after the odd one")
    assert running.metric("horngate_repository_scan_failures_total") == 0
    statuses = json.loads(running.http("/v1/models/m")[1])["model_version_status"]
    (odd,) = [each for each in statuses if each["version"] == "3"]
    assert told in odd["status"]["error_message"]


@pytest.mark.parametrize("what", ["a FIFO", "a device", "ten megabytes"])
def test_settings_that_are_odd_hold_nobody(running: RunningServer, goods: Path, what: str) -> None:
    """The model keeps the settings that it had, and takes up new versions; so do others."""
    settings = running.models / "m" / "model.toml"
    if what == "a FIFO":
        os.mkfifo(settings)
    elif what == "a device":
        settings.symlink_to("/dev/zero")
    else:
        settings.write_bytes(b"#" * 10_000_000)
    line = running.wait_for_log("settings not taken", model="m")
    assert "expected" in line["reason"]
    shutil.copytree(goods / "1", running.models / "other" / "1")
    running.wait_for_log("available", model="other")
    shutil.copytree(goods / "2", running.models / "m" / "staging")
    (running.models / "m" / "staging").rename(running.models / "m" / "2")
    wait_until(lambda: ask(running) == 2, "the new version")


def test_changed_signatures_are_refused_until_they_are_allowed(
    running: RunningServer, goods: Path
) -> None:
    shutil.copytree(goods / "3", running.models / "m" / "staging")
    (running.models / "m" / "staging").rename(running.models / "m" / "3")
    line = running.wait_for_log("load failed", model="m", version=3)
    assert "expected the inputs x, received context, image" in line["reason"]
    assert ask(running) == 1
    settings = running.models / "m" / "model.toml"
    settings.write_text("[versions]\nallow_changed_signatures = true\n")
    line = running.wait_for_log("available", model="m", version=3)
    with Client(running.address) as client:
        assert "image" in client.metadata("m").signatures["serving_default"].inputs


@pytest.mark.parametrize("order", ["sorted", "reversed", "shuffled", "shuffled again"])
def test_a_version_that_is_copied_file_by_file(
    running: RunningServer, goods: Path, order: str
) -> None:
    """Each file rests longer than the server takes to call a folder quiet."""
    files = sorted(path for path in (goods / "2").rglob("*") if path.is_file())
    if order == "reversed":
        files.reverse()
    elif order != "sorted":
        random.Random(order).shuffle(files)  # noqa: S311 - any order will do
    stop = threading.Event()
    wrong: list[BaseException] = []

    def keep_asking() -> None:
        while not stop.is_set():
            try:
                ask(running)
            except BaseException as error:  # noqa: BLE001 - none may come
                wrong.append(error)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        for path in files:
            target = running.models / "m" / "2" / path.relative_to(goods / "2")
            target.parent.mkdir(parents=True, exist_ok=True)
            content = path.read_bytes()
            target.write_bytes(content[: len(content) // 2])
            time.sleep(0.15)
            target.write_bytes(content)
            time.sleep(0.25)
        wait_until(lambda: ask(running) == 2, "the whole version")
        # What became whole only after it went live is served as a whole version is.
        wait_until(
            lambda: running.metric("horngate_version_engine", version="2", engine="onnx") == 1,
            "its compiled form",
        )
    finally:
        stop.set()
        asking.join()
    assert not wrong


def test_a_models_folder_that_vanishes_unloads_nothing(running: RunningServer) -> None:
    away = running.models.with_name("away")
    running.models.rename(away)
    running.wait_for_log("folder unreadable; what is live stays live")
    assert ask(running) == 1
    running.models.mkdir()  # an empty folder: a disk that is not mounted
    time.sleep(0.5)
    assert ask(running) == 1
    running.models.rmdir()
    running.models.write_text("no folder at all")
    time.sleep(0.5)
    assert ask(running) == 1
    running.models.unlink()
    away.rename(running.models)
    time.sleep(0.5)
    assert ask(running) == 1
    assert running.http("/readyz")[0] == 200
