"""Encoded pictures as rows of an input: a JPEG or a PNG decoded, turned, resized and scaled.

Pillow decodes, outside of Python's lock. What a file says of itself is held against the bounds here
before anything of its size is made; whoever sent it may have made it to be as costly as can be.
Knows no model and no request.

>>> from PIL import Image
>>> written = io.BytesIO()
>>> Image.new("RGB", (4, 4), "white").save(written, "PNG")
>>> row = Encoded(written.getvalue()).row(Picture(2, 2, 1), np.dtype(np.float32))
>>> row.shape, float(row.max())
((2, 2, 1), 1.0)
"""

from __future__ import annotations

import io
import os
import re
import warnings
from functools import cache
from typing import Any, Final

import numpy as np

from horngate.resizing import resized
from horngate.tensors import Array, Picture

MOST_PIXELS: Final = 50_000_000
"""Of a picture: what the largest of common cameras have."""

MOST_SIDE: Final = 65_535
"""Pixels in a row or a column, what a JPEG may have. Each line takes its own time and memory: a PNG
of 50 million lines, 97 KB, took 7 s and more than its room."""

MOST_PASSES: Final = 12 * MOST_PIXELS
"""Pixels of a JPEG times the scans that it is written in, each of which goes over all of them. The
usual progressive one has ten; a few bytes may ask for thousands."""

MOST_HEAD: Final = 4 * 1024 * 1024
MOST_PARTS: Final = 20_000
"""Bytes of a JPEG before its pixels, and segments or chunks of a file: Pillow reads them in Python,
with its lock."""

PIXEL_BYTES: Final = 12
"""What decoding takes for a pixel beside the row: what Pillow holds, and its decoder."""

RESIZED_BYTES: Final = 14
"""The same for a number of a row that is resized: what it is between, in floats of four lanes."""

_ORIENTATION: Final = 0x0112
_JPEG: Final = b"\xff\xd8\xff"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_SCAN, _END = 0xDA, 0xD9
_MARKER: Final = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")
"""Of a JPEG's segment; within its pixels others stand for themselves."""
_AS_TEXT: Final = (b"/9j/", b"iVBORw0KGgo")

_TURNS: Final = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
"""By EXIF's number: whether rows become columns, and which of the two then run backwards."""


class BadPicture(ValueError):
    """The bytes are no picture that can be taken; says why and what to do."""


class Encoded:
    """A picture's bytes, of which only the head has been read. Belongs to one thread.

    ``width`` and ``height`` are as it is stored; turned by EXIF, they may change places.

    Raises:
        BadPicture: it is neither a JPEG nor a PNG, or too large, or moves.
    """

    def __init__(self, data: bytes) -> None:
        self._image: Any
        self._image, first = _opened(data)
        self.width: int
        self.height: int
        self.width, self.height = self._image.size
        pixels = self.width * self.height
        if pixels > MOST_PIXELS:
            raise BadPicture(
                f"expected at most {MOST_PIXELS} pixels, received {self.width}x{self.height}; send "
                "a smaller picture"
            )
        if max(self.width, self.height) > MOST_SIDE:
            raise BadPicture(
                f"expected at most {MOST_SIDE} pixels a side, received {self.width}x{self.height}; "
                "send a smaller picture"
            )
        if self._image.mode[:1] in "IF":
            raise BadPicture(
                f"expected a picture of 8 bits a channel, received one of mode {self._image.mode}; "
                "convert it, or send its numbers as a tensor"
            )
        if getattr(self._image, "is_animated", False):
            raise BadPicture(
                f"expected one picture, received {self._image.n_frames} that make an animation; "
                "send one of them"
            )
        most = MOST_PASSES // pixels
        # The usual JPEG has all of its channels in one scan, behind which the decoder stops.
        several = self._image.info.get("progressive") or first < getattr(self._image, "layers", 0)
        if several and _scans(data, most) > most:
            raise BadPicture(
                f"expected a JPEG of {self.width}x{self.height} in at most {most} scans, received "
                "more; save it anew"
            )

    def room(self, picture: Picture) -> int:
        """Bytes that decoding takes while it lasts, beside the row."""
        pixels = self.width * self.height * PIXEL_BYTES
        if picture.height is None and picture.width is None:  # it is not resized
            return pixels
        return pixels + self.size(picture) * RESIZED_BYTES

    def size(self, picture: Picture) -> int:
        """Numbers of the row that it becomes."""
        sides = (picture.height or self.height) * (picture.width or self.width)
        if picture.height is None and picture.width is None:
            sides = self.width * self.height
        elif picture.height is None or picture.width is None:  # which of its sides, EXIF says
            sides = (picture.height or picture.width or 1) * max(self.width, self.height)
        return sides * picture.channels

    def row(self, picture: Picture, dtype: np.dtype[Any]) -> Array:
        """The row, [height, width, channels] or as ``picture`` has it, of ``dtype``. Slow.

        Raises:
            BadPicture: it is cut short or damaged.
        """
        image = self._image
        try:
            image.load()
            turn = _turn(image)
            # A palette's transparent colours would make Pillow warn that they are left out.
            image.info.pop("transparency", None)
            mode = "RGB" if picture.channels == 3 else "L"
            if image.mode != mode:
                image = image.convert(mode)
        except Exception:  # noqa: BLE001 - Pillow raises anything of what strangers send
            raise BadPicture(
                "expected a whole picture, received one that is cut short or damaged; send it again"
            ) from None
        height, width = picture.height, picture.width
        if turn[0]:
            height, width = width, height
        values = resized(image, height or image.height, width or image.width)
        values = _turned(values, turn)
        if (picture.low, picture.high) != (0.0, 255.0):
            values = values / np.float32(255 / (picture.high - picture.low))
            values += np.float32(picture.low)
        if dtype.kind in "iu":
            values = np.rint(values)
        if picture.channels_first:
            values = values.transpose(2, 0, 1)
        return values.astype(dtype, copy=False)


