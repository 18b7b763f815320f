"""What loading a version takes in memory, by engine: held afterwards, and at its peak.

    python -m benchmarks.memory [--units 4096]

A model of two square layers is published into a temporary folder and loaded on each engine in a
process of its own. Bytes are given as multiples of the files that the engine reads.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from horngate.lifecycle.memory import resident_bytes
from horngate.store.compiled import FORMS

FILES = {"onnx": f"{FORMS}/*", "tensorflow": "variables/*"}


def main() -> int:
    """Publish, load on each engine, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--units", type=int, default=4096, help="of each layer (default 4096)")
    parser.add_argument("--load", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        _load(options.load[0], Path(options.load[1]))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        version = _publish(Path(folder), options.units)
        print("engine       files MiB   held   peak")
        for engine, files in FILES.items():
            size = sum(file.stat().st_size for file in version.glob(files))
            command = [sys.executable, "-m", "benchmarks.memory", "--load", engine, str(version)]
            told = subprocess.run(  # noqa: S603 - this file again, with what it has made
                command, capture_output=True, text=True, check=True
            ).stdout
            held, peak = (int(word) / size for word in told.split())
            print(f"{engine:12} {size / 2**20:9.0f} {held:6.2f} {peak:6.2f}")
    return 0


def _publish(repository: Path, units: int) -> Path:
    import keras  # noqa: PLC0415 - takes seconds

    from horngate.builder.publish import publish_keras  # noqa: PLC0415 - the same

    x = keras.Input((units,), name="x")
    y = keras.layers.Dense(4, name="y")(keras.layers.Dense(units)(keras.layers.Dense(units)(x)))
    return publish_keras(keras.Model(x, y), repository, "large").folder


def _load(engine: str, version: Path) -> None:
    """Load ``version`` and print the bytes that this process holds more, now and at its peak."""
    if engine == "onnx":
        from horngate.runtimes.onnx import OnnxRuntime as Engine  # noqa: PLC0415 - one of the two
    else:
        from horngate.runtimes.savedmodel import (  # type: ignore[assignment]  # noqa: PLC0415
            SavedModelRuntime as Engine,
        )
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak so far
    before = resident_bytes()
    servable = Engine().load(version)
    status = Path(f"/proc/{os.getpid()}/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    peak = int(found.group(1)) * 1024 if found else 0
    print(resident_bytes() - before, peak - before)
    servable.close()


if __name__ == "__main__":
    sys.exit(main())
