"""Whether a model can answer anything at all, which loading it does not tell."""

from __future__ import annotations

from typing import Final

from horngate.builder.comparison import trial_inputs
from horngate.errors import EngineFailed, PublishError
from horngate.servable import Servable
from horngate.tensors import Signature

PROBES: Final = 4
"""Inputs that a signature is asked with before it is called broken."""


def check_answers(servable: Servable) -> None:
    """Hold that a signature answers, or refuses what was made up for it, which says nothing.

    Raises:
        PublishError: every one fails for a defect of its own, whatever it is asked; with the
            engine's words.
    """
    found: dict[str, EngineFailed] = {}
    for name, signature in servable.signatures.items():
        defect = _defect(servable, signature)
        if defect is None:
            return
        found[name] = defect
    name, error = next(iter(found.items()))
    raise PublishError(
        f"expected a model that answers, and signature {name!r} fails on every input that was "
        f"tried; TensorFlow says: {error.detail}; if it misses variables, keep them as attributes "
        "of the module that is saved, and export it again"
    ) from error


def _defect(servable: Servable, signature: Signature) -> EngineFailed | None:
    defect: EngineFailed | None = None
    for seed in range(PROBES):
        inputs = trial_inputs(signature, {}, rows=1 + seed % 2, seed=seed, strange=seed > 1)
        try:
            servable.run(signature.name, inputs)
        except EngineFailed as error:
            defect = error
        except Exception:  # noqa: BLE001 - it refuses values in its own way: others may do
            return None
        else:
            return None
    return defect
