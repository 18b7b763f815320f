"""What a SavedModel would do to the machine. Reads its graph and runs nothing of it.

A SavedModel is a program, which runs with the server's rights and at a caller's word. TensorFlow
evaluates parts of it while it imports it, so that every node and every function is looked at,
whether or not anything leads to it. Three kinds of operations are looked at where they stand: those
that restore variables and fill tables may read what the loader gives them, and what a model keeps
for being saved or trained again may be there if nothing that is run leads to it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

from horngate.runtimes.graph import Fed, Graph, Place, Reached, values_in
from horngate.runtimes.operations import (
    FILLING,
    HANDLES,
    LEFT_OUT,
    NOBODY,
    RESTORING,
    Definitions,
    Wanted,
    named,
    told,
    transforms,
)

MOST_UNPACKED: Final = 256 * 1024 * 1024
"""Bytes that constants may take beyond those that the file holds for them: a shape and one value
stand for as many values as the shape says."""

_INITIALISATION: Final = "the initialisation"
_FILES: Final = "reads or writes files"
_INIT_SIGNATURE: Final = "__saved_model_init_op"
_INIT_COLLECTIONS: Final = ("saved_model_main_op", "legacy_init_op")
_BYTES: Final = {1: 4, 3: 4, 4: 1, 5: 2, 6: 1, 7: 24, 10: 1, 14: 2, 17: 2, 18: 16, 19: 2}
"""By a dtype as TensorFlow numbers it; 8 for every other, which is right or nearly so."""


class Finding(NamedTuple):
    """What reaches beyond the model, how, and where it stands."""

    what: str
    does: str
    where: str

    def __str__(self) -> str:
        return f"{self.what} ({self.does}) in {self.where}"


class Scanned(NamedTuple):
    """What was found, each operation once, and what of the graph can run."""

    findings: list[Finding]
    reached: Reached


@dataclass(frozen=True, slots=True)
class Root:
    """Where running begins: tensors, nodes or functions, and what may be met on the way."""

    where: str
    names: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    allowed: Mapping[str, int] = field(default_factory=dict)
    fed: frozenset[Fed] = frozenset()


def scan(meta_graph: Any, definitions: Definitions, *, objects: bool = False) -> Scanned:
    """What of a ``MetaGraphDef`` reaches beyond the model.

    Args:
        meta_graph: as the file has it.
        definitions: the engine's own registry of operations.
        objects: whether it is loaded as ``tf.saved_model.load`` does, which calls functions of the
            objects that it restores; a session calls none.
    """
    graph = Graph(meta_graph.graph_def)
    assets = _assets(meta_graph)
    found = {
        each.what: each for each in [*_strange(meta_graph, assets), *_twisted(graph, definitions)]
    }
    if found:
        return Scanned(list(found.values()), Reached())
    all_ = Reached()
    plain = Reached()
    roots = [*_roots(meta_graph, assets), *([_objects(meta_graph, graph)] if objects else [])]
    for root in roots:
        # What nothing is allowed in is walked once, whatever number of signatures leads there.
        known = plain if not root.allowed else Reached()
        reached, places = graph.reached(root.names, root.functions, known)
        if not root.allowed:
            plain.add(reached)
        all_.add(reached)
        for place in places:
            operation = place.node.op
            position = root.allowed.get(operation)
            if operation in found:
                continue
            if position is not None and graph.is_fed(place, position, root.fed):
                continue
            _look(place, root.where, graph, definitions, found)
    for place in graph.places():
        if not all_.has(place) and not LEFT_OUT.fullmatch(place.node.op):
            _look(place, f"{_place(place)}, though nothing leads there", graph, definitions, found)
    if not found:
        found |= {each.what: each for each in _incomplete(graph, definitions)}
    return Scanned(list(found.values()), all_)


def _look(
    place: Place, where: str, graph: Graph, definitions: Definitions, found: dict[str, Finding]
) -> None:
    operation = place.node.op
    if operation in found or operation in graph.functions:
        return  # a function is looked at by itself
    does = named(operation) or told(place.node) or transforms(place, graph)
    if does is not None:
        if does is NOBODY and definitions(operation) is None:
            does = "TensorFlow does not know it here"
        found[operation] = Finding(operation, does, where)


def _place(place: Place) -> str:
    return "the graph" if place.function is None else f"the function {place.function!r}"


def _twisted(graph: Graph, definitions: Definitions) -> Iterator[Finding]:
    """What TensorFlow would read otherwise than it is read here, or make much more of."""
    for fault in graph.faults():
        yield Finding(fault, "cannot be followed", "the graph")
    for name in graph.functions:
        if definitions(name) is not None:
            yield Finding(f"a function called {name!r}", "stands for an operation", "the graph")
    unpacked = 0
    for attributes in graph.attributes():
        for kind, value in values_in(attributes):
            if kind not in ("tensor", "list"):
                continue
            for tensor in [value.tensor] if kind == "tensor" else value.list.tensor:
                unpacked += _beyond_the_file(tensor)
                if tensor.dtype in HANDLES:
                    yield Finding("a constant", "stands for what only a run can have", "the graph")
    if unpacked > MOST_UNPACKED:
        yield Finding(
            f"constants of {unpacked} bytes that the file has not got",
            f"at most {MOST_UNPACKED} are expected",
            "the graph",
        )


def _incomplete(graph: Graph, definitions: Definitions) -> Iterator[Finding]:
    """Nodes without the attributes that TensorFlow takes for granted."""
    wanted = Wanted()
    for place in graph.places():
        definition = definitions(place.node.op)
        if definition is None:
            continue  # it calls a function
        wrong = wanted.fault(place.node, definition, in_function=place.function is not None)
        if wrong is not None:
            yield Finding(f"a node {place.node.op}", wrong, _place(place))


def _beyond_the_file(tensor: Any) -> int:
    """Bytes that a ``TensorProto`` stands for and does not hold."""
    sizes = [dim.size for dim in tensor.tensor_shape.dim]
    if not sizes or min(sizes) <= 0:
        return 0
    taken: int = math.prod(sizes) * _BYTES.get(tensor.dtype, 8)
    held = len(tensor.tensor_content)
    if taken > held:
        # Of the lists one is in use, which is told by its being there.
        held += sum(
            len(content) * _BYTES.get(tensor.dtype, 8)
            for field_, content in tensor.ListFields()
            if field_.name.endswith("_val")
        )
    return max(0, taken - held)


def _assets(meta_graph: Any) -> list[Any]:
    """Every ``AssetFileDef``: as TensorFlow writes them, else as TensorFlow 1 did."""
    if meta_graph.asset_file_def or "saved_model_assets" not in meta_graph.collection_def:
        return list(meta_graph.asset_file_def)
    packed = meta_graph.collection_def["saved_model_assets"].any_list.value
    unpacked = [type(meta_graph)().asset_file_def.add() for _ in packed]
    return [asset for asset, any_ in zip(unpacked, packed, strict=True) if any_.Unpack(asset)]


def assets(meta_graph: Any) -> dict[str, str]:
    """The name of each asset's file within the version, by the tensor that is fed with its path."""
    return {each.tensor_info.name: f"assets/{each.filename}" for each in _assets(meta_graph)}


