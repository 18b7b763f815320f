from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from horngate.errors import LoadError
from horngate.store.records import read_records, write_records


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "extra" / "requests"


def read(file: Path, most: int = 10) -> list[bytes]:
    return list(read_records(file.read_bytes(), file.name, most=most))


def test_records_come_back_as_they_were_written(file: Path) -> None:
    records = [b"", b"one", bytes(range(256)) * 100]
    write_records(file, records)
    assert read(file) == records


def test_the_framing_is_tensorflows(file: Path) -> None:
    """Bytes that TensorFlow 2.21's TFRecordWriter wrote for ``hi``."""
    write_records(file, [b"hi"])
    assert file.read_bytes().hex() == "0200000000000000" + "78270b34" + "6869" + "13d60856"


@given(position=st.integers(0, 40), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found_wherever_it_is(
    tmp_path_factory: pytest.TempPathFactory, position: int, bit: int
) -> None:
    file = tmp_path_factory.mktemp("records") / "requests"
    write_records(file, [b"a record of 25 bytes long"])
    data = bytearray(file.read_bytes())
    data[position] ^= 1 << bit
    file.write_bytes(data)
    with pytest.raises(LoadError, match="requests: record 0"):
        read(file)


@pytest.mark.parametrize("kept", [1, 8, 11, 12, 13, 18, 20, 30])
def test_a_file_that_is_cut_short_names_the_record(file: Path, kept: int) -> None:
    write_records(file, [b"first", b"second"])
    file.write_bytes(file.read_bytes()[:kept])
    number = 0 if kept < 21 else 1
    with pytest.raises(LoadError, match=f"requests: record {number}: .*cut short"):
        read(file)


def test_more_records_than_allowed(file: Path) -> None:
    write_records(file, [b"x"] * 4)
    assert len(read(file, most=4)) == 4
    with pytest.raises(LoadError, match="expected at most 3 records, received more"):
        read(file, most=3)
