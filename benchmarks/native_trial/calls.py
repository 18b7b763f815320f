"""Cases of calls: cancelled, late, odd, refused."""

from __future__ import annotations

import json
import subprocess
import sys

import grpc

from benchmarks.native_trial import wire
from benchmarks.native_trial.child import Child
from benchmarks.native_trial.server import PREFIX
from benchmarks.native_trial.trial import Finding, Trial, case, wish
from benchmarks.native_trial.wire import Wire, frame, message, request

ECHO, HOLD = PREFIX + "Echo", PREFIX + "Hold"
ODD: dict[str, tuple[bytes, bytes, str]] = {
    "wrong content-type": (request(ECHO, content_type="text/plain"), message(b"x"), ""),
    "unknown method": (request("/a.B/C"), message(b"x"), "grpc-status 12"),
    "GET": (request(ECHO, method="GET"), b"", ""),
    "no te": (request(ECHO, te=None), message(b"x"), ""),
    "unknown encoding": (
        request(ECHO, ("grpc-encoding", "snappy")),
        message(b"x", flag=1),
        "grpc-status 12",
    ),
    "broken gzip": (request(ECHO, ("grpc-encoding", "gzip")), message(b"x", flag=1), ""),
    "compressed flag, no encoding": (request(ECHO), message(b"x", flag=1), ""),
    "flag 7": (request(ECHO), message(b"x", flag=7), ""),
    "length longer than sent": (request(ECHO), message(b"x", length=9), ""),
    "trailing garbage": (request(ECHO), message(b"xyz", length=1), ""),
    "two messages": (request(ECHO), message(b"x") * 2, ""),
    "no message": (request(ECHO), b"", ""),
    "bad grpc-timeout": (request(ECHO, ("grpc-timeout", "soon")), message(b"x"), ""),
    "content-length lies": (request(ECHO, ("content-length", "99")), message(b"x"), ""),
}


@case
def odd_requests(trial: Trial) -> Finding:
    """Requests that are not what gRPC says."""
    said, held = [], True
    for name, (block, body, expected) in ODD.items():
        with Wire(trial.child.port) as raw:
            raw.start(1, block)
            raw.send(frame(wire.DATA, 1, 1, body))
            answer = str(raw.answer())
        held &= expected in answer and answer != "no answer"
        said.append(f"{name}: {answer}")
    return Finding(held, "; ".join(said))


def _held(child: Child, number: int) -> bool:
    return child.wait_for(lambda: child.order()["held"] == number)


