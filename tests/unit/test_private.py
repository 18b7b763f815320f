from __future__ import annotations

import fcntl
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from horngate import private
from horngate.private import locked_folder, private_folder, remove_abandoned, remove_leftovers

HOLDER = """
import sys, time
from horngate.private import private_folder
with private_folder() as folder:
    (folder / "file").write_text("x")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(private, "_home", private._Home())
    return tmp_path


def holder() -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def end(process: subprocess.Popen[str]) -> None:
    process.communicate()


def test_a_private_folder_is_its_owners_and_goes_at_the_end(temporary: Path) -> None:
    with private_folder() as folder:
        assert list(folder.iterdir()) == []
        for each in (folder, folder.parent):
            assert stat.S_IMODE(each.stat().st_mode) == 0o700
        assert folder.parent.parent == temporary
        (folder / "x").mkdir()
        with private_folder() as other:
            assert other != folder
            assert other.parent == folder.parent
    assert not folder.exists()


def test_the_folder_of_a_process_goes_when_it_exits() -> None:
    process, folder = holder()
    assert folder.is_dir()
    end(process)
    assert not folder.parent.exists()


def test_the_folder_of_a_killed_process_is_removed_by_the_next_and_a_living_ones_is_not() -> None:
    living, kept = holder()
    killed, left = holder()
    killed.send_signal(signal.SIGKILL)
    end(killed)
    assert left.is_dir()
    try:
        with private_folder() as mine:
            assert not left.parent.exists()
            remove_leftovers()
            assert kept.is_dir()
            assert mine.is_dir()
    finally:
        end(living)


def test_neither_links_nor_what_has_another_name_is_removed(temporary: Path) -> None:
    (temporary / "target").mkdir()
    (temporary / f"{private.PREFIX}link").symlink_to("target")
    (temporary / f"{private.PREFIX}file").write_text("x")
    remove_leftovers()
    assert {path.name for path in temporary.iterdir()} == {
        "target",
        f"{private.PREFIX}link",
        f"{private.PREFIX}file",
    }


def test_another_users_folder_is_left_alone(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (temporary / f"{private.PREFIX}x").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    remove_leftovers()
    assert (temporary / f"{private.PREFIX}x").is_dir()


def test_a_folder_taken_for_abandoned_before_it_was_locked_is_made_anew(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open
    taken: list[Path] = []

    def steal(path: Path, flags: int) -> int:
        if not taken:
            taken.append(path)
            Path(path).rmdir()
        return opened(path, flags)

    monkeypatch.setattr(os, "open", steal)
    folder, handle = locked_folder(temporary, "x-")
    assert folder.is_dir()
    assert [folder] != taken
    os.close(handle)


def test_where_nothing_can_be_locked_age_decides(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(handle: int, operation: int) -> None:
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    folder, handle = locked_folder(temporary, "x-")
    os.close(handle)
    (folder / "file").write_text("x")
    long_ago = time.time() - 2 * private.FORGOTTEN_SECONDS
    os.utime(folder, (long_ago, long_ago))
    remove_abandoned(temporary, "x-")
    assert folder.is_dir()  # a file in it is new
    os.utime(folder / "file", (long_ago, long_ago))
    remove_abandoned(temporary, "x-")
    assert not folder.exists()
