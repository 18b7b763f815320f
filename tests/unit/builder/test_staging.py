from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from horngate.builder.staging import staging_folder
from horngate.store.layout import STAGING_PREFIX

PUBLISHER = """
import pathlib, sys
from horngate.builder.staging import staging_folder
with staging_folder(pathlib.Path(sys.argv[1])) as folder:
    (folder / "saved_model.pb").write_text("half")
    print(folder, flush=True)
    sys.stdin.read()
"""


def publisher(model: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, str(model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_publisher_left_goes_with_the_next_and_a_living_ones_stays(
    tmp_path: Path,
) -> None:
    model = tmp_path / "m"
    living, kept = publisher(model)
    killed, left = publisher(model)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    try:
        assert left.is_dir()
        with staging_folder(model) as mine:
            assert {kept, mine} == set(model.iterdir())
    finally:
        living.communicate()
    assert not model.exists()


def test_it_is_removed_at_the_end_and_what_was_made_for_it(tmp_path: Path) -> None:
    with staging_folder(tmp_path / "models" / "m") as folder:
        assert folder.name.startswith(STAGING_PREFIX)
        assert folder.parent == tmp_path / "models" / "m"
        (folder / "file").touch()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_nothing_but_what_was_there(
    tmp_path: Path, failure: BaseException
) -> None:
    (tmp_path / "models").mkdir()
    with pytest.raises(type(failure)), staging_folder(tmp_path / "models" / "m"):
        raise failure
    assert list((tmp_path / "models").iterdir()) == []


def test_what_got_a_name_of_its_own_stays(tmp_path: Path) -> None:
    with staging_folder(tmp_path / "m") as folder:
        folder.rename(tmp_path / "m" / "1")
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["1"]


def test_a_folder_that_another_publisher_takes_away_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir
    took: list[Path] = []

    def take_away(path: Path) -> object:
        if not took:
            took.append(path)
            path.rmdir()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", take_away)
    with staging_folder(tmp_path / "m") as folder:
        assert folder.is_dir()
    assert took


def test_a_new_folders_name_is_on_disk_before_anything_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(
        os, "fsync", lambda handle: synced.append(Path(f"/proc/self/fd/{handle}").readlink())
    )
    with staging_folder(tmp_path / "models" / "m"):
        assert synced == [tmp_path, tmp_path / "models"]
