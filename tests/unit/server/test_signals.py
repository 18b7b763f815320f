"""A signal ends the server, on whichever of its threads it arrives."""

from __future__ import annotations

import subprocess
import sys

WAITING = """
import os, signal, threading, time
from pathlib import Path
from horngate.server.lifecycle import Signals

signals = Signals()
main = Path("/proc/self/task", str(os.getpid()), "stat")

def ask():
    while main.read_text().rpartition(")")[2].split()[0] != "S":
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=ask, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # of the main thread alone
print(signals.wait().name)
"""


def test_one_that_arrives_on_another_thread_is_heard() -> None:
    told = subprocess.run(
        [sys.executable, "-c", WAITING], capture_output=True, text=True, timeout=20, check=True
    )
    assert told.stdout == "SIGTERM\n"
