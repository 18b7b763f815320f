"""Odd names of models, versions, signatures and tensors, and tensors that are odd themselves."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import tensorflow as tf

from tests.odd.case import Case, Place, Served, Unknown, graph, refused
from tests.odd.graphs import Model, Shape, info

FLOAT: Final = tf.float32


def versions(*names: str | bytes) -> Callable[[Place], None]:
    """A good version under each of ``names``."""

    def make(place: Place) -> None:
        place.model.mkdir()
        for name in names:
            place.good().rename(place.model / os.fsdecode(name))

    return make


def model_named(name: str | bytes) -> Callable[[Place], None]:
    """A model under another name than the one that is asked for, which is not there."""

    def make(place: Place) -> None:
        place.good()
        place.model = place.model.rename(place.model.parent / os.fsdecode(name))
        place.name = os.fsencode(name).decode("utf-8", "replace")

    return make


def inputs(*keys: str) -> Callable[[], Model]:
    """A model whose input goes by each of the names."""

    def make() -> Model:
        model = Model().plain()
        del model.signature.inputs["x"]
        for key in keys:
            model.signature.inputs[key].CopyFrom(info("x:0"))
        return model

    return make


def outputs(*keys: str) -> Callable[[], Model]:
    def make() -> Model:
        model = Model().plain()
        del model.signature.outputs["y"]
        for key in keys:
            model.signature.outputs[key].CopyFrom(info("y:0"))
        return model

    return make


def signature(name: str) -> Callable[[], Model]:
    def make() -> Model:
        model = Model().plain()
        model.meta.signature_def[name].CopyFrom(model.signature)
        del model.meta.signature_def["serving_default"]
        return model

    return make


def two_inputs_of_case() -> Model:
    """``x`` and ``X``, added."""
    model = Model()
    model.add("other", "Placeholder", dtype=FLOAT, shape=Shape((-1,)))
    model.add("y", "AddV2", "x", "other", T=FLOAT)
    model.signature.inputs["X"].CopyFrom(info("other:0"))
    return model


def tensor(side: str, **changes: Any) -> Callable[[], Model]:
    """The signature's only input, or output, described otherwise than it is."""

    def make() -> Model:
        model = Model().plain()
        described = model.signature.inputs["x"] if side == "input" else model.signature.outputs["y"]
        described.CopyFrom(
            info(
                changes.get("name", described.name),
                changes.get("dtype", FLOAT),
                changes.get("shape", (None,)),
            )
        )
        return model

    return make


def of(dtype: Any, op: str = "Identity", *, shape: tuple[int | None, ...] = (None,)) -> Any:
    """A model that gives back what it gets, of ``dtype``."""

    def make() -> Model:
        model = Model(x=dtype, shape=shape)
        model.add("y", op, "x", T=tf.as_dtype(dtype))
        return model

    return make


def sparse() -> Model:
    model = Model().plain()
    described = model.signature.inputs["x"]
    described.ClearField("name")
    described.coo_sparse.values_tensor_name = "x:0"
    described.coo_sparse.indices_tensor_name = "x:0"
    described.coo_sparse.dense_shape_tensor_name = "x:0"
    return model


def composite() -> Model:
    model = Model().plain()
    described = model.signature.outputs["y"]
    described.ClearField("name")
    described.composite_tensor.components.add().CopyFrom(info("y:0"))
    return model


def no_inputs() -> Model:
    model = Model()
    model.constant("y", [1.0, 2.0])
    del model.signature.inputs["x"]
    model.signature.outputs["y"].CopyFrom(info("y:0", FLOAT, (2,)))
    return model


def no_outputs() -> Model:
    model = Model().plain()
    del model.signature.outputs["y"]
    return model


def one_good_of_two() -> Model:
    """Beside the default one, a signature that nobody can serve."""
    model = Model().plain()
    other = model.meta.signature_def["other"]
    other.inputs["x"].CopyFrom(info("x:0"))
    other.outputs["y"].CopyFrom(info("nobody:0"))
    return model


def a_fed_constant() -> Model:
    """An input that is a constant of the graph: to feed it is to change it."""
    model = Model().plain()
    model.signature.inputs["one"].CopyFrom(info("one:0", FLOAT, ()))
    return model


def an_output_that_is_the_input() -> Model:
    model = Model()
    model.signature.outputs["y"].CopyFrom(info("x:0"))
    return model


def an_operation_as_output() -> Model:
    model = Model().plain()
    model.signature.outputs["y"].CopyFrom(info("y"))
    return model


def a_control_as_output() -> Model:
    model = Model().plain()
    model.signature.outputs["y"].CopyFrom(info("^y"))
    return model


def no_rows_in_a_dimension() -> Model:
    model = Model(shape=(None, 0))
    model.add("y", "Identity", "x", T=FLOAT)
    return model


GIVES: Final = Served((([1.0], [2.0]),))

_MODELS: Final = [
    Case("a model of two dots and a slash", model_named("..."), Unknown()),
    Case("a model that begins with a dash", model_named("-odd"), Unknown()),
    Case("a model with a space", model_named("an odd one"), Unknown()),
    Case("a model with a line break", model_named("odd\none"), Unknown()),
    Case("a model with letters of another alphabet", model_named("\u043edd"), Unknown()),
    Case("a model in bytes that are no text", model_named(b"odd\xff"), Unknown()),
    Case("a model with 129 characters", model_named("m" * 129), Unknown()),
    Case("a model named like a device of another system", model_named("NUL.txt"), GIVES),
]  # fmt: skip

