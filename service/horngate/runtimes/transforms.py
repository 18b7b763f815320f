"""Fourier transforms of a length that a caller decides: of nothing, they end the process.

The library that TensorFlow computes them with ends it for a length of 0, which an empty row makes
of a length that is worked out from its shape. So lengths have to be constants; what has the
length of its own input is fine, because nothing is computed of it where that is empty. This module
looks at nodes and runs nothing.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from horngate.runtimes.graph import Graph, Place

_FORWARD: Final = frozenset({"RFFT", "RFFT2D", "RFFT3D"})
_SIZED: Final = _FORWARD | {
    *("IRFFT", "IRFFT2D", "IRFFT3D"),
    *("FFTND", "IFFTND", "RFFTND", "IRFFTND"),
}
"""Those that are told their length, as their second input."""

DOES: Final = "ends the process for a length of 0, and its length is no constant above that"


def transforms(place: Place, graph: Graph) -> str | None:
    """What a transform at ``place`` may do for the length that it gets; None where nothing."""
    node = place.node
    if node.op not in _SIZED:
        return None
    length = graph.before(place, 1)
    if length is None:
        return DOES
    if length.op == "Const":
        return None if _above_zero(length) else DOES
    return None if node.op in _FORWARD and _is_its_own(node, length, place, graph) else DOES


def _is_its_own(node: Any, length: Any, place: Place, graph: Graph) -> bool:
    """Whether ``length`` is a part of the shape of what is transformed, padded or not."""
    if length.op != "StridedSlice":
        return False
    shape = graph.before(Place(length, place.function), 0)
    if shape is None or shape.op != "Shape":
        return False
    given = graph.before(place, 0)
    padded = given is not None and given.op == "Pad" and given.input[0] == shape.input[0]
    return padded or bool(node.input[0] == shape.input[0])


def _above_zero(constant: Any) -> bool:
    tensor = constant.attr["value"].tensor
    content = tensor.tensor_content
    if len(content) % 4:
        return False
    values = np.frombuffer(content, "<i4").tolist() if content else list(tensor.int_val)
    return bool(values) and min(values) > 0
