"""Pictures that tests make: every byte of them is theirs."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

from horngate.tensors import Array


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> Array:
    """A picture in which no two neighbours are alike, with slopes that JPEG keeps."""
    rng = np.random.default_rng(seed)
    slope = np.add.outer(np.linspace(0, 150, height), np.linspace(0, 60, width))
    pixels = slope[:, :, np.newaxis] + rng.integers(0, 45, (height, width, channels))
    array: Array = pixels.astype(np.uint8)
    return array


def encoded(pixels: Array, kind: str = "JPEG", **settings: Any) -> bytes:
    """``pixels``, [height, width] or [height, width, channels], uint8, as a file's content."""
    written = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2:] == (1,) else pixels).save(
        written, kind, **settings
    )
    return written.getvalue()


def photo(height: int = 48, width: int = 64, seed: int = 0, **settings: Any) -> bytes:
    """A JPEG of ``noise``."""
    return encoded(noise(height, width, seed=seed), quality=95, **settings)


def turned(pixels: Array, orientation: int, kind: str = "PNG") -> bytes:
    """A picture that says that it is to be turned before it is looked at."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(pixels, kind, exif=exif)


def png_head(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and has next to nothing of it."""
    head = struct.pack(">II5B", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def animation() -> bytes:
    """A PNG that moves."""
    written = io.BytesIO()
    frames = [Image.fromarray(noise(8, 8, seed=seed)) for seed in range(3)]
    frames[0].save(written, "PNG", save_all=True, append_images=frames[1:])
    return written.getvalue()
