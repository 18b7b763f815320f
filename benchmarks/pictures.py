"""What decoding a JPEG and resizing it costs, here and in TensorFlow, in one run.

    python -m benchmarks.pictures
    python -m benchmarks.pictures --width 1920 --height 1080 --to 224 --seconds 20

Here is ``horngate.pictures``: the bytes become a row of float32. TensorFlow is asked for the same,
``tf.io.decode_jpeg`` and ``tf.image.resize``, as a traced function, and one by one as a notebook
does it; either gives a numpy array. The pictures are made: slopes and noise, so that they compress
as photos do.

The three take turns in short blocks, so that a change in the machine's pace meets all alike, and
medians of the blocks are printed: wall time and CPU time of the whole process in microseconds a
picture, and by how much ours is of TensorFlow's cheaper way. Both have to give the same sizes, and
values no further apart than their JPEG decoders are.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported

import numpy as np
import tensorflow as tf

from horngate.pictures import Encoded
from horngate.tensors import Array, Picture

BLOCK_SECONDS: Final = 0.1
APART: Final = 8.0
"""Of 255: TensorFlow's decoder rounds otherwise as it goes back from frequencies to pixels."""

Read = Callable[[bytes], Array]


class Cost(NamedTuple):
    """Microseconds a picture."""

    wall: float
    cpu: float


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--to", type=int, default=96, help="both sides of what comes out")
    parser.add_argument("--seconds", type=float, default=10.0, help="for all of it")
    options = parser.parse_args(argv)

    photos = [photo(options.height, options.width, seed) for seed in range(8)]
    ways = {
        "horngate": ours(options.to),
        "TensorFlow, a function": function(options.to),
        "TensorFlow, one by one": one_by_one(options.to),
    }
    compare(ways, photos[0])
    print(f"{options.width}x{options.height} to {options.to}x{options.to}, {len(photos[0])} bytes")
    print("| | wall µs | CPU µs |")
    print("|---|---:|---:|")
    costs = interleaved(ways, photos, options.seconds)
    for name, cost in costs.items():
        print(f"| {name} | {cost.wall:.0f} | {cost.cpu:.0f} |")
    own, *others = costs.values()
    wall, cpu = (min(each[place] for each in others) for place in (0, 1))
    print(f"| ratio to the cheaper | {own.wall / wall:.2f} | {own.cpu / cpu:.2f} |")


def photo(height: int, width: int, seed: int) -> bytes:
    """A JPEG of slopes and noise."""
    rng = np.random.default_rng(seed)
    slope = np.add.outer(np.linspace(0, 120, height), np.linspace(0, 90, width))
    pixels = slope[:, :, np.newaxis] + rng.integers(0, 40, (height, width, 3))
    # Not by Pillow: a server imports it late, once it is told how much memory to keep.
    written: bytes = tf.io.encode_jpeg(pixels.astype(np.uint8), quality=85).numpy()
    return written


def ours(side: int) -> Read:
    """As a server does it."""
    picture, dtype = Picture(side, side, 3, low=0.0, high=255.0), np.dtype(np.float32)
    return lambda data: Encoded(data).row(picture, dtype)


def function(side: int) -> Read:
    """As a graph does it, with numpy at its end."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])  # type: ignore[untyped-decorator]  # TensorFlow ships no types
    def read(data: tf.Tensor) -> tf.Tensor:
        return tf.image.resize(tf.io.decode_jpeg(data, channels=3), (side, side))

    return lambda data: np.asarray(read(tf.constant(data)))


def one_by_one(side: int) -> Read:
    """As a notebook does it."""
    return lambda data: np.asarray(
        tf.image.resize(tf.io.decode_jpeg(data, channels=3), (side, side))
    )


def compare(ways: dict[str, Read], data: bytes) -> None:
    """Stop where they do not come to the same."""
    expected, *others = (read(data) for read in ways.values())
    for other in others:
        np.testing.assert_allclose(expected, other, atol=APART)


def interleaved(ways: dict[str, Read], photos: list[bytes], seconds: float) -> dict[str, Cost]:
    """Blocks of each in turn for ``seconds``; the medians."""
    blocks: dict[str, list[Cost]] = {name: [] for name in ways}
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        for name, read in ways.items():
            blocks[name].append(_block(read, photos))
    return {
        name: Cost(*(statistics.median(each) for each in zip(*found, strict=True)))
        for name, found in blocks.items()
    }


def _block(read: Read, photos: list[bytes]) -> Cost:
    calls, started, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - started < BLOCK_SECONDS:
        for data in photos:
            read(data)
        calls += len(photos)
    wall = time.perf_counter() - started
    return Cost(wall / calls * 1e6, (time.process_time() - cpu) / calls * 1e6)


if __name__ == "__main__":
    main()
