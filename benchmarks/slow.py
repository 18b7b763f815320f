"""A model whose run takes some ten milliseconds, with the inputs of the reference model.

    python -m benchmarks.slow FOLDER

publishes it into the repository FOLDER, compiled. It is not trained: what a run costs does not
depend on the weights.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks import cache
from benchmarks.model import Published, newest
from benchmarks.subject import NotHere
from horngate import store

SLOW_MODEL: Final = "slow"
CHANNELS: Final = 64
CONVOLUTIONS: Final = 16
"""58 million operations each at 64 channels, on the whole picture."""
PUBLISH_SECONDS: Final = 600


def slow_model() -> Published:
    """The published model, from the folder of caches; made there where there is none yet.

    Raises:
        NotHere: it could not be published.
    """
    folder = cache.folder() / f"models-{made_of()}"
    try:
        return newest(folder, SLOW_MODEL)
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(  # noqa: S603 - this file
        [sys.executable, "-m", "benchmarks.slow", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PUBLISH_SECONDS,
    )
    if done.returncode:
        words = (done.stderr.strip().splitlines() or ["?"])[-1]
        raise NotHere(f"the slow model was not published: {words}")
    return newest(folder, SLOW_MODEL)


def made_of() -> str:
    """Another word for every recipe, TensorFlow and form of a version on disk."""
    known = hashlib.sha256(f"{version('tensorflow')} {CHANNELS}x{CONVOLUTIONS}".encode())
    for module in sorted(Path(store.__file__).parent.glob("*.py")):
        known.update(module.read_bytes())
    return known.hexdigest()[:12]


def publish(folder: Path) -> None:
    """Publish it into ``folder``."""
    import keras  # noqa: PLC0415 - takes seconds, and only this function needs it
    from keras import layers  # noqa: PLC0415 - the same

    from horngate.builder.publish import publish_keras  # noqa: PLC0415 - the same

    keras.utils.set_random_seed(1)
    image = keras.Input((28, 28, 1), name="image")
    known = keras.Input((10,), name="context")
    seen = image
    for _ in range(
        CONVOLUTIONS + 1
    ):  # the first has one channel to read, and costs next to nothing
        seen = layers.Conv2D(CHANNELS, 3, padding="same", activation="relu")(seen)
    joined = layers.Concatenate()([layers.GlobalAveragePooling2D()(seen), known])
    answer = layers.Dense(10, activation="softmax", name="probabilities")(joined)
    publish_keras(keras.Model([image, known], answer, name=SLOW_MODEL), folder, SLOW_MODEL)


if __name__ == "__main__":
    publish(Path(sys.argv[1]))
