from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from horngate.cli.values import read_value
from horngate.errors import InvalidInput
from horngate.tensors import Array, DType, Shape, TensorSpec


def picture(path: Path, pixels: Array) -> str:
    Image.fromarray(pixels).save(path)
    return f"@{path}"


GREY = np.array([[0, 51, 255], [102, 153, 204]], np.uint8)  # 3 wide, 2 high


def spec(shape: Shape, dtype: DType = DType.FLOAT32) -> TensorSpec:
    return TensorSpec("image", dtype, shape)


@pytest.mark.parametrize("shape", [(None, 2, 3, 1), (None, 2, 3), (None, None, None, 1)])
def test_floats_are_scaled_to_one(tmp_path: Path, shape: Shape) -> None:
    array = read_value(picture(tmp_path / "a.png", GREY), spec(shape))
    assert array.dtype == np.float32
    assert array.shape[:3] == (1, 2, 3)
    assert array.ndim == len(shape)
    np.testing.assert_allclose(array.reshape(2, 3), GREY / 255, atol=1e-7)


def test_integers_are_raw(tmp_path: Path) -> None:
    array = read_value(picture(tmp_path / "a.png", GREY), spec((None, 2, 3, 1), DType.UINT8))
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array[0, :, :, 0], GREY)


def test_an_integer_too_small_for_pixels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="fit int8"):
        read_value(picture(tmp_path / "a.png", GREY), spec((None, 2, 3, 1), DType.INT8))


def test_a_picture_has_the_channels_that_the_input_has(tmp_path: Path) -> None:
    colours = np.stack([GREY, GREY // 2, GREY // 3], axis=-1)
    argument = picture(tmp_path / "a.png", colours)
    array = read_value(argument, spec((None, 2, 3, 3), DType.UINT8))
    np.testing.assert_array_equal(array[0], colours)
    assert read_value(argument, spec((None, 2, 3, 1))).shape == (1, 2, 3, 1)
    assert read_value(argument, spec((None, 2, 3, 4))).shape == (1, 2, 3, 4)
    assert read_value(argument, spec((2, 3, 3))).shape == (2, 3, 3)


def test_jpeg_is_read(tmp_path: Path) -> None:
    argument = picture(tmp_path / "a.JPG", np.full((8, 8), 255, np.uint8))
    np.testing.assert_allclose(read_value(argument, spec((None, 8, 8, 1))), 1.0, atol=0.02)


def test_a_turned_picture_is_turned_back(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turned by a quarter
    Image.fromarray(GREY).save(tmp_path / "a.jpg", exif=exif)
    assert read_value(f"@{tmp_path / 'a.jpg'}", spec((None, 3, 2, 1))).shape == (1, 3, 2, 1)


def test_another_size_is_refused_and_not_resized(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"picture of 28x28 pixels .* of 3x2; resize it"):
        read_value(picture(tmp_path / "a.png", GREY), spec((None, 28, 28, 1)))


def test_sixteen_bits_are_refused(tmp_path: Path) -> None:
    argument = picture(tmp_path / "a.png", GREY.astype(np.uint16) * 256)
    with pytest.raises(InvalidInput, match="8 bits per channel"):
        read_value(argument, spec((None, 2, 3, 1)))


@pytest.mark.parametrize("shape", [(None, 10), (None, 3, 2, 7), (None,), ()])
def test_an_input_that_is_no_picture_is_said_so(tmp_path: Path, shape: Shape) -> None:
    with pytest.raises(InvalidInput, match="received a picture; pictures fit"):
        read_value(picture(tmp_path / "a.png", GREY), spec(shape))
