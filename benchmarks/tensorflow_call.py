"""What one call of a SavedModel costs: through a session, and through the restored function.

    python benchmarks/tensorflow_call.py models/mnist_fusion/1
    python benchmarks/tensorflow_call.py models/mnist_fusion/1 --rows 1 16 --seconds 10

The session is Horngate's own runtime (``horngate.runtimes.savedmodel``), numpy in and numpy out.
The function is ``tf.saved_model.load(folder).signatures[...]``, given tensors made from the same
numpy arrays, its outputs turned back into numpy: what a server has to do either way.

The two take turns in short blocks, so that a change in the machine's pace meets both alike, and the
medians of the blocks are printed: wall time, and CPU time of the whole process (all of TensorFlow's
threads), in microseconds a call. Both answers are compared before anything is timed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported

import numpy as np
import tensorflow as tf

from horngate.builder.comparison import made_up_inputs
from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.tensors import DEFAULT_SIGNATURE, Array, Arrays, Signature

ROWS: Final = (1, 4, 16, 64, 256)
BLOCK_SECONDS: Final = 0.1
"""One turn of one way: long against a clock's resolution, short against a machine's moods."""

Call = Callable[[Arrays], dict[str, Array]]


class Cost(NamedTuple):
    """Microseconds a call."""

    wall: float
    cpu: float


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="a SavedModel, such as a published version")
    parser.add_argument("--signature", default=DEFAULT_SIGNATURE)
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS, help="batch sizes")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each batch size")
    options = parser.parse_args(argv)

    servable = SavedModelRuntime().load(options.folder)
    signature = servable.signatures[options.signature]
    session: Call = lambda inputs: servable.run(signature.name, inputs)  # noqa: E731 - two of a kind
    function = restored_function(options.folder, signature.name)
    print("| rows | session wall µs | function wall µs | session CPU µs | function CPU µs |")
    print("|---:|---:|---:|---:|---:|")
    for rows in options.rows:
        inputs = repeated(signature, rows)
        compare(session(inputs), function(inputs))
        first, second = interleaved((session, function), inputs, options.seconds)
        print(
            f"| {rows} | {first.wall:.0f} | {second.wall:.0f} "
            f"| {first.cpu:.0f} | {second.cpu:.0f} |",
            flush=True,
        )


def restored_function(folder: Path, signature: str) -> Call:
    """The signature as ``tf.saved_model.load`` restores it, numpy in and numpy out."""
    loaded = tf.saved_model.load(str(folder))
    function = loaded.signatures[signature]

    def call(inputs: Arrays, _kept: object = loaded) -> dict[str, Array]:
        outputs = function(**{name: tf.constant(array) for name, array in inputs.items()})
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    return call


def repeated(signature: Signature, rows: int) -> dict[str, Array]:
    """Made-up inputs of ``rows`` rows."""
    return {
        name: np.resize(array, (rows, *array.shape[1:]))
        for name, array in made_up_inputs(signature).items()
    }


def compare(left: Arrays, right: Arrays) -> None:
    """Stop where the two ways do not answer the same."""
    for name, array in left.items():
        np.testing.assert_allclose(array, right[name], rtol=1e-4, atol=1e-5)


def interleaved(calls: Sequence[Call], inputs: Arrays, seconds: float) -> list[Cost]:
    """The median cost of each call, timed in turns for ``seconds`` altogether."""
    blocks: list[list[Cost]] = [[] for _ in calls]
    for call in calls:
        block(call, inputs)  # first runs choose kernels and make threads
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        for call, costs in zip(calls, blocks, strict=True):
            costs.append(block(call, inputs))
    return [
        Cost(
            statistics.median(cost.wall for cost in costs),
            statistics.median(cost.cpu for cost in costs),
        )
        for costs in blocks
    ]


def block(call: Call, inputs: Arrays) -> Cost:
    """The mean cost of as many calls as ``BLOCK_SECONDS`` hold, at least one."""
    count = 0
    wall, cpu = time.perf_counter(), time.process_time()
    ends = wall + BLOCK_SECONDS
    while True:
        call(inputs)
        count += 1
        now = time.perf_counter()
        if now >= ends:
            return Cost((now - wall) / count * 1e6, (time.process_time() - cpu) / count * 1e6)


if __name__ == "__main__":
    main()
