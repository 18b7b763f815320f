"""SavedModels on TensorFlow, which only this file, ``contents`` and ``example_features`` know.

A version is loaded and run the way TensorFlow Serving does it: a graph, a session, the
signature's tensors by name. That is what "loads in TensorFlow Serving" means, and for a small
model at one row it costs half of what calling the restored Python function does
(``benchmarks/tensorflow_call.py``).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from horngate.errors import EngineFailed, InvalidRequest, LoadError, in_full
from horngate.runtimes import contents
from horngate.runtimes.example_features import made_up_examples
from horngate.runtimes.families import ANY_SHAPE
from horngate.runtimes.graph import Graph
from horngate.runtimes.scan import assets, initialisation
from horngate.servable import Files
from horngate.store.manifest import Hashes
from horngate.tensors import Array, Arrays, DType, Signature, TensorSpec

if TYPE_CHECKING:
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, SignatureDef, TensorInfo

# What TensorFlow says as it imports a graph is no news.
logging.getLogger("tensorflow").setLevel(logging.ERROR)

NAME = "tensorflow"
_DTYPES = {tf.as_dtype(dtype.value).as_datatype_enum: dtype for dtype in DType}

_OF_EXAMPLES = ("tensorflow/serving/classify", "tensorflow/serving/regress")
"""Methods whose signatures are fed serialized examples."""

RunFunction = Callable[..., list[Any]]


class SavedModelRuntime:
    """Loads SavedModels; see ``servable.Runtime``. ``runtimes.deferred`` stands before it.

    A SavedModel that reaches beyond its own memory is refused, unless its operations are trusted.
    """

    def __init__(self, *, trust_operations: bool = False) -> None:
        self._trust_operations = trust_operations

    def load(
        self, folder: Path, threads: int = 0, files: Files | None = None
    ) -> SavedModelServable:
        files = files or Hashes(folder)
        read = contents.read if self._trust_operations else contents.looked_at
        meta_graph = read(files)
        graph = tf.Graph()
        config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads)
        session = tf.compat.v1.Session(graph=graph, config=config)
        try:
            with contents.private_copy(files, meta_graph) as copy:
                _fill(session, meta_graph, copy)
            return SavedModelServable(session, meta_graph, trust_operations=self._trust_operations)
        except LoadError:
            session.close()
            raise
        except Exception as error:
            session.close()
            raise LoadError(
                f"TensorFlow cannot load the SavedModel ({type(error).__name__}); the log has its "
                "words; export the model again, or serve it where it was exported for",
                detail=in_full(error),
            ) from error


def _fill(session: tf.compat.v1.Session, meta_graph: MetaGraphDef, copy: Path) -> None:
    """Import the graph, restore its variables from ``copy`` and run its initialisation."""
    graph = session.graph
    with graph.as_default():
        tf.graph_util.import_graph_def(
            meta_graph.graph_def,
            name="",
            producer_op_list=meta_graph.meta_info_def.stripped_op_list,
        )
        saver = meta_graph.saver_def
        if saver.restore_op_name:
            prefix = str(copy / "variables" / "variables")
            session.run(saver.restore_op_name, {saver.filename_tensor_name: prefix})
        first = initialisation(meta_graph)
        if first is not None:
            session.run(first, dict(_paths(graph, meta_graph, copy)))


def _paths(
    graph: tf.Graph, meta_graph: MetaGraphDef, copy: Path
) -> Iterator[tuple[tf.Tensor, str]]:
    for tensor, name in assets(meta_graph).items():
        # One that nothing reads is not in the graph.
        with contextlib.suppress(KeyError):
            yield graph.as_graph_element(tensor, allow_operation=False), str(copy / name)


class SavedModelServable:
    """A SavedModel in a session. ``run`` is thread-safe, as ``Session.run`` is."""

    engine = NAME

    def __init__(
        self,
        session: tf.compat.v1.Session,
        meta_graph: MetaGraphDef,
        *,
        trust_operations: bool = False,
    ) -> None:
        self._session = session
        self.any_shape: set[str] = set()
        graph = Graph(meta_graph.graph_def)
        places = {node.name: place for place, node in enumerate(meta_graph.graph_def.node)}
        self._signatures: dict[str, Signature] = {}
        self._functions: dict[str, RunFunction] = {}
        refused: list[str] = []
        for name, definition in sorted(meta_graph.signature_def.items()):
            if not definition.outputs or name.startswith("__"):
                continue  # bookkeeping, such as __saved_model_init_op
            try:
                signature = _held(session.graph, _signature(name, definition, places))
                bound = _bound(graph, signature)
                if bound and not trust_operations:
                    _hold_rank(signature, bound)
                if not bound:
                    self.any_shape.add(name)
                self._signatures[name] = signature
            except LoadError as error:
                refused.append(str(error))
                continue
            self._functions[name] = _function(session, signature)
        if not self._signatures:
            raise LoadError(
                "expected a signature that can be served, received "
                + ("; ".join(refused) or "a SavedModel without signatures")
            )

    @property
    def signatures(self) -> Mapping[str, Signature]:
        return self._signatures

    def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:
        known = self._signatures[signature]
        try:
            results = self._functions[signature](*[inputs[name] for name in known.inputs])
        except tf.errors.InvalidArgumentError as error:
            # The kernels' word for values that they refuse: an index past an embedding's end. It
            # may quote any tensor of the model, and names its nodes.
            raise InvalidRequest(
                "the model refused the values of the inputs: an index, a shape or a value that it "
                f"does not take ({type(error).__name__}); the server's log has the engine's words",
                detail=_reason(error),
            ) from error
        except tf.errors.OpError as error:
            if not _of_the_model(error):
                raise
            raise EngineFailed(
                "the model cannot run: its variables or tables have no values, or TensorFlow has "
                "no kernel for it here; export it again with all that it needs; the server's log "
                f"has the engine's words ({type(error).__name__})",
                detail=_reason(error),
            ) from error
        return {name: _array(result) for name, result in zip(known.outputs, results, strict=True)}

    def suggested(self, signature: str) -> list[Arrays]:
        """See ``servable.Suggests``: serialized examples, for a signature that takes only those."""
        inputs = self._signatures[signature].inputs
        spec = next(iter(inputs.values()))
        if len(inputs) != 1 or spec.dtype is not DType.STRING or spec.shape != (None,):
            return []
        examples = made_up_examples(self._session.graph.as_graph_def())
        return [{spec.name: np.array(examples, object)}] if examples else []

    def close(self) -> None:
        self._functions.clear()
        self._session.close()


def _array(result: Any) -> Array:
    """The result as an array of its own.

    TensorFlow gives arrays over memory that is still a variable's, a constant's or a caller's
    input: an answer that waits to be sent would change with it.
    """
    # A single string comes as bytes, of which numpy would make a text that ends at a NUL.
    return np.array(result, object) if isinstance(result, bytes) else np.array(result)


def _bound(graph: Graph, signature: Signature) -> str:
    """An operation that ``signature`` runs and that has to be given the shapes that it tells.

    "" for none: what its graph takes, its kernels say.
    """
    _, places = graph.reached(spec.tensor for spec in signature.outputs.values())
    known = ANY_SHAPE | graph.functions.keys()
    return min((place.node.op for place in places if place.node.op not in known), default="")


def _hold_rank(signature: Signature, operation: str) -> None:
    for spec in signature.inputs.values():
        if spec.unknown_rank:
            raise LoadError(
                f"signature {signature.name!r}, tensor {spec.name!r}: expected a known number of "
                f"dimensions, received an unknown one: it leads to {operation}, which may end the "
                "process where it is given another than it was made for; export the model with the "
                "input's shape, or allow that with --trust-model-ops"
            )


def _function(session: tf.compat.v1.Session, signature: Signature) -> RunFunction:
    options = config_pb2.CallableOptions()
    options.feed.extend(spec.tensor for spec in signature.inputs.values())
    options.fetch.extend(spec.tensor for spec in signature.outputs.values())
    # The public make_callable goes through feed dictionaries and costs half as much again.
    function: RunFunction = session._make_callable_from_options(options)  # noqa: SLF001 - as above
    return function


def _signature(name: str, definition: SignatureDef, places: Mapping[str, int]) -> Signature:
    return Signature(
        name,
        inputs=_specs(name, definition.inputs, places),
        outputs=_specs(name, definition.outputs, places),
        method=definition.method_name,
        defaults={key: tf.make_ndarray(value) for key, value in definition.defaults.items()},
    )


def _specs(
    signature: str, infos: Mapping[str, TensorInfo], places: Mapping[str, int]
) -> dict[str, TensorSpec]:
    """In the order of the graph, by ``places`` of its nodes: a file's maps have none."""

    def place(key: str) -> tuple[int, int, str]:
        node, _, output = infos[key].name.partition(":")
        return places.get(node, 0), int(output) if output.isdigit() else 0, key

    return {key: _spec(signature, key, infos[key]) for key in sorted(infos, key=place)}


