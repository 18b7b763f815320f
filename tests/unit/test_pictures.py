"""Encoded pictures become rows; bytes that are none, or that cost too much, are refused."""

from __future__ import annotations

import contextlib
import io
import threading
import tracemalloc

import ml_dtypes
import numpy as np
import pytest
from PIL import Image, ImageOps

from horngate import pictures, resizing
from horngate.pictures import MOST_PIXELS, MOST_SIDE, BadPicture, Encoded
from horngate.tensors import Array, Picture
from tests.photos import animation, encoded, noise, photo, png_head, turned

PNG = encoded(noise(4, 4), "PNG")
FLOAT = np.dtype(np.float32)
BYTES = Picture(None, None, 3, low=0.0, high=255.0)


def row(data: bytes, picture: Picture = BYTES, dtype: np.dtype[np.generic] = FLOAT) -> Array:
    return Encoded(data).row(picture, dtype)


def sampled(pixels: Array, height: int, width: int) -> Array:
    """``pixels`` resized bilinearly between centres, value by value, in float64."""
    made = np.zeros((height, width, pixels.shape[2]))
    for y, x in np.ndindex(height, width):
        down = min(max((y + 0.5) * pixels.shape[0] / height - 0.5, 0), pixels.shape[0] - 1)
        across = min(max((x + 0.5) * pixels.shape[1] / width - 0.5, 0), pixels.shape[1] - 1)
        top, left = int(down), int(across)
        bottom, right = min(top + 1, pixels.shape[0] - 1), min(left + 1, pixels.shape[1] - 1)
        upper = pixels[top, left] * (1 - across % 1) + pixels[top, right] * (across % 1)
        lower = pixels[bottom, left] * (1 - across % 1) + pixels[bottom, right] * (across % 1)
        made[y, x] = upper * (1 - down % 1) + lower * (down % 1)
    return made


@pytest.mark.parametrize("size", [(7, 5), (24, 40), (48, 64), (60, 80), (1, 1), (48, 10)])
@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_resized_bilinearly_between_centres(size: tuple[int, int], channels: int) -> None:
    pixels = noise(48, 64, channels)
    received = row(encoded(pixels, "PNG"), Picture(*size, channels, low=0, high=255))
    assert received.shape == (*size, channels)
    np.testing.assert_allclose(received, sampled(pixels.astype(float), *size), atol=1e-3)


@pytest.mark.parametrize("channels", [1, 3])
def test_lines_that_pillow_picks_are_those_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, channels: int
) -> None:
    data, places = encoded(noise(101, 64, channels), "PNG"), resizing._places
    picked = 0
    for height in range(1, 101):
        picture = Picture(height, 30, channels, low=0, high=255)
        picked += places(101, height).sampled
        few = row(data, picture)
        with monkeypatch.context() as patch:
            patch.setattr(resizing, "_places", lambda *side: places(*side)._replace(sampled=False))
            np.testing.assert_array_equal(row(data, picture), few)
    assert 50 < picked < 100, "both ways are tried"


def test_a_picture_of_one_long_line_takes_no_more_than_its_room() -> None:
    data = encoded(noise(1, MOST_SIDE, 1), "PNG")
    opened = Encoded(data)
    tracemalloc.start()
    try:
        received = opened.row(Picture(448, 8, 3), FLOAT)
        assert tracemalloc.get_traced_memory()[1] <= opened.room(Picture(448, 8, 3))
    finally:
        tracemalloc.stop()
    assert received.shape == (448, 8, 3)
    assert np.array_equal(received[0], received[-1])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (900, 4), (4, 900), (300, 300), (900, 900)])
def test_resizing_takes_no_more_than_its_room(size: tuple[int, int], channels: int) -> None:
    picture, opened = Picture(512, 512, channels), Encoded(encoded(noise(*size), "PNG"))
    tracemalloc.start()
    try:
        received = opened.row(picture, FLOAT)
        assert tracemalloc.get_traced_memory()[1] <= received.nbytes + opened.room(picture)
    finally:
        tracemalloc.stop()


