"""Cases of many or slow clients: connections, streams, bytes that come late or are never read."""

from __future__ import annotations

import time
from contextlib import ExitStack

from benchmarks.native_trial import wire
from benchmarks.native_trial.server import PREFIX
from benchmarks.native_trial.trial import Finding, Trial, case, latency, wish
from benchmarks.native_trial.wire import LARGE, PREFACE, Wire, frame, message, request

ECHO, HOLD, BLOB = PREFIX + "Echo", PREFIX + "Hold", PREFIX + "Blob"


@case
def half_open(trial: Trial) -> Finding:
    """1,000 connections that stop in the preface or in a request, and stay."""
    count, before = trial.scale(1000), trial.child.usage()
    with ExitStack() as stack:
        for index in range(count):
            raw = stack.enter_context(Wire(trial.child.port, preface=bool(index % 2)))
            raw.send(request(ECHO)[:20] if index % 2 else PREFACE[: index % 20])
        worst, held = latency(trial.child), trial.child.usage()
    each = (held.rss - before.rss) * 1024 / count
    return Finding(
        worst < 1000, f"{count} held: {each:.1f} KiB each; others wait {worst} ms at most"
    )


@case
def idle(trial: Trial) -> Finding:
    """3,000 connections that do nothing."""
    count, before = trial.scale(3000), trial.child.usage()
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(Wire(trial.child.port))
        worst, held = latency(trial.child), trial.child.usage()
    each = (held.rss - before.rss) * 1024 / count
    return Finding(
        worst < 1000, f"{count} held: {each:.1f} KiB each; others wait {worst} ms at most"
    )


@wish
def slow_readers(trial: Trial) -> Finding:
    """50 calls on one connection that ask for 8 MiB each and never read."""
    count, before = trial.scale(50), trial.child.usage().rss
    with Wire(trial.child.port, receive_window=65535) as raw:
        for stream in range(1, 2 * count, 2):
            raw.call(stream, BLOB, b"8388608")
        time.sleep(1.0)
        held = trial.child.usage().rss - before
        worst = latency(trial.child)
    return Finding(
        held < 64, f"{held:.0f} MiB held for {count * 8} MiB of replies; others wait {worst} ms"
    )


@case
def slow_writers(trial: Trial) -> Finding:
    """20 connections that send their request at 1 byte a second."""
    with ExitStack() as stack:
        raws = [stack.enter_context(Wire(trial.child.port)) for _ in range(20)]
        for raw in raws:
            raw.start(1, request(ECHO))
        for letter in message(b"x" * 100)[:4]:
            for raw in raws:
                raw.send(frame(wire.DATA, 0, 1, bytes([letter])))
            time.sleep(0.2 if trial.quick else 1.0)
        worst = latency(trial.child)
    return Finding(
        worst < 1000, f"others wait {worst} ms at most; no time limit of the front's own"
    )


@case
def quick_connections(trial: Trial) -> Finding:
    """10,000 connections, one after another and in bursts of 500."""
    count, began = trial.scale(10_000), time.monotonic()
    for _ in range(count // 2):
        Wire(trial.child.port).close()
    for _ in range(count // 1000 or 1):
        with ExitStack() as stack:
            for _ in range(min(500, count)):
                stack.enter_context(Wire(trial.child.port))
    return Finding(True, f"{count} in {time.monotonic() - began:.1f} s")


@case
def many_streams(trial: Trial) -> Finding:
    """1,124 calls at once on one connection, 100 more than the limit."""
    with Wire(trial.child.port) as raw:
        for stream in range(1, 2 * 1124, 2):
            raw.call(stream, HOLD, b"x")
        trial.child.wait_for(lambda: trial.child.order()["held"] >= 1024, 5)
        held = trial.child.order()["held"]
        refused = {
            int.from_bytes(body, "big")
            for kind, _, _, body in raw.read(0.5)
            if kind in (wire.RST, wire.GOAWAY)
        }
        trial.child.order("release")
    return Finding(held == 1024, f"{held} held; the rest got RST_STREAM {refused}")


@case
def large_messages(trial: Trial) -> Finding:
    """64 MiB there and back."""
    trial.child.forget_peak()
    before, payload = trial.child.usage().rss, bytes(64 << 20)
    same = trial.child.call("Echo", payload) == payload
    peak = trial.child.usage().peak - before
    return Finding(same, f"the same bytes: {same}; peak +{peak:.0f} MiB")


@wish
def lying_length(trial: Trial) -> Finding:
    """100 messages that say 4 GiB and bring one byte: is memory taken for them?"""
    before = trial.child.usage()
    with Wire(trial.child.port) as raw:
        for stream in range(1, 200, 2):
            raw.start(stream, request(ECHO))
            raw.send(frame(wire.DATA, 0, stream, message(b"x", length=2**32 - 1)))
        time.sleep(0.5)
        held = trial.child.usage()
    virtual, rss = (held.virtual - before.virtual) / 1024, held.rss - before.rss
    return Finding(virtual < 1, f"+{virtual:.0f} GiB of address space, +{rss:.0f} MiB resident")


@wish
def huge_message(trial: Trial) -> Finding:
    """One message of 1 GiB (quick: 100 MiB), unfinished: what is held before Python sees a byte?"""
    size = trial.scale(1 << 30)
    before, calls = trial.child.usage().rss, trial.child.order()["calls"]
    with Wire(trial.child.port) as raw:
        raw.begin_message(1, ECHO, size + 1, ("content-length", str(size + 6)))
        sent = raw.pour(1, size)
        time.sleep(0.5)
        held = trial.child.usage().rss - before
        unseen = trial.child.order()["calls"] == calls
    return Finding(
        held < 64,
        f"{sent >> 20} MiB sent, {held:.0f} MiB held; Python has {'not ' * unseen}seen the call",
    )


@wish
def partial_messages(trial: Trial) -> Finding:
    """20 messages of 20 MiB on one connection, all unfinished."""
    count, before = trial.scale(20), trial.child.usage().rss
    with Wire(trial.child.port) as raw:
        sent = 0
        for stream in range(1, 2 * count, 2):
            raw.begin_message(stream, ECHO, LARGE)
            sent += raw.pour(stream, 20 << 20)
        held = trial.child.usage().rss - before
    return Finding(held < 64, f"{sent >> 20} MiB sent, {held:.0f} MiB held until the client goes")
