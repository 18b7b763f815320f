"""Notices of TensorFlow's libraries are kept off standard error; all else is passed on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

NOTICES = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1795615782.191633   29825 port.cc:153] oneDNN custom operations are on.",
    "E0000 00:00:1795615782.191633   29825 cuda_platform.cc:51] failed call to cuInit",
    "2026-11-25 13:55:30.123456: I tensorflow/core/platform/cpu_feature_guard.cc:210] This",
    "To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow",
)
KEPT = (
    "F0000 00:00:1795615782.191633   29825 check.cc:7] Check failed: a == b",
    "somebody's own words",
    "Traceback (most recent call last):",
)
WRITE = (
    "import os, sys\n"
    "from horngate.cli.quiet import without_notices\n"
    "with without_notices():\n"
    f"    for line in {(*NOTICES, *KEPT)!r}:\n"
    "        os.write(2, line.encode() + b'\\n')\n"
    "    if sys.argv[1:]: os.abort()\n"
    "print('after', file=sys.stderr)\n"
)


def written(*arguments: str, **environment: str) -> list[str]:
    kept = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    ran = subprocess.run(
        [sys.executable, "-c", WRITE, *arguments],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ran.stderr.splitlines()


def test_notices_are_left_out_and_all_else_is_passed_on() -> None:
    assert written() == written(TF_CPP_MIN_LOG_LEVEL="3") == [*KEPT, "after"]


def test_the_last_words_of_a_process_that_aborts_are_passed_on() -> None:
    assert written("abort") == [*KEPT]


@pytest.mark.parametrize("level", ["0", "2"])
def test_whoever_asks_for_notices_gets_them(level: str) -> None:
    assert written(TF_CPP_MIN_LOG_LEVEL=level) == [*NOTICES, *KEPT, "after"]
