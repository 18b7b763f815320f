"""A model whose tensors have other shapes to its callers than to itself: Triton's ``reshape``.

``[rows, 1]`` to them may be ``[rows]`` to it. Nothing is copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from horngate.lifecycle.declared import Declared, DeclaredTensor, default_signature
from horngate.servable import Servable
from horngate.tensors import Array, Arrays, Shape, Signature, TensorSpec


def reshaped(array: Array, have: Shape, want: Shape) -> Array:
    """``array``, of a shape that ``have`` is of, in that of ``want``.

    Free sizes of both are the same ones, in their order.

    Raises:
        ValueError: its shape is no such one.
    """
    free = iter([size for size, told in zip(array.shape, have, strict=True) if told is None])
    return array.reshape([next(free) if size is None else size for size in want])


class Reshaped:
    """``servable`` in the shapes that ``declared`` tells, which fits it. As thread-safe as it is.

    Of shapes that are not its signatures' none is run: what they would become is not clear.
    """

    any_shape = ()

    def __init__(self, servable: Servable, declared: Declared) -> None:
        self._servable = servable
        signature = default_signature(servable.signatures)
        self._inputs = _shapes(declared.inputs, signature.inputs)
        self._outputs = _shapes(declared.outputs, signature.outputs)
        self._name = signature.name
        changed = replace(
            signature,
            inputs=_specs(signature.inputs, self._inputs),
            outputs=_specs(signature.outputs, self._outputs),
            defaults={
                name: reshaped(array, *reversed(self._inputs[name]))
                if name in self._inputs
                else array
                for name, array in signature.defaults.items()
            },
        )
        self._signatures = {**servable.signatures, signature.name: changed}

    @property
    def engine(self) -> str:
        return self._servable.engine

    @property
    def signatures(self) -> Mapping[str, Signature]:
        return self._signatures

    def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:
        if signature != self._name:
            return self._servable.run(signature, inputs)
        fed = {
            name: reshaped(array, *self._inputs[name]) if name in self._inputs else array
            for name, array in inputs.items()
        }
        outputs = self._servable.run(signature, fed)
        for name, (outer, inner) in self._outputs.items():
            outputs[name] = reshaped(outputs[name], inner, outer)
        return outputs

    def close(self) -> None:
        self._servable.close()


_Shapes = dict[str, tuple[Shape, Shape]]
"""By a tensor's name the shape that callers know, and the model's."""


def _shapes(told: Iterable[DeclaredTensor], specs: Mapping[str, TensorSpec]) -> _Shapes:
    return {
        tensor.name: _both(tensor.shape, tensor.inner, specs[tensor.name].shape)
        for tensor in told
        if tensor.inner is not None
    }


def _both(outer: Shape, inner: Shape, known: Shape) -> tuple[Shape, Shape]:
    """Both with the sizes that the model fixes and it is not told of."""
    sizes = [size for told, size in zip(inner, known, strict=True) if told is None]
    return _filled(outer, sizes), _filled(inner, sizes)


def _filled(shape: Shape, sizes: Iterable[int | None]) -> Shape:
    """``shape`` with ``sizes`` where it is free."""
    left = iter(sizes)
    return tuple([next(left) if size is None else size for size in shape])


def _specs(specs: Mapping[str, TensorSpec], shapes: _Shapes) -> dict[str, TensorSpec]:
    return {
        name: replace(spec, shape=shapes[name][0]) if name in shapes else spec
        for name, spec in specs.items()
    }
