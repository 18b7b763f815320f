"""Cases of a front's life: binding, threads, closing, and running out of memory."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import grpc
from pygrpc_native import EVENT_CALL, NativeGrpcFront

from benchmarks.native_trial import wire
from benchmarks.native_trial.child import Child
from benchmarks.native_trial.server import PREFIX
from benchmarks.native_trial.trial import Finding, Trial, case, wish
from benchmarks.native_trial.wire import Wire, frame, message, request

ECHO, HOLD = PREFIX + "Echo", PREFIX + "Hold"


def _front(target: str = "127.0.0.1:0") -> NativeGrpcFront:
    return NativeGrpcFront(target, [(ECHO, False)], call_details=True)


def _raised(function: Callable[[], object]) -> str:
    try:
        function()
    except Exception as error:  # noqa: BLE001 - what is raised is what is asked
        return f"{type(error).__name__}({error})"
    return "nothing raised"


@case
def binding(_: Trial) -> Finding:
    """Ports: 0, in use, IPv6, a bad name, the same again at once, two fronts."""
    first, second = _front(), _front()
    first.start()
    second.start()
    port = first.bound_port
    used = _raised(lambda: _front(f"127.0.0.1:{port}"))
    name = _raised(lambda: _front("no-such-host.invalid:0"))
    again = _raised(first.start)
    six = "no IPv6 here"
    if socket.has_ipv6:
        six = _raised(lambda: _front("[::1]:0").close())
    with Wire(port) as raw:
        raw.call(1, ECHO, b"x")
        first.close()
        restart = _raised(lambda: _front(f"127.0.0.1:{port}").close())
    second.close()
    after = _raised(_front().close)
    return Finding(
        port != second.bound_port and "OSError" in used and restart == "nothing raised",
        f"two fronts live; port in use: {used}; bad name: {name}; [::1]:0: {six}; "
        f"start twice: {again}; bind again right after close: {restart}; close unstarted: {after}",
    )


@case
def receivers(_: Trial) -> Finding:
    """Four threads in recv_batch_details, answers from yet another thread, then close()."""
    front = _front()
    front.start()

    def serve(mine: list[int]) -> None:
        while (events := front.recv_batch_details(16)) is not None:
            for kind, call, _method, payload, _key, _details in events:
                if kind == EVENT_CALL and payload is not None:
                    mine.append(call)
                    threading.Thread(target=front.respond, args=(call, payload)).start()

    lists: list[list[int]] = [[] for _ in range(4)]
    threads = [threading.Thread(target=serve, args=(mine,), daemon=True) for mine in lists]
    for thread in threads:
        thread.start()
    with grpc.insecure_channel(f"127.0.0.1:{front.bound_port}") as channel:
        stub: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(ECHO)
        calls = [(stub.future(bytes([n % 256])), bytes([n % 256])) for n in range(500)]
        right = sum(call.result(20) == payload for call, payload in calls)
    front.close()
    for thread in threads:
        thread.join(1)
    answered = [call for mine in lists for call in mine]
    woken = sum(not thread.is_alive() for thread in threads)
    once = len(set(answered)) == len(answered) == 500
    return Finding(
        right == 500 and woken >= 1 and once,
        f"{right} of 500 right, each call given to one thread: {once}; close() wakes {woken} of 4",
    )


@wish
def close_finishes_calls(_: Trial) -> Finding:
    """close() with calls in flight: are they finished, and is GOAWAY sent?"""
    with Child() as child, Wire(child.port) as raw, Wire(child.port) as quiet:
        raw.call(1, HOLD, b"x")
        child.wait_for(lambda: child.order()["held"] == 1)
        took = child.order("close")
        answer, idle = raw.answer(), quiet.answer()
        try:
            Wire(child.port).close()
            later = "accepted"
        except OSError as error:
            later = type(error).__name__
        after = child.order("release")
    text = (
        f"close() took {took['seconds']:.3f} s; receiver ended: {took.get('receiver_ended', 0)}; "
        f"cancels {after.get('cancels', 0)}, respond after: "
        f"{'False' if after.get('released_False') else 'True or none'}; "
        f"call in flight: {answer}; idle connection: {idle}; new connection: {later}"
    )
    return Finding(answer.grpc == 0, text)


@wish
def address_space_attack(trial: Trial) -> Finding:
    """Messages that say 4 GiB and bring one byte, from 40 connections of 1,000 streams."""
    with Child() as child:
        streams, stack = 0, ExitStack()
        for _ in range(4 if trial.quick else 40):
            raw = stack.enter_context(Wire(child.port))
            for stream in range(1, 2000, 2):
                raw.start(stream, request(ECHO))
                raw.send(frame(wire.DATA, 0, stream, message(b"x", length=2**32 - 1)))
                streams += 1
            time.sleep(0.05)
            if not child.alive:
                break
        time.sleep(0.5)
        alive = child.alive
        code, size = child.process.poll(), child.usage().virtual / 2**20 if alive else 0
        stack.close()
    text = f"alive, {size:.0f} TiB of address space" if alive else f"process died: {code}"
    return Finding(alive, f"{streams} streams: {text}")


@wish
def limited_address_space(_: Trial) -> Finding:
    """The same with RLIMIT_AS of 3 GiB: does the front refuse, or does the process die?"""
    with Child("--address-space-mb", "3072") as child:
        with Wire(child.port) as raw:
            raw.start(1, request(ECHO))
            raw.send(frame(wire.DATA, 0, 1, message(b"x", length=2**32 - 1)))
            answer = raw.answer()
        time.sleep(0.3)
        alive = child.alive
    return Finding(alive, f"{answer}; alive: {alive} ({child.process.poll()})")


@wish
def close_after_respond(trial: Trial) -> Finding:
    """respond(), and close() in the next line: does the reply still go out?"""
    kept = {}
    for size in (1, 8 << 20):
        kept[size] = 0
        for _ in range(trial.scale(50)):
            front = _front()
            front.start()
            with Wire(front.bound_port) as raw:
                raw.call(1, ECHO, b"x")
                for _kind, call, *_ in front.recv_batch_details(1) or ():
                    front.respond(call, bytes(size))
                front.close()
                kept[size] += raw.answer().grpc == 0
    tries = trial.scale(50)
    text = f"1 byte: {kept[1]} of {tries} arrive; 8 MiB: {kept[8 << 20]} of {tries}"
    return Finding(min(kept.values()) == tries, text)


@case
def metrics_tell_when_replies_left(_: Trial) -> Finding:
    """A reply that is not read: is its status counted at respond(), or when it has left?"""
    front = NativeGrpcFront("127.0.0.1:0", [(ECHO, False)], call_details=True, metrics=True)
    front.start()

    def ended() -> int:
        methods = (front.metrics() or {"methods": {}})["methods"]
        return sum(each["count"] for each in methods.get(ECHO, {"status": {}})["status"].values())

    with Wire(front.bound_port, receive_window=65535) as raw:
        raw.call(1, ECHO, b"x")
        for _kind, call, *_rest in front.recv_batch_details(1) or ():
            front.respond(call, bytes(8 << 20))
        time.sleep(0.3)
        unread = ended()
    time.sleep(0.3)
    gone, events = ended(), front.recv_batch_details(1, 100)
    front.close()
    return Finding(
        unread == 0 and gone == 1,
        f"{unread} counted while unread, {gone} once the client is gone; events then: {events}",
    )


@case
def bearer_before_body(_: Trial) -> Finding:
    """A bearer token that is missing: is the call refused before its body is read?"""
    digests = [bytes(32)]
    front = NativeGrpcFront("127.0.0.1:0", [(ECHO, False)], bearer_token_sha256=digests)
    front.start()
    with Wire(front.bound_port) as raw:
        raw.begin_message(1, ECHO, 200 << 20)
        answer = raw.answer()
    front.close()
    return Finding(answer.grpc == 16, f"{answer} after the first 5 bytes of 200 MiB")