def _held(graph: tf.Graph, signature: Signature) -> Signature:
    """``signature`` with what it says of its tensors held against the graph.

    TensorFlow gives what the graph has: of a variable's handle its bytes, which name places in this
    process, whatever the signature calls them. An input that takes serialized examples is served
    whatever the signature calls it: TensorFlow Serving does not ask.

    Raises:
        LoadError: a tensor is not in the graph, or is of another dtype.
    """
    inputs = dict(signature.inputs)
    for side in (inputs, signature.outputs):
        for name, spec in side.items():
            tensor = spec.tensor
            where = f"signature {signature.name!r}, tensor {name!r}"
            try:
                found = graph.get_tensor_by_name(tensor if ":" in tensor else f"{tensor}:0")
            except (KeyError, ValueError) as error:
                raise LoadError(
                    f"{where}: expected a tensor of the graph, received {tensor!r}"
                ) from error
            dtype = _DTYPES.get(found.dtype.base_dtype.as_datatype_enum)
            if side is inputs and dtype is DType.STRING and signature.method in _OF_EXAMPLES:
                inputs[name] = replace(spec, dtype=dtype)
            elif dtype is not spec.dtype:
                raise LoadError(
                    f"{where}: expected {spec.dtype.value}, as the signature says, received "
                    f"{found.dtype.base_dtype.name} in the graph"
                )
    return replace(signature, inputs=inputs)


