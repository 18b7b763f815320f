"""Shared memory regions: bounds, lifetimes, and keys that are none."""

from __future__ import annotations

import errno
import gc
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from horngate.errors import InvalidRequest, RegionExists, RegionNotFound
from horngate.protocols.oip.regions import FOLDER, MAX_NAME, MOST, Regions


@pytest.fixture
def key() -> Iterator[str]:
    name = f"horngate-test-{uuid.uuid4().hex}"
    path = FOLDER / name
    path.write_bytes(bytes(range(100)))
    yield f"/{name}"
    path.unlink(missing_ok=True)


@pytest.fixture
def regions() -> Regions:
    return Regions()


def path_of(key: str) -> Path:
    return FOLDER / key[1:]


def test_a_region_is_a_part_of_an_object(regions: Regions, key: str) -> None:
    regions.register("r", key, 10, 20)
    region = regions.find("r")
    assert region.read(0, 3) == bytes([10, 11, 12])
    assert region.read(17, 3) == bytes([27, 28, 29])
    region.write(1, 4, b"ab")
    assert path_of(key).read_bytes()[10:14] == bytes([10]) + b"ab" + bytes([13])
    assert [(each.name, each.key, each.offset, each.byte_size) for each in regions.all()] == [
        ("r", key, 10, 20)
    ]


@pytest.mark.parametrize(("offset", "size"), [(0, 21), (20, 1), (-1, 1), (0, -1), (2**62, 2**62)])
def test_nothing_beyond_it_is_read_or_written(
    regions: Regions, key: str, offset: int, size: int
) -> None:
    regions.register("r", key, 10, 20)
    before = path_of(key).read_bytes()
    with pytest.raises(InvalidRequest, match="Invalid offset"):
        regions.find("r").read(offset, size)
    with pytest.raises(InvalidRequest, match="Invalid offset"):
        regions.find("r").write(offset, size, b"x")
    assert path_of(key).read_bytes() == before


def test_a_name_is_not_kept_that_is_as_long_as_a_message(regions: Regions, key: str) -> None:
    regions.register("r" * MAX_NAME, key, 0, 1)
    with pytest.raises(InvalidRequest, match=r"name of 1 to 256 characters .* received 257"):
        regions.register("r" * (MAX_NAME + 1), key, 0, 1)


def test_more_than_there_is_room_for_is_not_written(regions: Regions, key: str) -> None:
    regions.register("r", key, 0, 20)
    with pytest.raises(InvalidRequest, match="expected room for 5 bytes"):
        regions.find("r").write(0, 4, b"12345")


def test_an_object_cut_short_after_it_was_registered_is_an_error(
    regions: Regions, key: str
) -> None:
    regions.register("r", key, 0, 100)
    os.truncate(path_of(key), 50)
    with pytest.raises(InvalidRequest, match="cut short"):
        regions.find("r").read(0, 100)
    with pytest.raises(InvalidRequest, match="cut short"):
        regions.find("r").write(0, 100, bytes(100))
    assert path_of(key).stat().st_size == 50


def test_a_system_that_moves_a_part_at_a_time_loses_nothing(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, write = os.pread, os.pwrite
    monkeypatch.setattr(os, "pread", lambda handle, size, at: read(handle, min(size, 7), at))
    monkeypatch.setattr(os, "pwrite", lambda handle, data, at: write(handle, data[:7], at))
    regions = Regions()
    regions.register("r", key, 10, 50)
    assert regions.find("r").read(5, 40) == bytes(range(15, 55))
    regions.find("r").write(5, 40, bytes(40))
    after = path_of(key).read_bytes()
    assert after[15:55] == bytes(40)
    assert after[:15] + after[55:] == bytes([*range(15), *range(55, 100)])


def test_memory_that_the_system_has_not_is_told(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    regions = Regions()
    regions.register("r", key, 0, 20)
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(InvalidRequest, match=r"for 4 bytes, received .*No space left"):
        regions.find("r").write(0, 4, b"1234")


def test_names_are_taken_once_and_found_or_not(regions: Regions, key: str) -> None:
    regions.register("r", key, 0, 1)
    with pytest.raises(RegionExists, match="'r' already in manager"):
        regions.register("r", key, 0, 1)
    regions.register("s", key, 0, 1)
    regions.unregister("r")
    regions.unregister("r")
    with pytest.raises(RegionNotFound, match="Unable to find shared memory region: 'r'"):
        regions.find("r")
    regions.unregister("")
    assert regions.all() == []


def test_a_region_in_use_outlives_its_name_and_then_gives_its_handle_back(key: str) -> None:
    def handles() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    regions = Regions()
    before = handles()
    regions.register("r", key, 0, 10)
    used = regions.find("r")
    regions.unregister("r")
    assert used.read(0, 2) == b"\0\1"
    del used
    gc.collect()
    assert handles() == before


@pytest.mark.parametrize(
    "bad", ["", "/", "..", "/..", "/.", "/../etc/passwd", "/a/b", "//a", "/\0", "/nowhere-at-all"]
)
def test_a_key_is_never_a_path(bad: str) -> None:
    with pytest.raises(InvalidRequest):
        Regions().register("r", bad, 0, 1)


def test_a_link_is_not_followed(key: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    path_of(key).unlink()
    path_of(key).symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidRequest, match="Unable to open"):
        Regions().register("r", key, 0, 1)


def test_sizes_are_held_against_the_object(key: str) -> None:
    with pytest.raises(InvalidRequest, match="byte_size of at least 1, received 0"):
        Regions().register("r", key, 0, 0)
    for offset, size in ((0, 101), (100, 1), (2**62, 2**62)):
        with pytest.raises(InvalidRequest, match="within the 100 bytes"):
            Regions().register("r", key, offset, size)


def test_so_many_regions_and_no_more(regions: Regions, key: str) -> None:
    for number in range(MOST):
        regions.register(str(number), key, 0, 1)
    with pytest.raises(InvalidRequest, match=f"at most {MOST}"):
        regions.register("more", key, 0, 1)
    with pytest.raises(InvalidRequest, match="expected a name"):
        regions.register("", key, 0, 1)
