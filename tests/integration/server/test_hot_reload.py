"""New versions and settings come in without a request noticing."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from horngate.client import Client
from horngate.lifecycle.status import State
from tests.clients import ask
from tests.serving import RunningServer, put, wait_until


def live(client: Client) -> list[int]:
    return [s.version for s in client.status("adder") if s.state is State.AVAILABLE]


def test_new_versions_take_over_under_load_without_a_failed_request(
    adder: RunningServer, adders: Path
) -> None:
    stop = threading.Event()
    failures: list[str] = []
    seen: set[float] = set()

    def load() -> None:
        client = Client(adder.address, retries=0)
        while not stop.is_set():
            try:
                answer = client.predict("adder", {"x": np.zeros((1, 1), np.float32)})
                seen.add(float(answer["y"].item()))
            except Exception as error:  # noqa: BLE001 - every failure counts
                failures.append(repr(error))

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    client = Client(adder.address)
    for version in (2, 3, 4):
        put(adders / str(version), adder.models / "adder" / str(version))
        wait_until(lambda: live(client) == [version], f"version {version}")  # noqa: B023 - called at once
        wait_until(lambda: float(version) in seen, "an answer of it")  # noqa: B023 - the same
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert seen == {1, 2, 3, 4}


def test_a_folder_that_is_no_saved_model_is_reported(adder: RunningServer) -> None:
    folder = adder.models / "adder" / "7"
    folder.mkdir()
    (folder / "notes.txt").write_text("not a model")
    line = adder.wait_for_log("load failed", version=7)
    assert "or a SavedModel (a folder with saved_model.pb)" in line["reason"]
    assert "notes.txt" in line["reason"]
    assert ask(adder, "adder", 0) == 1


def test_new_batching_settings_are_taken_up_and_a_typo_is_not(adder: RunningServer) -> None:
    settings = adder.models / "adder" / "model.toml"
    settings.write_text("[limits]\nmax_request_rows = 2\n")
    adder.wait_for_log("available", version=1)  # as it started
    adder.wait_for_log("available", version=1)
    client = Client(adder.address)
    with pytest.raises(Exception, match="at most 2 rows"):
        client.predict("adder", {"x": np.zeros((3, 1), np.float32)})
    settings.write_text("[limits]\nmax_request_row = 4\n")
    line = adder.wait_for_log("settings not taken")
    assert "did you mean 'max_request_rows'" in line["reason"]
    assert ask(adder, "adder", 0) == 1
