"""TensorFlow's and gRPC's own notices, kept off a user's terminal."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

_LEVEL: Final = "TF_CPP_MIN_LOG_LEVEL"
_FATAL: Final = "3"

_NOTICES: Final = (
    r"WARNING: All log messages before absl::InitializeLog"
    r"|[IWE]\d{4} \d\d:\d\d:[\d.]+ +\d+ [\w./-]+\.(cc|cu|h):\d+\]"
    r"|\d{4}-\d\d-\d\d \d\d:\d\d:[\d.]+: [IWE] \w+/"
    r"|To enable the following instructions"
)
"""How lines begin that TensorFlow's libraries write, but for those after which the process ends."""

_FILTER: Final = f"""
import re, sys
notice = re.compile(rb"{_NOTICES}")
for line in sys.stdin.buffer:
    if not notice.match(line):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""

_FILTER_SECONDS: Final = 5.0
"""How long what was written last may take to be passed on."""


def quiet_tensorflow() -> None:
    """Ask for no more than fatal lines, unless the user has asked for something else.

    Call it before TensorFlow is imported. What goes wrong is raised as an exception all the same;
    what is left out are notices such as which instructions the processor has. Those that TensorFlow
    2.21 writes while its libraries load come before it reads the setting: ``without_notices``.
    """
    os.environ.setdefault(_LEVEL, _FATAL)


@contextlib.contextmanager
def without_notices() -> Iterator[None]:
    """Keep notices of TensorFlow's libraries off standard error, unless the user asked for some.

    All else is passed on as it comes, by a process of its own: where an import aborts this one, the
    line that says why is not lost with it.
    """
    quiet_tensorflow()
    if os.environ[_LEVEL] != _FATAL:
        yield
        return
    try:
        errors = os.dup(2)
    except OSError:  # there is none
        yield
        return
    reads, writes = os.pipe()
    # In a session of its own: Ctrl-C is for the command, and what it says then is passed on too.
    passing = subprocess.Popen(  # noqa: S603 - a program of our own, by the Python that runs this
        [sys.executable, "-I", "-S", "-c", _FILTER], stdin=reads, start_new_session=True
    )
    os.close(reads)
    sys.stderr.flush()
    os.dup2(writes, 2)
    os.close(writes)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(errors, 2)
        os.close(errors)
        with contextlib.suppress(subprocess.TimeoutExpired):  # a child of ours still has the pipe
            passing.wait(_FILTER_SECONDS)


def quiet_grpc() -> None:
    """Ask gRPC's core for nothing, unless the user has asked for something else.

    Call it before gRPC is imported. It writes a line for each handshake that fails and for each
    deadline that cannot be read, and whoever sends those would fill the log. What fails inside the
    server is raised as an exception.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
