"""The one door: protocols call it, and it knows none of them.

A protocol decodes a message into a ``Request``, calls ``Inference.predict`` and encodes the
``Response``. Everything that it may ask about models goes through here too.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from horngate.answer import Answer, Later
from horngate.batching.admission import Admitted, admit, check_outputs
from horngate.batching.scheduler import SchedulerClosed
from horngate.batching.work import Work
from horngate.budget import UNCOUNTED
from horngate.call import Call
from horngate.decoding import Decoders, decoded, encoded, stand_ins
from horngate.errors import (
    Expired,
    InvalidRequest,
    PermissionDenied,
    RequestError,
    ShuttingDown,
)
from horngate.lifecycle.control import Control
from horngate.lifecycle.repository import Repository
from horngate.lifecycle.served import Handle, find_signature
from horngate.lifecycle.status import VersionStatus
from horngate.servable import Clock
from horngate.store.cost import BatchCost
from horngate.tensors import Array, Arrays, Request, Response, Signature, tensor_bytes
from horngate.versions import VersionRef


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What can be told of a live version.

    ``max_batch_size`` is the rows up to which requests are glued together, and
    ``max_request_rows`` what one request may carry; both 0 where nothing is batched.
    ``labels`` are those in effect, each with the live version that it means.
    ``engine_reason`` says why no engine of earlier choice serves it, "" where none would be, and
    ``alone`` by name why signatures that could be batched by their shapes run request by request;
    ``rows_reason`` is all of that in one line. ``plain`` says that it is an ONNX model by itself.
    ``folder`` is where the version lies, ``cost`` what its batches take.
    """

    model: str
    version: int
    live_versions: tuple[int, ...]
    signatures: Mapping[str, Signature]
    engine: str
    engine_reason: str
    max_batch_size: int
    max_request_rows: int
    labels: Mapping[str, int] = field(default_factory=dict)
    alone: Mapping[str, str] = field(default_factory=dict)
    rows_reason: str = ""
    plain: bool = False
    folder: Path = Path()
    cost: BatchCost | None = None

    def signature(self, name: str) -> Signature:
        """The signature ``name``; the default name also means the only one there is.

        Raises:
            SignatureNotFound: naming those that exist.
        """
        return find_signature(self.signatures, name, f"{self.model!r} version {self.version}")