def test_a_size_that_is_open_is_the_pictures_own() -> None:
    pixels = noise(48, 64)
    np.testing.assert_array_equal(row(encoded(pixels, "PNG")), pixels)
    assert row(encoded(pixels, "PNG"), Picture(None, 10, 3)).shape == (48, 10, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_it_is_turned_as_its_exif_says(orientation: int, kind: str) -> None:
    data = turned(noise(48, 64), orientation, kind)
    with Image.open(io.BytesIO(data)) as opened:
        upright = np.asarray(ImageOps.exif_transpose(opened))
    np.testing.assert_array_equal(row(data), upright)
    small = row(data, Picture(10, 30, 3, low=0, high=255))
    np.testing.assert_allclose(small, sampled(upright.astype(float), 10, 30), atol=1e-3)
    assert row(data, Picture(None, 10, 3)).shape[0] == upright.shape[0]


def test_what_says_how_to_turn_it_may_be_damaged() -> None:
    data = photo(exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(40))
    assert row(data).shape == (48, 64, 3)


def test_values_are_scaled_to_the_range_of_the_input() -> None:
    pixels = noise(6, 6)
    data = encoded(pixels, "PNG")
    exact = pixels.astype(np.float32)
    np.testing.assert_array_equal(row(data, BYTES._replace(high=1.0)), exact / 255)
    np.testing.assert_array_equal(row(data, BYTES._replace(low=-1.0, high=1.0)), exact / 127.5 - 1)
    whole = row(data, Picture(5, 5, 3, low=0, high=255), np.dtype(np.uint8))
    assert whole.dtype == np.uint8
    np.testing.assert_array_equal(whole, np.rint(row(data, Picture(5, 5, 3, low=0, high=255))))
    half = row(data, BYTES, np.dtype(ml_dtypes.bfloat16))
    assert half.dtype == ml_dtypes.bfloat16


def test_channels_may_come_first() -> None:
    data = encoded(noise(6, 8), "PNG")
    first = row(data, Picture(4, 5, 3, channels_first=True))
    np.testing.assert_array_equal(first, row(data, Picture(4, 5, 3)).transpose(2, 0, 1))


def test_grey_and_colours_become_what_the_input_takes() -> None:
    grey = noise(6, 8, 1)
    np.testing.assert_array_equal(row(encoded(grey, "PNG")), np.repeat(grey, 3, axis=2))
    colours = noise(6, 8)
    wanted = np.asarray(Image.fromarray(colours).convert("L"))[:, :, np.newaxis]
    received = row(encoded(colours, "PNG"), Picture(None, None, 1, low=0, high=255))
    np.testing.assert_array_equal(received, wanted)


def test_what_is_transparent_is_taken_as_if_it_were_not() -> None:
    clear = np.dstack([noise(6, 8), np.full((6, 8), 3, np.uint8)])
    np.testing.assert_array_equal(row(encoded(clear, "PNG")), clear[:, :, :3])
    palette = Image.fromarray(noise(6, 8)).quantize(4)
    written = io.BytesIO()
    palette.save(written, "PNG", transparency=bytes([0, 1, 2, 3]))
    np.testing.assert_array_equal(row(written.getvalue()), np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
def test_other_colours_of_a_jpeg_are_taken(mode: str) -> None:
    written = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 30, 30)).convert(mode).save(written, "JPEG", quality=100)
    np.testing.assert_allclose(row(written.getvalue())[4, 4], (200, 30, 30), atol=6)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "expected a JPEG or a PNG, received 0 other bytes"),
        (b"GIF89a" + bytes(40), "expected a JPEG or a PNG, received 46 other bytes"),
        (b"/9j/4AAQSkZJRg", "it is base64: send the bytes themselves"),
        (photo()[:1], "expected a JPEG or a PNG"),
        (photo()[:3], "whose head is damaged"),
        (b"\xff\xd8\xff" + bytes(200), "whose head is damaged"),
        (png_head(4, 4)[:20], "whose head is damaged"),
        (photo()[:400], "damaged"),
        (photo()[:-500], "expected a whole picture, received one that is cut short or damaged"),
        (
            b"\xff\xd8\xff\xe1\0\2" + b"\xff\xe1\0\2" * 30_000 + photo()[2:],
            "head is damaged or far",
        ),
        (b"\xff\xd8" + (b"\xff\xe1\xff\xff" + bytes(65_533)) * 70 + photo()[2:], "far too long"),
        (b"\xff\xd8\xff\xe1\0\2" + bytes(10**6) + photo()[2:], "head is damaged"),
        (PNG[:33] + (bytes(4) + b"zzZz" + bytes(4)) * 30_000 + PNG[33:], "far too long"),
        (encoded(noise(48, 64), "PNG")[:-500], "expected a whole picture"),
        (png_head(0, 4), "whose head is damaged"),
        (png_head(4, 4), "expected a whole picture"),
        (png_head(25_000, 25_000), f"at most {MOST_PIXELS} pixels, received 25000x25000"),
        (png_head(2**31 - 1, 1), f"at most {MOST_PIXELS} pixels, received 2147483647x1"),
        (animation(), "expected one picture, received 3 that make an animation"),
        (encoded(noise(4, 4, 1).astype(np.uint16) * 200, "PNG"), "8 bits a channel"),
    ],
)
def test_what_is_no_picture_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(BadPicture, match=r"expected") as refused:
        row(data)
    assert told in str(refused.value)


