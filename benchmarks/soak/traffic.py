"""The load: a process of its own, told which phase it is on its standard input.

A line is ``PHASE`` or ``PHASE mischief``; an empty one ends it. Each is answered with a line of
JSON, the last with the whole tally.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from collections.abc import Coroutine
from typing import Any, Final

import grpc

from benchmarks.soak import good, mischief
from benchmarks.soak.tally import Tally

CHANNELS: Final = 4
IN_STREAM: Final = 6


class Traffic:
    """``in_flight`` good requests at all times; mischief beside them while it is on."""

    def __init__(self, grpc_port: int, http_port: int, in_flight: int, seed: int) -> None:
        self._address = f"127.0.0.1:{grpc_port}"
        self._ports = (grpc_port, http_port)
        self._in_flight = in_flight
        self._seed = seed
        self._tasks: list[asyncio.Task[None]] = []
        self._mischief: list[asyncio.Task[None]] = []
        self._channels: list[grpc.aio.Channel] = []
        self.tally = Tally()

    async def start(self) -> None:
        """Begin to ask."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channels = [
            grpc.aio.insecure_channel(self._address, options=options) for _ in range(CHANNELS)
        ]
        work: list[Coroutine[Any, Any, None]] = [
            good.asks_over_http(self._ports[1], self.tally, 1000.0, oip=False),
            good.asks_over_http(self._ports[1], self.tally, 1001.0, oip=True),
            good.streams(self._channels[0], self.tally, 2000.0, IN_STREAM),
        ]
        for number in range(self._in_flight - IN_STREAM - 2):
            ask = good.predicts if number % 2 else good.infers
            work.append(ask(self._channels[number % CHANNELS], self.tally, float(number)))
        self._tasks = [asyncio.create_task(each) for each in work]

    async def phase(self, name: str, misbehave: bool) -> None:
        """What is answered from now on belongs to phase ``name``."""
        self.tally.phase = name
        if misbehave and not self._mischief:
            chance = random.Random(self._seed)  # noqa: S311 - to be repeatable, not secret
            channel = self._channels[-1]
            self._mischief = [
                asyncio.create_task(each)
                for each in (
                    mischief.sends_rubbish(channel, self.tally, chance),
                    mischief.cancels(channel, self.tally, chance),
                    mischief.cancels(channel, self.tally, chance),
                    mischief.hurries(channel, self.tally, chance),
                    mischief.reconnects(self._address, self.tally, chance),
                    mischief.hangs_up(*self._ports, self.tally, chance),
                )
            ]
        elif not misbehave:
            await self._end(self._mischief)
            self._mischief = []

    async def stop(self) -> None:
        """Ask no more; what is under way is given up and not counted."""
        await self._end(self._mischief + self._tasks)
        for channel in self._channels:
            await channel.close()

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                self.tally.surprised("the load itself", repr(ended))


async def obey(traffic: Traffic) -> None:
    """Do what the standard input says until it ends."""
    loop = asyncio.get_running_loop()
    await traffic.start()
    while line := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        name, _, mode = line.partition(" ")
        await traffic.phase(name, mode == "mischief")
        print(json.dumps({"phase": name}), flush=True)
    await traffic.stop()
    print(json.dumps(traffic.tally.plain()), flush=True)


def main() -> int:
    """Run until told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--grpc-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--in-flight", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    asyncio.run(
        obey(Traffic(options.grpc_port, options.http_port, options.in_flight, options.seed))
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
