from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from horngate.errors import LoadError
from horngate.repository.extras import (
    CHECKSUMS,
    GOLDENS,
    PROVENANCE,
    Golden,
    read_goldens,
    read_provenance,
    verify_checksums,
    write_checksums,
    write_golden,
    write_provenance,
)
from horngate.tensors import Array, DType

F32 = np.float32


def every_value(dtype: DType) -> Array:
    if dtype is DType.STRING:
        words = [b"", b"horn", b"\xff\xfe", "münze".encode(), b"ends in nul\0\0", b"\0"]
        return np.array(words, object).reshape(2, 3)
    if dtype is DType.BOOL:
        return np.array([[True, False, True], [False, False, True]])
    values: Array = np.arange(6).reshape(2, 3).astype(dtype.numpy)
    if dtype.numpy.kind == "c":
        values = values * dtype.numpy.type(1 + 2j)
    return values


def answering(**outputs: Any) -> Golden:
    return Golden({}, {name: np.asarray(value) for name, value in outputs.items()})


@pytest.mark.parametrize("dtype", DType)
def test_a_golden_comes_back_as_it_was_written(tmp_path: Path, dtype: DType) -> None:
    array = every_value(dtype)
    written = Golden({"x": array}, {"y": array[:1]}, rtol=0.5, atol=0.25)
    write_golden(tmp_path, "serving_default", written)
    read = read_goldens(tmp_path)["serving_default"]
    assert read.inputs["x"].dtype == dtype.numpy
    assert read.inputs["x"].tolist() == array.tolist()
    assert read.outputs["y"].tolist() == array[:1].tolist()
    assert (read.rtol, read.atol) == (0.5, 0.25)
    assert read.mismatch({"y": array[:1]}) is None


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.BFLOAT16, DType.STRING])
@pytest.mark.parametrize("shape", [(), (0, 3)])
def test_a_scalar_and_an_empty_tensor_come_back_too(
    tmp_path: Path, dtype: DType, shape: tuple[int, ...]
) -> None:
    array = np.full(shape, b"a" if dtype is DType.STRING else 1, dtype.numpy)
    write_golden(tmp_path, "s", Golden({"x": array}, {"y": array}))
    read = read_goldens(tmp_path)["s"].outputs["y"]
    assert (read.shape, read.dtype, read.tolist()) == (shape, dtype.numpy, array.tolist())


def test_text_is_kept_as_utf8(tmp_path: Path) -> None:
    write_golden(tmp_path, "s", Golden({"x": np.array(["münze", "a"])}, {}))
    assert read_goldens(tmp_path)["s"].inputs["x"].tolist() == ["münze".encode(), b"a"]


def test_signatures_and_tensors_may_have_any_name(tmp_path: Path) -> None:
    names = ("serving_default", "../up", "a b/ü")
    for number, name in enumerate(names):
        write_golden(tmp_path, name, Golden({"in/put": np.array([number])}, {"a/b": np.ones(1)}))
    read = read_goldens(tmp_path)
    assert [read[name].inputs["in/put"].item() for name in names] == [0, 1, 2]
    assert list(read["../up"].outputs) == ["a/b"]
    assert not (tmp_path.parent / "up.npz").exists()


def test_a_version_without_goldens_has_none(tmp_path: Path) -> None:
    assert read_goldens(tmp_path) == {}


@pytest.mark.parametrize(
    "index",
    [
        "{",
        "[]",
        '{"s": 1}',
        '{"s": {}}',
        '{"s": {"file": "goldens/none.npz", "dtypes": {}}}',
        '{"s": {"file": "goldens/s.npz", "dtypes": []}}',
        '{"s": {"file": "goldens/s.npz", "dtypes": {"inputs/x": "float31"}}}',
        '{"s": {"file": "goldens/s.npz", "dtypes": {"elsewhere/x": "float32"}}}',
        '{"s": {"file": "goldens/s.npz", "dtypes": {"inputs/z": "float32"}}}',
    ],
)
def test_goldens_that_cannot_be_read_are_a_load_error(tmp_path: Path, index: str) -> None:
    write_golden(tmp_path, "s", Golden({"x": np.ones(1, F32)}, {"y": np.ones(1, F32)}))
    (tmp_path / GOLDENS).write_text(index)
    with pytest.raises(LoadError, match="goldens"):
        read_goldens(tmp_path)


@pytest.mark.parametrize("keep", [0, 3, 40, -30])
def test_tensors_that_were_copied_in_part_are_a_load_error(tmp_path: Path, keep: int) -> None:
    write_golden(tmp_path, "s", Golden({"x": np.ones(100)}, {"y": np.ones(1)}))
    stored = tmp_path / GOLDENS.parent / "goldens" / "s.npz"
    stored.write_bytes(stored.read_bytes()[:keep])
    with pytest.raises(LoadError, match=r"the goldens in .* cannot be read"):
        read_goldens(tmp_path)


