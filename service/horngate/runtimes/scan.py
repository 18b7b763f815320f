"""What a SavedModel would do to the machine. Reads its graph and runs nothing of it.

A SavedModel is a program, which runs with the server's rights and at a caller's word. Only what can
run counts: what the signatures, the initialisation and the restoring of variables lead to, and
where its objects are restored, what their functions do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

from horngate.runtimes.graph import Fed, Graph
from horngate.runtimes.operations import Definitions, reach

RESTORING: Final = {"Restore": 0, "RestoreV2": 0, "RestoreSlice": 0}
"""Allowed where variables are restored, by the input that names the file, which has to be the one
that the loader gives: the model's own."""

FILLING: Final = {"InitializeTableFromTextFile": 1, "InitializeTableFromTextFileV2": 1}
"""Allowed where tables are filled as the model loads, likewise: vocabularies are its assets."""

_INITIALISATION: Final = "the initialisation"
_FILES: Final = "reads or writes files"


class Finding(NamedTuple):
    """What reaches beyond the model, how, and where it stands."""

    what: str
    does: str
    where: str

    def __str__(self) -> str:
        return f"{self.what} ({self.does}) in {self.where}"


@dataclass(frozen=True, slots=True)
class Root:
    """Where running begins: tensors, nodes or functions, and what may be met on the way."""

    where: str
    names: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    allowed: Mapping[str, int] = field(default_factory=dict)
    fed: frozenset[Fed] = frozenset()


def scan(meta_graph: Any, definitions: Definitions, *, objects: bool = False) -> list[Finding]:
    """What can run of a ``MetaGraphDef`` and reaches beyond the model, each operation once.

    Args:
        meta_graph: as the file has it.
        definitions: the engine's own registry of operations.
        objects: whether it is loaded as ``tf.saved_model.load`` does, which calls functions of the
            objects that it restores; a session calls none.
    """
    graph = Graph(meta_graph.graph_def)
    assets = _assets(meta_graph)
    found = {each.what: each for each in _strange(assets)}
    roots = [*_roots(meta_graph, assets), *([_objects(meta_graph, graph)] if objects else [])]
    for root in roots:
        for place in graph.reached(root.names, root.functions):
            operation = place.node.op
            position = root.allowed.get(operation)
            if position is not None and graph.is_fed(place, position, root.fed):
                continue
            does = reach(place.node, definitions)
            if does is not None:
                found.setdefault(operation, Finding(operation, does, root.where))
    return list(found.values())


def _assets(meta_graph: Any) -> list[Any]:
    """Every ``AssetFileDef``: as TensorFlow writes them, else as TensorFlow 1 did."""
    if meta_graph.asset_file_def or "saved_model_assets" not in meta_graph.collection_def:
        return list(meta_graph.asset_file_def)
    packed = meta_graph.collection_def["saved_model_assets"].any_list.value
    unpacked = [type(meta_graph)().asset_file_def.add() for _ in packed]
    return [asset for asset, any_ in zip(unpacked, packed, strict=True) if any_.Unpack(asset)]


def _roots(meta_graph: Any, assets: list[Any]) -> Iterator[Root]:
    files = frozenset(Fed(None, each.tensor_info.name) for each in assets)
    for name, signature in meta_graph.signature_def.items():
        outputs = tuple(info.name for info in signature.outputs.values())
        if name == "__saved_model_init_op":
            yield Root(_INITIALISATION, outputs, allowed=FILLING, fed=files)
        else:
            yield Root(f"signature {name!r}", outputs)
    for key in ("saved_model_main_op", "legacy_init_op"):
        if key in meta_graph.collection_def:
            nodes = tuple(meta_graph.collection_def[key].node_list.value)
            yield Root(_INITIALISATION, nodes, allowed=FILLING, fed=files)
    saver = meta_graph.saver_def
    if saver.restore_op_name:
        prefix = frozenset({Fed(None, saver.filename_tensor_name)})
        yield Root(
            "the restoring of variables", (saver.restore_op_name,), allowed=RESTORING, fed=prefix
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


def _strange(assets: list[Any]) -> Iterator[Finding]:
    for each in assets:
        path = PurePosixPath(each.filename)
        if path.is_absolute() or ".." in path.parts:
            yield Finding(f"the asset {each.filename!r}", _FILES, "another folder")
