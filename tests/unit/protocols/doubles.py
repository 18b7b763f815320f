"""An engine that answers at once with what a test put in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from google.protobuf.message import Message

from horngate.answer import Answer, Ticket
from horngate.batching.admission import admit, check_outputs
from horngate.call import Call
from horngate.errors import (
    HorngateError,
    LabelNotFound,
    ModelNotFound,
    RequestError,
    SignatureNotFound,
    VersionNotFound,
)
from horngate.inference import Inference, ModelDescription
from horngate.lifecycle.status import State, VersionStatus
from horngate.protocols.figures import Durations, VersionFigures
from horngate.protocols.method import Method, UnaryMethod
from horngate.tensors import Array, DType, Request, Response, Signature, TensorSpec
from horngate.versions import VersionRef, parse_version

SERVING = Signature(
    "serving_default",
    inputs={
        "image": TensorSpec("image", DType.FLOAT32, (None, 2)),
        "word": TensorSpec("word", DType.STRING, (None,)),
    },
    outputs={
        "score": TensorSpec("score", DType.FLOAT32, (None, 1)),
        "label": TensorSpec("label", DType.STRING, (None,)),
    },
)


class FakeFigures:
    """Knows version 3 of ``digits``."""

    def of(self, model: str, version: int) -> VersionFigures:
        if (model, version) != ("digits", 3):
            return VersionFigures()
        return VersionFigures(
            success=Durations(10, 0.1),
            failure={"UNAVAILABLE": Durations(1, 0.001), "INTERNAL": Durations(2, 0.002)},
            decoding=Durations(10, 0.01),
            queued=Durations(10, 0.02),
            running=Durations(10, 0.03),
            encoding=Durations(10, 0.04),
            rows=20,
            last_run=1700000000.5,
            batches={2: Durations(4, 0.012), 12: Durations(1, 0.018)},
            waiting=3,
        )


class FakeLogs:
    def __init__(self) -> None:
        self.now = "info"

    def level(self) -> str:
        return self.now

    def set_level(self, level: str) -> None:
        self.now = level


def new_call() -> Call:
    return Call(0.0)


def called(methods: Sequence[Method], name: str, request: Message) -> Any:
    """What a front does: the message, or how the call ends instead."""
    method = next(each for each in methods if each.name == name)
    assert isinstance(method, UnaryMethod)
    assert type(request) is method.request
    try:
        answer = method.handler(request, new_call())
        reply = answer.result() if isinstance(answer, Answer) else answer
    except HorngateError as error:
        return method.status(error)
    assert type(reply) is method.response
    return reply


def good_inputs() -> dict[str, Array]:
    return {
        "image": np.array([[1, 2], [3, 4]], np.float32),
        "word": np.array([b"a", b"b\0"], object),
    }


class FakeEngine(Inference):
    """Serves version 3 (and 2) of the model ``digits``; keeps the requests that it was sent."""

    def __init__(self, *signatures: Signature) -> None:
        self.signatures = {each.name: each for each in signatures or (SERVING,)}
        self.requests: list[Request] = []
        self.raises: RequestError | None = None
        self.fails: RequestError | None = None
        self.is_ready = True
        self.max_request_rows = 64
        self.engine_reason = ""
        self.listeners: list[Callable[[], None]] = []
        self.known = ["digits"]
        self._open_control = True

    def predict(self, request: Request, call: Call) -> Answer[Response]:
        self.requests.append(request)
        if self.raises is not None:
            raise self.raises
        description = self.describe(request.model, request.version, call)
        if request.signature not in description.signatures:
            raise SignatureNotFound(
                f"its signatures are {sorted(description.signatures)}", signature=request.signature
            )
        signature = description.signatures[request.signature]
        check_outputs(signature, request.outputs)
        rows, _ = admit(signature, request.inputs, max_rows=self.max_request_rows)
        ticket: Ticket[Response] = Ticket()
        if self.fails is not None:
            ticket.fail(self.fails)
            return ticket
        values: dict[str, Array] = {
            "label": np.full(rows, b"seven", object),
            "score": np.arange(rows, dtype=np.float32).reshape(rows, 1),
        }
        names = request.outputs or tuple(values)
        outputs = {name: values[name] for name in names}
        ticket.succeed(Response(request.model, description.version, signature, outputs))
        return ticket

    def describe(self, model: str, version: VersionRef, call: Call) -> ModelDescription:
        version = self._number(model, version)
        if model not in self.known:
            raise ModelNotFound(f"no model {model!r}", model=model, version=version)
        if version not in {None, 2, 3}:
            assert version is not None
            raise VersionNotFound(f"live are 2, 3 of {model!r}", model=model, version=version)
        return ModelDescription(
            model=model,
            version=version or 3,
            live_versions=(3, 2),
            signatures=self.signatures,
            engine="double",
            engine_reason=self.engine_reason,
            max_batch_size=32,
            max_request_rows=self.max_request_rows,
        )

    def statuses(self, model: str, version: VersionRef = None) -> list[VersionStatus]:
        version = self._number(model, version)
        found = [
            VersionStatus("digits", 4, State.END, error="checksum of saved_model.pb differs"),
            VersionStatus("digits", 3, State.AVAILABLE),
            VersionStatus("digits", 2, State.LOADING),
        ]
        if model not in self.known:
            raise ModelNotFound(f"no model {model!r}", model=model, version=version)
        found = [each for each in found if version in {None, each.version}]
        if not found:
            assert version is not None
            raise VersionNotFound("it has 2, 3, 4", model=model, version=version)
        return found

    def _number(self, model: str, version: VersionRef) -> int | None:
        """``canary`` means version 3; a number by any other label means that version."""
        if not isinstance(version, str):
            return version
        number = 3 if version == "canary" else parse_version(version)
        if number is None:
            raise LabelNotFound(f"its label is canary, not {version!r}", model=model, label=version)
        return number

    def models(self) -> list[str]:
        return sorted(self.known)

    def knows(self, model: str) -> bool:
        return model in self.known

    def ready(self, model: str | None = None, version: VersionRef = None) -> bool:
        known = model is None or model in self.known
        return self.is_ready and known and version in {None, 2, 3, "canary"}

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        self.listeners.append(callback)
        return lambda: self.listeners.remove(callback)

    def change(self) -> None:
        for listener in list(self.listeners):
            listener()
