from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from horngate.builder import publish
from horngate.builder.publish import publish_keras
from horngate.errors import ConfigError, PublishError
from horngate.store.goldens import read_goldens
from horngate.store.layout import STAGING_PREFIX, next_version, version_folders
from horngate.store.manifest import verify_checksums
from tests.integration.builder.models import sequential

publish_saved_model = partial(publish.publish_saved_model, compiled=False)
"""Whatever becomes of compiling, a version is written in the same way."""

BeforeRename = Callable[[Callable[[], None]], None]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel to publish."""
    return publish_keras(sequential(), tmp_path_factory.mktemp("source"), "m").folder


@pytest.fixture
def before_rename(monkeypatch: pytest.MonkeyPatch) -> BeforeRename:
    """Has something happen once a version is staged whole and before it gets its name."""

    def arrange(happening: Callable[[], None]) -> None:
        sync = publish._sync

        def synced_then_happening(folder: Path) -> None:
            sync(folder)
            happening()

        monkeypatch.setattr(publish, "_sync", synced_then_happening)

    return arrange


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_versions_count_up_from_the_highest(source: Path, tmp_path: Path) -> None:
    assert publish_saved_model(source, tmp_path, "m").version == 1
    assert publish_saved_model(source, tmp_path, "m", version=41).version == 41
    assert publish_saved_model(source, tmp_path, "m").version == 42
    assert publish_saved_model(source, tmp_path, "other").version == 1
    assert listing(tmp_path / "m") == ["1", "41", "42"]


@pytest.mark.parametrize("taken", ["7", "007"])
def test_a_version_that_is_taken_is_refused(source: Path, tmp_path: Path, taken: str) -> None:
    (tmp_path / "m" / taken).mkdir(parents=True)
    with pytest.raises(
        PublishError, match=r"version: expected a number above 0 that 'm' does not have yet, .* 7;"
    ):
        publish_saved_model(source, tmp_path, "m", version=7)
    assert listing(tmp_path / "m") == [taken]


@pytest.mark.parametrize("version", [0, -1, 10**18])
def test_a_number_that_no_server_would_find_is_refused(
    source: Path, tmp_path: Path, version: int
) -> None:
    with pytest.raises(PublishError, match=f"version: expected a number .* received {version};"):
        publish_saved_model(source, tmp_path, "m", version=version)
    assert listing(tmp_path) == []


def test_a_name_that_may_not_be_a_models_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name: expected letters"):
        publish_saved_model(source, tmp_path / "models", "../m")
    assert listing(tmp_path) == []


def test_publishers_at_once_get_versions_of_their_own(
    source: Path, tmp_path: Path, before_rename: BeforeRename
) -> None:
    both = threading.Barrier(2, timeout=60)

    def wait() -> None:
        both.wait()

    before_rename(wait)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(publish_saved_model, source, tmp_path, "m") for _ in range(2)]
        versions = sorted(future.result().version for future in futures)
    assert versions == [1, 2]
    assert listing(tmp_path / "m") == ["1", "2"]
    assert all(verify_checksums(folder) for folder in version_folders(tmp_path / "m").values())


def test_a_number_taken_between_choosing_and_naming_is_passed_over(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[int] = []

    def choose_then_lose(folder: Path) -> int:
        chosen.append(next_version(folder))
        if len(chosen) == 1:
            (folder / "1").mkdir()
            (folder / "1" / "saved_model.pb").write_text("somebody else's")
        return chosen[-1]

    monkeypatch.setattr(publish, "next_version", choose_then_lose)
    assert publish_saved_model(source, tmp_path, "m").version == 2
    assert chosen == [1, 2]
    assert (tmp_path / "m" / "1" / "saved_model.pb").read_text() == "somebody else's"


def test_a_stated_number_taken_meanwhile_is_refused_and_kept(
    source: Path, tmp_path: Path, before_rename: BeforeRename
) -> None:
    def publish_first() -> None:
        (tmp_path / "m" / "5").mkdir()
        (tmp_path / "m" / "5" / "saved_model.pb").write_text("somebody else's")

    before_rename(publish_first)
    with pytest.raises(PublishError, match="version 5 of 'm' was published by somebody else"):
        publish_saved_model(source, tmp_path, "m", version=5)
    assert listing(tmp_path / "m") == ["5"]
    assert (tmp_path / "m" / "5" / "saved_model.pb").read_text() == "somebody else's"


def test_a_file_in_the_versions_place_is_an_error(source: Path, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "1").touch()
    with pytest.raises(PublishError, match=r"m: not published: .* Not a directory"):
        publish_saved_model(source, tmp_path, "m")
    assert listing(tmp_path / "m") == ["1"]


def test_until_it_is_whole_a_version_is_not_to_be_seen(
    source: Path, tmp_path: Path, before_rename: BeforeRename
) -> None:
    seen: list[list[str]] = []

    def look() -> None:
        seen.append(listing(tmp_path / "m"))
        assert version_folders(tmp_path / "m") == {}

    before_rename(look)
    publish_saved_model(source, tmp_path, "m")
    assert [name.startswith(STAGING_PREFIX) for names in seen for name in names] == [True]


@pytest.mark.parametrize("failure", [OSError("no space left"), KeyboardInterrupt()])
def test_a_failure_before_the_rename_leaves_nothing(
    source: Path, tmp_path: Path, before_rename: BeforeRename, failure: BaseException
) -> None:
    def fail() -> None:
        raise failure

    before_rename(fail)
    expected = PublishError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        publish_saved_model(source, tmp_path, "m")
    assert listing(tmp_path) == []


def test_a_versions_name_is_on_disk_when_it_is_published(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, list[str]]] = []

    def record(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        synced.append((str(path), listing(path) if path.is_dir() else []))

    monkeypatch.setattr(os, "fsync", record)
    publish_saved_model(source, tmp_path / "models", "m")
    assert [path for path, _ in synced[:2]] == [str(tmp_path), str(tmp_path / "models")]
    assert synced[-1] == (str(tmp_path / "models" / "m"), ["1"])


@pytest.mark.parametrize(
    "call", ["mkdir", "mkdtemp", "write", "fsync", "rename"], ids=lambda call: f"at {call}"
)
@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_disk_that_takes_nothing_is_told_and_left_as_it_was(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    where = {"mkdir": Path, "rename": Path, "mkdtemp": tempfile, "write": os, "fsync": os}
    (tmp_path / "models").mkdir()
    monkeypatch.setattr(where[call], call, refuse)
    with pytest.raises(PublishError, match=os.strerror(code)) as refused:
        publish_saved_model(source, tmp_path / "models", "m")
    monkeypatch.undo()
    assert str(tmp_path / "models" / "m") in str(refused.value)
    assert listing(tmp_path / "models") == []


def test_on_a_disk_that_is_full_nothing_is_published(source: Path, tmp_path: Path) -> None:
    """A real one, where a test may make one."""
    mounted = tmp_path / "models"
    mounted.mkdir()
    with small_disk(mounted, "16k"):
        with pytest.raises(PublishError, match="No space left on device"):
            publish_saved_model(source, mounted, "m")
        assert listing(mounted) == []


def test_on_a_disk_that_may_only_be_read_nothing_is_published(source: Path, tmp_path: Path) -> None:
    mounted = tmp_path / "models"
    mounted.mkdir()
    with small_disk(mounted, "1m,ro"), pytest.raises(PublishError, match="Read-only file system"):
        publish_saved_model(source, mounted, "m")


@contextlib.contextmanager
def small_disk(where: Path, options: str) -> Iterator[None]:
    mount = ["mount", "-t", "tmpfs", "-o", f"size={options}", "tmpfs", str(where)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root mounts")
    try:
        yield
    finally:
        subprocess.run(["umount", str(where)], check=True)  # noqa: S607 - wherever it lies


@pytest.mark.parametrize("what", ["link", "folder", "fifo", "device"])
def test_a_source_of_regular_files_alone_is_published(
    source: Path, tmp_path: Path, what: str
) -> None:
    """A link's target would be copied, and answered to whoever asks."""
    tokens = tmp_path / "tokens.toml"
    tokens.write_text("[team]")
    copy = tmp_path / "source"
    shutil.copytree(source, copy)
    odd = copy / "assets" / "vocab.txt"
    odd.parent.mkdir(exist_ok=True)
    if what == "fifo":
        os.mkfifo(odd)
    else:
        odd.symlink_to({"link": tokens, "folder": tmp_path}.get(what, Path("/dev/zero")))
    with pytest.raises(PublishError, match=r"'assets/vocab\.txt': .* received a (symbolic|FIFO)"):
        publish_saved_model(copy, tmp_path / "models", "m")
    assert not (tmp_path / "models").exists()


def test_a_source_may_be_named_by_a_link(source: Path, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(source)
    assert publish_saved_model(tmp_path / "latest", tmp_path / "models", "m").version == 1


def test_a_golden_larger_than_a_server_takes_is_not_recorded(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "RECORDED", 8)
    published = publish_saved_model(source, tmp_path, "m")
    assert read_goldens(published.folder) == {}
    assert verify_checksums(published.folder)
