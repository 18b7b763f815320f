from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from horngate.inference import ModelDescription
from horngate.store.goldens import Golden, write_golden
from horngate.tensors import Arrays, DType, Signature, TensorSpec
from horngate.web import starts as room
from horngate.web.starts import starts

IMAGE = TensorSpec("image", DType.FLOAT32, (None, 2, 2, 1))
TEXT = TensorSpec("text", DType.STRING, (None, 1))
CONTEXT = TensorSpec("context", DType.FLOAT32, (None, 3))
OUT = TensorSpec("y", DType.FLOAT32, (None, 1))


def described(folder: Path, *specs: TensorSpec) -> ModelDescription:
    signature = Signature("s", {spec.name: spec for spec in specs}, {"y": OUT})
    return ModelDescription("m", 1, (1,), {"s": signature}, "double", "", 8, 8, folder=folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    version = tmp_path / "m" / "1"
    version.mkdir(parents=True)
    return version


def record(folder: Path, inputs: Arrays) -> None:
    write_golden(folder, "s", Golden(inputs, {"y": np.zeros((2, 1), np.float32)}))


def test_goldens_come_row_by_row(folder: Path) -> None:
    image = np.arange(8, dtype=np.float32).reshape(2, 2, 2, 1)
    record(folder, {"image": image, "text": np.array([[b"a"], ["ä".encode()]], object)})
    first, second = starts(described(folder, IMAGE, TEXT), None)["s"]
    assert first["title"] == "golden 1"
    assert first["inputs"]["image"] == {"shape": (1, 2, 2, 1), "values": [0.0, 1.0, 2.0, 3.0]}
    assert second["inputs"]["text"] == {"shape": (1, 1), "values": ["ä"]}


def test_rows_that_no_form_can_show_are_left_out(folder: Path) -> None:
    record(folder, {"context": np.array([[1, np.nan, 3], [1, 2, 3]], np.float32)})
    assert [each["title"] for each in starts(described(folder, CONTEXT), None)["s"]] == ["golden 2"]


def test_goldens_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(folder, {"context": np.zeros((20, 3), np.float32)})
    assert len(starts(described(folder, CONTEXT), None)["s"]) == room.MOST_ROWS
    monkeypatch.setattr(room, "MOST_VALUES", 7)
    assert len(starts(described(folder, CONTEXT), None)["s"]) == 2


def test_samples_are_a_picture_and_the_values_of_the_other_input(folder: Path) -> None:
    samples = folder.parent / "samples"
    samples.mkdir()
    (samples / "10.png").write_bytes(b"ten")
    (samples / "9.png").write_bytes(b"nine")
    (samples / "9.json").write_text("[1, 2, 3]")
    (samples / "10.json").write_text("[1, 2]")
    (samples / "11.json").write_text("[[1, 2], [3]]")
    (samples / "notes.txt").write_text("no sample")
    (samples / "link.png").symlink_to(samples / "9.png")
    found = starts(described(folder, IMAGE, CONTEXT), folder.parent)["s"]
    assert [each["title"] for each in found] == ["9", "10"]
    assert found[0]["inputs"] == {
        "image": {"picture": "bmluZQ=="},
        "context": {"shape": (1, 3), "values": [1.0, 2.0, 3.0]},
    }
    assert list(found[1]["inputs"]) == ["image"]


def test_samples_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = folder.parent / "samples"
    samples.mkdir()
    for number in range(30):
        (samples / f"{number}.png").write_bytes(b"x" * number)
    assert len(starts(described(folder, IMAGE), folder.parent)["s"]) == room.MOST_SAMPLES
    monkeypatch.setattr(room, "SAMPLES_BYTES", 5)
    found = starts(described(folder, IMAGE), folder.parent)["s"]
    assert [each["title"] for each in found] == ["0", "1", "2"]
    monkeypatch.setattr(room, "SAMPLE_BYTES", 1)
    assert len(starts(described(folder, IMAGE), folder.parent)["s"]) == 2


@pytest.mark.parametrize(
    "content",
    ["", "no json", "[null, 1, 2]", "[1e999, {}, 2]", "[" * 9000, '{"level": 300}', "[[1]]"],
)
def test_a_sample_that_is_none_is_left_out(folder: Path, content: str) -> None:
    samples = folder.parent / "samples"
    samples.mkdir()
    (samples / "odd.json").write_text(content)
    level = TensorSpec("level", DType.INT8, (None,))
    for specs in ((CONTEXT,), (IMAGE, CONTEXT), (level, TEXT)):
        assert starts(described(folder, *specs), folder.parent)["s"] == []
