"""The models that are asked: two slow ones, one of which is overloaded, and a quick neighbour."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from horngate.cli.quiet import quiet_tensorflow


class Slow(NamedTuple):
    """Convolutions over a square made from one number.

    Attributes:
        name: in the repository.
        side: of the square.
        layers: of convolutions.
        goodput: what must be left at the highest load, as a share of the peak.
    """

    name: str
    side: int
    layers: int
    goodput: float


SLOW: Final = (
    Slow("heavy", side=192, layers=12, goodput=0.9),
    Slow("light", side=64, layers=6, goodput=0.6),
)
"""Some tens of milliseconds a run, and a few: what is refused costs little beside the first, and
tells beside the second."""

QUICK: Final = "quick"


def publish(repository: Path) -> None:
    """All of them into ``repository``."""
    quiet_tensorflow()
    import keras  # noqa: PLC0415 - takes seconds

    from horngate.builder.publish import publish_keras  # noqa: PLC0415 - the same

    x = keras.Input((1,), name="x")
    for name, side, layers, _ in SLOW:
        seen = keras.layers.Reshape((side, side, 1))(keras.layers.Dense(side * side)(x))
        for _ in range(layers):
            seen = keras.layers.Conv2D(32, 3, padding="same", activation="relu")(seen)
        pooled = keras.layers.GlobalAveragePooling2D()(seen)
        publish_keras(keras.Model(x, keras.layers.Dense(1, name="y")(pooled)), repository, name)
        # Each request runs alone, so that what the model sustains is a number of requests.
        (repository / name / "model.toml").write_text("[batching]\nenabled = false\n")
    publish_keras(keras.Model(x, keras.layers.Dense(1, name="y")(x)), repository, QUICK)
