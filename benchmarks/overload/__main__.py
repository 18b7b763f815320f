"""Overload a server, print what became of it, and say which promises are broken.

    python -m benchmarks.overload [--seconds 6] [--record]

A slow model is asked at half, once, one and a half times and three times what it was found to
sustain, each request with a deadline, whether others are answered or not. A quick model beside it
is asked gently all the while. The server has half of the cores and the asker the other half. Ends
with 1 where a promise of docs/reliability.md is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.child import Child, python
from benchmarks.machine import machine
from benchmarks.overload.cores import on, split
from benchmarks.overload.load import DEADLINE, Load
from benchmarks.overload.models import QUICK, SLOW, publish
from benchmarks.overload.outcome import Outcome
from benchmarks.overload.verdict import judge
from benchmarks.ports import live_ports

RECORD: Final = Path(__file__).parent.parent / "results" / "overload.json"
COLUMNS: Final = {
    "load": "load",
    "offered": "asked/s",
    "goodput": "answered/s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "runs": "runs",
    "refused": "refused",
    "refusal_p50_ms": "refused in ms",
    "quick_p50_ms": "quick p50",
    "quick_p99_ms": "quick p99",
    "slowest_probe_ms": "probe ms",
    "resident_mib": "MiB",
}


def main() -> int:
    """Measure each slow model, print a table of each; 1 where a promise is broken."""
    options = _options()
    about = {"date": datetime.now(UTC).date().isoformat(), "machine": machine()}
    serving, asking = split(os.sched_getaffinity(0))
    runs: list[dict[str, Any]] = []
    broken: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        publish(Path(folder))
        for model in SLOW:
            with on(serving):
                server = _server(Path(folder))
            with on(asking):
                outcomes, refusal = _measure(server, model.name, options.seconds)
            runs.append(
                {
                    "model": model.name,
                    "refusal_cpu_us": round(refusal * 1e6),
                    "stretches": [each.plain() for each in outcomes],
                }
            )
            _print(runs[-1])
            found = judge(outcomes, model.goodput, DEADLINE)
            broken += [f"{model.name}: {each}" for each in found]
    if options.record:
        cores = {"server": sorted(serving), "asker": sorted(asking)}
        record = about | {"deadline_s": DEADLINE, "cores": cores, "runs": runs}
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    for each in broken:
        print(f"broken: {each}", file=sys.stderr)
    return 1 if broken else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=6.0, help="of each load")
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name}")
    return parser.parse_args()


def _server(repository: Path) -> Child:
    flags: list[str | Path] = ["--models", repository, "--grpc-port", "0", "--http-port", "0"]
    return Child(
        [*python("horngate", "serve"), *flags, "--log-format", "json"],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        log=True,
    )


def _measure(server: Child, model: str, seconds: float) -> tuple[list[Outcome], float]:
    """What became of each load, and the CPU seconds of a refusal."""
    try:
        grpc_port, http_port = live_ports(server, (model, QUICK))
        load = Load(model, grpc_port, http_port, server.pid)
        return asyncio.run(load.all(seconds)), asyncio.run(load.refusal_cpu())
    finally:
        server.stop()


def _print(run: dict[str, Any]) -> None:
    print(f"{run['model']}: a refusal takes {run['refusal_cpu_us']} us of CPU")
    print("  " + "".join(f"{title:>14}" for title in COLUMNS.values()))
    for row in run["stretches"]:
        print("  " + "".join(f"{row[name]:>14}" for name in COLUMNS), row["by_code"], flush=True)


if __name__ == "__main__":
    sys.exit(main())
