"""The models of a soak: one whose versions say who answered, and one that stays as it is."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import Final

from horngate.cli.quiet import quiet_tensorflow

KINDS: Final = 4
"""Contents that versions are made of, in turn."""

KEPT: Final = 4
"""Versions that stay on disk: a server that is behind must find what it is about to load."""

SWAPPED: Final = "swapped"
STEADY: Final = "steady"


def expected(value: float, version: int) -> float:
    """What version ``version`` of ``SWAPPED`` answers to ``value``."""
    return value + version % KINDS


def publish(repository: Path, pattern: Path) -> None:
    """Publish ``KINDS`` contents into ``pattern``, and the first versions into ``repository``."""
    quiet_tensorflow()
    import keras  # noqa: PLC0415 - takes seconds

    from horngate.builder.publish import publish_keras  # noqa: PLC0415 - the same

    def adds(value: float) -> keras.Model:
        x = keras.Input((1,), name="x")
        bias = keras.initializers.Constant(value)
        layer = keras.layers.Dense(1, name="y", kernel_initializer="ones", bias_initializer=bias)
        return keras.Model(x, layer(x))

    for kind in range(KINDS):
        publish_keras(adds(kind), pattern, SWAPPED, version=kind + 1)
    publish_keras(adds(100), repository, STEADY)
    (repository / SWAPPED).mkdir()


class Swapper:
    """Publishes one version of ``SWAPPED`` after another, as a publisher does: by renaming."""

    def __init__(self, repository: Path, pattern: Path, every: float) -> None:
        self._folder = repository / SWAPPED
        self._pattern = pattern / SWAPPED
        self._every = every
        self._newest = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def newest(self) -> int:
        """The version published last."""
        return self._newest

    def swap(self) -> None:
        """Publish the next version, and delete what is long replaced."""
        number = self._newest + 1
        # Version N answers x + N % KINDS, which is the content of kind N % KINDS.
        staging = self._folder / f".staging-{number}"
        shutil.copytree(self._pattern / str(number % KINDS + 1), staging)
        staging.rename(self._folder / str(number))
        self._newest = number
        shutil.rmtree(self._folder / str(number - KEPT), ignore_errors=True)

    def start(self) -> None:
        """Swap from now on."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._keep_swapping, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Swap no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _keep_swapping(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due += self._every
            self.swap()