def _spec(signature: str, name: str, info: TensorInfo) -> TensorSpec:
    where = f"signature {signature!r}, tensor {name!r}"
    if info.WhichOneof("encoding") != "name":
        raise LoadError(f"{where}: expected a dense tensor, received a sparse or composite one")
    dtype = _DTYPES.get(info.dtype)
    if dtype is None:
        raise LoadError(
            f"{where}: expected a dtype that can be served, received {tf.as_dtype(info.dtype).name}"
        )
    shape = tuple(None if dim.size < 0 else int(dim.size) for dim in info.tensor_shape.dim)
    unknown_rank = info.tensor_shape.unknown_rank or not info.HasField("tensor_shape")
    return TensorSpec(name, dtype, shape, unknown_rank, info.name)


def _of_the_model(error: tf.errors.OpError) -> bool:
    """Whether ``error`` is a defect of the model, that comes whatever it is asked."""
    if isinstance(error, tf.errors.NotFoundError):
        return "resource" in error.message  # else a file, say, of a model that reads some
    return isinstance(error, tf.errors.FailedPreconditionError | tf.errors.UnimplementedError)


def _reason(error: tf.errors.OpError) -> str:
    lines = [line for line in str(error.message).splitlines() if line.strip()]
    # TensorFlow opens with "Graph execution error:" and puts the kernel's own words after it.
    told = [line for line in lines if not line.endswith("error:")]
    return (told or lines or ["no reason given"])[0]
