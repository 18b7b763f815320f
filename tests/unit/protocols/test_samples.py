"""Triton's ``model_warmup``: made up, or from files of the model's folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from horngate.errors import LoadError
from horngate.lifecycle.declared import Declared, DeclaredWarmUp, Sample
from horngate.lifecycle.warm_up import Recorded
from horngate.protocols.oip.samples import read_samples
from horngate.store.cost import MADE_UP_BYTES
from horngate.tensors import DType, Signature, TensorSpec

SIGNATURES = {"s": Signature("s", {"x": TensorSpec("x", DType.FLOAT32, (None, 2))}, {})}
TWO = np.array([1.5, -2], "<f4")


def read(*samples: Sample, times: int = 1) -> Recorded:
    declared = Declared(warm_ups=(DeclaredWarmUp("w", samples, times),))
    (recorded,) = read_samples(declared, SIGNATURES)
    return recorded


def test_zeros_and_random_values(tmp_path: Path) -> None:
    x = Sample("x", DType.FLOAT32, (2,), 3)
    recorded = read(x, x._replace(name="r", random=True), times=7)
    assert (recorded.signature, recorded.times) == ("s", 7)
    assert recorded.inputs["x"].tolist() == [[0, 0]] * 3
    assert recorded.inputs["r"].any()
    assert np.array_equal(recorded.inputs["r"], read(x._replace(random=True)).inputs["x"])
    texts = Sample("t", DType.STRING, (1,), 2)
    assert read(texts).inputs["t"].tolist() == [[b""], [b""]]
    assert read(texts._replace(random=True)).inputs["t"].tolist() == [[b"warm-up"]] * 2


def test_a_file_has_a_row_as_it_lies_in_memory(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(TWO.tobytes())
    x = Sample("x", DType.FLOAT32, (2,), 3, file=tmp_path / "x")
    assert read(x).inputs["x"].tolist() == [[1.5, -2]] * 3
    assert read(x._replace(rows=None)).inputs["x"].tolist() == [1.5, -2]


def test_strings_have_their_lengths_before_them(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"\2\0\0\0hi\0\0\0\0")
    texts = Sample("t", DType.STRING, (2,), 1, file=tmp_path / "t")
    assert read(texts).inputs["t"].tolist() == [[b"hi", b""]]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("short", r"expected 8 bytes for FP32\[2\], received 7"),
        ("absent", "'absent' is missing"),
        ("link", "'link': expected a regular file, received a symbolic link"),
        ("folder", "'folder': expected a regular file, received a folder"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "short").write_bytes(TWO.tobytes()[1:])
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "folder").mkdir()
    with pytest.raises(LoadError, match=f"config.pbtxt: model_warmup 'w': input 'x': {said}"):
        read(Sample("x", DType.FLOAT32, (2,), 3, file=tmp_path / name))


def test_a_link_in_the_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "x").write_bytes(TWO.tobytes())
    (tmp_path / "warmup").symlink_to("far")
    with pytest.raises(LoadError, match="received a symbolic link"):
        read(Sample("x", DType.FLOAT32, (2,), 3, file=tmp_path / "warmup" / "x"))


@pytest.mark.parametrize(
    "sample",
    [
        Sample("x", DType.FLOAT32, (99999999999,)),
        Sample("x", DType.FLOAT32, (2**40, 2**40)),
        Sample("x", DType.STRING, (2**20,), 2**20),
    ],
)
def test_what_is_made_up_is_bounded(sample: Sample) -> None:
    with pytest.raises(LoadError, match=f"expected at most {MADE_UP_BYTES} bytes in all"):
        read(sample)


def test_several_of_them_are_bounded_together() -> None:
    half = Sample("x", DType.FLOAT32, (MADE_UP_BYTES // 8 + 1,))
    with pytest.raises(LoadError, match="'y': expected at most"):
        read(half, half._replace(name="y"))


@pytest.mark.parametrize(("dims", "rows"), [(65, None), (64, 2)])
def test_dimensions_are_bounded(dims: int, rows: int | None) -> None:
    with pytest.raises(LoadError, match="'x': expected at most 64 dimensions, received 65"):
        read(Sample("x", DType.FLOAT32, (1,) * dims, rows))
