"""Whether a model can answer anything at all, which loading it does not tell."""

from __future__ import annotations

from typing import Final

import tensorflow as tf

from horngate.builder.comparison import trial_inputs
from horngate.errors import InvalidRequest, PublishError, in_full
from horngate.servable import Servable
from horngate.tensors import Signature

PROBES: Final = 4
"""Inputs that a signature is asked with before it is called broken."""

_NO_DEFECT: Final = (
    InvalidRequest,  # it refuses values: others may do
    tf.errors.ResourceExhaustedError,
    tf.errors.OutOfRangeError,
    MemoryError,
)


def check_answers(servable: Servable) -> None:
    """Hold that a signature answers, or refuses what was made up for it, which says nothing.

    Raises:
        PublishError: every one fails for a defect of its own, whatever it is asked; with the
            engine's words.
    """
    found: dict[str, Exception] = {}
    for name, signature in servable.signatures.items():
        defect = _defect(servable, signature)
        if defect is None:
            return
        found[name] = defect
    name, error = next(iter(found.items()))
    raise PublishError(
        f"expected a model that answers, and signature {name!r} fails on every input that was "
        f"tried; TensorFlow says: {_words(error)}; if it misses variables, keep them as attributes "
        "of the module that is saved, and export it again"
    ) from error


def _defect(servable: Servable, signature: Signature) -> Exception | None:
    defect: Exception | None = None
    for seed in range(PROBES):
        inputs = trial_inputs(signature, {}, rows=1 + seed % 2, seed=seed, strange=seed > 1)
        try:
            servable.run(signature.name, inputs)
        except _NO_DEFECT:
            return None
        except Exception as error:  # noqa: BLE001 - a model may fail in any way
            defect = error
        else:
            return None
    return defect


def _words(error: Exception) -> str:
    if not isinstance(error, tf.errors.OpError):
        return in_full(error)
    # TensorFlow opens with "Graph execution error:", and closes with where in Python it was made.
    said = str(error.message).partition("\n\t [[")[0].replace("Graph execution error:", "")
    return f"{type(error).__name__}: {' '.join(said.split())}"
