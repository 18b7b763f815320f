"""Cases of a client that means harm: garbage, broken frames, and floods of good ones."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator

from benchmarks.native_trial import wire
from benchmarks.native_trial.server import PREFIX
from benchmarks.native_trial.trial import Finding, Trial, case
from benchmarks.native_trial.wire import END_HEADERS, LARGE, Wire, frame, literal, request

ECHO = PREFIX + "Echo"
SEED = 20


@case
def garbage(trial: Trial) -> Finding:
    """300 connections of random bytes, TLS hellos and HTTP/1.1 requests."""
    chance = random.Random(SEED)  # noqa: S311 - repeatable noise, no secret
    count = trial.scale(300)
    for index in range(count):
        with Wire(trial.child.port, preface=False) as raw:
            starts = (b"", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            raw.send(starts[index % 3] + chance.randbytes(chance.randrange(1, 4000)))
    return Finding(True, f"{count} connections")


@case
def random_frames(trial: Trial) -> Finding:
    """300 connections that send random frames after a valid preface."""
    chance = random.Random(SEED)  # noqa: S311 - repeatable noise, no secret
    count = trial.scale(300)
    for _ in range(count):
        with Wire(trial.child.port) as raw:
            for _ in range(40):
                body = chance.randbytes(chance.randrange(0, 200))
                flags, stream = chance.randrange(256), chance.choice((0, 1, 2, 3, 5, 2**31 - 1))
                if not raw.send(frame(chance.randrange(12), flags, stream, body)):
                    break
    return Finding(True, f"{count} connections of 40 frames")


MALFORMED: dict[str, Callable[[], bytes]] = {
    "frame longer than allowed": lambda: frame(wire.DATA, 0, 1, bytes(20_000)),
    "bad HPACK": lambda: frame(wire.HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff"),
    "DATA on stream 0": lambda: frame(wire.DATA, 0, 0, b"x"),
    "even stream": lambda: frame(wire.HEADERS, END_HEADERS, 2, request(ECHO)),
    "WINDOW_UPDATE overflow": lambda: frame(wire.WINDOW, 0, 0, struct.pack(">I", LARGE)),
    "WINDOW_UPDATE of 0": lambda: frame(wire.WINDOW, 0, 0, bytes(4)),
    "SETTINGS of 5 bytes": lambda: frame(wire.SETTINGS, 0, 0, bytes(5)),
    "PING of 7 bytes": lambda: frame(wire.PING, 0, 0, bytes(7)),
}


@case
def malformed(trial: Trial) -> Finding:
    """One broken frame each."""
    said = []
    for name, make in MALFORMED.items():
        with Wire(trial.child.port) as raw:
            raw.send(make())
            said.append(f"{name}: {raw.answer()}")
    return Finding(not any("no answer" in each for each in said), "; ".join(said))


def flood(trial: Trial, parts: Iterator[bytes], most: int) -> tuple[str, int]:
    """Send until the server cuts the connection; say how much it took and what it cost."""
    before, sent = trial.child.usage().rss, 0
    with Wire(trial.child.port) as raw:
        raw.socket.settimeout(2)
        for part in parts:
            if sent >= most or not raw.send(part):
                break
            sent += 1
        grown = trial.child.usage().rss - before
        said = raw.answer(seconds=1.0)
    return f"{sent} of {most} taken, then {said}; +{grown:.0f} MiB", round(grown)


def flood_case(name: str, parts: Callable[[], Iterator[bytes]], most: int, text: str) -> None:
    """Register a flood, which may cost the server 64 MiB at most."""

    def run(trial: Trial) -> Finding:
        said, grown = flood(trial, parts(), trial.scale(most))
        return Finding(grown < 64, said)

    run.__name__, run.__doc__ = name, text
    case(run)


def forever(part: bytes) -> Iterator[bytes]:
    """Yield the same bytes without end."""
    while True:
        yield part


def continuations() -> Iterator[bytes]:
    """Yield a header block that never ends."""
    yield frame(wire.HEADERS, 0, 1, request(ECHO))
    yield from forever(frame(wire.CONTINUATION, 0, 1, literal("x-more", "y" * 1000)))


def resets() -> Iterator[bytes]:
    """Yield calls that are reset at once."""
    block = request(ECHO)
    for stream in range(1, LARGE, 2):
        opened = frame(wire.HEADERS, END_HEADERS, stream, block)
        yield opened + frame(wire.RST, 0, stream, struct.pack(">I", 8))


def empty_data() -> Iterator[bytes]:
    """Yield one call whose body is empty frames."""
    yield frame(wire.HEADERS, END_HEADERS, 1, request(ECHO))
    yield from forever(frame(wire.DATA, 0, 1))


flood_case("continuation_flood", continuations, 20_000, "A header block that never ends.")
flood_case("rapid_reset", resets, 100_000, "Calls reset at once (CVE-2023-44487).")
flood_case("empty_data_flood", empty_data, 200_000, "DATA frames of no bytes.")
flood_case("settings_flood", lambda: forever(frame(wire.SETTINGS)), 100_000, "SETTINGS, unread.")
flood_case(
    "ping_flood", lambda: forever(frame(wire.PING, 0, 0, bytes(8))), 200_000, "PING, unread."
)


@case
def hpack_bomb(trial: Trial) -> Finding:
    """One header of 4,000 bytes in the dynamic table, named 16,000 times."""
    before = trial.child.usage().rss
    with Wire(trial.child.port) as raw:
        block = request(ECHO) + literal("x-bomb", "b" * 3900, kind=0x40)
        raw.send(frame(wire.HEADERS, 0, 1, block))
        raw.send(frame(wire.CONTINUATION, END_HEADERS, 1, b"\xbe" * 16_000))
        raw.send(frame(wire.DATA, 1, 1, wire.message(b"x")))
        said = raw.answer()
    grown = trial.child.usage().rss - before
    return Finding(grown < 64 and said.grpc != 0, f"{said}; +{grown:.0f} MiB")


@case
def huge_metadata(trial: Trial) -> Finding:
    """Metadata over max_metadata_size: 20 KiB and 64 KiB."""
    said = []
    for size in (20, 64):
        block = request(ECHO, ("x-large", "y" * 1000), *[("x-large", "y" * 1000)] * (size - 1))
        with Wire(trial.child.port) as raw:
            for at in range(0, len(block), 16_000):
                last = END_HEADERS if at + 16_000 >= len(block) else 0
                kind = wire.CONTINUATION if at else wire.HEADERS
                raw.send(frame(kind, last, 1, block[at : at + 16_000]))
            raw.send(frame(wire.DATA, 1, 1, wire.message(b"x")))
            said.append(raw.answer())
    served = any(each.grpc == 0 for each in said)
    return Finding(not served, f"20 KiB: {said[0]}; 64 KiB: {said[1]}")