_VERSIONS: Final = [
    Case("version 0", versions("0"), Served(version=0)),
    Case("version 007", versions("007"), Served(version=7)),
    Case("versions 1, 01 and 001", versions("001", "01", "1"), Served()),
    Case("a version of eighteen digits", versions("9" * 18), Served(version=10**18 - 1)),
    Case("a version of nineteen digits beside version 1", versions("1" * 19, "1"), Served()),
    Case("a version below nothing beside version 1", versions("-1", "1"), Served()),
    Case("a version in digits of another alphabet beside version 1", versions("٣", "1"), Served()),
    Case("a version with a space beside version 1", versions("2 ", "1"), Served()),
    Case("a version with a line break beside version 1", versions("2\n", "1"), Served()),
    Case("a version with a dot beside version 1", versions("2.0", "1"), Served()),
    Case("a version in superscript beside version 1", versions("²", "1"), Served()),
    Case("a version in bytes that are no text beside version 1", versions(b"2\xff", "1"), Served()),
]  # fmt: skip

FED: Final = np.array([1.0], np.float32)


def named(key: str) -> Served:
    return Served((({key: FED}, [2.0]),))


NOT_THERE: Final = refused("'y': expected a tensor of the graph")
TOO_LARGE: Final = Served((), batched=False, why=("none can be made up",))

_TENSORS: Final = [
    Case("an input with slashes and two dots", graph(inputs("../../x")), named("../../x")),
    Case("an input with a NUL", graph(inputs("x\0y")), named("x\0y")),
    Case("an input without a name", graph(inputs("")), named("")),
    Case("an input with a name of 10 kB", graph(inputs("x" * 10_000)), named("x" * 10_000)),
    Case("an input in Chinese", graph(inputs("输入")), named("输入")),
    Case("two inputs that differ in case", graph(two_inputs_of_case),
         Served((({"x": FED, "X": FED}, [2.0]),))),
    Case("one tensor under two names of inputs", graph(inputs("x", "z")), refused("x:0")),
    Case("one tensor under two names of outputs", graph(outputs("y", "z")),
         Served((([1.0], {"y": [2.0], "z": [2.0]}),), batched=True)),
    Case("an output with a line break", graph(outputs("y\nz")),
         Served((([1.0], {"y\nz": [2.0]}),))),
    Case("a signature with a slash", graph(signature("../other")),
         Served((([1.0], [2.0]),), signature="../other")),
    Case("a signature without a name", graph(signature("")), Served((([1.0], [2.0]),))),
    Case("a signature named like TensorFlow's own alone", graph(signature("__own")),
         refused("without signatures")),
    Case("no signatures", lambda place: place.save(_without_signatures()),
         refused("without signatures")),
    Case("a signature without inputs", graph(no_inputs),
         Served((({}, [1.0, 2.0]),), batched=False)),
    Case("a signature without outputs", graph(no_outputs), refused("without signatures")),
    Case("a good signature beside one that is not", graph(one_good_of_two), Served()),
    Case("an input that the graph does not have", graph(tensor("input", name="nobody:0")),
         refused("'x': expected a tensor of the graph")),
    Case("an output that the graph does not have", graph(tensor("output", name="nobody:0")),
         NOT_THERE),
    Case("an output past its node's last", graph(tensor("output", name="y:9")),
         NOT_THERE),
    Case("an output that is an operation", graph(an_operation_as_output), Served(batched=True)),
    Case("an output that is a control", graph(a_control_as_output), NOT_THERE),
    Case("an output without a tensor", graph(tensor("output", name="")), NOT_THERE),
    Case("an input that is a constant of the graph", graph(a_fed_constant),
         Served((({"x": FED, "one": np.float32(4)}, [5.0]),), batched=False)),
    Case("an output that is the input", graph(an_output_that_is_the_input),
         refused("x:0 is both fed and fetched")),
    Case("a sparse input", graph(sparse), refused("'x'", "sparse")),
    Case("a composite output", graph(composite), refused("'y'", "composite")),
    Case("an input of an unknown number of dimensions", graph(tensor("input", shape=None)),
         Served((([1.0], [2.0]), ([[1.0]], [[2.0]])), batched=False)),
    Case("an input of a dtype that the graph denies", graph(tensor("input", dtype=tf.int64)),
         refused("'x': expected int64, as the signature says")),
    Case("an output of a dtype that the graph denies", graph(tensor("output", dtype=tf.string)),
         refused("'y': expected string, as the signature says")),
    Case("an output of fewer dimensions than claimed", graph(tensor("output", shape=(None, 3))),
         Served()),
    Case("complex numbers", graph(of(tf.complex64)),
         Served((([1j], [1j]),), dtype=np.complex64)),
    Case("quantised numbers", graph(of(tf.qint8)), refused("qint8")),
    Case("a float of eight bits", graph(of(tf.dtypes.experimental.float8_e5m2)),
         refused("float8_e5m2")),
    Case("a handle as input", graph(of(tf.resource, shape=())), refused("resource")),
    Case("a variant as input", graph(of(tf.variant, shape=())), refused("variant")),
    Case("a dimension of nothing", graph(no_rows_in_a_dimension),
         Served((([[]], np.zeros((1, 0))),))),
    Case("a dimension of 2^28", graph(of(FLOAT, shape=(None, 2**28))), TOO_LARGE),
    Case("a dimension of 2^62", graph(of(FLOAT, shape=(None, 2**62))), TOO_LARGE),
    Case("a fixed number of rows", graph(of(FLOAT, shape=(2,))),
         Served((([1.0, 2.0], [1.0, 2.0]),), batched=False)),
    Case("no dimensions", graph(of(FLOAT, shape=())), Served(((3.0, 3.0),), batched=False)),
]  # fmt: skip


def _without_signatures() -> Model:
    model = Model().plain()
    model.meta.signature_def.clear()
    return model


CASES: Final = [*_MODELS, *_VERSIONS, *_TENSORS]