def test_what_lies_within_the_tolerance_is_right() -> None:
    golden = answering(y=np.array([1.0, 100.0], F32))
    assert golden.mismatch({"y": np.array([1.00005, 100.005], F32)}) is None
    assert golden.mismatch({"y": np.array([1.0, 100.0], F32), "more": np.ones(1)}) is None
    assert answering(y=np.array([0.0, 100.0])).mismatch({"y": np.array([0.0009, 100.0])}) is None


@pytest.mark.parametrize(
    ("expected", "received", "sentence"),
    [
        ([[1.0, 2.0]], [[1.0, 2.5]], "differs by up to 0.5, allowed 2e-05 + 0.0001 * |value|"),
        ([[0.0, 100.0]], [[0.0011, 100.0]], "differs by up to 0.0011, allowed 0.001"),
        ([1 + 1j], [1 + 4j], "differs by up to 3, "),
        ([1.0], [np.nan], "differs by up to nan, "),
        ([np.inf], [-np.inf], "differs by up to inf, "),
        ([np.inf, 1.0], [np.inf, 3.0], "differs by up to 2, "),
        ([1.0, 2.0], [1.0], "expected shape [2], received [1]"),
        ([1, 2], [1, 3], "values differ"),
        ([True], [False], "values differ"),
        ([1], [1.0], "expected int64, received float64"),
    ],
)
def test_a_wrong_answer_is_told_by_output_and_difference(
    expected: list[Any], received: list[Any], sentence: str
) -> None:
    wrong = answering(y=expected).mismatch({"y": np.array(received)})
    assert wrong is not None
    assert wrong.startswith(f"output 'y': {sentence}")


def test_a_wrong_word_is_told() -> None:
    golden = answering(y=np.array([b"horn", b"gate"], object))
    assert golden.mismatch({"y": np.array([b"horn", b"gate"], object)}) is None
    assert golden.mismatch({"y": np.array([b"horn", b"Gate"], object)}) == (
        "output 'y': values differ"
    )
    assert golden.mismatch({"y": np.ones(2)}) == "output 'y': expected string, received float64"


def test_a_missing_output_is_told_with_those_that_came() -> None:
    golden = answering(y=[1.0])
    assert golden.mismatch({"b": np.ones(1), "a": np.ones(1)}) == (
        "expected an output 'y', received a, b"
    )


def test_nan_where_nan_was_and_the_same_infinity_are_right() -> None:
    values = np.array([np.nan, np.inf, -np.inf, 1], F32)
    assert answering(y=values).mismatch({"y": values.copy()}) is None


def test_bfloat16_is_compared_as_numbers() -> None:
    golden = answering(y=np.array([1, 2], ml_dtypes.bfloat16))
    assert golden.mismatch({"y": np.array([1, 2], ml_dtypes.bfloat16)}) is None
    wrong = golden.mismatch({"y": np.array([1, 3], ml_dtypes.bfloat16)})
    assert wrong is not None
    assert "differs by up to 1, " in wrong


@pytest.fixture
def version(tmp_path: Path) -> Path:
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "variables" / "variables.data").write_bytes(b"weights")
    write_checksums(tmp_path)
    return tmp_path


def test_a_whole_version_matches_its_checksums(version: Path) -> None:
    assert set(json.loads((version / CHECKSUMS).read_text())) == {
        "saved_model.pb",
        "variables/variables.data",
    }
    assert verify_checksums(version)


def test_checksums_written_again_do_not_count_themselves(version: Path) -> None:
    before = (version / CHECKSUMS).read_text()
    write_checksums(version)
    assert (version / CHECKSUMS).read_text() == before


def test_a_missing_file_is_named(version: Path) -> None:
    (version / "variables" / "variables.data").unlink()
    with pytest.raises(LoadError, match=r"variables/variables\.data is missing; .*copied"):
        verify_checksums(version)


def test_a_changed_byte_is_noticed(version: Path) -> None:
    (version / "saved_model.pb").write_bytes(b"Graph")
    with pytest.raises(LoadError, match=r"saved_model\.pb differs from its checksum"):
        verify_checksums(version)


def test_a_file_beside_the_recorded_ones_is_fine(version: Path) -> None:
    (version / "saved_model.onnx").write_bytes(b"compiled later")
    assert verify_checksums(version)


def test_a_version_without_checksums_is_not_verified(tmp_path: Path) -> None:
    assert verify_checksums(tmp_path) is False


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "checksums.json cannot be read"),
        (b"\xff", "checksums.json cannot be read"),
        (b"[]", "checksums.json: expected a JSON object, received list"),
    ],
)
def test_checksums_that_cannot_be_read_are_a_load_error(
    version: Path, content: bytes, sentence: str
) -> None:
    (version / CHECKSUMS).write_bytes(content)
    with pytest.raises(LoadError, match=re.escape(sentence)):
        verify_checksums(version)


def test_how_a_version_was_made_can_be_read_again(tmp_path: Path) -> None:
    assert read_provenance(tmp_path) == {}
    write_provenance(tmp_path, {"seed": 1, "data": "MNIST"})
    assert read_provenance(tmp_path) == {"seed": 1, "data": "MNIST"}
    assert (tmp_path / PROVENANCE).is_file()
