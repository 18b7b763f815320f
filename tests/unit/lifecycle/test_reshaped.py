"""Triton's ``reshape``: one shape to callers, another to the model."""

from __future__ import annotations

import numpy as np
import pytest

from horngate.lifecycle.declared import Declared, DeclaredTensor
from horngate.lifecycle.reshaped import Reshaped, reshaped
from horngate.tensors import Array, Arrays, DType, Shape, Signature, TensorSpec


@pytest.mark.parametrize(
    ("shape", "have", "want", "becomes"),
    [
        ((4, 1), (None, 1), (None,), (4,)),
        ((4,), (None,), (None, 1, 1), (4, 1, 1)),
        ((0, 1, 5), (None, 1, None), (None, None), (0, 5)),
        ((2, 6), (2, 6), (3, 4), (3, 4)),
    ],
)
def test_free_sizes_stay_in_their_order(
    shape: tuple[int, ...], have: Shape, want: Shape, becomes: tuple[int, ...]
) -> None:
    array = np.arange(np.prod(shape)).reshape(shape)
    changed = reshaped(array, have, want)
    assert changed.shape == becomes
    assert changed.ravel().tolist() == array.ravel().tolist()


class Scalars:
    """Adds 1 to ``x`` of shape [rows], and tells of ``y`` as [rows, 3]."""

    engine = "double"
    any_shape = ("s",)

    def __init__(self) -> None:
        self.closed = False
        self.signatures = {
            "s": Signature(
                "s",
                {"x": TensorSpec("x", DType.FLOAT32, (None,))},
                {
                    "y": TensorSpec("y", DType.FLOAT32, (None, 3)),
                    "z": TensorSpec("z", DType.FLOAT32, (None,)),
                },
                defaults={"x": np.zeros(2, np.float32)},
            ),
        }

    def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:
        x = inputs["x"]
        assert x.ndim == 1
        return {"y": np.stack([x, x, x], 1), "z": x + 1}

    def close(self) -> None:
        self.closed = True


def test_callers_see_what_is_told() -> None:
    declared = Declared(
        inputs=(DeclaredTensor("x", DType.FLOAT32, (None, 1), (None,)),),
        outputs=(DeclaredTensor("y", DType.FLOAT32, (None, None, 1), (None, None)),),
    )
    inner = Scalars()
    served = Reshaped(inner, declared)
    signature = served.signatures["s"]
    assert signature.inputs["x"].shape == (None, 1)
    assert signature.outputs["y"].shape == (None, 3, 1), "the model fixes the 3"
    assert signature.outputs["z"].shape == (None,)
    assert signature.defaults["x"].shape == (2, 1)
    outputs = served.run("s", {"x": np.array([[1], [2]], np.float32)})
    assert outputs["y"].shape == (2, 3, 1)
    assert outputs["z"].tolist() == [2, 3]
    assert served.any_shape == ()
    served.close()
    assert inner.closed
