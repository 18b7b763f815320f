"""Whether a node has the attributes that its operation is defined with.

TensorFlow holds nodes of a graph against their definitions, and those of a function only once the
function is run. What optimises graphs before that takes it for granted, and ends the process where
a constant has no value. This module reads definitions and runs nothing.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

_FIELDS: Final = {
    "string": "s",
    "int": "i",
    "float": "f",
    "bool": "b",
    "type": "type",
    "shape": "shape",
    "tensor": "tensor",
    "func": "func",
}
"""The field of an ``AttrValue``, or of the list in one, for each kind of attribute."""


class _Attribute(NamedTuple):
    name: str
    field: str
    of_a_list: bool
    needed: bool


class Wanted:
    """What the attributes of operations have to be; each definition is read once."""

    def __init__(self) -> None:
        self._known: dict[str, list[_Attribute]] = {}

    def fault(self, node: Any, definition: Any, *, in_function: bool) -> str | None:
        """What is wrong with an attribute of ``node``, in words; None where nothing is.

        Args:
            node: a ``NodeDef``.
            definition: the ``OpDef`` of its operation.
            in_function: whether an attribute may stand for what the function is given.
        """
        wanted = self._known.get(node.op)
        if wanted is None:
            wanted = self._known[node.op] = [_attribute(each) for each in definition.attr]
        attributes = node.attr
        for name, field, of_a_list, needed in wanted:
            if name not in attributes:
                if needed:
                    return f"has no attribute {name!r}"
                continue
            value = attributes[name]
            found = value.WhichOneof("value")
            if found == "placeholder" and in_function:
                continue
            if of_a_list:
                # An empty list may have been written as nothing.
                fits = found is None or (
                    found == "list" and all(f.name == field for f, _ in value.list.ListFields())
                )
            else:
                fits = found == field
            if not fits:
                return f"has an attribute {name!r} of another kind than it should be"
        return None


def _attribute(definition: Any) -> _Attribute:
    of_a_list = definition.type.startswith("list(")
    kind = definition.type.removeprefix("list(").removesuffix(")")
    needed = not definition.HasField("default_value")
    return _Attribute(definition.name, _FIELDS[kind], of_a_list, needed)
