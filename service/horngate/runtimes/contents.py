"""A SavedModel in memory, read once: what was looked at is what is loaded.

``saved_model.pb`` is read as bytes and parsed once. What TensorFlow opens by itself, variables and
vocabularies, it finds in a private copy, made file by file by whoever holds the version's files
against their checksums. TensorFlow is given no more of the graph than is run, and nothing that
says how to run it but what this module has looked at.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import text_format
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import config_pb2, saved_model_pb2
from tensorflow.python.framework import op_def_registry

from horngate.errors import LoadError, in_full
from horngate.private import private_folder
from horngate.runtimes.scan import assets, scan
from horngate.sizes import SAVED_MODEL

if TYPE_CHECKING:
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

    from horngate.runtimes.graph import Reached
    from horngate.servable import Files

TAGS: Final = frozenset({"serve"})

BINARY: Final = "saved_model.pb"
TEXT: Final = "saved_model.pbtxt"
_TEXT_BYTES: Final = 64 * 1024 * 1024
"""Of the latter, which is slow to read and is written by hand."""

_HINTS: Final = frozenset(
    {"_XlaMustCompile", "_collective_manager_ids", "_construction_context", "_gradient_op_type"}
    | {
        "_has_manual_control_dependencies",
        "_input_shapes",
        "_lower_using_switch_merge",
        "_noinline",
    }
    | {"_num_original_outputs", "_output_shapes", "_read_only_resource_inputs", "_stateful"}
    | {"_user_specified_name"}
)
"""Attributes of TensorFlow's own that a graph may keep. They are no part of an operation's
definition; others tell the runtime where to put memory, what to fuse and whom to wait for."""

_PLAIN: Final = config_pb2.ConfigProto(allow_soft_placement=True).SerializeToString()


def read(files: Files) -> MetaGraphDef:
    """The graph that is served, as the file has it.

    Raises:
        LoadError: the file is missing or cannot be read, or has no such graph.
    """
    return _served(_parsed(files))


def looked_at(files: Files, *, objects: bool = False) -> MetaGraphDef:
    """The graph that is served, once every graph of the file has been looked at.

    For a session it is cut down to what signatures, initialisation and restoring lead to; with
    ``objects``, as ``tf.saved_model.load`` needs it, it is whole.

    Raises:
        LoadError: it reads or writes files, runs Python, reaches the network, or may do so; or it
            cannot be read.
    """
    saved_model = _parsed(files)
    served = _served(saved_model)
    kept: Reached | None = None
    for meta_graph in saved_model.meta_graphs:
        findings, reached = scan(meta_graph, op_def_registry.get, objects=objects)
        if findings:
            listed = ", ".join(map(str, findings[:5])) + (" and more" if findings[5:] else "")
            raise LoadError(
                "expected a model that turns tensors into tensors, received one that reaches "
                f"beyond: {listed}; a SavedModel is a program: if you trust who made it, allow "
                "that with --trust-model-ops"
            )
        if meta_graph is served:
            kept = reached
    if kept is not None and not objects:
        _cut(served, kept)
    _plain(served.graph_def)
    return served


@contextlib.contextmanager
def private_copy(files: Files, meta_graph: MetaGraphDef, *, whole: bool = False) -> Iterator[Path]:
    """A folder with the variables and assets that ``meta_graph`` needs, the caller's while it runs.

    Args:
        files: where they are copied from.
        meta_graph: as ``read`` or ``looked_at`` gave it.
        whole: whether ``saved_model.pb`` is to be there too, with ``meta_graph`` alone in it.

    Raises:
        LoadError: a file is missing, is no regular file, differs from its checksum, or there is no
            room for it.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(private_folder())
            names = [name for name in files.names() if name.startswith("variables/")]
            for name in sorted({*names, *assets(meta_graph).values()}):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                files.copy(name, folder / name)
            if whole:
                content = saved_model_pb2.SavedModel(saved_model_schema_version=1)
                content.meta_graphs.append(meta_graph)
                (folder / BINARY).write_bytes(content.SerializeToString())
        except OSError as error:
            raise LoadError(
                "expected room for a private copy of the variables, received: "
                f"{error.strerror or error}; make room in the folder for temporary files, or set "
                "TMPDIR to one with some"
            ) from error
        yield folder


@contextlib.contextmanager
def sealed(files: Files, *, trust_operations: bool = False) -> Iterator[Path]:
    """A private copy of the SavedModel among ``files``, as ``tf.saved_model.load`` may load it.

    Raises:
        LoadError: what that runs reaches beyond the model, or a file cannot be copied.
    """
    meta_graph = read(files) if trust_operations else looked_at(files, objects=True)
    with private_copy(files, meta_graph, whole=True) as copy:
        yield copy


def _parsed(files: Files) -> Any:
    name = TEXT if not files.exists(BINARY) and files.exists(TEXT) else BINARY
    content = files.read(name, _TEXT_BYTES if name == TEXT else SAVED_MODEL)
    saved_model = saved_model_pb2.SavedModel()
    try:
        if name == TEXT:
            text_format.Parse(content, saved_model)
        else:
            saved_model.ParseFromString(content)
    except Exception as error:  # text_format fails in several ways, by recursion too
        raise LoadError(
            f"{name}: expected a SavedModel, received what cannot be parsed; export it again",
            detail=in_full(error),
        ) from error
    return saved_model


def _served(saved_model: Any) -> Any:
    for meta_graph in saved_model.meta_graphs:
        if set(meta_graph.meta_info_def.tags) == TAGS:
            return meta_graph
    tags = ", ".join(
        repr(sorted(meta_graph.meta_info_def.tags)) for meta_graph in saved_model.meta_graphs[:5]
    )
    raise LoadError(
        f"expected a SavedModel with a graph that is tagged {sorted(TAGS)}, received "
        f"{tags or 'none'}; export the model for serving"
    )


def _cut(meta_graph: Any, reached: Reached) -> None:
    """Leave out all that nothing leads to, and what only tells one function for another."""
    whole = meta_graph.graph_def
    part = graph_pb2.GraphDef(versions=whole.versions)
    part.node.extend(node for node in whole.node if node.name in reached.nodes)
    part.library.function.extend(
        each for each in whole.library.function if each.signature.name in reached.functions
    )
    meta_graph.graph_def.CopyFrom(part)


def _plain(graph_def: Any) -> None:
    """Take off what tells TensorFlow how to run a graph, but for hints that are known."""
    for node in graph_def.node:
        _plain_node(node)
    for function in graph_def.library.function:
        _plain_attributes(function.attr)
        for argument in function.arg_attr.values():
            _plain_attributes(argument.attr)
        for node in function.node_def:
            _plain_node(node)


def _plain_node(node: Any) -> None:
    _plain_attributes(node.attr)
    for hint in ("experimental_type", "experimental_debug_info"):
        node.ClearField(hint)


def _plain_attributes(attributes: Any) -> None:
    for name in [each for each in attributes if each.startswith("_") and each not in _HINTS]:
        del attributes[name]
    if "config_proto" in attributes:
        attributes["config_proto"].s = _PLAIN
    if "executor_type" in attributes:
        attributes["executor_type"].s = b""
