"""What is recorded of tensors' meaning is read back; what does not fit the model is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from horngate.errors import LoadError
from horngate.store.annotations import (
    MOST_CHARACTERS,
    RECORD,
    annotated,
    carried,
    document_of,
    picture_of,
    read_annotations,
    read_range,
    write_annotations,
)
from horngate.store.manifest import Hashes, write_checksums
from horngate.tensors import DType, Picture, Shape, Signature, TensorSpec

PLAIN = Signature(
    "serving_default",
    {
        "photo": TensorSpec("photo", DType.FLOAT32, (None, 96, 64, 3)),
        "bytes": TensorSpec("bytes", DType.UINT8, (None, 8, 8, 1)),
        "context": TensorSpec("context", DType.FLOAT32, (None, 10)),
    },
    {
        "kind": TensorSpec("kind", DType.FLOAT32, (None, 3)),
        "open": TensorSpec("open", DType.FLOAT32, (None, None)),
    },
)
PICTURE = {
    "height": 96,
    "width": 64,
    "channels": 3,
    "channels_first": False,
    "low": 0.0,
    "high": 255.0,
}
DOCUMENT: dict[str, Any] = {
    "labels": {"kind": ["cat", "größer", "犬"], "open": ["one", "two"]},
    "pictures": {"photo": PICTURE},
    "activations": {"kind": "softmax"},
}


def recorded(version: Path, document: Any) -> Signature:
    record = version / RECORD
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"serving_default": document}))
    return read_annotations(version, {"serving_default": PLAIN})["serving_default"]


def test_what_is_recorded_is_read_back(tmp_path: Path) -> None:
    known = annotated(PLAIN, DOCUMENT)
    assert known.labels["kind"] == ("cat", "größer", "犬")
    assert known.pictures == {"photo": Picture(96, 64, 3, False, 0.0, 255.0)}
    assert known.activations == {"kind": "softmax"}
    write_annotations(tmp_path, [known])
    read = read_annotations(tmp_path, {"serving_default": PLAIN})["serving_default"]
    assert document_of(read) == DOCUMENT


def test_an_input_in_another_shape_is_no_picture_any_more() -> None:
    known = annotated(PLAIN, DOCUMENT)
    other = replace(PLAIN.inputs["photo"], shape=(None, 96 * 64, 3))
    served = replace(PLAIN, inputs={**PLAIN.inputs, "photo": other})
    assert carried(known, served).labels == known.labels
    assert not carried(known, served).pictures
    assert carried(known, PLAIN).pictures == known.pictures


def test_a_version_without_a_record_is_as_it_was(tmp_path: Path) -> None:
    write_annotations(tmp_path, [PLAIN])
    assert not (tmp_path / RECORD).exists()
    assert read_annotations(tmp_path, {"serving_default": PLAIN}) == {"serving_default": PLAIN}


def test_the_record_is_held_against_its_checksum(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    write_annotations(tmp_path, [annotated(PLAIN, DOCUMENT)])
    write_checksums(tmp_path)
    (tmp_path / RECORD).write_text("{}")
    with pytest.raises(LoadError, match=r"annotations\.json differs from its checksum"):
        read_annotations(tmp_path, {"serving_default": PLAIN}, Hashes(tmp_path))


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([], "expected an object"),
        ({"labels": []}, "labels: expected an object"),
        ({"labels": {"kind": "cat"}}, "expected a list of labels"),
        ({"labels": {"kind": ["cat", "dog"]}}, "expected 3 labels, one for each class, received 2"),
        ({"labels": {"kind": ["a"] * 4}}, "expected 3 labels, one for each class, received 4"),
        ({"labels": {"open": []}}, "received 0"),
        ({"labels": {"open": ["a"] * 65_537}}, "received 65537"),
        ({"labels": {"kind": ["cat", "dog", 3]}}, "label 2: expected a text"),
        ({"labels": {"kind": ["cat", "dog", "x" * (MOST_CHARACTERS + 1)]}}, "label 2: expected"),
        ({"labels": {"kind": ["cat", "\x1b[31mred", "dog"]}}, "without control characters"),
        ({"labels": {"kind": ["cat", "two\nlines", "dog"]}}, "without control characters"),
        ({"labels": {"kind": ["cat", "\ud800", "dog"]}}, "without control characters"),
        ({"labels": {"mask": ["a"]}}, "expected one of 'kind', 'open', received 'mask'"),
        ({"pictures": {"photo": 3}}, "expected an object of height"),
        ({"pictures": {"photo": {**PICTURE, "more": 1}}}, "expected an object of height"),
        ({"pictures": {"photo": {**PICTURE, "height": 1.5}}}, "whole numbers"),
        ({"pictures": {"photo": {**PICTURE, "height": True}}}, "whole numbers"),
        ({"pictures": {"photo": {**PICTURE, "height": 97}}}, "expected a picture"),
        ({"pictures": {"photo": {**PICTURE, "channels_first": True}}}, "expected a picture"),
        ({"pictures": {"photo": {**PICTURE, "low": 255}}}, "to a higher one"),
        ({"pictures": {"photo": {**PICTURE, "high": float("nan")}}}, "to a higher one"),
        ({"pictures": {"photo": {**PICTURE, "high": float("inf")}}}, "as numbers"),
        ({"pictures": {"context": PICTURE}}, "expected a picture"),
        ({"activations": {"kind": "swish"}}, "expected one of softmax"),
        ({"activations": {"kind": ["softmax"]}}, "expected one of softmax"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(tmp_path: Path, document: Any, told: str) -> None:
    with pytest.raises(LoadError, match=r"annotations\.json: signature 'serving_default'") as error:
        recorded(tmp_path, document)
    assert told in str(error.value)


def test_a_signature_that_the_model_lacks_is_refused(tmp_path: Path) -> None:
    (tmp_path / RECORD).parent.mkdir(parents=True)
    (tmp_path / RECORD).write_text('{"another": {}}')
    with pytest.raises(LoadError, match="expected one of 'serving_default'"):
        read_annotations(tmp_path, {"serving_default": PLAIN})


@pytest.mark.parametrize("text", ["[]", "{", "[" * 100_000])
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / RECORD).parent.mkdir(parents=True)
    (tmp_path / RECORD).write_text(text)
    with pytest.raises(LoadError, match=r"annotations\.json"):
        read_annotations(tmp_path, {"serving_default": PLAIN})


@pytest.mark.parametrize(
    ("dtype", "shape", "picture"),
    [
        (DType.FLOAT32, (None, 28, 28, 1), Picture(28, 28, 1)),
        (DType.BFLOAT16, (None, None, None, 3), Picture(None, None, 3)),
        (DType.FLOAT32, (None, 3, 224, 200), Picture(224, 200, 3, True)),
        (DType.FLOAT32, (1, 1, 8, 3), Picture(1, 8, 3)),
        (DType.UINT8, (None, 8, 8, 3), Picture(8, 8, 3, False, 0.0, 255.0)),
        (DType.FLOAT32, (None, 8, 8, 4), None),
        (DType.FLOAT32, (None, 8, 8, None), None),
        (DType.FLOAT32, (None, 8, 8), None),
        (DType.FLOAT32, (None, 5, 8, 8, 3), None),
        (DType.INT8, (None, 8, 8, 3), None),
        (DType.STRING, (None, 8, 8, 3), None),
        (DType.BOOL, (None, 8, 8, 1), None),
        (DType.COMPLEX64, (None, 8, 8, 1), None),
    ],
)
def test_a_picture_is_known_by_its_shape(
    dtype: DType, shape: Shape, picture: Picture | None
) -> None:
    assert picture_of(TensorSpec("x", dtype, shape)) == picture


@pytest.mark.parametrize(
    ("text", "pixels"), [("0..255", (0.0, 255.0)), ("-1..1", (-1.0, 1.0)), ("0.5..1e3", (0.5, 1e3))]
)
def test_a_range_is_two_numbers(text: str, pixels: tuple[float, float]) -> None:
    assert read_range(text) == pixels


@pytest.mark.parametrize("text", ["", "255", "0-255", "1..0", "0..0", "nan..1", "0..inf", "a..b"])
def test_anything_else_is_no_range(text: str) -> None:
    with pytest.raises(ValueError, match=r"as 0\.\.255"):
        read_range(text)
