"""Requests that have encoded pictures in place of tensors, and the threads that decode these.

What is wrong with the rest of such a request is known before anything is decoded; what is wrong
with a picture fails its own request alone, for it meets no other before it is a tensor. Knows no
protocol and no scheduler.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import numpy as np

from horngate.answer import Answer, Later
from horngate.errors import InvalidInput, Overloaded
from horngate.pictures import BadPicture, Encoded
from horngate.tensors import Array, Arrays, Signature, format_shape

T = TypeVar("T")

MOST_WAITING: Final = 1024
"""Requests whose pictures wait to be decoded."""

THREADS: Final = 4
"""At most, and no more than there are cores: decoding is nothing but work."""


class Holds(Protocol):
    """What counts the bytes that a call holds (``call.Call``)."""

    def expand(self, size: int) -> None:
        """Count a tensor that is about to be made, until the call ends."""

    def room(self, size: int) -> AbstractContextManager[None]:
        """Count bytes for as long as the context lasts."""


class Decoders:
    """The threads that pictures are decoded on, so that none that others wait for does it.

    Thread-safe. They are started with the first picture, and end with the process.
    """

    def __init__(self, threads: int | None = None) -> None:
        cores = len(os.sched_getaffinity(0))
        self._threads = threads or min(THREADS, cores)
        self._pool = ThreadPoolExecutor(self._threads, "picture")
        self._lock = threading.Lock()
        self._waiting: OrderedDict[Later[Any], None] = OrderedDict()
        self._working = 0

    def later(self, begin: Callable[[Later[T]], Answer[T]]) -> Answer[T]:
        """The answer that ``begin`` gives, which one of the threads calls; it may raise.

        Raises:
            Overloaded: too many wait already.
        """
        answer = Later(begin)
        answer.on_cancel = partial(self._leave, answer)
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                raise Overloaded(
                    f"expected at most {MOST_WAITING} requests whose pictures wait to be decoded, "
                    "received one more; retry with backoff"
                )
            self._waiting[answer] = None
            more = self._working < self._threads
            if more:
                self._working += 1
        if more:
            self._pool.submit(self._work)
        return answer

    def _leave(self, answer: Later[Any]) -> None:
        """It was cancelled: it goes at once, and with it what was sent, which nobody counts now."""
        with self._lock:
            self._waiting.pop(answer, None)

    def _work(self) -> None:
        """Begin what waits, until nothing does."""
        while (answer := self._next()) is not None:
            answer.begin()

    def _next(self) -> Later[Any] | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popitem(last=False)[0]
            self._working -= 1
            return None


def encoded(signature: Signature, inputs: Arrays) -> tuple[str, ...]:
    """The inputs that are sent as encoded pictures in place of their tensors."""
    return tuple(
        name for name in signature.pictures if name in inputs and inputs[name].dtype.hasobject
    )


def stand_ins(signature: Signature, inputs: Arrays, names: Iterable[str]) -> dict[str, Array]:
    """What has the shapes that the pictures ``names`` will have, 1 where that is open.

    It takes no memory, and may be held against the signature before anything is decoded.

    Raises:
        InvalidInput: pictures in another arrangement than one a row, or none.
    """
    expected: dict[str, Array] = {}
    for name in names:
        shape = inputs[name].shape
        if shape[1:] not in ((), (1,)) or not inputs[name].size:
            raise InvalidInput(
                f"input {name!r}: expected one encoded picture for each row, of shape [n] or "
                f"[n, 1], received {format_shape(shape)}",
                name=name,
            )
        spec = signature.inputs[name]
        row = tuple(size or 1 for size in spec.shape[1:])
        pixel = np.zeros((), spec.dtype.numpy)
        expected[name] = np.broadcast_to(pixel, (inputs[name].size, *row))
    return expected


def decoded(
    signature: Signature,
    inputs: Arrays,
    names: Iterable[str],
    call: Holds,
    most_bytes: int,
    *,
    check: Callable[[], None],
) -> dict[str, Array]:
    """``inputs`` with tensors in place of the encoded pictures ``names``. Slow.

    Args:
        signature: which says what becomes of them.
        inputs: of the request.
        names: of those that ``stand_ins`` has found right.
        call: counts what they take.
        most_bytes: of each tensor.
        check: raises where nobody waits for them any more; called before each picture.

    Raises:
        InvalidInput: a picture that cannot be taken, pictures of several sizes, or more bytes.
        RequestError: what ``call`` and ``check`` raise.
    """
    ready = dict(inputs)
    for name in names:
        files = inputs[name].ravel().tolist()
        ready[name] = _tensor(signature, name, files, call, most_bytes, check=check)
    return ready


def _tensor(
    signature: Signature,
    name: str,
    files: list[bytes],
    call: Holds,
    most_bytes: int,
    *,
    check: Callable[[], None],
) -> Array:
    picture, spec = signature.pictures[name], signature.inputs[name]
    opened: list[Encoded] = []
    for number, data in enumerate(files):
        with _told(name, number, len(files)):
            opened.append(Encoded(data))
    size = sum(each.size(picture) for each in opened) * spec.dtype.numpy.itemsize
    if size > most_bytes:
        raise InvalidInput(
            f"input {name!r}: expected pictures that come to at most {most_bytes} bytes, received "
            f"such of {size}; send fewer or smaller ones, or raise limits.max_tensor_bytes in the "
            "model's model.toml",
            name=name,
        )
    call.expand(size)
    rows: list[Array] = []
    opened.reverse()
    for number in range(len(files)):
        check()
        each = opened.pop()  # whose pixels, once decoded, stay with it
        with _told(name, number, len(files)), call.room(each.room(picture)):
            rows.append(each.row(picture, spec.dtype.numpy))
    shapes = {format_shape(row.shape) for row in rows}
    if len(shapes) > 1:
        raise InvalidInput(
            f"input {name!r}: expected pictures of one size in a request, as the model takes any, "
            f"received {', '.join(sorted(shapes)[:4])}; send them one by one, or resize them",
            name=name,
        )
    return np.stack(rows) if len(rows) > 1 else rows[0][np.newaxis]


@contextlib.contextmanager
def _told(name: str, number: int, count: int) -> Iterator[None]:
    """What is wrong with a picture is told of its input, and which of several it is."""
    try:
        yield
    except BadPicture as error:
        where = f", picture {number}" if count > 1 else ""
        raise InvalidInput(f"input {name!r}{where}: {error}", name=name) from None
