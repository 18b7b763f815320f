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
    assert admit(SIGNATURE, inputs(), max_rows=3) == (3, None)


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


def test_strings_for_what_may_be_a_picture_are_told_how_it_becomes_one() -> None:
    photo = TensorSpec("photo", DType.FLOAT32, (None, 2, 2, 3))
    signature = Signature("serving_default", {"photo": photo}, SIGNATURE.outputs)
    with pytest.raises(InvalidInput, match="or publish the model with --image-input"):
        admit(signature, {"photo": np.array([b"file"], object)}, max_rows=9)


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
    assert admit(SIGNATURE, inputs(), max_rows=3, max_bytes=48) == (3, None)
    with pytest.raises(InvalidInput, match=r"at most 47 bytes, received 48; .*max_tensor_bytes"):
        admit(SIGNATURE, inputs(), max_rows=3, max_bytes=47)


TABLE = Signature(
    "table",
    inputs={"x": TensorSpec("x", DType.FLOAT32, (None, 1))},
    outputs={"y": TensorSpec("y", DType.FLOAT32, (None, 1))},
)


@pytest.mark.parametrize("shape", [(3,), (), (1, 3), (2, 2, 2)])
def test_an_engine_that_says_itself_is_asked_about_any_shape_of_a_lone_input(
    shape: tuple[int, ...],
) -> None:
    sent = {"x": np.zeros(shape, np.float32)}
    rows, misfit = admit(TABLE, sent, max_rows=1, any_shape=True)
    assert rows == 1
    assert "expected shape [?, 1]" in str(misfit)
    with pytest.raises(InvalidInput, match=r"expected shape \[\?, 1\]"):
        admit(TABLE, sent, max_rows=9)


def test_nothing_that_fits_is_a_misfit_and_no_rows_are_the_engines_to_judge() -> None:
    assert admit(TABLE, {"x": np.zeros((2, 1), np.float32)}, max_rows=2, any_shape=True) == (
        2,
        None,
    )
    rows, misfit = admit(TABLE, {"x": np.zeros((0, 1), np.float32)}, max_rows=2, any_shape=True)
    assert (rows, str(misfit)[:23]) == (1, "expected at least 1 row")
    with pytest.raises(TooManyRows):
        admit(TABLE, {"x": np.zeros((3, 1), np.float32)}, max_rows=2, any_shape=True)


TWO = Signature(
    "two",
    inputs={
        "a": TensorSpec("a", DType.FLOAT32, (None, 1)),
        "b": TensorSpec("b", DType.FLOAT32, (None, 1)),
    },
    outputs={"y": TensorSpec("y", DType.FLOAT32, (None, 1))},
)


def test_of_several_inputs_all_leave_out_as_much_or_one_could_be_spread_over_another() -> None:
    def sent(*shapes: tuple[int, ...]) -> dict[str, Array]:
        return {name: np.zeros(shape, np.float32) for name, shape in zip("ab", shapes, strict=True)}

    assert admit(TWO, sent((4,), (4,)), max_rows=9, any_shape=True).misfit is not None
    for wrong in ([(4,), (4, 1)], [(4, 1), (1, 4)]):
        with pytest.raises(InvalidRequest, match=r"expected|disagree"):
            admit(TWO, sent(*wrong), max_rows=9, any_shape=True)


def test_what_runs_alone_counts_no_rows() -> None:
    sent = {"a": np.zeros((4, 1), np.float32), "b": np.zeros((2, 1), np.float32)}
    assert admit(TWO, sent, max_rows=1, alone=True) == (1, None)
    sent["b"] = sent["b"][:0]
    with pytest.raises(InvalidRequest, match="at least 1 row"):
        admit(TWO, sent, max_rows=1, alone=True)
    assert admit(TWO, sent, max_rows=1, alone=True, any_shape=True).misfit is not None


def test_an_unknown_rank_takes_any_shape_and_no_batch() -> None:
    spec = TensorSpec("x", DType.FLOAT32, (), unknown_rank=True)
    signature = Signature("any", {"x": spec}, {"y": TensorSpec("y", DType.FLOAT32, (None, 1))})
    assert not signature.batched
    for shape in ((), (3,), (0, 2)):
        assert admit(signature, {"x": np.zeros(shape, np.float32)}, max_rows=1) == (1, None)
    assert str(spec) == "float32[any shape]"
