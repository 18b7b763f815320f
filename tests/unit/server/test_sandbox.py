"""What a confined process can still do, asked of the kernel by a process that confined itself."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from horngate.config.server import ServerSettings
from horngate.errors import ConfigError
from horngate.server import sandbox

pytestmark = pytest.mark.skipif(
    bool(sandbox._missing(sandbox.landlock_version())), reason="needs a kernel with all of it"
)

CONFINED = """
import ctypes, errno, json, os, signal, socket, subprocess, sys, threading
from pathlib import Path
from horngate.config.server import ServerSettings
from horngate.server import sandbox

folder, own, other = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
settings = ServerSettings(models=folder / "models", grpc_port=own, http_port=0)
sandbox.restrict_files_and_ports(sandbox.landlock_version(), settings, {})
sandbox.restrict_calls()
told = {}
INTEL = os.uname().machine == "x86_64"

def tell(name, act):
    try:
        act()
        told[name] = "done"
    except OSError as error:
        told[name] = errno.errorcode[error.errno]

def system_call(*arguments):
    if ctypes.CDLL(None, use_errno=True).syscall(*arguments) < 0:
        raise OSError(ctypes.get_errno(), "")

def opened(*kind):
    socket.socket(*kind).close()

def bound(port):
    with socket.socket() as made:
        made.bind(("127.0.0.1", port))

def thread():
    ran = threading.Thread(target=lambda: tell("read in a thread", Path("/etc/passwd").read_bytes))
    ran.start()
    ran.join()

tell("read a model", (folder / "models" / "model").read_bytes)
tell("read a secret", (folder / "secret").read_bytes)
tell("read /etc/passwd", Path("/etc/passwd").read_bytes)
tell("follow a link", (folder / "models" / "link").read_bytes)
tell("read figures", Path("/proc/self/statm").read_bytes)
tell("write a model", lambda: (folder / "models" / "model").write_text("x"))
tell("add a model", lambda: (folder / "models" / "new").mkdir())
tell("write a temporary file", lambda: (folder / "tmp" / "t").write_text("x"))
tell("import", lambda: __import__("xml.dom.minidom"))
tell("run a program", lambda: subprocess.run([sys.executable, "-c", ""]))
tell("run another", lambda: os.execv("/bin/true", ["true"]))
tell("fork", os.fork)
tell("start a thread", thread)
tell("debug", lambda: system_call(101 if INTEL else 117, 16, os.getppid(), 0, 0))
tell("signal another", lambda: os.kill(os.getppid(), 0))
tell("another namespace", lambda: system_call(272 if INTEL else 97, 1 << 28))
tell("io_uring", lambda: system_call(425, 1, 0))
tell("UDP", lambda: opened(socket.AF_INET, socket.SOCK_DGRAM))
tell("raw", lambda: opened(socket.AF_INET, socket.SOCK_RAW, 1))
tell("netlink", lambda: opened(socket.AF_NETLINK, socket.SOCK_RAW))
tell("MPTCP", lambda: opened(socket.AF_INET, socket.SOCK_STREAM, 262))
tell("listen on its port", lambda: bound(own))
tell("listen on any free port", lambda: bound(0))
tell("listen on another", lambda: bound(other + 1))
tell("connect", lambda: socket.create_connection(("127.0.0.1", other), 5))
tell("a pair of sockets", lambda: [each.close() for each in socket.socketpair()])
print(json.dumps(told))
"""

ALLOWED = {
    "read a model", "read figures", "write a temporary file", "import", "start a thread",
    "listen on its port", "listen on any free port", "a pair of sockets",
}  # fmt: skip


def test_a_confined_process_does_what_serving_needs_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "tmp").mkdir()
    (tmp_path / "models" / "model").write_text("weights")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "models" / "link").symlink_to(tmp_path / "secret")
    with socket.create_server(("127.0.0.1", 0)) as other, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        own = free.getsockname()[1]
        free.close()
        run = subprocess.run(
            [sys.executable, "-c", CONFINED, str(tmp_path), str(own), str(other.getsockname()[1])],
            env=os.environ | {"TMPDIR": str(tmp_path / "tmp")},
            capture_output=True,
            text=True,
            check=True,
        )
    told: dict[str, Any] = json.loads(run.stdout)
    assert {name for name, outcome in told.items() if outcome == "done"} == ALLOWED
    assert set(told.values()) == {"done", "EACCES", "EPERM", "ENOSYS"}
    assert told["connect"] == "EACCES"
    assert told["io_uring"] == "ENOSYS"
    assert (tmp_path / "models" / "model").read_text() == "weights"


def test_a_kernel_without_all_of_it_is_refused_where_it_is_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox, "landlock_version", lambda: 3)
    with pytest.raises(ConfigError, match="without TCP ports, signals and abstract sockets; use"):
        sandbox.confine(ServerSettings(sandbox="required"), {})


def test_without_being_asked_nothing_is_taken() -> None:
    sandbox.confine(ServerSettings(), {})
    Path("/etc/passwd").read_bytes()
