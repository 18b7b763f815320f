"""The interfaces between the engines below and everything above.

A ``Runtime`` turns a folder into a ``Servable``; a ``Servable`` runs one batch. Nothing here
knows how, and nothing above knows which engine it has. A second engine is one more file in
``runtimes/`` that satisfies these two.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from horngate.tensors import Array, Arrays, Signature


class Clock(Protocol):
    """Monotonic seconds; a test passes one that it moves by hand."""

    def __call__(self) -> float: ...


class Files(Protocol):
    """The files of a version, as whoever checks it and whoever loads it share them.

    What is read is held against what is recorded of it: what was checked is what is loaded.
    Everything raises ``LoadError`` where a file is not there, is no regular file, differs from its
    checksum, or changes.
    """

    def __call__(self, name: str) -> str:
        """The SHA-256 of a file, in hexadecimal; each is read once for it."""

    def names(self) -> list[str]:
        """Every file, sorted, by its name within the version."""

    def exists(self, name: str) -> bool:
        """Whether the file is there."""

    def read(self, name: str, limit: int) -> bytes:
        """Its content, of at most ``limit`` bytes."""

    def copy(self, name: str, target: Path) -> str:
        """Copy it to the new file ``target``; the SHA-256 of what was copied."""


class Servable(Protocol):
    """A model in memory, ready to run. ``run`` may be called from several threads at once."""

    @property
    def engine(self) -> str:
        """The engine's name as logs and metrics show it, for example ``tensorflow``."""

    @property
    def any_shape(self) -> Collection[str]:
        """Signatures of which other shapes may be run than they tell, for the engine to refuse.

        They are run alone.
        """

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """What can be called, by signature name. Fixed for the servable's life."""

    def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:
        """Run one batch and return every output of the signature by name.

        Args:
            signature: a key of ``signatures``.
            inputs: exactly the signature's inputs, each of its dtype and, but for ``any_shape``,
                of a shape that it accepts; the caller has checked them. Never written to.

        Raises:
            Exception: whatever the engine raises; the scheduler makes it ``EngineFailed``.
        """

    def close(self) -> None:
        """Give back what the model holds. Called once, when no ``run`` is under way."""


@runtime_checkable
class Suggests(Protocol):
    """A servable that knows inputs which its model may take, though nobody has recorded any."""

    def suggested(self, signature: str) -> Sequence[Arrays]:
        """Such inputs of ``signature``, [n, …] each; none where nothing is known of it."""


class Loads(Protocol):
    """What an engine's module provides."""

    def load(self, folder: Path, threads: int = 0, files: Files | None = None) -> Servable:
        """Load the version in ``folder``; slow, and safe to call beside running servables.

        Args:
            folder: the version's.
            threads: threads within one run; 0 for the engine's default here.
            files: reads the folder's files; what they are held against is then the caller's. None
                where no other check shares them.

        Raises:
            LoadError: the folder is incomplete, damaged, or holds what the engine refuses.
        """


class Runtime(Loads, Protocol):
    """Loads what one engine can run, and knows such a folder when it sees one."""

    @property
    def name(self) -> str:
        """The engine's name, as logs and metrics show it."""

    @property
    def wants(self) -> str:
        """What it recognises, in words."""

    @property
    def remedy(self) -> str:
        """What to do about a folder that it does not recognise."""

    def recognises(self, folder: Path) -> bool:
        """Whether ``folder`` looks like a version that this engine loads. Reads names only."""
