"""Run a soak and hold it against what is promised.

    make soak ARGS="--seconds 60"
    python -m benchmarks.soak --seconds 600 --record

A steady load; then versions swapped under it; then swaps
and, beside the load, callers who cancel, hurry, send rubbish and hang up; then quiet again. Every
good answer is checked against the version that it names. Ends with 1 where a promise is broken.
Everything listens on this machine only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.child import Child, ChildFailed, python
from benchmarks.machine import machine
from benchmarks.ports import live_ports
from benchmarks.soak.chart import Course, draw
from benchmarks.soak.contents import STEADY, SWAPPED, Swapper, publish
from benchmarks.soak.phases import PHASES, Phase
from benchmarks.soak.sampler import Sampler
from benchmarks.soak.verdict import Figures, judge

RECORDS: Final = Path(__file__).parent.parent / "results"
SHORTEST: Final = 20.0


def main() -> int:
    """Run, print, record; 1 where a promise is broken."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="horngate-soak-") as folder:
        models, pattern = Path(folder, "models"), Path(folder, "pattern")
        publish(models, pattern)
        swapper = Swapper(models, pattern, options.swap_every)
        swapper.swap()
        found, course = _soak(models, swapper, options.seconds, options.in_flight)
    print(_told(found), flush=True)
    output = RECORDS if options.record else Path(tempfile.mkdtemp(prefix="horngate-soak-"))
    record = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "seconds": options.seconds,
        "in_flight": options.in_flight,
        "swap_every": options.swap_every,
        "run": found._asdict(),
    }
    (output / "soak.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    draw(course, output / "soak.png")
    print(f"written: {output / 'soak.json'}, {output / 'soak.png'}")
    for each in found.broken:
        print(f"broken: {each}", file=sys.stderr)
    return 1 if found.broken else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="of the whole run")
    parser.add_argument("--in-flight", type=int, default=64, help="good requests at a time")
    parser.add_argument("--swap-every", type=float, default=0.2, help="seconds between versions")
    parser.add_argument("--record", action="store_true", help=f"write into {RECORDS.name}")
    options = parser.parse_args()
    if options.seconds < SHORTEST:
        parser.error(f"--seconds: expected at least {SHORTEST:g}, received {options.seconds:g}")
    return options


def _soak(models: Path, swapper: Swapper, seconds: float, in_flight: int) -> tuple[Figures, Course]:
    flags: list[str | Path] = [
        "--models",
        models,
        "--grpc-port",
        "0",
        "--http-port",
        "0",
        "--log-format",
        "json",
    ]
    server = Child(
        [*python("horngate", "serve"), *flags, "--poll-seconds", "0.05"],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        log=True,
    )
    load: Child | None = None
    try:
        ports = live_ports(server, (SWAPPED, STEADY))
        sampler = Sampler(server.pid)
        load = Child(
            python(
                "benchmarks.soak.traffic",
                *("--grpc-port", str(ports[0]), "--http-port", str(ports[1])),
                *("--in-flight", str(in_flight)),
            )
        )
        for phase in PHASES:
            _run(phase, load, sampler, swapper, seconds)
        tally = load.ask("")
        sampler.stop()
    finally:
        if load is not None:
            load.stop()
        server.stop()
    log = _log(server)
    swaps = sum(line.get("event") == "available" for line in log if line.get("model") == SWAPPED)
    errors = [line for line in log if line.get("level") in ("error", "critical")]
    found = judge(tally, sampler.samples, swaps, swapper.newest - 1)
    if errors:
        told = f"expected no error in the log, received {len(errors)}, such as {errors[0]}"
        found = found._replace(broken=(*found.broken, told))
    if server.process.returncode:
        ended = f"expected the server to end with 0, received {server.process.returncode}"
        found = found._replace(broken=(*found.broken, ended))
    return found, Course(tally["latencies"], sampler.samples)


def _run(phase: Phase, load: Child, sampler: Sampler, swapper: Swapper, seconds: float) -> None:
    load.ask(f"{phase.name} mischief" if phase.mischief else phase.name)
    sampler.phase = phase.name
    if phase.swaps:
        swapper.start()
    time.sleep(phase.share * seconds)
    if phase.swaps:
        swapper.stop()


def _log(server: Child) -> list[dict[str, Any]]:
    """What an ended server logged after it was up."""
    log: list[dict[str, Any]] = []
    while True:
        try:
            log.append(json.loads(server.line()))
        except ChildFailed:
            return log
        except ValueError:
            continue  # TensorFlow's own notices


def _told(found: Figures) -> str:
    lines = [
        f"{found.good} good requests answered right",
        f"  others           {found.mischief} ended as they must",
        f"  swaps            {found.swaps} of {found.swaps_due} versions went live under load",
        "  latency, ms      " + "".join(f"{phase.name:>9}" for phase in PHASES),
        "    p50            " + "".join(f"{found.p50.get(each.name, 0):9.1f}" for each in PHASES),
        "    p99            " + "".join(f"{found.p99.get(each.name, 0):9.1f}" for each in PHASES),
        f"  resident, MiB    steady {found.resident[0]:.0f}, afterwards {found.resident[1]:.0f}",
        f"  open handles     steady {found.handles[0]}, afterwards {found.handles[1]}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