def initialisation(meta_graph: Any) -> str | None:
    """The node or tensor that is run once, after variables are restored."""
    signature = meta_graph.signature_def.get(_INIT_SIGNATURE)
    info = None if signature is None else signature.outputs.get(_INIT_SIGNATURE)
    if info is not None:
        return str(info.name)
    for key in _INIT_COLLECTIONS:
        nodes = meta_graph.collection_def.get(key)
        if nodes is not None and nodes.node_list.value:
            return str(nodes.node_list.value[0])
    return None


def _roots(meta_graph: Any, assets: list[Any]) -> Iterator[Root]:
    files = frozenset(Fed(None, each.tensor_info.name) for each in assets)
    for name, signature in meta_graph.signature_def.items():
        tensors = [*signature.inputs.values(), *signature.outputs.values()]
        if name != _INIT_SIGNATURE:
            yield Root(f"signature {name!r}", tuple(info.name for info in tensors))
    first = initialisation(meta_graph)
    if first is not None:
        yield Root(_INITIALISATION, (first,), allowed=FILLING, fed=files)
    saver = meta_graph.saver_def
    if saver.restore_op_name:
        prefix = frozenset({Fed(None, saver.filename_tensor_name)})
        yield Root(
            "the restoring of variables",
            (saver.restore_op_name, saver.filename_tensor_name),
            allowed=RESTORING,
            fed=prefix,
        )


def _objects(meta_graph: Any, graph: Graph) -> Root:
    objects = meta_graph.object_graph_def
    fed: set[Fed] = set()
    for name, function in objects.concrete_functions.items():
        # What a function has captured comes after its own arguments.
        first = graph.arguments(name) - len(function.bound_inputs)
        for number, node in enumerate(function.bound_inputs, first):
            if 0 <= node < len(objects.nodes) and objects.nodes[node].HasField("asset"):
                fed.add(Fed(name, number))
    names = tuple(objects.concrete_functions)
    return Root("the objects", functions=names, allowed=FILLING, fed=frozenset(fed))


def _strange(meta_graph: Any, assets: list[Any]) -> Iterator[Finding]:
    for each in assets:
        path = PurePosixPath(each.filename)
        if path.is_absolute() or ".." in path.parts:
            yield Finding(f"the asset {each.filename!r}", _FILES, "another folder")
    signature = meta_graph.signature_def.get(_INIT_SIGNATURE)
    several = signature is not None and set(signature.outputs) != {_INIT_SIGNATURE}
    for key in _INIT_COLLECTIONS:
        nodes = meta_graph.collection_def.get(key)
        several |= nodes is not None and len(nodes.node_list.value) != 1
    if several:
        yield Finding("several initialisations", "cannot be followed", "the graph")