def test_a_picture_of_too_many_pixels_is_refused_by_its_head() -> None:
    """Nothing of its size is made: what comes after the head is not looked at."""
    written = encoded(np.zeros((9, 9), np.uint8))
    at = written.index(b"\xff\xc0") + 5
    large = written[:at] + (60_000).to_bytes(2, "big") + (60_000).to_bytes(2, "big")
    with pytest.raises(BadPicture, match="received 60000x60000; send a smaller picture"):
        Encoded(large + written[at + 4 :])


@pytest.mark.parametrize("size", [(MOST_SIDE + 1, 1), (1, MOST_SIDE + 1)])
def test_so_is_one_with_a_side_of_too_many(size: tuple[int, int]) -> None:
    with pytest.raises(BadPicture, match=r"at most 65535 pixels a side, received \d+x\d+; send"):
        Encoded(png_head(*size))


def test_a_jpeg_that_goes_over_its_pixels_too_often_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = photo(progressive=True)
    monkeypatch.setattr(pictures, "MOST_PASSES", 48 * 64 * data.count(b"\xff\xda"))
    assert row(data).shape == (48, 64, 3)
    monkeypatch.setattr(pictures, "MOST_PASSES", 48 * 64 * 3)
    with pytest.raises(BadPicture, match="64x48 in at most 3 scans, received more; save it"):
        row(data)


def test_what_comes_after_a_jpeg_is_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Phones put films there."""
    data = photo()
    monkeypatch.setattr(pictures, "MOST_PASSES", 48 * 64 * 3)
    np.testing.assert_array_equal(row(data + b"\xff\xda\0\2" * 100), row(data))


def test_empty_segments_between_scans_are_counted_too() -> None:
    with pytest.raises(BadPicture, match="received more"):
        row(photo(progressive=True)[:-2] + b"\xff\xe1\0\2" * 30_000)


@pytest.mark.parametrize(
    "data",
    [photo(20, 30), photo(20, 30, progressive=True), encoded(noise(9, 9), "PNG"), animation()],
)
def test_whatever_the_bytes_are_a_row_comes_of_them_or_a_reason(data: bytes) -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        changed = bytearray(data)
        for place in rng.integers(0, len(data), rng.integers(1, 6)):
            changed[place] = rng.integers(0, 256)
        changed = changed[: rng.integers(len(data) // 2, len(data) + 1)]
        with contextlib.suppress(BadPicture):
            assert row(bytes(changed), Picture(4, 5, 3)).shape == (4, 5, 3)


def test_threads_decode_at_once() -> None:
    data, wanted = photo(480, 640), row(photo(480, 640))
    received: list[Array] = []
    threads = [threading.Thread(target=lambda: received.append(row(data))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(each, wanted) for each in received)
    assert len(received) == 4
