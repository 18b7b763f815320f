"""Nothing that Horngate runs calls anybody, or leaves a file where nobody asked for one.

Held by the system calls of a publish and of a server that serves on both engines. A program beside
them imports ONNX Runtime as nobody may here, and shows that what is looked for would be seen.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import trustme

from horngate.client import Client
from tests.serving import RunningServer, wait_until
from tests.small_models import two_inputs

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")

CALLS = "connect,sendto,sendmsg,sendmmsg"
FILES = "open,openat,creat,mkdir,mkdirat"
ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"|sun_path=@?"([^"]+)"')
WRITTEN = re.compile(r"(?:O_WRONLY|O_RDWR|O_CREAT|creat\(|mkdir(?:at)?\()")
PATH = re.compile(r'"([^"]*)"')
NOTES = (".keras/", ".cache/matplotlib/", ".config/matplotlib/")
"""Where Keras, which TensorFlow imports, writes down its own defaults, and matplotlib, which Keras
imports, what fonts there are: read again the next time, and told to nobody."""

UNGUARDED = """
import sys, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
sys.stdin.read()
"""


class Trace:
    """What a traced program asked of the system."""

    def __init__(self, file: Path, *options: str) -> None:
        self.file = file
        # The tracer is a grandchild, so that signals to the process reach the program.
        self.command = (
            "strace", "-D", "-f", "-qq", "--seccomp-bpf", "-e", "signal=none",
            "-e", f"trace={CALLS},{FILES},exit_group", *options, "-o", str(file),
        )  # fmt: skip

    def ended(self) -> bool:
        """Whether all of it is in the file."""
        return "exit_group(" in self.file.read_text()

    def called(self) -> list[str]:
        """Addresses that were called: of machines, and of sockets of this one."""
        calls = [line for line in self._lines() if re.search(r"\b(connect|send\w+)\(", line)]
        found = [match for line in calls for match in ADDRESS.finditer(line)]
        return ["".join(filter(None, match.groups())) for match in found]

    def written(self) -> list[str]:
        """Files that were opened to be written, and folders that were made."""
        lines = [line for line in self._lines() if WRITTEN.search(line)]
        return [match[1] for line in lines if (match := PATH.search(line))]

    def _lines(self) -> list[str]:
        return self.file.read_text().splitlines()


class Place:
    """A folder with a home of its own, as on a machine where nothing of ours has run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.temporary = folder / "t"
        for made in (self.home, self.temporary):
            made.mkdir(parents=True)
        # Without certificates the telemetry would give up before it looks its host up. With these
        # it could talk to no real one.
        certificates = folder / "ca.pem"
        trustme.CA().cert_pem.write_to_path(str(certificates))
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "SSL_CERT_FILE": str(certificates),
            "ORT_DISABLE_TELEMETRY": "0",
        }

    def left(self) -> list[str]:
        """The files in its home, but for ``NOTES``."""
        files = [path for path in self.home.rglob("*") if path.is_file()]
        names = [str(path.relative_to(self.home)) for path in files]
        return [name for name in names if not name.startswith(NOTES)]

    def elsewhere(self, trace: Trace, *allowed: Path) -> list[str]:
        """What ``trace`` wrote outside the place itself, ``allowed``, and the process."""
        inside = (self.home, self.temporary, Path("/proc"), Path("/dev"), *allowed)
        return [path for path in trace.written() if not any(map(Path(path).is_relative_to, inside))]

    def strangers(self, trace: Trace) -> list[str]:
        """Whom ``trace`` called beyond its own sockets."""
        return [each for each in trace.called() if not each.startswith(str(self.temporary))]


@contextmanager
def unguarded(place: Place, form: Path) -> Iterator[Trace]:
    """A program that lets ONNX Runtime do as it likes, while none of its calls gets out."""
    trace = Trace(place.folder / "unguarded", "-e", "inject=connect:error=ENETUNREACH")
    process = subprocess.Popen(
        [*trace.command, sys.executable, "-c", UNGUARDED, str(form)],
        env=place.environment,
        stdin=subprocess.PIPE,
    )
    assert process.stdin is not None
    try:
        yield trace
    finally:
        process.stdin.close()
        process.wait(60)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder in which the path of a server's own socket stays within a socket's 107 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_nobody_is_called_and_nothing_is_left(tmp_path: Path, short_path: Path) -> None:
    publisher, server, other = (Place(short_path / name) for name in ("p", "s", "o"))
    two_inputs().save(source := tmp_path / "source.keras")
    models = tmp_path / "models"
    for flags in (["--name", "compiled"], ["--name", "plain", "--no-compile"]):
        trace = Trace(tmp_path / flags[1])
        command = [sys.executable, "-m", "horngate", "publish", str(source), *flags]
        subprocess.run(
            [*trace.command, *command, "--models", str(models)],
            env=publisher.environment,
            check=True,
        )
        wait_until(trace.ended, "the trace of a publish")
        assert publisher.strangers(trace) == []
        assert publisher.elsewhere(trace, models) == []
    assert publisher.left() == []

    (form,) = models.glob("compiled/1/**/*.onnx")
    trace = Trace(tmp_path / "serve")
    with RunningServer(models, before=trace.command, environment=server.environment) as running:
        with unguarded(other, form) as seen:
            inputs = {"image": np.zeros((1, 4, 4, 1), "f4"), "context": np.zeros((1, 3), "f4")}
            with Client(running.address) as client:
                for model in ("compiled", "plain"):
                    assert client.predict(model, inputs)["probabilities"].shape == (1, 3)
            # As long as the unguarded one takes to look its maker's host up, the server has too.
            wait_until(lambda: bool(other.strangers(seen)), "telemetry where it is not off")
        assert any("Microsoft" in path for path in other.left())
    wait_until(trace.ended, "the trace of a server")
    assert server.strangers(trace) == []
    assert server.elsewhere(trace) == []
    assert server.left() == []