@case
def cancelled(trial: Trial) -> Finding:
    """2,000 calls, half of them cancelled."""
    count, before = trial.scale(2000), trial.child.order()
    payloads = [index.to_bytes(4, "big") for index in range(count)]
    with trial.child.channel() as channel:
        stub = channel.unary_unary(HOLD)
        right = 0
        for start in range(0, count, 1000):
            part = payloads[start : start + 1000]
            calls = [stub.future(payload, timeout=60) for payload in part]
            _held(trial.child, len(part))
            for call in calls[::2]:
                call.cancel()
            _held(trial.child, len(part) // 2)
            trial.child.order("release")
            right += sum(
                call.result() == payload
                for call, payload in list(zip(calls, part, strict=True))[1::2]
            )
    after = trial.child.order()
    events = after.get("cancels", 0) - before.get("cancels", 0)
    late = after.get("late_respond_False", 0) - before.get("late_respond_False", 0)
    return Finding(
        events == late == right == count // 2,
        f"{events} EVENT_CANCEL, {late} late respond() False, {right} neighbours right",
    )


@case
def deadlines(trial: Trial) -> Finding:
    """A deadline that the client does not keep itself."""
    before = trial.child.order()
    details = json.loads(trial.child.call("Details", b"", timeout=5))
    none = json.loads(trial.child.call("Details", b"", timeout=None))["remaining"]
    with Wire(trial.child.port) as raw:
        raw.call(1, HOLD, b"x", ("grpc-timeout", "300m"))
        answer = raw.answer()
    trial.child.wait_for(lambda: trial.child.order()["held"] == 0)
    after = trial.child.order()
    cancels = after.get("cancels", 0) - before.get("cancels", 0)
    ended = answer.grpc == 4 and 0.2 < answer.seconds < 1
    return Finding(
        ended and cancels == 1 and 4 < details["remaining"] <= 5 and none is None,
        f"time_remaining {details['remaining']:.3f} of 5 s, {none} without; the front answers "
        f"{answer} after {answer.seconds} s, {cancels} EVENT_CANCEL; peer {details['peer']}",
    )


@case
def deadline_of_unfinished(trial: Trial) -> Finding:
    """A deadline that passes while the request is still being sent."""
    with Wire(trial.child.port) as raw:
        raw.start(1, request(ECHO, ("grpc-timeout", "300m")))
        raw.send(frame(wire.DATA, 0, 1, message(b"x", length=1000)))
        answer = raw.answer()
    return Finding(answer.grpc == 4, f"{answer} after {answer.seconds} s")


VICTIM = """
import sys, grpc, time
channel = grpc.insecure_channel(sys.argv[1])
calls = [channel.unary_unary(sys.argv[2]).future(b"x") for _ in range(200)]
time.sleep(60)
"""


@case
def killed_clients(trial: Trial) -> Finding:
    """Five clients with 200 calls each, killed with SIGKILL."""
    before = trial.child.order().get("cancels", 0)
    command = [sys.executable, "-c", VICTIM, trial.child.target, HOLD]
    victims = [subprocess.Popen(command) for _ in range(5)]  # noqa: S603 - our own program
    trial.child.wait_for(lambda: trial.child.order()["held"] == 1000, 20)
    for victim in victims:
        victim.kill()
        victim.wait()
    gone = trial.child.wait_for(lambda: trial.child.order()["held"] == 0)
    events = trial.child.order().get("cancels", 0) - before
    return Finding(gone and events == 1000, f"{events} EVENT_CANCEL for 1000 calls")


@case
def compressed(trial: Trial) -> Finding:
    """A gzip request."""
    payload = b"a" * 100_000
    same = trial.child.call("Echo", payload, compression=grpc.Compression.Gzip) == payload
    return Finding(same, f"answered with the same bytes: {same}; the reply is not compressed")


@wish
def gzip_bomb(trial: Trial) -> Finding:
    """256 MiB of zeros, sent as gzip: 0.1 % of it on the wire."""
    size = trial.scale(256 << 20)
    trial.child.forget_peak()
    before = trial.child.usage().rss
    status = trial.child.status("Twice", bytes(size), compression=grpc.Compression.Gzip)
    grown = trial.child.usage().peak - before
    return Finding(grown < 64, f"{status}; peak +{grown:.0f} MiB for {size >> 20} MiB")


def _failure(child: Child, code: int, text: str) -> grpc.RpcError | None:
    asked = {"code": code, "message": text, "trailers": [["horngate-error", "Overloaded"]]}
    try:
        child.call("Fail", json.dumps(asked).encode())
    except grpc.RpcError as error:
        return error
    return None


@case
def failures(trial: Trial) -> Finding:
    """fail() with codes 1 to 16, awkward messages and a trailer."""
    wrong = []
    for code in range(1, 17):
        error = _failure(trial.child, code, "plain")
        trailers = [pair.key for pair in error.trailing_metadata()] if error else []
        if not error or error.code().value[0] != code or "horngate-error" not in trailers:
            wrong.append(str(code))
    for name, text in {
        "non-ASCII": "größer € 語",
        "lines": "one\ntwo\r\nthree\ttab",
        "percent": "100% %41",
        "4 kB": "long " * 800,
        "10 kB": "long " * 2000,
        "empty": "",
    }.items():
        error = _failure(trial.child, 3, text)
        if not error or error.details() != text:
            said = error.code().name if error else "OK"
            wrong.append(f"{name} ({said})")
    zero, high = (trial.child.call("Fail", b'{"code": 0, "message": "x"}'), None)
    try:
        trial.child.call("Fail", b'{"code": 17, "message": "x"}')
    except grpc.RpcError as error:
        high = error.code().name
    text = f"not carried: {', '.join(wrong) or 'none'}; code 0: {zero.decode()}; code 17: {high}"
    return Finding(wrong in ([], ["10 kB (RESOURCE_EXHAUSTED)"]), text)


@case
def answers(trial: Trial) -> Finding:
    """respond() twice, and with what is not bytes."""
    same = trial.child.call("Twice", b"x") == b"x"
    counts = trial.child.order()
    keys = ("first_respond_True", "second_respond_False", "fail_after_respond_False")
    said = trial.child.call("Buffer", b"x")
    return Finding(
        same and all(counts.get(key) for key in keys),
        f"{', '.join(keys)}; bytearray: {'taken' if said == b'x' else said.decode()}",
    )


@case
def stream_and_walk_away(trial: Trial) -> Finding:
    """A server stream read whole, and one whose client goes."""
    before = trial.child.order().get("stream_closed", 0)
    with trial.child.channel() as channel:
        stub = channel.unary_stream(PREFIX + "Stream")
        whole = sum(1 for _ in stub(b"500", timeout=20))
        left = stub(b"1000000", timeout=60)
        next(left)
        left.cancel()
        closed = trial.child.wait_for(lambda: trial.child.order().get("stream_closed", 0) > before)
    return Finding(whole == 500 and closed, f"{whole} of 500; stream_send() False after: {closed}")
