"""SavedModels on TensorFlow: the only file of the server that knows TensorFlow.

A version is loaded and run the way TensorFlow Serving does it: a graph, a session, the
signature's tensors by name. That is what "loads in TensorFlow Serving" means, and for a small
model at one row it costs half of what calling the restored Python function does
(``benchmarks/tensorflow_call.py``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.framework import op_def_registry
from tensorflow.python.saved_model import loader_impl

from horngate.errors import InvalidRequest, LoadError
from horngate.runtimes.scan import scan
from horngate.servable import Files
from horngate.tensors import Array, Arrays, DType, Signature, TensorSpec

if TYPE_CHECKING:
    from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo

# The loader below is TensorFlow Serving's way in and is marked as deprecated in favour of one that
# costs more a call; its reminder at every load is no news.
logging.getLogger("tensorflow").setLevel(logging.ERROR)

NAME = "tensorflow"
TAGS = ["serve"]
_DTYPES = {tf.as_dtype(dtype.value).as_datatype_enum: dtype for dtype in DType}

RunFunction = Callable[..., list[Any]]


class SavedModelRuntime:
    """Loads SavedModels; see ``servable.Runtime``. ``runtimes.deferred`` stands before it.

    A SavedModel that reaches beyond its own memory is refused, unless its operations are trusted.
    """

    def __init__(self, *, trust_operations: bool = False) -> None:
        self._trust_operations = trust_operations

    def load(
        self,
        folder: Path,
        threads: int = 0,
        files: Files | None = None,  # noqa: ARG002 - TensorFlow reads the folder itself
    ) -> SavedModelServable:
        if not self._trust_operations:
            check_operations(folder)
        graph = tf.Graph()
        config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads)
        session = tf.compat.v1.Session(graph=graph, config=config)
        try:
            with graph.as_default():
                meta_graph = tf.compat.v1.saved_model.loader.load(session, TAGS, str(folder))
            return SavedModelServable(session, meta_graph.signature_def)
        except LoadError:
            session.close()
            raise
        except Exception as error:
            session.close()
            raise LoadError(
                f"TensorFlow cannot load the SavedModel: {type(error).__name__}: {error}"
            ) from error


def check_operations(folder: Path, *, objects: bool = False) -> None:
    """Refuse a SavedModel that reads or writes files, runs Python or reaches the network.

    Args:
        folder: has ``saved_model.pb`` in it.
        objects: whether it is to be loaded by ``tf.saved_model.load``, which runs more of it.

    Raises:
        LoadError: it does, or cannot be read.
    """
    try:
        saved_model = loader_impl.parse_saved_model(str(folder))
    except (OSError, ValueError) as error:
        raise LoadError(f"TensorFlow cannot read the SavedModel: {_first_line(error)}") from error
    for meta_graph in saved_model.meta_graphs:
        found = scan(meta_graph, op_def_registry.get, objects=objects)
        if found:
            listed = ", ".join(map(str, found[:5])) + (" and more" if len(found) > 5 else "")
            raise LoadError(
                "expected a model that turns tensors into tensors, received one that reaches "
                f"beyond: {listed}; a SavedModel is a program: if you trust who made it, allow "
                "that with --trust-model-ops"
            )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class SavedModelServable:
    """A SavedModel in a session. ``run`` is thread-safe, as ``Session.run`` is."""

    engine = NAME

    def __init__(
        self, session: tf.compat.v1.Session, definitions: Mapping[str, SignatureDef]
    ) -> None:
        self._session = session
        self._signatures: dict[str, Signature] = {}
        self._functions: dict[str, RunFunction] = {}
        refused: list[str] = []
        for name, definition in definitions.items():
            if not definition.outputs or name.startswith("__"):
                continue  # bookkeeping, such as __saved_model_init_op
            try:
                self._signatures[name] = _signature(name, definition)
            except LoadError as error:
                refused.append(str(error))
                continue
            self._functions[name] = _function(session, definition)
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
            # The kernels' word for values that they refuse: an index past an embedding's end.
            raise InvalidRequest(
                f"the model refused the values of the inputs: {_reason(error)}"
            ) from error
        return {name: _array(result) for name, result in zip(known.outputs, results, strict=True)}

    def close(self) -> None:
        self._functions.clear()
        self._session.close()


def _array(result: Any) -> Array:
    # A single string comes as bytes, of which numpy would make a text that ends at a NUL.
    return np.array(result, object) if isinstance(result, bytes) else np.asarray(result)


def _function(session: tf.compat.v1.Session, definition: SignatureDef) -> RunFunction:
    options = config_pb2.CallableOptions()
    options.feed.extend(info.name for info in definition.inputs.values())
    options.fetch.extend(info.name for info in definition.outputs.values())
    # The public make_callable goes through feed dictionaries and costs half as much again.
    function: RunFunction = session._make_callable_from_options(options)  # noqa: SLF001 - as above
    return function


def _signature(name: str, definition: SignatureDef) -> Signature:
    return Signature(
        name,
        inputs={key: _spec(name, key, info) for key, info in definition.inputs.items()},
        outputs={key: _spec(name, key, info) for key, info in definition.outputs.items()},
        method=definition.method_name,
    )


def _spec(signature: str, name: str, info: TensorInfo) -> TensorSpec:
    where = f"signature {signature!r}, tensor {name!r}"
    if info.WhichOneof("encoding") != "name":
        raise LoadError(f"{where}: expected a dense tensor, received a sparse or composite one")
    if info.tensor_shape.unknown_rank:
        raise LoadError(f"{where}: expected a known number of dimensions, received an unknown one")
    dtype = _DTYPES.get(info.dtype)
    if dtype is None:
        raise LoadError(
            f"{where}: expected a dtype that can be served, received {tf.as_dtype(info.dtype).name}"
        )
    shape = tuple(None if dim.size < 0 else int(dim.size) for dim in info.tensor_shape.dim)
    return TensorSpec(name, dtype, shape)


def _reason(error: tf.errors.OpError) -> str:
    lines = [line for line in str(error.message).splitlines() if line.strip()]
    # TensorFlow opens with "Graph execution error:" and puts the kernel's own words after it.
    told = [line for line in lines if not line.endswith("error:")]
    return (told or lines or ["no reason given"])[0]
