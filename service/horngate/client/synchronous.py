"""``Client``: blocking calls."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Self, TypeVar

import grpc
from numpy.typing import ArrayLike

from horngate.client.channel import Connected
from horngate.client.core import Flow, Send, Wait
from horngate.client.messages import Metadata, Prediction, Serving
from horngate.lifecycle.status import VersionStatus
from horngate.tensors import DEFAULT_SIGNATURE
from horngate.versions import VersionRef

T = TypeVar("T")


class Client(Connected):
    """A connection to one server. Thread-safe: share one among all threads.

    The connection is made by the first call, and again whenever it was lost. Do not carry a
    client over a ``fork``; make one in each process.

    Args:
        server: HOST:PORT, or any name that gRPC resolves.
        timeout: seconds that a call may take, all attempts together, unless it says otherwise.
        retries: how many times a call is tried again that the server refused because its queue
            is full or it drains, or that reached no server; 0 for never. The waits between
            grow from about 0.1 to at most 2 seconds, and never outlast the deadline.
        max_message_bytes: the largest request and reply. The server has such a limit too.
        token: sent with every call, for a server that knows its callers.
        tls: speak TLS; None for plain text.

    Raises:
        ValueError: an option that cannot be used.
    """

    _library = grpc

    def predict(
        self,
        model: str,
        inputs: Mapping[str, Any] | ArrayLike,
        *,
        version: VersionRef = None,
        signature: str = DEFAULT_SIGNATURE,
        outputs: Iterable[str] | None = None,
        timeout: float | None = None,
    ) -> Prediction:
        """The model's outputs for ``inputs``.

        Args:
            model: its name.
            inputs: by the signature's input names, each with its batch dimension first; or the
                value alone for a model of one input, whose signature is then asked for. Arrays
                are sent in their own dtype, and the server refuses one that the model does not
                take: numpy's float64 is not cast to a model's float32. Python numbers, and
                lists of them, have no dtype; they take the model's, for which the signature is
                asked once per model and version and kept. ``str`` and ``bytes``, alone, in
                lists or in arrays, are strings to the model, as UTF-8.
            version: a version's number or label, or None for the newest that is live.
            signature: which way of calling the model.
            outputs: which outputs to answer with, or None for all.
            timeout: seconds for all attempts together, or None for the client's own.

        Returns:
            The outputs by name, a ``dict`` that also knows the version that answered. Arrays
            are read-only.

        Raises:
            InvalidRequest: the server refuses names, dtypes or shapes, and says what it expected;
                or the request is larger than a limit.
            ModelNotFound, VersionNotFound, SignatureNotFound: the server has no such.
            Overloaded, ShuttingDown, ModelNotReady: not now, and the retries are used up.
            ConnectionFailed: no server was reached, and the retries are used up.
            Expired: no answer in time. Whether the model ran is not known.
            EngineFailed: the model failed.
            RequestError: any other refusal.
            RuntimeError: the client is closed.
        """
        return self._run(
            self._core.predict(
                model,
                inputs,
                version=version,
                signature=signature,
                outputs=outputs,
                timeout=timeout,
            )
        )

    def metadata(
        self, model: str, version: VersionRef = None, *, timeout: float | None = None
    ) -> Metadata:
        """How a live version can be called, the newest where ``version`` is None.

        Raises:
            RequestError, ConnectionFailed, RuntimeError: as ``predict``.
        """
        return self._run(self._core.metadata(model, version, timeout))

    def status(
        self, model: str, version: VersionRef = None, *, timeout: float | None = None
    ) -> list[VersionStatus]:
        """Every version that the server knows of ``model``, newest first, failed ones included.

        The protocol carries no engine name and no load time, so those stay empty.

        Raises:
            RequestError, ConnectionFailed, RuntimeError: as ``predict``.
        """
        return self._run(self._core.status(model, version, timeout))

    def serving(
        self, model: str, version: VersionRef = None, *, timeout: float | None = None
    ) -> Serving:
        """Which engine runs a live version, the newest where ``version`` is None, and why.

        Raises:
            RequestError, ConnectionFailed, RuntimeError: as ``predict``; ``Unsupported`` where the
                server has no ``ModelConfig``.
        """
        return self._run(self._core.serving(model, version, timeout))

    def models(self, *, timeout: float | None = None) -> list[str]:
        """The names of all models that the server has and this client may ask, loaded or not.

        Raises:
            Unsupported: the server is one that does not tell.
            RequestError, ConnectionFailed, RuntimeError: as ``predict``.
        """
        return self._run(self._core.models(timeout))

    def health(self, model: str = "", *, timeout: float | None = None) -> bool:
        """Whether the server says that it, or that ``model``, is ready.

        Raises:
            ModelNotFound: the server does not know the model, which is no state of health.
            ConnectionFailed: nobody was there to say.
            RequestError, RuntimeError: as ``predict``.
        """
        return self._run(self._core.health(model, timeout))

    def close(self) -> None:
        """Close the connection. Calls still running in other threads raise ``Cancelled``.

        May be called more than once.
        """
        self._closed = True
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, flow: Flow[T]) -> T:
        """Drive ``flow`` to its end."""
        try:
            step = next(flow)
            while True:
                try:
                    reply = self._do(step)
                except grpc.RpcError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result

    def _do(self, step: Send | Wait) -> Any:
        if isinstance(step, Wait):
            time.sleep(step.seconds)
            return None
        self._check_open()
        return self._calls[step.method](step.payload, timeout=step.timeout, metadata=self._metadata)
