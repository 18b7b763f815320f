import json
from pathlib import Path

import numpy as np
import pytest

from horngate.cli.values import read_inputs, read_value
from horngate.errors import InvalidInput
from horngate.tensors import DType, Shape, Signature, TensorSpec


def spec(dtype: DType = DType.FLOAT32, shape: Shape = (None, 2)) -> TensorSpec:
    return TensorSpec("x", dtype, shape)


@pytest.mark.parametrize(
    ("text", "shape", "expected"),
    [
        ("[0.5, 1]", (None, 2), [[0.5, 1]]),
        ("[[0.5, 1], [2, 3]]", (None, 2), [[0.5, 1], [2, 3]]),
        ("3", (None,), [3]),
        ("[[1, 2]]", (1, 1, 2), [[[1, 2]]]),
        ("3.5", (), 3.5),
        ("3", (None, 1), [[3]]),
        ("3", (None, None), [[3]]),
        ("3", (1, 1, 1), [[[3]]]),
        ("[1, 2, 3]", (None, 1), [[1], [2], [3]]),
        ("[1, 2]", (None, 1, 1), [[[1]], [[2]]]),
    ],
)
def test_json_takes_dtype_and_batch_dimension_of_the_input(
    text: str, shape: Shape, expected: object
) -> None:
    array = read_value(text, spec(shape=shape))
    assert array.dtype == np.float32
    assert array.tolist() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", ["hello"]),
        ("5", ["5"]),
        ('"@home"', ["@home"]),
        ('["a", "b"]', ["a", "b"]),
        ("[draft", ["[draft"]),
    ],
)
def test_a_string_input_takes_plain_text(text: str, expected: list[str]) -> None:
    assert read_value(text, spec(DType.STRING, (None,))).tolist() == expected
    alone = read_value(text, spec(DType.STRING, (None, 1))).tolist()
    assert alone == [[each] for each in expected]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("abc", "as JSON or @FILE, received 'abc'"),
        ("[1, 2, 3]", r"expected shape \[\?, 2\], received \[1, 3\]"),
        ("1", r"expected shape \[\?, 2\], received \[\]"),
        ("[[1], [2, 3]]", "rows of equal length"),
        ('["a", "b"]', "received text"),
        ('{"a": 1}', "received a dict"),
        ("@nowhere.json", "expected a readable .json file, received nowhere.json"),
        ("@digit.bmp", "expected a file that ends in"),
    ],
)
def test_what_does_not_fit_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        read_value(text, spec())
    assert caught.value.name == "x"


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("[1, 2]", (3, 2)),
        ("1", (3, 1)),
        ("1", (None, 2)),
        ("1", (None, 28, 28, 1)),
        ("[1]", (2, 1)),
    ],
)
def test_a_dimension_that_is_fixed_is_not_made_up(text: str, shape: Shape) -> None:
    with pytest.raises(InvalidInput, match="expected shape"):
        read_value(text, spec(shape=shape))


def test_files_of_numbers(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps([0.5, 1]))
    np.save(tmp_path / "x.npy", np.array([[0.5, 1]]))  # float64, as numpy makes them
    for name in ("x.json", "x.npy"):
        array = read_value(f"@{tmp_path / name}", spec())
        assert array.dtype == np.float32
        assert array.tolist() == [[0.5, 1]]


def test_damaged_files_are_named(tmp_path: Path) -> None:
    for name in ("x.json", "x.npy", "x.png"):
        (tmp_path / name).write_bytes(b"{nothing")
        with pytest.raises(InvalidInput, match=f"received .*{name}"):
            read_value(f"@{tmp_path / name}", spec(shape=(None, 2, 2)))


SIGNATURE = Signature("s", {"x": spec(), "y": TensorSpec("y", DType.INT64, (None,))}, {})


def test_inputs_are_read_by_name() -> None:
    arrays = read_inputs(["x=[1, 2]", "y=7"], SIGNATURE)
    assert arrays["x"].tolist() == [[1, 2]]
    assert arrays["y"].dtype == np.int64


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["x"], "expected NAME=VALUE, received 'x'"),
        (["=1"], "expected NAME=VALUE"),
        (["z=1"], r"expected an input of signature 's' \(x float32\[\?, 2\], y int64\[\?\]\)"),
        (["yy=1"], r"received 'yy'; did you mean 'y'\?"),
        (["y=1", "y=2"], "'y' once"),
        (["y=1.5"], "expected int64, received float64"),
    ],
)
def test_arguments_that_name_no_input(arguments: list[str], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read_inputs(arguments, SIGNATURE)
