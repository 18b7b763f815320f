"""One probe: a small graph of one operation, run by TensorFlow and by ONNX Runtime on edge values.

The graph goes the way that ``builder/convert.py`` takes with a frozen SavedModel, and runs as the
two runtimes run it. What is decided is whether the answers are equal: integers, booleans and texts
exactly, floats within a tolerance, with NaN and infinity in the same places.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tf2onnx import tf_loader

from horngate.builder import convert
from horngate.builder.convert import Frozen, to_onnx
from horngate.builder.inspection import attributes_of, operations, types_of
from horngate.errors import PublishError
from horngate.runtimes import onnx
from horngate.runtimes.denormals import flushed
from horngate.runtimes.onnx_session import session
from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.tensors import DEFAULT_SIGNATURE, Array, DType

RTOL: Final = {"float16": 2e-3, "float32": 2e-5, "float64": 1e-9}
"""How far a float may be off, in parts of itself: some units of float16's third digit, some dozen
of float32's seventh, which is what different kernels of the same function differ by."""

Make = Callable[..., Any]
Engine = Callable[..., list[Array]]
Spec = tuple[str, Sequence[int | None]]
Feeds = Any
"""Sequences of arrays, one for each placeholder."""


class Absent(Exception):
    """TensorFlow itself has no such operation of such a dtype."""


class Unequal(Exception):
    """ONNX Runtime answers otherwise, in words."""


@dataclass(frozen=True)
class Trial:
    """A graph and what it is fed with.

    Attributes:
        make: from placeholders to outputs.
        specs: dtype and shape of each placeholder.
        feeds: arrays for the placeholders, each a run.
        traced: whether ``make`` is traced as a ``tf.function`` and its variables frozen, as those
            of a SavedModel are, rather than called in a graph.
        saved: whether it goes the whole way, through a SavedModel: for what has look-up tables.
            ``make`` gives a ``tf.Module`` with a function ``serve``, of one argument ``x``.
        rowwise: whether a feed may be cut along its first dimension, to find which row is refused.
    """

    make: Make
    specs: Sequence[Spec]
    feeds: Callable[..., Feeds]
    rowwise: bool = False
    traced: bool = False
    saved: bool = False


@dataclass(frozen=True)
class Probe:
    """What is asked of an operation: its trials, and how the answer is told.

    Attributes:
        operation: TensorFlow's name.
        label: tells this probe from others of the operation.
        trials: each has to be equal.
        also: operations that the trials show to be equal as well: what a loop is made of.
        free: attributes that may have any value, of which the trials have several.
        needs: what must be known of a node before it runs; see ``inspection.NEEDS``.
        rtol: in parts of each value; None for ``RTOL``.
        apart: whether values that are not finite may be answered otherwise, which is then told:
            for what no model of pictures or sequences can be without.
        rows: whether a row with a NaN in it is as good as one of NaN: which, TensorFlow itself
            answers otherwise with ``TF_ENABLE_ONEDNN_OPTS=0`` than without.
        unit: values below it are as exact as it is.
        largest: of the largest value in an output rather than of each, for sums that cancel out.
    """

    operation: str
    label: str
    trials: Callable[..., Iterator[Trial]]
    also: tuple[str, ...] = ()
    free: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    rtol: float | None = None
    largest: bool = False
    unit: float = 0.0
    rows: bool = False
    apart: bool = False

    @property
    def name(self) -> str:
        """Unique in the catalogue."""
        return f"{self.operation} {self.label}"


@dataclass
class Outcome:
    """What became of a probe.

    Attributes:
        nodes: by operation and the dtypes of its type attributes, as the table has them, the
            values of the other attributes that the trials had, by name.
        why: it is not equal; "" where it is.
        zeros: whether zeros have the same signs.
        apart: whether only what holds a NaN or an infinity is answered otherwise.
    """

    nodes: dict[str, dict[str, dict[str, list[Any]]]] = field(default_factory=dict)
    why: str = ""
    zeros: bool = True
    apart: bool = False


