"""Asks one server at rates of its own choosing: an open loop, where nobody waits for anybody."""

from __future__ import annotations

import asyncio
import os
import time
import urllib.request
from pathlib import Path
from typing import Any, Final

import grpc

from benchmarks.overload.models import QUICK
from benchmarks.overload.outcome import Outcome
from benchmarks.processes import usage
from benchmarks.soak import requests

LOADS: Final = (0.5, 1.0, 1.5, 3.0)
DEADLINE: Final = 0.5
SUSTAINED_SECONDS: Final = 4.0
REFUSED_SECONDS: Final = 0.8
IN_FLIGHT: Final = 8


class Load:
    """Asks for one model, and gently for the quick one. One event loop."""

    def __init__(self, model: str, grpc_port: int, http_port: int, pid: int) -> None:
        self._model = model
        self._data = requests.predict(1.0, model)
        self._address = f"127.0.0.1:{grpc_port}"
        self._http_port = http_port
        self._pid = pid

    async def all(self, seconds: float) -> list[Outcome]:
        """One outcome for each of ``LOADS``, and first one without load for the quick model."""
        async with grpc.aio.insecure_channel(self._address) as channel:
            self._call: Any = channel.unary_unary(requests.PREDICT)
            alone = await self._stretch(0.0, 0.0, seconds)
            sustained = await self._sustained(min(seconds, SUSTAINED_SECONDS))
            outcomes = [alone]
            for load in LOADS:
                outcomes.append(await self._stretch(load, load * sustained, seconds))
                await asyncio.sleep(DEADLINE)
            return outcomes

    async def refusal_cpu(self) -> float:
        """CPU seconds that the server takes for a request that cannot be answered in time."""
        async with grpc.aio.insecure_channel(self._address) as channel:
            self._call = channel.unary_unary(requests.PREDICT)
            outcome = Outcome(0.0, 0.0, REFUSED_SECONDS)
            took = time.monotonic()
            for _ in range(IN_FLIGHT):
                await self._call(self._data)
            took = (time.monotonic() - took) / IN_FLIGHT
            before, ends = usage(self._pid).cpu_seconds, time.monotonic() + REFUSED_SECONDS

            async def keep_asking() -> None:
                while time.monotonic() < ends:
                    await self._ask(outcome, took / 3)

            await asyncio.gather(*[keep_asking() for _ in range(IN_FLIGHT)])
            refused = sum(map(len, outcome.refused.values()))
            return (usage(self._pid).cpu_seconds - before) / refused

    async def _sustained(self, seconds: float) -> float:
        """Requests a second that the model answers with eight in flight."""
        ends, answered = time.monotonic() + seconds, 0

        async def keep_asking() -> None:
            nonlocal answered
            while time.monotonic() < ends:
                await self._call(self._data)
                answered += 1

        await asyncio.gather(*[keep_asking() for _ in range(IN_FLIGHT)])
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
            asked.append(asyncio.create_task(self._ask(outcome, DEADLINE)))
            due += 1.0 / rate
        await asyncio.gather(*asked, *others)
        outcome.resident = _resident(self._pid)
        outcome.runs = await asyncio.to_thread(self._runs) - runs
        return outcome

    async def _ask(self, outcome: Outcome, deadline: float) -> None:
        began = time.monotonic()
        try:
            await self._call(self._data, timeout=deadline)
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
        """Runs of the model so far: one for each request that reached it."""
        series = f'horngate_inference_seconds_count{{model="{self._model}"'
        lines = self._get("metrics").splitlines()
        return sum(int(float(line.rpartition(" ")[2])) for line in lines if line.startswith(series))

    def _get(self, page: str) -> str:
        url = f"http://127.0.0.1:{self._http_port}/{page}"
        with urllib.request.urlopen(url, timeout=30) as reply:
            text: str = reply.read().decode()
            return text


def _resident(pid: int) -> int:
    text = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")
