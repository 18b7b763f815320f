"""The server on trial: a process of its own, ordered about over stdin, so that it can be watched.

The methods of ``METHODS`` are answered on the native front; everything else goes to a grpcio
server on a Unix socket behind it. It prints one JSON line when it listens, and one for each order.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any, Final

import grpc
from pygrpc_native import EVENT_CANCEL, NativeGrpcFront

PREFIX: Final = "/trial.Native/"
METHODS: Final = ("Echo", "Hold", "Blob", "Fail", "Details", "Twice", "Buffer", "Stream")
FALLBACK: Final = "trial.Fallback"


class EchoServer:
    """Answers calls by name; ``counts`` says what the front told it."""

    def __init__(self, front: NativeGrpcFront) -> None:
        self.front = front
        self.counts: Counter[str] = Counter()
        self.held: dict[int, bytes] = {}
        self._guard = threading.Lock()

    def run(self) -> None:
        """Serve until the front is closed."""
        while (events := self.front.recv_batch_details(64)) is not None:
            for kind, call, method, payload, _, details in events:
                if kind == EVENT_CANCEL:
                    self._cancelled(call)
                    continue
                self.counts["calls"] += 1
                getattr(self, METHODS[method].lower())(call, payload, details)
        self.counts["receiver_ended"] += 1

    def _cancelled(self, call: int) -> None:
        self.counts["cancels"] += 1
        with self._guard:
            payload = self.held.pop(call, None)
        if payload is None:
            self.counts["cancels_of_unknown_calls"] += 1
        else:
            self.counts[f"late_respond_{self.front.respond(call, payload)}"] += 1

    def echo(self, call: int, payload: bytes, _: object) -> None:
        """Answer with the request."""
        self.counts[f"echo_{self.front.respond(call, payload)}"] += 1

    def hold(self, call: int, payload: bytes, _: object) -> None:
        """Keep the call until it is cancelled or released."""
        with self._guard:
            self.held[call] = payload

    def release(self) -> None:
        """Answer what is held."""
        with self._guard:
            held, self.held = self.held, {}
        for call, payload in held.items():
            self.counts[f"released_{self.front.respond(call, payload)}"] += 1

    def blob(self, call: int, payload: bytes, _: object) -> None:
        """Answer with as many zero bytes as the request's digits say."""
        self.front.respond(call, bytes(int(payload)))

    def fail(self, call: int, payload: bytes, _: object) -> None:
        """Fail with the code, message and trailers that the request names."""
        asked = json.loads(payload)
        trailers = [(key, value) for key, value in asked.get("trailers", ())]
        try:
            self.front.fail(call, asked["code"], asked["message"], trailing_metadata=trailers)
        except Exception as error:  # noqa: BLE001 - what the front raises is what is asked
            self.front.respond(call, f"{type(error).__name__}: {error}".encode())

    def details(self, call: int, _: bytes, details: tuple[Any, str, float | None]) -> None:
        """Answer with the call's details."""
        metadata, peer, remaining = details
        pairs = [[key, value if isinstance(value, str) else list(value)] for key, value in metadata]
        answer = {"metadata": pairs, "peer": peer, "remaining": remaining}
        self.front.respond(call, json.dumps(answer).encode())

    def twice(self, call: int, payload: bytes, _: object) -> None:
        """Answer three times."""
        self.counts[f"first_respond_{self.front.respond(call, payload)}"] += 1
        self.counts[f"second_respond_{self.front.respond(call, payload)}"] += 1
        self.counts[f"fail_after_respond_{self.front.fail(call, 13, 'late')}"] += 1

    def buffer(self, call: int, payload: bytes, _: object) -> None:
        """Try to answer with a bytearray and a memoryview, then say what came of it."""
        said = []
        for kind in (bytearray, memoryview):
            try:
                self.front.respond(call, kind(payload))  # type: ignore[arg-type]  # that is the trial
                said.append(f"{kind.__name__}: taken")
                break
            except TypeError:
                said.append(f"{kind.__name__}: TypeError")
        self.front.respond(call, "; ".join(said).encode())

    def stream(self, call: int, payload: bytes, _: object) -> None:
        """Send as many messages of 1 KiB as the request's digits say."""

        def send() -> None:
            for _ in range(int(payload)):
                if not self.front.stream_send(call, bytes(1024)):
                    self.counts["stream_closed"] += 1
                    return
            self.front.stream_end(call)

        threading.Thread(target=send, daemon=True).start()


