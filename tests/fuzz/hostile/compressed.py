"""REST bodies that are compressed: bombs, parts, and what is not what it says."""

from __future__ import annotations

import gzip
import zlib
from typing import Final

from tests.fuzz.hostile.common import Named
from tests.fuzz.target import pack_http

BOMB: Final = 65 << 20
"""Bytes that a bomb comes to: more than the default limit of 64 MiB."""

LISTS: Final = 20_000_000
"""Empty lists that fit into the limit, and parsed would take seconds and gigabytes."""


def compressed_bodies() -> Named:
    """Each with the coding that it claims."""
    good = gzip.compress(b'{"instances": [[1.0]]}', mtime=0)
    bodies = {
        "gzip-bomb": (gzip.compress(bytes(BOMB), 9, mtime=0), "gzip"),
        "deflate-bomb": (zlib.compress(bytes(BOMB), 9), "deflate"),
        "gzip-lists": (gzip.compress(b"[" + b"[]," * LISTS + b"[]]", 9, mtime=0), "gzip"),
        "gzip-good": (good, "gzip"),
        "gzip-truncated": (good[:-9], "gzip"),
        "gzip-no-end": (good[:-1], "gzip"),
        "gzip-wrong-sum": (good[:-8] + bytes(8), "gzip"),
        "gzip-of-nothing": (b"", "gzip"),
        "gzip-not": (b'{"instances": [[1.0]]}', "gzip"),
        "gzip-members": (good * 2, "gzip"),
        "deflate-raw": (zlib.compress(b"{}")[2:-4], "deflate"),
        "coding-unknown": (good, "br" * 4000),
    }
    for name, (body, coding) in bodies.items():
        packed = pack_http("/v1/models/constant:predict", body, Content_Encoding=coding)
        yield f"rest-{name}", packed