def call(operation: str, *tensors: Any, **attributes: Any) -> Any:
    """The raw operation on ``tensors``, in the order of its arguments."""
    function = getattr(tf.raw_ops, operation)
    names = list(signature(function).parameters)
    return function(**dict(zip(names, tensors, strict=False)), **attributes)


def run(probe: Probe, begun: Callable[[Outcome], None] = lambda outcome: None) -> Outcome:
    """Run ``probe``; ``begun`` is told what is known before ONNX Runtime is first called.

    Raises:
        Absent: TensorFlow has no such operation.
    """
    outcome = Outcome()
    absent: list[Absent] = []
    trials = list(probe.trials())
    for trial in trials:
        try:
            if trial.saved:
                _through_a_saved_model(probe, trial, outcome, begun)
                continue
            graph, inputs, outputs = _built(trial)
            with tf.compat.v1.Session(graph=graph) as session:
                tensorflow = _callable(session, inputs, outputs)
                feeds = [[np.asarray(each) for each in feed] for feed in trial.feeds()]
                answers = [_asked(tensorflow, feed) for feed in feeds]
                _learn(outcome, probe, graph)
                begun(outcome)
                engine = _converted(graph, inputs, outputs)
                asked = _Asked(probe, trial, tensorflow, engine, outcome)
                for feed, answer in zip(feeds, answers, strict=True):
                    try:
                        _held(asked, feed, answer)
                    except Unequal:
                        if not (probe.apart and _holds_odd(feed)):
                            raise
                        outcome.apart = True
        except Absent as reason:
            absent.append(reason)
        except Unequal as unequal:
            outcome.why = outcome.why or str(unequal)
    if len(absent) == len(trials):
        raise absent[0]
    return outcome


