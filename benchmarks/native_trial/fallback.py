"""Cases of the grpcio server behind the front: what it carries, bounds, and how it is missed."""

from __future__ import annotations

import json
import time

from benchmarks.native_trial import wire
from benchmarks.native_trial.child import Child
from benchmarks.native_trial.server import FALLBACK
from benchmarks.native_trial.trial import Finding, Trial, case
from benchmarks.native_trial.wire import Wire, frame, message, request


@case
def fallback_calls(trial: Trial) -> Finding:
    """What a call through the fallback keeps: metadata, deadline, status, streams, 64 MiB."""
    path = f"/{FALLBACK}/"
    with trial.child.channel() as channel:
        sent = [bytes([index]) for index in range(100)]
        bidi = list(channel.stream_stream(path + "Bidi")(iter(sent), timeout=20)) == sent
        big = bytes(64 << 20)
        large = channel.unary_unary(path + "Unary")(big, timeout=60) == big
        many = sum(1 for _ in channel.unary_stream(path + "Many")(b"500", timeout=20))
        call = channel.unary_unary(path + "Details").future(
            b"", timeout=9, metadata=[("x-a", "1"), ("x-b-bin", b"\x00\xff")]
        )
        seen = json.loads(call.result())
        trailing = dict(call.trailing_metadata())
        initial = dict(call.initial_metadata())
        error = channel.unary_unary(path + "Abort").future(b"", timeout=9).exception()
        waiting = channel.unary_unary(path + "Wait").future(b"", timeout=30)
        time.sleep(0.3)
        waiting.cancel()
        stopped = trial.child.wait_for(lambda: trial.child.order().get("fallback_cancels", 0) > 0)
    kept = {
        "bidi": bidi,
        "64 MiB": large,
        "server stream": many == 500,
        "metadata": {"x-a", "x-b-bin"} <= {key for key, _ in seen["metadata"]},
        "deadline": 8 < seen["remaining"] < 9.5,
        "initial metadata": initial.get("trial-initial") == "one",
        "trailing metadata": trailing.get("trial-bin") == b"\x00\xff",
        "status": error.code().name == "NOT_FOUND",
        "message": error.details() == "no such thing: é\nline two",
        "status details": "grpc-status-details-bin" in dict(error.trailing_metadata()),
        "cancellation": stopped,
    }
    lost = [name for name, held in kept.items() if not held]
    return Finding(
        not lost,
        f"lost: {', '.join(lost) or 'nothing'}; peer {seen['peer']!r}; "
        f"{seen['remaining']:.1f} s of 9 left",
    )


@case
def fallback_limits_messages(trial: Trial) -> Finding:
    """A grpcio fallback that takes 4 MiB: does its limit bound what the front holds?"""
    path = f"/{FALLBACK}/Unary"
    with Child("--fallback-limit", str(4 << 20)) as child:
        child.call(path, b"warm")
        before = child.usage()
        with Wire(child.port) as raw:
            raw.start(1, request(path))
            raw.send(frame(wire.DATA, 0, 1, message(b"x", length=2**32 - 1)))
            lying = raw.answer()
        with Wire(child.port) as raw:
            raw.begin_message(1, path, 200 << 20)
            sent = raw.pour(1, 200 << 20, seconds=1.0 if trial.quick else 5.0) >> 20
            held = child.usage()
    virtual, rss = held.virtual - before.virtual, held.rss - before.rss
    return Finding(
        lying.grpc == 8 and rss < 64 and virtual < 1024,
        f"says 4 GiB: {lying}; says 200 MiB: {sent} MiB taken, +{rss:.0f} MiB resident",
    )


@case
def fallback_gone(_: Trial) -> Finding:
    """The fallback's socket is not there, or its server has died."""
    path = f"/{FALLBACK}/Unary"
    with Child("--no-fallback") as child:
        missing = child.status(path, b"x", timeout=5)
        echoes = child.call("Echo", b"y") == b"y"
    with Child() as child:
        child.call(path, b"x")
        child.order("stop fallback")
        dead = child.status(path, b"x", timeout=5)
        echoes &= child.call("Echo", b"y") == b"y"
    text = f"no socket: {missing}; stopped: {dead}; native methods go on: {echoes}"
    return Finding(echoes and missing == dead == "UNAVAILABLE", text)
