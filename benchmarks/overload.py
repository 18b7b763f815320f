"""What a server does with more than it can: goodput, latency, refusals, health, the neighbour.

    python -m benchmarks.overload [--seconds 6] [--transport grpcio|native] [--record]

A slow model is asked at a rate of its own choosing (open loop: nobody waits for anybody), at half,
once, one and a half times and three times what it was found to sustain, each request with a
deadline. A quick model beside it is asked gently all the while. Ends with 1 where a promise of
docs/reliability.md is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import grpc

from benchmarks.child import Child, python
from benchmarks.machine import machine
from benchmarks.ports import live_ports
from benchmarks.soak import requests
from horngate.cli.quiet import quiet_tensorflow

LOADS: Final = (0.5, 1.0, 1.5, 3.0)
DEADLINE: Final = 0.5
SIDE: Final = 192
LAYERS: Final = 12
"""Some tens of milliseconds a request: asking must cost little beside answering, or what is
measured is the asker."""
SLOW: Final = "slow"
QUICK: Final = "quick"
RECORD: Final = Path(__file__).parent / "results" / "overload.json"
GOODPUT: Final = 0.9
PROBE_SECONDS: Final = 1.0


@dataclass
class Outcome:
    """What became of a stretch of load; times in seconds."""

    load: float
    offered: float
    seconds: float
    good: list[float] = field(default_factory=list)
    refused: dict[str, list[float]] = field(default_factory=dict)
    quick: list[float] = field(default_factory=list)
    probes: list[float] = field(default_factory=list)
    resident: int = 0
    runs: int = 0

    @property
    def goodput(self) -> float:
        """Answers in time a second."""
        return len(self.good) / self.seconds

    def plain(self) -> dict[str, Any]:
        """The figures, in milliseconds and MiB."""
        refusals = [seconds for times in self.refused.values() for seconds in times]
        early = [
            seconds
            for code, times in self.refused.items()
            if code != "DEADLINE_EXCEEDED"
            for seconds in times
        ]
        return {
            "load": self.load,
            "offered": round(self.offered, 1),
            "goodput": round(self.goodput, 1),
            "p50_ms": _percentile(self.good, 50),
            "p99_ms": _percentile(self.good, 99),
            "runs": self.runs,
            "refused": len(refusals),
            "by_code": dict(Counter({code: len(times) for code, times in self.refused.items()})),
            "refusal_p50_ms": _percentile(early or refusals, 50),
            "quick_p50_ms": _percentile(self.quick, 50),
            "quick_p99_ms": _percentile(self.quick, 99),
            "slowest_probe_ms": round(max(self.probes, default=0.0) * 1000, 1),
            "resident_mib": self.resident >> 20,
        }


def main() -> int:
    """Measure each transport, print a table, and say which promises are broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=6.0, help="of each load")
    parser.add_argument("--transport", choices=("both", "grpcio", "native"), default="both")
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name}")
    options = parser.parse_args()
    transports = ("grpcio", "native") if options.transport == "both" else (options.transport,)
    runs: dict[str, list[dict[str, Any]]] = {}
    broken: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        _publish(Path(folder))
        for transport in transports:
            outcomes = _measure(Path(folder), transport, options.seconds)
            runs[transport] = [each.plain() for each in outcomes]
            _print(transport, runs[transport])
            broken += [f"{transport}: {each}" for each in _judge(outcomes)]
    if options.record:
        about = {"date": datetime.now(UTC).date().isoformat(), "machine": machine()}
        text = json.dumps(about | {"deadline_s": DEADLINE, "runs": runs}, indent=1)
        RECORD.write_text(text + "\n", encoding="utf-8")
    for each in broken:
        print(f"broken: {each}", file=sys.stderr)
    return 1 if broken else 0


def _publish(repository: Path) -> None:
    quiet_tensorflow()
    import keras  # noqa: PLC0415 - takes seconds

    from horngate.builder.publish import publish_keras  # noqa: PLC0415 - the same

    x = keras.Input((1,), name="x")
    seen = keras.layers.Reshape((SIDE, SIDE, 1))(keras.layers.Dense(SIDE * SIDE)(x))
    for _ in range(LAYERS):
        seen = keras.layers.Conv2D(32, 3, padding="same", activation="relu")(seen)
    pooled = keras.layers.GlobalAveragePooling2D()(seen)
    publish_keras(keras.Model(x, keras.layers.Dense(1, name="y")(pooled)), repository, SLOW)
    # Each request runs alone, so that what the model sustains is a number of requests.
    (repository / SLOW / "model.toml").write_text("[batching]\nenabled = false\n")
    publish_keras(keras.Model(x, keras.layers.Dense(1, name="y")(x)), repository, QUICK)


def _measure(repository: Path, transport: str, seconds: float) -> list[Outcome]:
    flags: list[str | Path] = ["--models", repository, "--grpc-port", "0", "--http-port", "0"]
    server = Child(
        [*python("horngate", "serve"), *flags, "--transport", transport, "--log-format", "json"],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        log=True,
    )
    try:
        grpc_port, http_port = live_ports(server, (SLOW, QUICK))
        load = Load(grpc_port, http_port, server.pid)
        return asyncio.run(load.all(seconds))
    finally:
        server.stop()


