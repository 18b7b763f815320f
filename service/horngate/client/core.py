"""What a client does, without doing any I/O.

Each method is a generator, a *flow*: it yields ``Send`` and ``Wait``, is given the reply or the
error of the attempt, and returns the result. A front drives it with blocking calls, another one
with coroutines, and a test with neither. (The pattern of httpx's authentication flows.)
"""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

import grpc
from google.protobuf.message import Message

from horngate.client import messages
from horngate.client.arrays import as_array, own_array
from horngate.client.failures import Failure, Subject, to_error
from horngate.client.messages import Metadata, Prediction, Serving
from horngate.errors import Code, InvalidInput, InvalidRequest, did_you_mean
from horngate.lifecycle.status import VersionStatus
from horngate.protocols.tfserving.spec import Target
from horngate.protocols.trailers import ERROR
from horngate.tensors import DEFAULT_SIGNATURE, Array, Arrays, Signature
from horngate.versions import VersionRef

DEFAULT_TIMEOUT: Final = 10.0
DEFAULT_MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024

T = TypeVar("T")


class Send(NamedTuple):
    """Make one attempt and send its reply into the flow, or throw its ``grpc.RpcError``."""

    method: messages.Method
    payload: bytes
    timeout: float


class Wait(NamedTuple):
    """Let this many seconds pass."""

    seconds: float


Flow = Generator[Send | Wait, Any, T]


