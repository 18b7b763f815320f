"""How soon a server is ready, and what it holds in memory then, by engine.

    python -m benchmarks.start [--models models] [--rounds 3]

The models are those of the repository, with nothing in their settings but the engine. Memory is
resident memory one second after readiness. The first start of an engine is not counted: it reads
from disk what the others find in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.machine import machine
from horngate.store.layout import model_folders, version_folders

ENGINES: Final = ("auto", "tensorflow")
GIVE_UP_SECONDS: Final = 120.0


class Start(NamedTuple):
    """Seconds until ready, and resident MiB."""

    seconds: float
    resident_mib: float


def repository(models: Path, engine: str, folder: Path) -> Path:
    """The models of ``models``, copied, set to ``engine``."""
    for name, model in model_folders(models).items():
        versions = version_folders(model)
        if versions:
            copy = folder / name
            copy.mkdir()
            number = max(versions)
            shutil.copytree(versions[number], copy / str(number))
            (copy / "model.toml").write_text(f'[runtime]\nengine = "{engine}"\n', encoding="utf-8")
    return folder


def start(models: Path) -> Start:
    """Start a server, wait until it is ready, and end it."""
    command = [sys.executable, "-m", "horngate", "serve", "--models", str(models)]
    flags = ["--grpc-port", "0", "--http-port", "0", "--log-format", "json"]
    began = time.perf_counter()
    server = subprocess.Popen(  # noqa: S603 - our own
        [*command, *flags],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
    )
    try:
        seconds = _ready(server, began)
        time.sleep(1)
        status = Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8")
        (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
        return Start(seconds, int(line.split()[1]) / 1024)
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate()


def _ready(server: subprocess.Popen[str], began: float) -> float:
    if server.stderr is None:
        raise AssertionError("stderr is a pipe")
    for text in server.stderr:
        if text.startswith("{") and json.loads(text)["event"] == "listening":
            port = json.loads(text)["http_port"]
            break
    else:
        raise SystemExit("the server ended before it listened")
    while time.perf_counter() < began + GIVE_UP_SECONDS:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz").close()
        except urllib.error.HTTPError as error:
            error.close()
            time.sleep(0.01)
        else:
            return time.perf_counter() - began
    raise SystemExit(f"not ready after {GIVE_UP_SECONDS:.0f} s")


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(", ".join(f"{key} {value}" for key, value in machine().items()))
    print("engine       ready s   resident MiB")
    for engine in ENGINES:
        with tempfile.TemporaryDirectory() as folder:
            models = repository(options.models, engine, Path(folder))
            start(models)
            starts = [start(models) for _ in range(options.rounds)]
        seconds = statistics.median(each.seconds for each in starts)
        memory = statistics.median(each.resident_mib for each in starts)
        print(f"{engine:<12} {seconds:7.2f} {memory:14.0f}")


if __name__ == "__main__":
    main()
