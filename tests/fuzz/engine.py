"""A whole engine in this process over models that cost nothing: what decoded input runs into.

The models of the first five names take what those of ``tests/small_models.py`` take, so that one
corpus serves this engine and a real server. Each prediction runs at once, on the caller's thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from horngate.inference import Inference
from horngate.lifecycle.served import ServedVersion
from horngate.lifecycle.settings import ModelSettings
from horngate.lifecycle.tasks import Progress
from horngate.protocols.tfserving.classify import METHOD as CLASSIFY
from horngate.protocols.tfserving.examples import PREDICT
from horngate.protocols.tfserving.regress import METHOD as REGRESS
from horngate.store.rows import establish
from horngate.tensors import Array, Arrays, DType, Shape, Signature, TensorSpec
from tests.unit.batching.doubles import ManualClock, ManualExecutor
from tests.unit.lifecycle.house import House, served

Tensors = Mapping[str, tuple[DType, Shape]]


def make_inference(root: Path) -> Inference:
    """Serves every model of ``MODELS`` in version 1; ``root`` is an empty folder."""
    house = _House(root)
    for model in MODELS:
        house.write(model, 1)
    house.look()
    return Inference(house.repository, house.control, ManualClock())


def _signature(name: str, inputs: Tensors, outputs: Tensors, method: str = PREDICT) -> Signature:
    return Signature(
        name,
        {key: TensorSpec(key, *each) for key, each in inputs.items()},
        {key: TensorSpec(key, *each) for key, each in outputs.items()},
        method,
    )


def _default(inputs: Tensors, outputs: Tensors) -> list[Signature]:
    return [_signature("serving_default", inputs, outputs)]


_FLOAT = DType.FLOAT32
_EXAMPLES: Tensors = {"inputs": (DType.STRING, (None,))}
MODELS: dict[str, list[Signature]] = {
    "constant": _default({"x": (_FLOAT, (None, 1))}, {"y": (_FLOAT, (None, 1))}),
    "two_inputs": _default(
        {"image": (_FLOAT, (None, 4, 4, 1)), "context": (_FLOAT, (None, 3))},
        {"probabilities": (_FLOAT, (None, 3))},
    ),
    "words": _default(
        {"word": (DType.STRING, (None, 1)), "count": (DType.INT32, (None, 2))},
        {"scores": (_FLOAT, (None, 2)), "echo": (DType.INT32, (None, 2))},
    ),
    "every_dtype": [
        _signature(
            "serving_default",
            {dtype.value: (dtype, (None,)) for dtype in DType},
            {f"{dtype.value}_echo": (dtype, (None,)) for dtype in DType},
        ),
        _signature("whole", {"x": (_FLOAT, (3,))}, {"sum": (_FLOAT, ())}),
    ],
    "classic": [
        _signature(
            "serving_default",
            _EXAMPLES,
            {"classes": (DType.STRING, (None, 2)), "scores": (_FLOAT, (None, 2))},
            CLASSIFY,
        ),
        _signature("regress", _EXAMPLES, {"outputs": (_FLOAT, (None, 1))}, REGRESS),
    ],
    "free": _default({"x": (_FLOAT, (None, None))}, {"y": (_FLOAT, (None, 1))}),
    "grid": _default({"x": (DType.STRING, (None, None, 2))}, {"y": (DType.STRING, (None, 1))}),
    "spectrum": _default({"x": (_FLOAT, (None, 2))}, {"y": (DType.COMPLEX64, (None, 2))}),
    # One for each dtype, so that a single tensor is a whole request.
    **{
        f"{dtype.value}_pair": _default({"x": (dtype, (None, 2))}, {"y": (dtype, (None, 1))})
        for dtype in DType
    },
    # And as a model whose answer is a number, for tf.Examples.
    **{
        f"{dtype.value}_score": _default({"x": (dtype, (None, 2))}, {"y": (_FLOAT, (None, 1))})
        for dtype in DType
    },
}


class _Servable:
    """Answers with the first element of each row, so that answers stay small."""

    engine = "double"
    any_shape = ()

    def __init__(self, signatures: list[Signature]) -> None:
        self.signatures: Mapping[str, Signature] = {each.name: each for each in signatures}

    def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:
        outputs = self.signatures[signature].outputs
        return {name: _first(spec, inputs) for name, spec in outputs.items()}

    def close(self) -> None:
        """It holds nothing."""


def _first(spec: TensorSpec, inputs: Arrays) -> Array:
    named = [inputs[name] for name in sorted(inputs)]  # whatever order they came in
    alike = [array for array in named if array.dtype == spec.dtype.numpy]
    rows = len(next(iter(inputs.values())))
    shape = tuple(rows if size is None else size for size in spec.shape)
    answer = np.full(shape, b"" if spec.dtype is DType.STRING else 0, spec.dtype.numpy)
    if alike and alike[0].size:
        if not answer.ndim:
            answer[...] = alike[0].reshape(-1)[0]
        elif alike[0].shape == answer.shape:
            answer[...] = alike[0]
        else:
            firsts = alike[0].reshape(rows, -1)[:, 0]
            answer[...] = firsts.reshape(rows, *[1] * (answer.ndim - 1))
    return answer


class _InlineExecutor(ManualExecutor):
    """Runs what is queued on the thread that queues it."""

    def wake(self, burst: object = None) -> None:
        self.run_all()


class _House(House):
    def load(
        self,
        model: str,
        number: int,
        folder: Path,
        settings: ModelSettings,
        progress: Progress,
    ) -> ServedVersion:
        servable, executor = _Servable(MODELS[model]), _InlineExecutor()
        alone = establish(servable, {}, {}, ManualClock(), seconds=1, largest=8)
        return served(
            model, number, folder, settings, servable=servable, executor=executor, alone=alone
        )
