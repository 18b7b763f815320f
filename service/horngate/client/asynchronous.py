"""``AsyncClient``: the same calls as coroutines, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Self, TypeVar

import grpc
from numpy.typing import ArrayLike

from horngate.client.channel import Connected
from horngate.client.core import Flow, Send, Wait
from horngate.client.messages import Metadata, Prediction, Serving
from horngate.errors import Cancelled
from horngate.lifecycle.status import VersionStatus
from horngate.tensors import DEFAULT_SIGNATURE
from horngate.versions import VersionRef

T = TypeVar("T")


class AsyncClient(Connected):
    """As ``Client``, in coroutines. Belongs to the event loop of its first call.

    May be made outside of a loop. Any number of tasks may call it at once.

    Cancelling a call cancels it on the wire, at whichever step it is, and leaves the client as
    it was. The server drops the request if it still waits; one that the model already works on
    is finished there and thrown away. Arguments are as for ``Client``.
    """

    _library = grpc.aio

    async def predict(
        self,
        model: str,
        inputs: Mapping[str, Any] | ArrayLike,
        *,
        version: VersionRef = None,
        signature: str = DEFAULT_SIGNATURE,
        outputs: Iterable[str] | None = None,
        timeout: float | None = None,
    ) -> Prediction:
        """As ``Client.predict``."""
        return await self._run(
            self._core.predict(
                model,
                inputs,
                version=version,
                signature=signature,
                outputs=outputs,
                timeout=timeout,
            )
        )

    async def metadata(
        self, model: str, version: VersionRef = None, *, timeout: float | None = None
    ) -> Metadata:
        """As ``Client.metadata``."""
        return await self._run(self._core.metadata(model, version, timeout))

    async def status(
        self, model: str, version: VersionRef = None, *, timeout: float | None = None
    ) -> list[VersionStatus]:
        """As ``Client.status``."""
        return await self._run(self._core.status(model, version, timeout))

    async def serving(
        self, model: str, version: VersionRef = None, *, timeout: float | None = None
    ) -> Serving:
        """Which engine runs a live version, the newest where ``version`` is None, and why.

        Raises:
            RequestError, ConnectionFailed, RuntimeError: as ``predict``; ``Unsupported`` where the
                server has no ``ModelConfig``.
        """
        return await self._run(self._core.serving(model, version, timeout))

    async def models(self, *, timeout: float | None = None) -> list[str]:
        """As ``Client.models``."""
        return await self._run(self._core.models(timeout))

    async def health(self, model: str = "", *, timeout: float | None = None) -> bool:
        """As ``Client.health``."""
        return await self._run(self._core.health(model, timeout))

    async def close(self) -> None:
        """Close the connection. Calls still running in other tasks raise ``Cancelled``.

        May be called more than once.
        """
        self._closed = True
        if self._channel is not None:
            await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _run(self, flow: Flow[T]) -> T:
        """Drive ``flow`` to its end."""
        try:
            step = next(flow)
            while True:
                try:
                    reply = await self._do(step)
                except grpc.RpcError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _do(self, step: Send | Wait) -> Any:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            return None
        self._check_open()
        if self._channel is None:
            self._open()
        try:
            return await self._calls[step.method](
                step.payload, timeout=step.timeout, metadata=self._metadata
            )
        except asyncio.CancelledError as error:
            if self._ended_by_close():
                raise Cancelled(
                    f"{self._core.server}: expected an open client until the answer, received "
                    "close(); close it after its calls"
                ) from error
            raise

    def _ended_by_close(self) -> bool:
        """Whether gRPC raised ``CancelledError`` though nobody cancelled this task.

        Passed on, asyncio would take it for the task's own cancellation.
        """
        task = asyncio.current_task()
        return self._closed and task is not None and not task.cancelling()