def looks_encoded(data: bytes) -> bool:
    """Whether ``data`` begins as a JPEG or a PNG does."""
    return data.startswith((_JPEG, _PNG))


@cache
def _plugins() -> tuple[Any, Any]:
    """What reads a JPEG and a PNG."""
    # Pillow gives memory back after each picture and has it cleared anew for the next, which takes
    # a fifth of the time of decoding a small one. It is told before it is imported to keep some.
    os.environ.setdefault("PILLOW_BLOCK_SIZE", "4m")
    os.environ.setdefault("PILLOW_BLOCKS_MAX", "4")
    # An extra's; and most requests are none of its business. Not ``Image.open``: it asks all
    # formats, has a bound of its own for the whole process, and warns.
    from PIL.JpegImagePlugin import JpegImageFile  # noqa: PLC0415 - see above
    from PIL.PngImagePlugin import PngImageFile  # noqa: PLC0415 - see above

    # What is odd in a stranger's file is told to whoever sent it, and no line of ours.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    return JpegImageFile, PngImageFile


def _opened(data: bytes) -> tuple[Any, int]:
    """The picture with its head read, and how many channels a JPEG has in its first scan."""
    jpeg, png = _plugins()
    kind = jpeg if data.startswith(_JPEG) else png if data.startswith(_PNG) else None
    if kind is None:
        hint = ""
        if data.startswith(_AS_TEXT):
            hint = '; it is base64: send the bytes themselves, or {"b64": …} where JSON is sent'
        raise BadPicture(f"expected a JPEG or a PNG, received {len(data)} other bytes{hint}")
    try:
        first = _hold_segments(data) if kind is jpeg else _hold_chunks(data)
        return kind(io.BytesIO(data)), first
    except Exception:  # noqa: BLE001 - Pillow raises anything of what strangers send
        raise BadPicture(
            "expected a JPEG or a PNG, received one whose head is damaged or far too long; send it "
            "again, or save it anew"
        ) from None


def _hold_segments(data: bytes) -> int:
    """Refuse a JPEG whose segments before its pixels are many or long, or do not follow on.

    How many channels its first scan has.
    """
    at = 2
    for _ in range(MOST_PARTS):
        found = _MARKER.match(data, at)
        if found is None or at > MOST_HEAD:
            break
        at = found.end()
        if data[at - 1] == _SCAN:
            return data[at + 2]
        at += int.from_bytes(data[at : at + 2])
    raise ValueError


def _hold_chunks(data: bytes) -> int:
    """Refuse a PNG of too many chunks; it has no scans."""
    at = len(_PNG)
    for _ in range(MOST_PARTS):
        if at >= len(data):
            return 0
        at += 12 + int.from_bytes(data[at : at + 4])
    raise ValueError


def _scans(data: bytes, most: int) -> int:
    """In how many scans a JPEG is written; more than ``most`` are not counted."""
    at, scans = 2, 0
    for _ in range(MOST_PARTS):
        found = _MARKER.search(data, at)
        if found is None or scans > most:
            return scans
        at = found.end()
        if data[at - 1] == _END:
            return scans
        scans += data[at - 1] == _SCAN
        at += int.from_bytes(data[at : at + 2])
    return most + 1


def _turn(image: Any) -> tuple[bool, bool, bool]:
    """How it is to be turned; not at all where what says so cannot be read."""
    try:
        number = image.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - as above
        number = None
    return _TURNS.get(number, (False, False, False)) if isinstance(number, int) else (False,) * 3


def _turned(values: Array, turn: tuple[bool, bool, bool]) -> Array:
    columns, down, across = turn
    if columns:
        values = values.swapaxes(0, 1)
    return values[:: -1 if down else 1, :: -1 if across else 1]
