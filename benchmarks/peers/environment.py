"""An environment of its own for a server of somebody else, made once and kept."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benchmarks import cache
from benchmarks.subject import NotHere

INSTALL_SECONDS: Final = 900
COMPLETE: Final = "complete"
"""A file that says that everything was installed."""


def interpreter(name: str, requirements: Sequence[str], say: Callable[[str], None]) -> Path:
    """The Python of an environment with ``requirements``; made where there is none yet.

    Raises:
        NotHere: they cannot be installed; nothing is left behind.
    """
    key = hashlib.sha256("\n".join([sys.version, *requirements]).encode()).hexdigest()[:12]
    folder = cache.folder() / f"{name}-{key}"
    python = folder / "bin" / "python"
    if (folder / COMPLETE).is_file():
        return python
    say(f"installing {', '.join(requirements)} into an environment of its own")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(python), "-m", "pip", "install", "--quiet", *requirements])
    except NotHere:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    (folder / COMPLETE).touch()
    return python


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            command, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise NotHere(f"it was not installed within {INSTALL_SECONDS} s") from error
    if done.returncode:
        raise NotHere("not installed: " + (done.stderr.strip().splitlines() or ["?"])[-1])