class Load:
    """Asks one server. One event loop."""

    def __init__(self, grpc_port: int, http_port: int, pid: int) -> None:
        self._address = f"127.0.0.1:{grpc_port}"
        self._http_port = http_port
        self._pid = pid

    async def all(self, seconds: float) -> list[Outcome]:
        """One outcome for each of ``LOADS``, and first one without load for the quick model."""
        async with grpc.aio.insecure_channel(self._address) as channel:
            self._call: Any = channel.unary_unary(requests.PREDICT)
            alone = await self._stretch(0.0, 0.0, seconds)
            sustained = await self._sustained(min(seconds, 4.0))
            outcomes = [alone]
            for load in LOADS:
                outcomes.append(await self._stretch(load, load * sustained, seconds))
                await asyncio.sleep(DEADLINE)
            return outcomes

    async def _sustained(self, seconds: float) -> float:
        """Requests a second that the slow model answers with eight in flight."""
        data, ends, answered = requests.predict(1.0, SLOW), time.monotonic() + seconds, 0

        async def keep_asking() -> None:
            nonlocal answered
            while time.monotonic() < ends:
                await self._call(data)
                answered += 1

        await asyncio.gather(*[keep_asking() for _ in range(8)])
        return answered / seconds

    async def _stretch(self, load: float, rate: float, seconds: float) -> Outcome:
        outcome = Outcome(load, rate, seconds)
        runs = await asyncio.to_thread(self._runs)
        ends = time.monotonic() + seconds
        others = [
            asyncio.create_task(self._ask_gently(outcome, ends)),
            asyncio.create_task(self._probe(outcome, ends)),
        ]
        asked: list[asyncio.Task[None]] = []
        due = time.monotonic()
        while rate and due < ends:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            asked.append(asyncio.create_task(self._ask(outcome)))
            due += 1.0 / rate
        await asyncio.gather(*asked, *others)
        outcome.resident = _resident(self._pid)
        outcome.runs = await asyncio.to_thread(self._runs) - runs
        return outcome

    async def _ask(self, outcome: Outcome) -> None:
        began = time.monotonic()
        try:
            await self._call(requests.predict(1.0, SLOW), timeout=DEADLINE)
        except grpc.RpcError as error:
            told: Any = error
            outcome.refused.setdefault(told.code().name, []).append(time.monotonic() - began)
        else:
            outcome.good.append(time.monotonic() - began)

    async def _ask_gently(self, outcome: Outcome, ends: float) -> None:
        data = requests.predict(1.0, QUICK)
        while time.monotonic() < ends:
            began = time.monotonic()
            await self._call(data)
            outcome.quick.append(time.monotonic() - began)
            await asyncio.sleep(0.01)

    async def _probe(self, outcome: Outcome, ends: float) -> None:
        while time.monotonic() < ends:
            for page in ("readyz", "metrics"):
                began = time.monotonic()
                await asyncio.to_thread(self._get, page)
                outcome.probes.append(time.monotonic() - began)
            await asyncio.sleep(0.2)

    def _runs(self) -> int:
        """Runs of the slow model so far: one for each request that reached it."""
        series = f'horngate_inference_seconds_count{{model="{SLOW}"'
        lines = self._get("metrics").splitlines()
        return sum(int(float(line.rpartition(" ")[2])) for line in lines if line.startswith(series))

    def _get(self, page: str) -> str:
        url = f"http://127.0.0.1:{self._http_port}/{page}"
        with urllib.request.urlopen(url, timeout=30) as reply:
            text: str = reply.read().decode()
            return text


def _judge(outcomes: list[Outcome]) -> list[str]:
    broken: list[str] = []
    peak = max(each.goodput for each in outcomes)
    worst = outcomes[-1]
    if worst.goodput < GOODPUT * peak:
        broken.append(
            f"expected {GOODPUT:g} of the peak of {peak:.0f} answers in time a second at three "
            f"times the load, received {worst.goodput:.0f}"
        )
    if max(worst.good, default=0.0) > 1.2 * DEADLINE:
        broken.append(f"expected answers within {DEADLINE} s, received {max(worst.good):.2f} s")
    if max(worst.probes) > PROBE_SECONDS:
        broken.append(f"expected probes within a second, received {max(worst.probes):.2f} s")
    return broken


def _percentile(times: list[float], share: int) -> float:
    if len(times) < 2:
        return 0.0
    return round(statistics.quantiles(times, n=100)[share - 1] * 1000, 2)


def _resident(pid: int) -> int:
    text = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _print(transport: str, rows: list[dict[str, Any]]) -> None:
    columns = {
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
    print(transport)
    print("  " + "".join(f"{title:>14}" for title in columns.values()))
    for row in rows:
        print("  " + "".join(f"{row[name]:>14}" for name in columns), row["by_code"], flush=True)


if __name__ == "__main__":
    sys.exit(main())
