"""A new version that is wrong in any way leaves the old one serving, and can be mended."""

from __future__ import annotations

import json
import os
import random
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from horngate.client import Client
from horngate.protocols.tfserving import warmup
from horngate.store import manifest
from horngate.store.goldens import Golden, read_goldens, write_golden
from tests.conftest import Served
from tests.serving import RunningServer, put, wait_until

Damage = Callable[[Path], None]
VARIABLES = "variables/variables.data-00000-of-00001"


def ask(server: RunningServer) -> int:
    """The version that answers, whose answer is checked."""
    with Client(server.address, retries=0) as client:
        answer = client.predict("adder", {"x": np.full((1, 1), 5.0, np.float32)})
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
    "corrupt": (corrupt, "differs from its checksum"),
    "incomplete": (half, "saved_model.pb"),
    "wrong on its goldens": (other_goldens, "wrong answer on the goldens"),
    "failing its warm-up": (bad_warm_up, "tf_serving_warmup_requests"),
    "too large": (too_large, "MiB left of the limit"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_old_version_serves_and_a_mended_one_is_taken_up(
    adder: RunningServer, adders: Path, fault: str
) -> None:
    damage, told = FAULTS[fault]
    put(adders / "2", adder.models / "adder" / "2", damage)
    line = adder.wait_for_log("load failed", model="adder", version=2)
    assert told in line["reason"]
    assert ask(adder) == 1
    assert adder.metric("horngate_version_load_failures_total", model="adder") == 1
    statuses = json.loads(adder.http("/v1/models/adder")[1])["model_version_status"]
    by_version = {each["version"]: each for each in statuses}
    assert by_version["2"]["state"] == "END"
    assert told in by_version["2"]["status"]["error_message"]
    assert by_version["1"]["state"] == "AVAILABLE"
    assert told in adder.http("/models.json")[1]
    assert adder.http("/readyz")[0] == 200
    mend(adder.models / "adder" / "2", adders / "2")
    wait_until(lambda: ask(adder) == 2, "the mended version")


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
    adder: RunningServer, adders: Path, what: str
) -> None:
    """Version 3 is, and version 2 comes after it."""
    make, told = ODD[what]
    put(adders / "2", adder.models / "adder" / "3", make)
    assert told in adder.wait_for_log("load failed", model="adder", version=3)["reason"]
    assert ask(adder) == 1
    put(adders / "2", adder.models / "adder" / "2")
    wait_until(lambda: ask(adder) == 2, "the version after the odd one")
    assert adder.metric("horngate_repository_scan_failures_total") == 0
    statuses = json.loads(adder.http("/v1/models/adder")[1])["model_version_status"]
    (odd,) = [each for each in statuses if each["version"] == "3"]
    assert told in odd["status"]["error_message"]


@pytest.mark.parametrize("what", ["a FIFO", "a device", "ten megabytes"])
def test_settings_that_are_odd_hold_nobody(adder: RunningServer, adders: Path, what: str) -> None:
    """The model keeps the settings that it had, and takes up new versions; so do others."""
    settings = adder.models / "adder" / "model.toml"
    if what == "a FIFO":
        os.mkfifo(settings)
    elif what == "a device":
        settings.symlink_to("/dev/zero")
    else:
        settings.write_bytes(b"#" * 10_000_000)
    line = adder.wait_for_log("settings not taken", model="adder")
    assert "expected" in line["reason"]
    shutil.copytree(adders / "1", adder.models / "other" / "1")
    adder.wait_for_log("available", model="other")
    put(adders / "2", adder.models / "adder" / "2")
    wait_until(lambda: ask(adder) == 2, "the new version")


def test_changed_signatures_are_refused_until_they_are_allowed(
    adder: RunningServer, small_models: Served
) -> None:
    put(small_models.repository / "two_inputs" / "1", adder.models / "adder" / "3")
    line = adder.wait_for_log("load failed", model="adder", version=3)
    assert "expected the inputs x, received context, image" in line["reason"]
    assert ask(adder) == 1
    settings = adder.models / "adder" / "model.toml"
    settings.write_text("[versions]\nallow_changed_signatures = true\n")
    line = adder.wait_for_log("available", model="adder", version=3)
    with Client(adder.address) as client:
        assert "image" in client.metadata("adder").signatures["serving_default"].inputs


@pytest.mark.parametrize("order", ["sorted", "reversed", "shuffled", "shuffled again"])
def test_a_version_that_is_copied_file_by_file(
    adder: RunningServer, adders: Path, order: str
) -> None:
    """Each file rests longer than the server takes to call a folder quiet."""
    files = sorted(path for path in (adders / "2").rglob("*") if path.is_file())
    if order == "reversed":
        files.reverse()
    elif order != "sorted":
        random.Random(order).shuffle(files)  # noqa: S311 - any order will do
    stop = threading.Event()
    wrong: list[BaseException] = []

    def keep_asking() -> None:
        while not stop.is_set():
            try:
                ask(adder)
            except BaseException as error:  # noqa: BLE001 - none may come
                wrong.append(error)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        for path in files:
            target = adder.models / "adder" / "2" / path.relative_to(adders / "2")
            target.parent.mkdir(parents=True, exist_ok=True)
            content = path.read_bytes()
            target.write_bytes(content[: len(content) // 2])
            time.sleep(0.08)
            target.write_bytes(content)
            time.sleep(0.13)
        wait_until(lambda: ask(adder) == 2, "the whole version")
        # What became whole only after it went live is served as a whole version is.
        wait_until(
            lambda: adder.metric("horngate_version_engine", version="2", engine="onnx") == 1,
            "its compiled form",
        )
    finally:
        stop.set()
        asking.join()
    assert not wrong


def test_a_models_folder_that_vanishes_unloads_nothing(adder: RunningServer) -> None:
    away = adder.models.with_name("away")
    adder.models.rename(away)
    adder.wait_for_log("folder unreadable; what is live stays live")
    assert ask(adder) == 1
    adder.models.mkdir()  # an empty folder: a disk that is not mounted
    time.sleep(0.5)
    assert ask(adder) == 1
    adder.models.rmdir()
    adder.models.write_text("no folder at all")
    time.sleep(0.5)
    assert ask(adder) == 1
    adder.models.unlink()
    away.rename(adder.models)
    time.sleep(0.5)
    assert ask(adder) == 1
    assert adder.http("/readyz")[0] == 200
