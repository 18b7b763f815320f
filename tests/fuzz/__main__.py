"""A bounded run: ``python -m tests.fuzz --seconds 20``.

Starts from the corpus. What it finds is written into ``tests/fuzz/findings/``, and the exit status
is 1; copied into ``tests/fuzz/corpus/`` under a name of its own, an input is replayed by the tests.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.fuzz.mutations import mutated
from tests.fuzz.target import CORPUS, FINDINGS, Finding, feed, pack, unpack

MAX_LEN: Final = 1 << 16
"""Bytes of an input that a run makes; longer ones are in the corpus, and are slow to change."""

RSS_MIB: Final = 2048
HANGS_SECONDS: Final = 20
GRACE_SECONDS: Final = 120
"""Seconds for what is beside looking: imports, and reading the corpus."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=20, help="how long to look; default 20")
    parser.add_argument(
        "--engine",
        choices=("atheris", "random"),
        help="what makes inputs: atheris is guided by coverage; default atheris where it is there",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="where luck starts; 0 is any; default 0"
    )
    options = parser.parse_args()
    has_atheris = importlib.util.find_spec("atheris") is not None
    if options.engine == "atheris" and not has_atheris:
        print(
            "fuzz: expected the package atheris, received none (it has builds for Linux on x86-64, "
            "Python 3.11 to 3.13); install it, or use --engine random",
            file=sys.stderr,
        )
        return 2
    started = time.time()
    seed = options.seed or random.SystemRandom().randrange(1, 2**31)
    if options.engine == "random" or not has_atheris:
        ended = _random(options.seconds, seed)
    else:
        ended = _guided(options.seconds, seed)
    found = [each for each in _findings() if each.stat().st_mtime >= started]
    for each in found:
        path, data = unpack(each.read_bytes())
        print(f"fuzz: found {os.path.relpath(each)}: {len(data)} bytes at {path[:200]!r}")
    if not found and ended:
        print(f"fuzz: the run failed with exit status {ended}; its output says why")
    return 1 if found or ended else 0


def _findings() -> list[Path]:
    return sorted(FINDINGS.iterdir()) if FINDINGS.is_dir() else []


def _random(seconds: int, seed: int) -> int:
    print(f"fuzz: random changes of the corpus for {seconds} s, seed {seed}")
    luck = random.Random(seed)
    corpus = [file.read_bytes() for file in sorted(CORPUS.iterdir())]
    corpus = [packed for packed in corpus if len(packed) <= MAX_LEN]
    runs = 0
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        path, data = unpack(luck.choice(corpus))
        data = mutated(data, corpus, luck)[:MAX_LEN]
        try:
            feed(path, data)
        except Finding as finding:
            print(f"fuzz: {finding}")
            _keep(pack(path, data))
        runs += 1
    print(f"fuzz: {runs} inputs")
    return 0


def _keep(packed: bytes) -> None:
    FINDINGS.mkdir(exist_ok=True)
    (FINDINGS / f"random-{hashlib.sha256(packed).hexdigest()[:16]}").write_bytes(packed)


def _guided(seconds: int, seed: int) -> int:
    FINDINGS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="horngate-fuzz-") as folder:
        seeds, grown = Path(folder, "seeds"), Path(folder, "grown")
        shutil.copytree(CORPUS, seeds)
        grown.mkdir()
        # New inputs go into the first folder, which ends with the run.
        command = [
            *(sys.executable, "-m", "tests.fuzz.guided", str(grown), str(seeds)),
            f"-max_total_time={seconds}",
            f"-rss_limit_mb={RSS_MIB}",
            f"-timeout={HANGS_SECONDS}",
            f"-max_len={MAX_LEN}",
            f"-seed={seed}",
            f"-artifact_prefix={FINDINGS}/",
            *("-print_final_stats=1", "-verbosity=0"),
        ]
        print(f"fuzz: atheris for {seconds} s, seed {seed}", flush=True)
        try:
            return subprocess.run(command, check=False, timeout=seconds + GRACE_SECONDS).returncode
        except subprocess.TimeoutExpired:
            print(f"fuzz: expected an end after {seconds} s, received none; ended it")
            return 1


if __name__ == "__main__":
    sys.exit(main())