def _through_a_saved_model(
    probe: Probe, trial: Trial, outcome: Outcome, begun: Callable[[Outcome], None]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        module = trial.make()
        tf.saved_model.save(module, folder, module.serve.get_concrete_function())
        frozen = convert.frozen(Path(folder), DEFAULT_SIGNATURE)
        servable = SavedModelRuntime().load(Path(folder))
    outcome_graph = tf.Graph()
    with outcome_graph.as_default():
        tf.import_graph_def(frozen.graph, name="")
    _learn(outcome, probe, outcome_graph)
    begun(outcome)
    (output,) = servable.signatures[DEFAULT_SIGNATURE].outputs

    def tensorflow(x: Array) -> list[Array]:
        return [servable.run(DEFAULT_SIGNATURE, {"x": x})[output]]

    try:
        engine = _engine(to_onnx(frozen, "probe"), ["x"], [output])
    except PublishError as error:
        raise Unequal(str(error)) from error
    asked = _Asked(probe, trial, tensorflow, engine, outcome)
    for feed in trial.feeds():
        _held(asked, list(feed), _asked(tensorflow, feed))
    servable.close()


def _holds_odd(feed: Sequence[Array]) -> bool:
    return any(each.dtype.kind == "f" and not np.isfinite(each).all() for each in feed)


def _built(trial: Trial) -> tuple[tf.Graph, list[str], list[str]]:
    try:
        return _traced(trial) if trial.traced else _called(trial)
    except (TypeError, ValueError, tf.errors.OpError) as error:
        if "unexpected keyword" in str(error) or "required positional" in str(error):
            raise
        raise Absent(str(error)) from error


def _called(trial: Trial) -> tuple[tf.Graph, list[str], list[str]]:
    graph = tf.Graph()
    with graph.as_default():
        placeholders = [
            tf.compat.v1.placeholder(DType(dtype).value, shape, f"x{number}")
            for number, (dtype, shape) in enumerate(trial.specs)
        ]
        made = trial.make(*placeholders)
        flat = list(tf.nest.flatten(made, expand_composites=True))
        outputs = [tf.identity(each, f"y{number}") for number, each in enumerate(flat)]
    return graph, [each.name for each in placeholders], [each.name for each in outputs]


def _traced(trial: Trial) -> tuple[tf.Graph, list[str], list[str]]:
    specs = [
        tf.TensorSpec(shape, dtype, f"x{number}")
        for number, (dtype, shape) in enumerate(trial.specs)
    ]

    def traced(*tensors: Any) -> Any:
        flat = tf.nest.flatten(trial.make(*tensors), expand_composites=True)
        return [tf.identity(each, f"y{number}") for number, each in enumerate(flat)]

    concrete = tf.function(traced).get_concrete_function(*specs)
    frozen = convert_variables_to_constants_v2(
        concrete, lower_control_flow=False, aggressive_inlining=True
    )
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(frozen.graph.as_graph_def(add_shapes=True), name="")
    return graph, [each.name for each in frozen.inputs], [each.name for each in frozen.outputs]


def _learn(outcome: Outcome, probe: Probe, graph: tf.Graph) -> None:
    wanted = {probe.operation, *probe.also}
    for node in operations(graph.as_graph_def(add_shapes=True)):
        if node.type not in wanted:
            continue
        kinds = outcome.nodes.setdefault(node.type, {})
        seen = kinds.setdefault(types_of(node), {})
        if len(kinds) > 1 and not probe.also:
            raise ValueError(f"{probe.name}: of {' and of '.join(kinds)}")
        for name, value in attributes_of(node).items():
            if name not in probe.free:
                values = seen.setdefault(name, [])
                if value not in values:
                    values.append(value)


def _callable(
    session: tf.compat.v1.Session, inputs: list[str], outputs: list[str]
) -> Callable[..., list[Array]]:
    options = config_pb2.CallableOptions()
    options.feed.extend(inputs)
    options.fetch.extend(outputs)
    try:
        made: Callable[..., list[Array]] = session._make_callable_from_options(options)
    except tf.errors.OpError as error:  # no kernel, or none for these attributes
        raise Absent(str(error)) from error
    return made


def _converted(graph: tf.Graph, inputs: list[str], outputs: list[str]) -> Engine:
    names = {name: name.replace(":", "_") for name in [*inputs, *outputs]}
    try:
        optimised = tf_loader.tf_optimize(inputs, outputs, graph.as_graph_def(add_shapes=True))
        content = to_onnx(Frozen(optimised, inputs, outputs, {}, names), "probe")
    except PublishError as error:
        raise Unequal(str(error)) from error
    return _engine(content, [names[name] for name in inputs], [names[name] for name in outputs])


def _engine(content: bytes, inputs: list[str], outputs: list[str]) -> Callable[..., list[Array]]:
    try:
        made = session(content)
    except Exception as error:
        raise Unequal(f"ONNX Runtime cannot load it: {_reason(error)}") from error
    known = {each.name for each in made.get_inputs()}
    fast = flushed(made.run)

    def engine(*arrays: Array) -> list[Array]:
        feeds = {
            name: onnx._to_text(name, array) if array.dtype.kind == "O" else array
            for name, array in zip(inputs, arrays, strict=True)
            if name in known
        }
        results = fast(outputs, feeds)
        texts = [each.type == "tensor(string)" for each in made.get_outputs()]
        return [
            onnx._to_bytes(result) if text else result
            for result, text in zip(results, texts, strict=True)
        ]

    return engine


def _asked(engine: Callable[..., list[Array]], feed: Sequence[Array]) -> list[Array] | Exception:
    try:
        return engine(*feed)
    except (tf.errors.NotFoundError, tf.errors.UnimplementedError) as error:
        raise Absent(str(error)) from error
    except Exception as error:
        if "No OpKernel" in str(error) or "not supported" in str(error):
            raise Absent(str(error)) from error
        return error


class _Asked(NamedTuple):
    """What a feed is given to, and where it is told."""

    probe: Probe
    trial: Trial
    tensorflow: Engine
    engine: Engine
    outcome: Outcome


def _held(asked: _Asked, feed: list[Array], expected: list[Array] | Exception) -> None:
    try:
        received: list[Array] | Exception = asked.engine(*feed)
    except Exception as error:  # noqa: BLE001 - it fails in ways that share no base class
        received = error
    rows = feed[0].shape[0] if feed and feed[0].ndim else 0
    failed = isinstance(expected, Exception) or isinstance(received, Exception)
    if failed and asked.trial.rowwise and rows > 1:
        for half in ([a[: rows // 2] for a in feed], [a[rows // 2 :] for a in feed]):
            _held(asked, half, _asked(asked.tensorflow, half))
        return
    if isinstance(expected, Exception):
        if not isinstance(received, Exception):
            raise Unequal(f"TensorFlow refuses {_shown(feed)}, ONNX Runtime does not")
        return
    if isinstance(received, Exception):
        raise Unequal(
            f"ONNX Runtime fails on {_shown(feed)}, TensorFlow does not: {_reason(received)}"
        )
    for wanted, got in zip(expected, received, strict=True):
        # A single text comes as bytes, of which numpy would make one that ends at a NUL.
        lone = isinstance(cast("Any", wanted), bytes)
        array = np.array(wanted, object) if lone else np.asarray(wanted)
        _equal(asked, feed, array, np.asarray(got))


def _equal(asked: _Asked, feed: list[Array], wanted: Array, got: Array) -> None:
    if wanted.shape != got.shape:
        raise Unequal(
            f"of {_shown(feed)} TensorFlow makes the shape {list(wanted.shape)}, "
            f"ONNX Runtime {list(got.shape)}"
        )
    if wanted.dtype.kind != got.dtype.kind:
        raise Unequal(f"TensorFlow makes {wanted.dtype}, ONNX Runtime {got.dtype}")
    if wanted.dtype.kind != "f":
        wrong = np.asarray(wanted != got)
    else:
        wrong = _far(asked.probe, wanted, got)
        zeros = (wanted == 0) & (got == 0)
        if np.any(zeros & (np.signbit(wanted) != np.signbit(got))):
            asked.outcome.zeros = False
    if wrong.any():
        where = np.unravel_index(int(np.argmax(wrong)), wrong.shape) if wrong.shape else ()
        parts = [each[where] for each in feed if each.shape == wrong.shape]
        raise Unequal(
            f"of {_shown(parts or feed)} TensorFlow makes {_value(wanted[where])}, "
            f"ONNX Runtime {_value(got[where])}"
        )


def _far(probe: Probe, wanted: Array, got: Array) -> Array:
    rtol = probe.rtol if probe.rtol is not None else RTOL[str(wanted.dtype)]
    tiny = float(np.finfo(wanted.dtype).tiny)
    left, right = wanted.astype(np.float64), got.astype(np.float64)
    if probe.rows and left.ndim:
        left, right = (_rows_of_nan(each) for each in (left, right))
    sizes = np.maximum(np.abs(left), probe.unit)
    if probe.largest:
        sizes = np.full(sizes.shape, np.max(sizes[np.isfinite(sizes)], initial=0.0))
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(left - right) <= rtol * np.where(np.isfinite(sizes), sizes, 0) + 4 * tiny
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    finite = np.isfinite(left) & np.isfinite(right)
    return np.asarray(~(same | (finite & near)))


def _rows_of_nan(values: Array) -> Array:
    return np.where(np.isnan(values).any(-1, keepdims=True), np.nan, values)


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    # It opens with its own name, a number and the failing node; the kernel's words come last.
    return lines[0].rpartition("Status Message: ")[2]


def _shown(values: Sequence[Any]) -> str:
    return " and ".join(_value(value) for value in values[:3]) or "nothing"


def _value(value: Any) -> str:
    array = np.asarray(value)
    if array.size > 8:
        return f"{array.dtype if array.dtype.kind != 'O' else 'string'}{list(array.shape)}"
    if array.dtype.kind == "f" and not array.shape:
        return f"{float(array):.9g}"
    return str(array.tolist())
