from __future__ import annotations

import hashlib
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from horngate.errors import LoadError
from horngate.store import files
from horngate.store.files import VersionFiles, walk


@pytest.fixture
def version(tmp_path: Path) -> Path:
    folder = tmp_path / "m" / "3"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"program")
    (folder / "variables" / "variables.index").write_bytes(b"weights")
    return folder


def link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def self_link(path: Path) -> None:
    path.symlink_to(path.name)


def folder_link(path: Path) -> None:
    path.symlink_to("/etc")


def device_link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def fifo(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        # By a short name: a socket's path holds a hundred bytes.
        here = Path.cwd()
        os.chdir(path.parent)
        try:
            made.bind(path.name)
        finally:
            os.chdir(here)


ODD: list[tuple[Callable[[Path], None], str]] = [
    (link, "symbolic link"),
    (self_link, "symbolic link"),
    (folder_link, "symbolic link"),
    (device_link, "symbolic link"),
    (fifo, "FIFO"),
    (unix_socket, "socket"),
]


def test_names_are_those_of_regular_files_sorted(version: Path) -> None:
    assert VersionFiles(version).names() == ["saved_model.pb", "variables/variables.index"]


@pytest.mark.parametrize(("make", "what"), ODD, ids=[make.__name__ for make, _ in ODD])
@pytest.mark.parametrize("name", ["odd", "variables/odd"])
def test_what_is_no_regular_file_is_refused_by_its_name(
    version: Path, make: Callable[[Path], None], what: str, name: str
) -> None:
    make(version / name)
    held = VersionFiles(version)
    uses: list[Callable[[], object]] = [
        held.names,
        lambda: held.exists(name),
        lambda: held.read(name, 100),
        lambda: held.sha256(name),
        lambda: held.copy(name, version.parent / "copy"),
    ]
    for use in uses:
        with pytest.raises(LoadError, match=rf"'{name}'.*received a {what}"):
            use()
    assert not (version.parent / "copy").exists()


def test_a_device_is_refused(version: Path) -> None:
    try:
        os.mknod(version / "zero", 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes devices")
    with pytest.raises(LoadError, match=r"'zero'.*received a character device"):
        VersionFiles(version).names()
    with pytest.raises(LoadError, match=r"'zero'.*received a character device"):
        VersionFiles(version).read("zero", 100)


def test_no_name_leads_through_a_link_to_a_folder(version: Path) -> None:
    (version.parent / "elsewhere").mkdir()
    (version.parent / "elsewhere" / "vocab.txt").write_text("secret")
    (version / "assets").symlink_to("../elsewhere")
    with pytest.raises(LoadError, match=r"expected the folder 'assets', received a symbolic link"):
        VersionFiles(version).read("assets/vocab.txt", 100)


def test_a_version_folder_that_is_a_link_is_refused_and_one_above_it_is_not(version: Path) -> None:
    (version.parent / "4").symlink_to("3")
    (version.parent.parent / "alias").symlink_to("m")
    with pytest.raises(LoadError, match=r"'4': expected a folder .* received a symbolic link"):
        VersionFiles(version.parent / "4").names()
    assert VersionFiles(version.parent.parent / "alias" / "3").exists("saved_model.pb")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../secret", "/etc/passwd", "variables/../../x", "a//b", "a\0b", "a/"]
)
def test_a_name_is_one_within_the_version(version: Path, name: str) -> None:
    with pytest.raises(LoadError, match=r"expected a file's name within the version"):
        VersionFiles(version).read(name, 100)


def test_what_is_absent_is_missing(version: Path) -> None:
    held = VersionFiles(version)
    assert held.exists("saved_model.pb")
    assert not held.exists("assets/vocab.txt")
    with pytest.raises(LoadError, match=r"'assets/vocab.txt' is missing"):
        held.read("assets/vocab.txt", 100)
    with pytest.raises(LoadError, match=r"'1.*missing|No such file"):
        VersionFiles(version.parent / "1").names()


def test_a_file_is_read_hashed_and_copied_as_it_is(version: Path, tmp_path: Path) -> None:
    content = os.urandom(3 * 1024 * 1024 + 17)
    (version / "big").write_bytes(content)
    (version / "empty").write_bytes(b"")
    held = VersionFiles(version)
    digest = hashlib.sha256(content).hexdigest()
    assert held.read("big", len(content)) == content
    assert held.sha256("big") == digest
    assert held.copy("big", tmp_path / "copy") == digest
    assert (tmp_path / "copy").read_bytes() == content
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o600
    assert held.read("empty", 0) == b""
    assert held.sha256("empty") == hashlib.sha256().hexdigest()


def test_a_file_above_its_limit_is_refused_before_it_is_read(version: Path) -> None:
    with (version / "sparse").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(LoadError, match=f"'sparse': expected at most 10 bytes, received {2**40}"):
        VersionFiles(version).read("sparse", 10)
    with pytest.raises(LoadError, match=r"'sparse': expected at most"):
        VersionFiles(version).sha256("sparse")


@pytest.mark.parametrize("growth", [1, 10_000_000])
def test_a_file_that_grows_while_it_is_read_is_cut_off(
    version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, growth: int
) -> None:
    fstat = os.fstat

    def grow(handle: int) -> os.stat_result:
        status = fstat(handle)
        with (version / "saved_model.pb").open("ab") as file:
            file.write(b"x" * growth)
        return status

    monkeypatch.setattr(os, "fstat", grow)
    with pytest.raises(LoadError, match=r"'saved_model.pb': expected 7 bytes, received more"):
        VersionFiles(version).read("saved_model.pb", 100)
    with pytest.raises(LoadError, match=r"received more"):
        VersionFiles(version).copy("saved_model.pb", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_file_that_shrinks_while_it_is_read_is_told(
    version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fstat = os.fstat

    def shrink(handle: int) -> os.stat_result:
        status = fstat(handle)
        os.truncate(version / "saved_model.pb", 3)
        return status

    monkeypatch.setattr(os, "fstat", shrink)
    with pytest.raises(LoadError, match=r"expected 7 bytes, received 3"):
        VersionFiles(version).read("saved_model.pb", 100)


def test_a_file_swapped_for_a_fifo_between_look_and_open_holds_nobody(
    version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = VersionFiles._is_there

    def swap(self: VersionFiles, name: str) -> bool:
        found = look(self, name)
        (version / name).unlink()
        os.mkfifo(version / name)
        return found

    monkeypatch.setattr(VersionFiles, "_is_there", swap)
    with pytest.raises(LoadError, match=r"received a FIFO"):
        VersionFiles(version).read("saved_model.pb", 100)


def test_a_copy_that_finds_no_room_leaves_nothing(version: Path, tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"expected room for a copy"):
        VersionFiles(version).copy("saved_model.pb", tmp_path / "gone" / "copy")
    (tmp_path / "taken").symlink_to("/nowhere")
    with pytest.raises(LoadError, match=r"expected room for a copy"):
        VersionFiles(version).copy("saved_model.pb", tmp_path / "taken")


def test_a_tree_is_walked_so_deep_and_no_deeper(version: Path) -> None:
    deep = version.joinpath(*["d"] * files.MOST_LEVELS)
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    assert len(VersionFiles(version).names()) == 3
    (deep / "d").mkdir()
    with pytest.raises(LoadError, match=r"folders deep"):
        VersionFiles(version).names()


def test_a_tree_of_too_many_entries_is_cut_off(
    version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_ENTRIES", 3)
    VersionFiles(version).names()
    (version / "one_more").mkdir()
    with pytest.raises(LoadError, match=r"more than 3"):
        VersionFiles(version).names()
    assert [entry.wrong for entry in walk(version, 1)][-1] == "more than 1 of them"


def test_a_folder_that_cannot_be_read_hides_nothing_else(
    version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refuse(path: str | Path, flags: int, *rest: int, dir_fd: int | None = None) -> int:
        if path == "variables":
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, *rest, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    found = {entry.name: entry.wrong for entry in walk(version)}
    assert found == {
        "saved_model.pb": "",
        "variables": "what cannot be read: Permission denied",
    }
    with pytest.raises(LoadError, match=r"Permission denied"):
        VersionFiles(version).read("variables/variables.index", 100)


def test_hard_links_are_files(version: Path) -> None:
    (version / "twin.pb").hardlink_to(version / "saved_model.pb")
    assert VersionFiles(version).read("twin.pb", 100) == b"program"


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_nothing_is_left_open(version: Path) -> None:
    fifo(version / "odd")
    before = open_files()
    held = VersionFiles(version)
    for use in (held.names, lambda: held.read("odd", 1), lambda: held.read("x/y", 1)):
        with pytest.raises(LoadError):
            use()
    held.exists("saved_model.pb")
    held.sha256("variables/variables.index")
    assert open_files() == before
