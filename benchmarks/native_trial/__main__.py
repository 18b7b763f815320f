"""Try ``pygrpc_native.NativeGrpcFront`` hard, and say what held.

    python -m benchmarks.native_trial [--quick] [--rounds N] [case ...]

A server runs in a process of its own, on a free loopback port; after each case a normal call must
be answered with its own bytes, and file descriptors, threads and held calls must come back to where
they were. ``must`` marks the cases that fail the run; the others are limits to know.
Over several rounds the resident memory must stop growing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from benchmarks.native_trial import calls, crowds, fallback, hostile, lifecycle
from benchmarks.native_trial.child import Child, Usage
from benchmarks.native_trial.trial import CASES, Case, Finding, Trial

RESULTS: Final = Path(__file__).parents[1] / "results" / "native_trial.json"
ROOMS: Final = (hostile, crowds, calls, fallback, lifecycle)  # importing them registers their cases
GROWTH_MB: Final = 64
"""What the last round may add to the resident memory of the round before."""


def machine() -> dict[str, str | int]:
    """Return what the figures depend on; nothing that names the machine's owner or place."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown",
    )
    return {
        "cpu": cpu,
        "cores": os.cpu_count() or 0,
        "kernel": platform.release().split("-", maxsplit=1)[0],
        "python": platform.python_version(),
        "pygrpc-native": metadata.version("pygrpc-native"),
        "grpcio": metadata.version("grpcio"),
    }


def recovered(trial: Trial, before: Usage) -> str:
    """Return what did not come back after a case, or nothing."""
    child = trial.child
    if not child.alive:
        return f"the server died: {child.process.poll()}"
    payload = os.urandom(100)
    if child.call("Echo", payload, timeout=10) != payload:
        return "a call got other bytes"
    child.wait_for(lambda: child.usage().fds <= before.fds and child.order()["held"] == 0, 10)
    after = child.usage()
    wrong = [
        f"{after.fds - before.fds} file descriptors stay" if after.fds > before.fds else "",
        f"{after.threads - before.threads} threads stay"
        if after.threads > before.threads + 2
        else "",
        "calls stay held" if child.order()["held"] else "",
    ]
    return "; ".join(filter(None, wrong))


def attempt(trial: Trial, one: Case) -> dict[str, Any]:
    """Run one case and look at what it left behind."""
    before, began = trial.child.usage(), time.monotonic()
    try:
        found = one.run(trial)
        left = recovered(trial, before)
    except Exception as error:  # noqa: BLE001 - a case that breaks is a case that fails
        traceback.print_exc()
        found, left = Finding(False, ""), f"{type(error).__name__}: {error}"
    verdict = "held" if found.held and not left else ("FAILED" if one.must or left else "limit")
    row = {
        "case": one.name,
        "must": one.must,
        "verdict": verdict,
        "seconds": round(time.monotonic() - began, 1),
        "found": found.text + (f" | AFTER: {left}" if left else ""),
    }
    if trial.child.alive:
        row |= {"rss_mb": trial.child.usage().rss}
    print(f"| {one.name} | {verdict} | {row.get('rss_mb')} | {row['found']} |", flush=True)
    return row


def warm_up(child: Child) -> Usage:
    """Let threads and pools be made, then return the baseline."""
    for size in (1, 1 << 20):
        child.call("Echo", bytes(size))
        child.call("/trial.Fallback/Unary", bytes(size))
    with child.channel() as channel:
        stub = channel.unary_unary("/trial.Fallback/Unary")
        for call in [stub.future(b"x") for _ in range(64)]:
            call.result()
    time.sleep(0.5)
    return child.usage()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cases; return 1 where one that must hold does not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the numbers")
    parser.add_argument("--rounds", type=int, default=1, help="the whole set, again and again")
    parser.add_argument("case", nargs="*", choices=[[], *CASES], help="default: all")
    options = parser.parse_args(argv)
    names = options.case or list(CASES)
    rounds: list[dict[str, Any]] = []
    print("| case | verdict | RSS after, MiB | found |\n|---|---|---:|---|")
    with Child() as child:
        trial, base = Trial(child, options.quick), warm_up(child)
        for _ in range(options.rounds):
            rows = [attempt(trial, CASES[name]) for name in names if child.alive]
            rounds.append({"rss_mb": child.usage().rss if child.alive else None, "cases": rows})
    ends = [each["rss_mb"] for each in rounds]
    flat = len(ends) < 2 or (None not in ends and ends[-1] < ends[-2] + GROWTH_MB)
    print(f"\nRSS: {base.rss} MiB at the start, {ends} after each round; flat: {flat}")
    if not options.case:
        report = {
            "machine": machine(),
            "quick": options.quick,
            "rss_mb_at_start": base.rss,
            "rss_mb_after_rounds": ends,
            "cases": rounds[-1]["cases"],
        }
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    failed = [row for each in rounds for row in each["cases"] if row["verdict"] == "FAILED"]
    return int(bool(failed) or not flat)


if __name__ == "__main__":
    sys.exit(main())
