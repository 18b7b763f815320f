from __future__ import annotations

import numpy as np
import pytest

from horngate.batching.admission import admit, check_outputs
from horngate.errors import InvalidInput, InvalidOutputName, InvalidRequest, TooManyRows
from horngate.tensors import Array, DType, Signature, TensorSpec

SIGNATURE = Signature(
    "serving_default",
    inputs={
        "image": TensorSpec("image", DType.FLOAT32, (None, 2, 2)),
        "word": TensorSpec("word", DType.STRING, (None,)),
    },
    outputs={"y": TensorSpec("y", DType.FLOAT32, (None, 10))},
)


def inputs(**changes: Array) -> dict[str, Array]:
    good: dict[str, Array] = {
        "image": np.zeros((3, 2, 2), np.float32),
        "word": np.array([b"a", b"b", b"c"], object),
    }
    return good | changes


def test_good_inputs_pass_with_their_row_count() -> None:
    assert admit(SIGNATURE, inputs(), max_rows=3) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image": np.zeros((3, 2, 2))}, "'image': expected dtype float32, received float64"),
        ({"word": np.zeros(3, np.int8)}, "'word': expected dtype string, received int8"),
        (
            {"image": np.zeros((3, 2, 3), np.float32)},
            r"'image': expected shape \[\?, 2, 2\], received \[3, 2, 3\]",
        ),
        ({"image": np.zeros((2, 2), np.float32)}, "one row has a leading 1"),
        ({"colour": np.zeros(1)}, "not in signature 'serving_default': 'colour'"),
    ],
)
def test_a_wrong_input_is_named_with_what_was_expected(change: dict[str, Array], said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        admit(SIGNATURE, inputs(**change), max_rows=9)
    assert caught.value.name in change


def test_missing_inputs_are_named() -> None:
    with pytest.raises(InvalidInput, match="missing 'image'") as caught:
        admit(SIGNATURE, {"word": np.array([b"a"], object)}, max_rows=9)
    assert caught.value.name == "image"
    with pytest.raises(InvalidInput, match="received none"):
        admit(SIGNATURE, {}, max_rows=9)


def test_row_counts_must_agree_be_positive_and_within_the_limit() -> None:
    with pytest.raises(InvalidRequest, match="'image' 3, 'word' 1"):
        admit(SIGNATURE, inputs(word=np.array([b"a"], object)), max_rows=9)
    with pytest.raises(TooManyRows, match="at most 2 rows in a request, received 3"):
        admit(SIGNATURE, inputs(), max_rows=2)
    empty = inputs(image=np.zeros((0, 2, 2), np.float32), word=np.array([], object))
    with pytest.raises(InvalidRequest, match="at least 1 row"):
        admit(SIGNATURE, empty, max_rows=2)


def test_an_output_filter_must_name_known_outputs_once() -> None:
    check_outputs(SIGNATURE, ["y"])
    with pytest.raises(InvalidOutputName, match="'z' is not in signature") as unknown:
        check_outputs(SIGNATURE, ["z"])
    assert (unknown.value.name, unknown.value.twice) == ("z", False)
    with pytest.raises(InvalidOutputName, match="twice") as twice:
        check_outputs(SIGNATURE, ["y", "y"])
    assert twice.value.twice


def test_an_input_of_more_bytes_than_allowed_is_refused_with_both_numbers() -> None:
    assert admit(SIGNATURE, inputs(), max_rows=3, max_bytes=48) == 3
    with pytest.raises(InvalidInput, match=r"at most 47 bytes, received 48; .*max_tensor_bytes"):
        admit(SIGNATURE, inputs(), max_rows=3, max_bytes=47)