class Fallback:
    """The grpcio server behind the front: one method of each kind."""

    def __init__(self, path: Path, limit: int = -1) -> None:
        self.counts: Counter[str] = Counter()
        big = [("grpc.max_receive_message_length", limit), ("grpc.max_send_message_length", -1)]
        self._server = grpc.server(futures.ThreadPoolExecutor(8), options=big)
        handlers: dict[str, Any] = {
            "Bidi": grpc.stream_stream_rpc_method_handler(self.bidi),
            "Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "Details": grpc.unary_unary_rpc_method_handler(self.details),
            "Abort": grpc.unary_unary_rpc_method_handler(self.abort),
            "Many": grpc.unary_stream_rpc_method_handler(self.many),
            "Wait": grpc.unary_unary_rpc_method_handler(self.wait),
        }
        generic = grpc.method_handlers_generic_handler(FALLBACK, handlers)
        self._server.add_generic_rpc_handlers((generic,))
        self._server.add_insecure_port(f"unix:{path}")
        self._server.start()

    def bidi(self, requests: Iterable[bytes], _: grpc.ServicerContext) -> Iterator[bytes]:
        """Answer each message with itself."""
        yield from requests

    def unary(self, request: bytes, _: grpc.ServicerContext) -> bytes:
        """Answer with the request."""
        return request

    def details(self, _: bytes, context: grpc.ServicerContext) -> bytes:
        """Answer with metadata, peer and deadline, and set initial and trailing metadata."""
        context.send_initial_metadata((("trial-initial", "one"),))
        context.set_trailing_metadata((("trial-trailing", "two"), ("trial-bin", b"\x00\xff")))
        pairs = [[key, str(value)] for key, value in context.invocation_metadata()]
        answer = {"metadata": pairs, "peer": context.peer(), "remaining": context.time_remaining()}
        return json.dumps(answer).encode()

    def abort(self, _: bytes, context: grpc.ServicerContext) -> bytes:
        """Fail with a message, a trailer and rich status details."""
        context.set_trailing_metadata(
            (("horngate-error", "x"), ("grpc-status-details-bin", b"\x08\x05"))
        )
        context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: é\nline two")

    def many(self, request: bytes, _: grpc.ServicerContext) -> Iterator[bytes]:
        """Answer with as many messages of 1 KiB as the request's digits say."""
        for _index in range(int(request)):
            yield bytes(1024)

    def wait(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """Wait for the call to end, ten seconds at most, and count if it was cancelled."""
        ended = threading.Event()
        context.add_callback(ended.set)
        self.counts["fallback_cancels"] += ended.wait(10)
        return request

    def stop(self) -> None:
        """Stop at once."""
        self._server.stop(None).wait()


def main() -> None:
    """Serve, and take orders from stdin until it ends."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--no-fallback", action="store_true", help="its socket does not exist")
    parser.add_argument("--fallback-limit", type=int, default=-1, help="bytes of a request")
    parser.add_argument("--address-space-mb", type=int, default=0, help="RLIMIT_AS")
    options = parser.parse_args()
    folder = tempfile.TemporaryDirectory()
    socket = Path(folder.name, "fallback.sock")
    methods = [(PREFIX + name, name == "Stream") for name in METHODS]
    front = NativeGrpcFront("127.0.0.1:0", methods, call_details=True)
    front.set_fallback(str(socket))
    fallback = None if options.no_fallback else Fallback(socket, options.fallback_limit)
    if options.address_space_mb:
        limit = options.address_space_mb * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    front.start()
    echo = EchoServer(front)
    receiver = threading.Thread(target=echo.run, daemon=True)
    receiver.start()
    print(json.dumps({"port": front.bound_port}), flush=True)
    for order in map(str.strip, sys.stdin):
        took = time.perf_counter()
        if order == "release":
            echo.release()
        elif order == "close":
            front.close()
            receiver.join(5)
        elif order == "stop fallback" and fallback is not None:
            fallback.stop()
        both = echo.counts + (fallback.counts if fallback else Counter())
        answer = {**both, "held": len(echo.held), "seconds": time.perf_counter() - took}
        print(json.dumps(answer), flush=True)
    front.close()
    if fallback is not None:
        fallback.stop()
    folder.cleanup()


if __name__ == "__main__":
    main()
