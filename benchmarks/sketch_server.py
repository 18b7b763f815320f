"""Runs a sketch of a server on grpcio's core, with what perf_analyzer needs beside predictions.

    python -m benchmarks.sketch_server echo|limit FOLDER RECORDING [MODEL.onnx]

FOLDER holds ``core_front.py`` and ``limit.py``, which know the one method ModelInfer. Here the
methods that perf_analyzer asks before the load answer with what was recorded. The caller's id is
taken out of each request, because ``limit`` tells kinds of messages by their fixed bytes, and put
behind its reply. ``echo`` answers predictions with one that was recorded. The sketches are as they
lie there. It prints a line of JSON with its port.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any, Final

from benchmarks.recording import INFER, Recording, read

BEFORE_ID: Final = (0x0A, 0x12)
"""The tags of a request's name and version, each of fewer than 128 bytes."""
ID: Final = 0x1A


def split(message: bytes) -> tuple[bytes, bytes]:
    """A ModelInferRequest without its field ``id``, and that field, which replies have too.

    Messages one behind the other are one message, so that a reply need not be made again for it.
    """
    at = 0
    while message[at] in BEFORE_ID:
        at += 2 + message[at + 1]
    if message[at] != ID:
        return message, b""
    end = at + 2 + message[at + 1]
    return message[:at] + message[end:], message[at:end]


def front(base: Any, recording: Recording) -> type:
    """The sketch's front, on an open port, answering what was recorded but for predictions."""
    recorded = {path.encode(): reply for path, reply in recording.items() if path != INFER}

    class Front(base):  # type: ignore[misc]  # the sketch is not typed
        def __init__(self, methods: set[bytes]) -> None:
            super().__init__(methods | set(recorded))
            self._ids: dict[int, bytes] = {}

        def start(self, _: bytes) -> int:
            port: int = super().start(b"0.0.0.0:0")
            print(json.dumps({"port": port}), flush=True)
            return port

        def burst(self, most: int, wait: bool = True) -> list[tuple[Any, bytes | None]]:
            came: list[tuple[Any, bytes | None]] = []
            for call, message in super().burst(most, wait):
                if message is None:
                    self._ids.pop(call.number, None)
                    came.append((call, None))
                elif call.method in recorded:
                    super().reply(call, recorded[call.method])
                else:
                    without, self._ids[call.number] = split(message)
                    came.append((call, without))
            return came

        def reply(self, call: Any, message: bytes) -> None:
            super().reply(call, message + self._ids.pop(call.number, b""))

    return Front


def echo(made: type, reply: bytes) -> None:
    """Answer every prediction with the same bytes, as the echo in C++ does."""
    serving: Any = made({INFER.encode()})
    serving.start(b"")
    while True:
        for call, message in serving.burst(256):
            if message is not None:
                serving.reply(call, reply)


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sketch", choices=("echo", "limit"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("recording", type=Path)
    parser.add_argument("model", nargs="?", default="")
    options = parser.parse_args()
    sys.path.insert(0, str(options.folder))
    core: Any = importlib.import_module("core_front")
    recording = read(options.recording)
    core.CoreFront = front(core.CoreFront, recording)
    if options.sketch == "limit":
        importlib.import_module("limit").main("0", options.model)
    else:
        echo(core.CoreFront, recording[INFER])


if __name__ == "__main__":
    main()
