from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from horngate.lifecycle.settings import ModelSettings
from horngate.lifecycle.source import Folders
from horngate.store.layout import STAGING_PREFIX
from horngate.store.snapshot import Snapshot, fingerprint


def scan(root: Path) -> Snapshot:
    return Folders(root, lambda _: ModelSettings()).look()


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_look_finds_models_with_their_versions_and_settings(tmp_path: Path) -> None:
    write(tmp_path / "m" / "2" / "saved_model.pb")
    write(tmp_path / "m" / "0010" / "saved_model.pb")
    write(tmp_path / "m" / "model.toml")
    write(tmp_path / "bare" / "1" / "saved_model.pb")
    found = scan(tmp_path).models
    assert set(found) == {"m", "bare"}
    assert {number: folder.path.name for number, folder in found["m"].versions.items()} == {
        2: "2",
        10: "0010",
    }
    assert found["m"].stamp != found["bare"].stamp


def test_a_model_is_a_folder_with_a_version_or_settings(tmp_path: Path) -> None:
    (tmp_path / "versioned" / "1").mkdir(parents=True)
    write(tmp_path / "configured" / "model.toml")
    write(tmp_path / "tritons" / "config.pbtxt")
    (tmp_path / "notes").mkdir()
    (tmp_path / "staging" / ".staging-x").mkdir(parents=True)
    write(tmp_path / "a_file")
    assert set(scan(tmp_path).models) == {"configured", "tritons", "versioned"}


def test_settings_are_read_again_with_the_files_that_a_config_pbtxt_may_name(
    tmp_path: Path,
) -> None:
    def stamp() -> object:
        return scan(tmp_path).models["m"].stamp

    write(tmp_path / "m" / "1" / "model.onnx")
    before = stamp()
    write(tmp_path / "m" / "labels.txt")
    assert stamp() == before, "without a config.pbtxt nobody names it"
    seen = [before]
    for file, text in [
        ("config.pbtxt", "x"),
        ("labels.txt", "longer"),
        ("warmup/data", "x"),
        ("warmup/data", "longer"),
    ]:
        write(tmp_path / "m" / file, text)
        seen.append(stamp())
    assert len(set(seen)) == 5
    write(tmp_path / "m" / "1" / "model.onnx", "longer")
    (tmp_path / "m" / "2").mkdir()
    assert stamp() == seen[-1], "versions have fingerprints of their own"


def test_what_is_being_staged_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "m" / "1" / "saved_model.pb")
    before = scan(tmp_path)
    write(tmp_path / "m" / f"{STAGING_PREFIX}x" / "saved_model.pb")
    assert scan(tmp_path) == before


def test_a_fingerprint_holds_every_file_below_by_its_path(tmp_path: Path) -> None:
    write(tmp_path / "saved_model.pb", "four")
    write(tmp_path / "variables" / "variables.index", "")
    assert {(name, size) for name, size, _ in fingerprint(tmp_path)} == {
        ("saved_model.pb", 4),
        ("variables/variables.index", 0),
    }


def test_a_fingerprint_changes_with_a_new_file_a_size_and_a_time(tmp_path: Path) -> None:
    path = write(tmp_path / "a", "1")
    os.utime(path, ns=(0, 0))
    seen = [fingerprint(tmp_path)]
    os.utime(path, ns=(0, 1))
    seen.append(fingerprint(tmp_path))
    path.write_text("12")
    os.utime(path, ns=(0, 1))
    seen.append(fingerprint(tmp_path))
    write(tmp_path / "b")
    seen.append(fingerprint(tmp_path))
    path.unlink()
    seen.append(fingerprint(tmp_path))
    assert len(set(seen)) == 5


def test_an_untouched_folder_keeps_its_fingerprint(tmp_path: Path) -> None:
    write(tmp_path / "variables" / "data")
    assert fingerprint(tmp_path) == fingerprint(tmp_path)


def test_a_file_that_vanishes_under_the_look_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "here")
    write(tmp_path / "gone")
    scandir = os.scandir

    def vanish(handle: int) -> Any:
        entries = scandir(handle)
        (tmp_path / "gone").unlink()
        return entries

    monkeypatch.setattr(os, "scandir", vanish)
    assert [name for name, _, _ in fingerprint(tmp_path)] == ["here"]


def odd(path: Path, what: str) -> None:
    match what:
        case "self-link":
            path.symlink_to(path.name)
        case "link to nothing":
            path.symlink_to("nothing")
        case "link above":
            path.symlink_to("../..")
        case "fifo":
            os.mkfifo(path)
        case "long name":
            path.with_name("n" * 255).symlink_to("/" + "x" * 4000)


ODD = ["self-link", "link to nothing", "link above", "fifo", "long name"]


@pytest.mark.parametrize("what", ODD)
def test_what_is_odd_in_one_version_hides_no_other(tmp_path: Path, what: str) -> None:
    for number in (1, 2, 3):
        write(tmp_path / "m" / str(number) / "saved_model.pb")
    odd(tmp_path / "m" / "2" / "odd", what)
    write(tmp_path / "n" / "1" / "saved_model.pb")
    seen = scan(tmp_path)
    assert set(seen.models["m"].versions) == {1, 2, 3}
    assert set(seen.models) == {"m", "n"}
    assert not seen.unreadable


@pytest.mark.parametrize("what", ODD[:-1])
def test_what_is_odd_in_the_place_of_a_version_hides_no_other(tmp_path: Path, what: str) -> None:
    write(tmp_path / "m" / "3" / "saved_model.pb")
    odd(tmp_path / "m" / "2", what)
    assert 3 in scan(tmp_path).models["m"].versions


@pytest.mark.parametrize("what", ODD[:-1])
def test_odd_settings_hide_no_version(tmp_path: Path, what: str) -> None:
    write(tmp_path / "m" / "1" / "saved_model.pb")
    odd(tmp_path / "m" / "model.toml", what)
    model = scan(tmp_path).models["m"]
    assert set(model.versions) == {1}
    assert model.stamp != (frozenset(), None), "they are to be read, and so refused"


def test_a_version_that_cannot_be_read_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        write(tmp_path / "m" / str(number) / "saved_model.pb")
    opened = os.open

    def refuse(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if str(path).endswith("2"):
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", refuse)
    assert set(scan(tmp_path).models["m"].versions) == {1, 2}


def test_a_link_is_part_of_a_fingerprint_and_not_what_it_leads_to(tmp_path: Path) -> None:
    target = write(tmp_path / "target", "1")
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "link").symlink_to(target)
    before = fingerprint(tmp_path / "v")
    target.write_text("22")
    assert fingerprint(tmp_path / "v") == before
    (tmp_path / "v" / "link").unlink()
    write(tmp_path / "v" / "link")
    assert fingerprint(tmp_path / "v") != before


def test_a_look_takes_in_so_many_files_of_a_model_its_newest_versions_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("horngate.store.snapshot.MOST_LOOKED_AT", 5)
    for number in (1, 2, 3):
        for name in ("a", "b", "c"):
            write(tmp_path / "m" / str(number) / name)
    versions = scan(tmp_path).models["m"].versions
    assert [number for number in versions if (len(versions[number].fingerprint) >= 3)] == [2, 3]
    assert sum(len(each.fingerprint) for each in versions.values()) <= 5 + 2 * 3
    before = versions[1].fingerprint
    write(tmp_path / "m" / "1" / "d")
    assert scan(tmp_path).models["m"].versions[1].fingerprint != before


def test_a_repository_that_is_not_there_is_an_error_and_not_empty(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent"):
        scan(tmp_path / "absent")
