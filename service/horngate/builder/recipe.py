"""A reference model as the builder sees it: how to make one, feed it and judge it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from horngate.builder.digits import Part
from horngate.tensors import Array

if TYPE_CHECKING:
    import keras

Inputs = dict[str, Array]
Feed = Callable[[Part, np.random.Generator], Inputs]
"""A model's inputs by name for some digits; what is random in them comes from the generator."""


@dataclass(frozen=True)
class Recipe:
    """One reference model.

    Attributes:
        name: the model's name in a repository.
        architecture: makes it, untrained; one output, ``probabilities`` [n, 10].
        training: its inputs while it learns.
        scenarios: by metric name, its inputs while it is judged. The first is the one that the
            report draws.
    """

    name: str
    architecture: Callable[[], keras.Model]
    training: Feed
    scenarios: Mapping[str, Feed]