class Inference:
    """Thread-safe. Nothing here blocks: predictions come back as an ``Answer``.

    ``control`` changes what is served, where the server was started for that. ``open_control`` is
    whether callers that the server does not know may change its list of models and its log.
    """

    def __init__(
        self,
        repository: Repository,
        control: Control,
        clock: Clock,
        *,
        open_control: bool = False,
    ) -> None:
        self.clock = clock
        self.control = control
        self._open_control = open_control
        self._repository = repository
        self._decoders = Decoders()
        self._draining = threading.Event()
        self._drain_listeners: list[Callable[[], None]] = []

    def open(self, model: str, version: VersionRef, signature: str, call: Call) -> Handle:
        """The signature of the live version asked for, the newest where ``version`` is None.

        Raises:
            PermissionDenied: the model is not the caller's.
            ShuttingDown: the server is draining.
            ModelNotFound, ModelNotReady, VersionNotFound, LabelNotFound: no such live version.
            SignatureNotFound: it has no such signature.
        """
        if call.caller is not None:
            call.caller.check_model(model)
        if self._draining.is_set():
            raise ShuttingDown("the server is shutting down; ask another, or again shortly")
        found = self._repository.find(model, version)
        call.subject = found.subject
        handle = found.handle(signature)
        call.subject = handle.subject
        return handle

    def predict(self, request: Request, call: Call) -> Answer[Response]:
        """Check ``request`` and queue it for the version that it names.

        Raises:
            RequestError: what is known at once: what ``open`` and ``admitted`` raise, a full queue,
                a deadline that has passed. What becomes of the request later is raised by
                ``Answer.result``.
        """
        while True:
            handle = self.open(request.model, request.version, request.signature, call)
            if handle.signature.pictures and (names := encoded(handle.signature, request.inputs)):
                return self._decoded(handle, names, request, call)
            filled = _filled(handle, request)
            rows, misfit = admitted(handle, filled)
            # A version that was retired between look-up and submission has been replaced before
            # that: look again. One that was asked for by number is not found then.
            with contextlib.suppress(SchedulerClosed):
                work = submit(handle, filled.inputs, rows, request.priority, call, misfit=misfit)
                return work.then(partial(respond, handle, request.outputs))

    def _decoded(
        self, handle: Handle, names: tuple[str, ...], request: Request, call: Call
    ) -> Answer[Response]:
        """Queue ``request`` once the pictures that it has in place of tensors are decoded.

        What else is wrong with it is known before.

        Raises:
            RequestError: as ``predict``.
        """
        filled = _filled(handle, request)
        expected = stand_ins(handle.signature, filled.inputs, names)
        admitted(handle, filled._replace(inputs={**filled.inputs, **expected}))

        def begin(answer: Later[Response]) -> Answer[Response]:
            def check() -> None:
                answer.check()
                if call.ran_out(self.clock()):
                    raise Expired("the deadline passed before the request's pictures were decoded")

            check()
            call.burst = None  # it belongs to the thread that brought the call
            most = handle.version.max_tensor_bytes
            inputs = decoded(handle.signature, filled.inputs, names, call, most, check=check)
            rows, misfit = admitted(handle, filled._replace(inputs=inputs))
            try:
                work = submit(handle, inputs, rows, request.priority, call, misfit=misfit)
            except SchedulerClosed:  # the version in its place may take pixels of another range
                return self.predict(request, call)
            return work.then(partial(respond, handle, request.outputs))

        return self._decoders.later(begin)

    def describe(self, model: str, version: VersionRef, call: Call) -> ModelDescription:
        """What is known of a live version, the newest where ``version`` is None.

        Raises:
            ModelNotFound, ModelNotReady, VersionNotFound, LabelNotFound: no such live version.
        """
        call.check_model(model)
        served = self._repository.find(model, version)
        call.subject = served.subject
        batched = served.settings.batching.enabled and any(
            signature.batched for signature in served.signatures.values()
        )
        return ModelDescription(
            model=served.model,
            version=served.number,
            live_versions=self._repository.live_versions(model),
            signatures=served.signatures,
            engine=served.engine,
            engine_reason=served.engine_reason,
            max_batch_size=(served.batching.max_batch_size or 0) if batched else 0,
            max_request_rows=served.max_request_rows if batched else 0,
            labels=self._repository.labels(model),
            alone=served.alone,
            rows_reason=served.rows_reason,
            plain=served.plain,
            folder=served.folder,
            cost=served.cost,
        )

    def check_control(self, call: Call) -> None:
        """Refuse what is for operators, and has no flag of its own to allow it.

        Raises:
            PermissionDenied: the caller is known and no administrator, or not known and the server
                was not opened for everybody.
        """
        call.check_admin()
        if call.caller is None and not self._open_control:
            raise PermissionDenied(
                "this call changes the server or looks into others' connections; start the "
                "server with --tokens-file and send an administrator's token, or with "
                "--allow-control to let every caller do it"
            )

    def statuses(self, model: str, version: VersionRef = None) -> list[VersionStatus]:
        """Every version known of ``model``, newest first, failed and ended ones included.

        Raises:
            ModelNotFound, VersionNotFound, LabelNotFound: nothing is known of it.
        """
        return self._repository.statuses(model, version)

    def models(self) -> list[str]:
        """The names of all models that the repository holds, sorted."""
        return self._repository.models()

    def knows(self, model: str) -> bool:
        """Whether the repository holds ``model``, live or not."""
        return self._repository.knows(model)

    def folder(self, model: str) -> Path | None:
        """The folder of ``model``, as the last look found it; None where it did not."""
        return self._repository.folder(model)

    def ready(self, model: str | None = None, version: VersionRef = None) -> bool:
        """Whether requests are served: by the whole server, by a model, by one version of it."""
        if self._draining.is_set():
            return False
        if model is None:
            return self._repository.ready()
        try:
            return not self._repository.find(model, version).stuck
        except RequestError:
            return False

    @property
    def settled(self) -> bool:
        """Whether all that was there at the start is loaded, or has failed."""
        return self._repository.settled

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` after any change of what ``ready`` or ``statuses`` may say.

        It is called on whichever thread made the change and must not block. The function
        returned ends it.
        """
        self._drain_listeners.append(callback)
        stop_repository = self._repository.on_change(callback)

        def stop() -> None:
            self._drain_listeners.remove(callback)
            stop_repository()

        return stop

    def begin_drain(self) -> None:
        """Say not ready and take no new requests from now on; accepted ones are not touched."""
        self._draining.set()
        for listener in list(self._drain_listeners):
            listener()


def _filled(handle: Handle, request: Request) -> Request:
    """``request`` with the version's own defaults for what it leaves out."""
    defaults = handle.signature.defaults
    return request._replace(inputs={**defaults, **request.inputs}) if defaults else request


def admitted(handle: Handle, request: Request) -> Admitted:
    """What a ``request`` counts for that is right: what it asks for is there, its inputs may run.

    Raises:
        InvalidOutputName: as ``check_outputs``.
        InvalidInput, InvalidRequest, TooManyRows: as ``admit``.
    """
    check_outputs(handle.signature, request.outputs)
    version = handle.version
    return admit(
        handle.signature,
        request.inputs,
        max_rows=version.max_request_rows,
        max_bytes=version.max_tensor_bytes,
        alone=not version.batching.enabled or handle.signature.name in version.alone,
        any_shape=handle.signature.name in version.any_shape,
    )


def submit(
    handle: Handle,
    inputs: Arrays,
    rows: int,
    priority: int,
    call: Call,
    *,
    misfit: InvalidRequest | None = None,
) -> Work:
    """Queue what was admitted, once there is room for it.

    Raises:
        Overloaded: there is none, in the budget or in the queue.
        InvalidRequest: there never will be.
        SchedulerClosed: the version is being retired: open another.
        RequestError: as ``Scheduler.submit``.
    """
    version, signature = handle.version, handle.signature
    alone = misfit is not None or signature.name in version.alone
    fixed = None if alone else signature.row_bytes
    size = tensor_bytes(inputs) if fixed is None else rows * fixed
    if size > UNCOUNTED:
        call.hold_tensors(size)
    if version.batching.allowed_batch_sizes and signature.batched and not alone:
        filled = version.batching.filled(rows)
        if filled > rows:  # run alone, it is copied into so many rows
            call.hold(size // rows * filled)
    work = version.scheduler.submit(
        signature,
        inputs,
        rows,
        call.deadline,
        priority,
        share=call.share,
        burst=call.burst,
        misfit=misfit,
    )
    call.submitted = work.enqueued
    return work


def respond(handle: Handle, wanted: tuple[str, ...], outputs: dict[str, Array]) -> Response:
    """The answer to what ``handle`` submitted: the ``wanted`` of its outputs, or all of them."""
    if wanted:
        outputs = {name: outputs[name] for name in wanted}
    return Response(handle.version.model, handle.version.number, handle.signature, outputs)
