"""A version in memory: the model, its scheduler and the names it is accounted under."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from horngate.batching.executor import Executor
from horngate.batching.options import BatchingOptions
from horngate.batching.scheduler import Scheduler
from horngate.errors import SignatureNotFound
from horngate.lifecycle.settings import ModelSettings
from horngate.servable import Servable
from horngate.store.cost import BatchCost
from horngate.store.layout import is_plain
from horngate.tensors import DEFAULT_SIGNATURE, Signature


class Subject(NamedTuple):
    """Whom a call is accounted to. Its values come from loaded models, never from a client."""

    model: str
    version: int
    signature: str


def find_signature(signatures: Mapping[str, Signature], name: str, whose: str) -> Signature:
    """The signature ``name``; the default name also means the only one there is.

    Raises:
        SignatureNotFound: naming those that exist.
    """
    found = signatures.get(name)
    if found is None and name == DEFAULT_SIGNATURE and len(signatures) == 1:
        found = next(iter(signatures.values()))
    if found is None:
        known = ", ".join(repr(key) for key in sorted(signatures))
        raise SignatureNotFound(
            f"model {whose} has no signature {name!r}; it has {known}", signature=name
        )
    return found


class Handle:
    """A signature of a live version, found once: what is submitted runs there.

    It may be held weakly, by whoever must not keep a version in memory.
    """

    __slots__ = ("__weakref__", "signature", "subject", "version")

    def __init__(self, version: ServedVersion, signature: Signature, subject: Subject) -> None:
        self.version = version
        self.signature = signature
        self.subject = subject


class ServedVersion:
    """Immutable but for its scheduler; safe to read from any thread.

    ``max_request_rows`` is what one request may carry, ``max_tensor_bytes`` what an input may,
    ``any_shape`` is the servable's. ``signatures`` are the servable's with what they mean, where
    that is known. ``plain`` says that the folder has no SavedModel.
    ``batching`` is what the settings and ``curve`` decided together; ``engine_reason`` says why no
    engine of earlier choice serves it, "" where none would be, and ``engine_detail`` what is for
    operators alone of that. ``subjects`` are whom calls are
    accounted to, by signature, and ``subject`` whom where the signature is not known.

    The work that its scheduler has accepted is what holds it in memory: ``retire`` lets that
    finish, and ``close`` is called afterwards.
    """

    def __init__(
        self,
        *,
        model: str,
        number: int,
        folder: Path,
        servable: Servable,
        settings: ModelSettings,
        scheduler: Scheduler,
        executor: Executor,
        batching: BatchingOptions,
        signatures: Mapping[str, Signature] | None = None,
        cost: BatchCost | None = None,
        engine_reason: str = "",
        engine_detail: str = "",
    ) -> None:
        self.model = model
        self.number = number
        self.folder = folder
        self.settings = settings
        self.scheduler = scheduler
        self.batching = batching
        self.max_request_rows = min(
            [settings.limits.max_request_rows, *batching.allowed_batch_sizes[-1:]]
        )
        self.max_tensor_bytes = settings.limits.max_tensor_bytes
        self.plain = is_plain(folder)
        self.cost = cost
        self.engine_reason = engine_reason
        self.engine_detail = engine_detail
        self.subject = Subject(model, number, "")
        self.subjects = {name: Subject(model, number, name) for name in servable.signatures}
        self.any_shape = servable.any_shape
        self._servable = servable
        self._signatures = dict(servable.signatures if signatures is None else signatures)
        self._executor = executor
        self._handles = {
            name: Handle(self, signature, self.subjects[name])
            for name, signature in self._signatures.items()
        }

    @property
    def engine(self) -> str:
        """The engine's name."""
        return self._servable.engine

    @property
    def alone(self) -> Mapping[str, str]:
        """Why signatures that could be batched by their shapes run alone, by name, as of now."""
        return self.scheduler.alone

    @property
    def rows_reason(self) -> str:
        """All of ``alone`` in one line; "" for nothing."""
        return "; ".join(f"signature {name!r}: {why}" for name, why in sorted(self.alone.items()))

    @property
    def stuck(self) -> bool:
        """Whether a run does not come back, so that nothing is taken."""
        return self.scheduler.stuck

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """What can be called, by name."""
        return self._signatures

    @property
    def notes(self) -> str:
        """What of its ``config.pbtxt`` means nothing here, in one line; "" for nothing."""
        return "; ".join(self.settings.declared.notes)

    def signature(self, name: str) -> Signature:
        """The signature ``name``; the default name also means the only one there is.

        Raises:
            SignatureNotFound: naming those that exist.
        """
        return find_signature(self._signatures, name, f"{self.model!r} version {self.number}")

    def handle(self, name: str) -> Handle:
        """What requests of the signature ``name`` are submitted by, always the same.

        Raises:
            SignatureNotFound: as ``signature``.
        """
        return self._handles.get(name) or self._handles[self.signature(name).name]

    def retire(self, on_drained: Callable[[], None]) -> None:
        """Take no more requests; ``on_drained`` is called once the accepted ones are done."""
        self.scheduler.close(on_drained)

    def close(self) -> None:
        """Give back threads and memory. Called once, after ``retire`` told that it is drained."""
        self._executor.stop()
        self._servable.close()