class Core:
    """The flows, and the signatures that they looked up. Thread-safe.

    Args:
        server: HOST:PORT, for errors.
        timeout: seconds for a call that names none.
        retries: how often an UNAVAILABLE call is tried again.
        max_message_bytes: the largest request.
        clock: seconds, monotonic.
        chance: numbers in [0, 1).

    Raises:
        ValueError: an option that cannot be used.
    """

    def __init__(
        self,
        server: str,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        retries: int = 2,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        if retries < 0:
            raise ValueError(f"retries: expected 0 or more, received {retries!r}")
        if max_message_bytes <= 0:
            raise ValueError(
                f"max_message_bytes: expected a positive number, received {max_message_bytes!r}"
            )
        self.server = server
        self._timeout = check_timeout(timeout)
        self._backoff = Backoff(retries)
        self._max_message_bytes = max_message_bytes
        self._clock = clock
        self._chance = chance
        # Two threads may look the same model up at once; the same answer is then kept twice.
        self._known: dict[tuple[str, VersionRef], Metadata] = {}

    def predict(
        self,
        model: str,
        inputs: Any,
        *,
        version: VersionRef,
        signature: str,
        outputs: Iterable[str] | None,
        timeout: float | None,
    ) -> Flow[Prediction]:
        """See ``Client.predict``."""
        deadline = self._deadline(timeout)
        target = Target(model, version, signature)
        arrays = yield from self._arrays(target, inputs, deadline)
        request = messages.predict_request(target, arrays, _names(outputs))
        try:
            reply = yield from self._exchange(messages.PREDICT, request, target, deadline)
        except InvalidRequest as error:
            # The version that was looked up may have been replaced by one that takes others.
            known = self._known.pop((model, version), None)
            hint = _near_input(known, target, arrays)
            if hint and type(error) is InvalidRequest:
                raise InvalidRequest(f"{error}; {hint}", detail=error.detail) from error.__cause__
            raise
        prediction = messages.read_prediction(reply, target)
        known = self._known.get((model, version))
        if known is not None and known.version != prediction.version:
            self._known.pop((model, version), None)
        return prediction

    def metadata(self, model: str, version: VersionRef, timeout: float | None) -> Flow[Metadata]:
        """See ``Client.metadata``."""
        target = Target(model, version, DEFAULT_SIGNATURE)
        return (yield from self._metadata(target, self._deadline(timeout)))

    def status(
        self, model: str, version: VersionRef, timeout: float | None
    ) -> Flow[list[VersionStatus]]:
        """See ``Client.status``."""
        target = Target(model, version, DEFAULT_SIGNATURE)
        request = messages.status_request(target)
        deadline = self._deadline(timeout)
        reply = yield from self._exchange(messages.STATUS, request, target, deadline)
        return messages.read_statuses(reply, target)

    def serving(self, model: str, version: VersionRef, timeout: float | None) -> Flow[Serving]:
        """See ``Client.serving``."""
        target = Target(model, version, DEFAULT_SIGNATURE)
        request = messages.config_request(target)
        deadline = self._deadline(timeout)
        reply = yield from self._exchange(messages.CONFIG, request, target, deadline)
        return messages.read_serving(reply)

    def models(self, timeout: float | None) -> Flow[list[str]]:
        """See ``Client.models``."""
        request = messages.index_request()
        deadline = self._deadline(timeout)
        reply = yield from self._exchange(messages.INDEX, request, None, deadline)
        return messages.read_index(reply)

    def health(self, model: str, timeout: float | None) -> Flow[bool]:
        """See ``Client.health``."""
        target = Target(model, None, DEFAULT_SIGNATURE) if model else None
        request = messages.health_request(model)
        deadline = self._deadline(timeout)
        reply = yield from self._exchange(messages.HEALTH, request, target, deadline)
        return messages.read_health(reply)

    def _arrays(self, target: Target, inputs: Any, deadline: Deadline) -> Flow[dict[str, Array]]:
        """The inputs as arrays, by name.

        Only Python numbers, and what has no name, make it ask for the signature, once.
        """
        if not isinstance(inputs, Mapping):
            name = yield from self._only_input(target, inputs, deadline)
            inputs = {name: inputs}
        arrays = {name: own_array(value) for name, value in inputs.items()}
        if all(array is not None for array in arrays.values()):
            return {name: array for name, array in arrays.items() if array is not None}
        signature = yield from self._signature(target, deadline)
        # An unknown signature or input goes to the server all the same: it judges, in one place.
        specs = {} if signature is None else signature.inputs
        return {
            name: as_array(name, inputs[name], specs.get(name)) if array is None else array
            for name, array in arrays.items()
        }

    def _only_input(self, target: Target, value: Any, deadline: Deadline) -> Flow[str]:
        """The name of the input that a value without a name is for.

        Raises:
            InvalidInput: the signature has another number of them, or is not there.
        """
        signature = yield from self._signature(target, deadline)
        names = [] if signature is None else list(signature.inputs)
        if len(names) != 1:
            takes = ", ".join(names) or f"no signature {target.signature!r}"
            raise InvalidInput(
                f"{Subject(self.server, target)}: expected inputs by name ({takes}), received a "
                f"{type(value).__name__}; a value alone is for a model of one input",
                name="",
            )
        return names[0]

    def _signature(self, target: Target, deadline: Deadline) -> Flow[Signature | None]:
        """What is known of the version's signature; asked for the first time."""
        key = (target.model, target.version)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = yield from self._metadata(target, deadline)
        return known.signatures.get(target.signature)

    def _metadata(self, target: Target, deadline: Deadline) -> Flow[Metadata]:
        request = messages.metadata_request(target)
        reply = yield from self._exchange(messages.METADATA, request, target, deadline)
        return messages.read_metadata(reply, target)

    def _exchange(
        self, method: messages.Method, request: Message, target: Target | None, deadline: Deadline
    ) -> Flow[Any]:
        """One request and its reply, after as many attempts as it takes and may take."""
        payload = messages.serialize(request, max_bytes=self._max_message_bytes)
        for attempt in itertools.count():
            try:
                return (yield Send(method, payload, deadline.remaining()))
            except grpc.RpcError as error:
                failure = read_failure(error)
                seconds = self._backoff.wait(
                    attempt, failure.code, deadline.remaining(), self._chance()
                )
                if seconds is None:
                    raise to_error(
                        failure,
                        Subject(self.server, target),
                        timeout=deadline.timeout,
                        attempts=attempt + 1,
                    ) from error
            yield Wait(seconds)
        raise AssertionError("the loop above has no end")

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(self._timeout if timeout is None else check_timeout(timeout), self._clock)


def read_failure(error: grpc.RpcError) -> Failure:
    """Code, words and the error that Horngate names; of a blocking call or of a coroutine."""
    # Typed as the bare base class, though every error that a call raises is a ``grpc.Call`` too.
    call: Any = error
    trailers = dict(call.trailing_metadata() or ())
    return Failure(Code(call.code().value[0]), call.details() or "", str(trailers.get(ERROR, "")))


def _near_input(known: Metadata | None, target: Target, arrays: Arrays) -> str:
    """Which input may be meant by a name that the signature lacks, where it is known."""
    signature = None if known is None else known.signatures.get(target.signature)
    if signature is None:
        return ""
    hints = (did_you_mean(name, signature.inputs) for name in arrays.keys() - signature.inputs)
    return " ".join(filter(None, hints))


def _names(outputs: Iterable[str] | None) -> tuple[str, ...]:
    # A string is an iterable of its letters, which is never what was meant.
    if isinstance(outputs, str):
        return (outputs,)
    return tuple(outputs or ())


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often, and after how long, an UNAVAILABLE call is tried again.

    No other code is retried. UNAVAILABLE says that the request cost no engine time: the queue is
    full, the server drains, or none was reached. Should a connection break while the model ran,
    running it again does no harm, for a prediction changes nothing. A deadline that has passed
    must not be stretched, and what failed once inside the model would fail again.

    gRPC could retry by itself (``retryPolicy`` in a service config), and is not asked to: it keeps
    at most 256 KiB of a request for that, and a larger one, a hundred small pictures, is silently
    never retried. It also answers with the last error only, and no test can hold its clock.

    Attributes:
        retries: how many times at most, after the first attempt.
        initial: the first wait in seconds; each later one is twice as long.
        maximum: the longest wait in seconds.
    """

    retries: int = 2
    initial: float = 0.1
    maximum: float = 2.0

    def wait(self, attempt: int, code: Code, remaining: float, random: float) -> float | None:
        """The seconds to wait after a failed attempt, or None where the error is final.

        Half of the wait is random, so that callers refused at once do not come back at once.

        Args:
            attempt: how many attempts failed before this one, from 0.
            code: how this one failed.
            remaining: seconds to the deadline. A wait that would outlast it is not begun.
            random: a number in [0, 1).
        """
        if code is not Code.UNAVAILABLE or attempt >= self.retries:
            return None
        longest = min(self.maximum, self.initial * 2**attempt)
        seconds = longest * (0.5 + random / 2)
        return seconds if seconds < remaining else None


class Deadline:
    """The end of all attempts of one call. Belongs to one call.

    Attributes:
        timeout: the seconds that were given.
    """

    __slots__ = ("_clock", "_end", "timeout")

    def __init__(self, timeout: float, clock: Callable[[], float]) -> None:
        self.timeout = timeout
        self._clock = clock
        self._end = clock() + timeout

    def remaining(self) -> float:
        """Seconds left, 0.0 when it has passed."""
        return max(0.0, self._end - self._clock())


def check_timeout(timeout: float) -> float:
    """``timeout`` itself.

    Raises:
        ValueError: it is no positive, finite number of seconds.
    """
    if not 0 < timeout < math.inf:
        raise ValueError(
            f"timeout: expected a positive, finite number of seconds, received {timeout!r}"
        )
    return timeout
