"""The TensorFlow runtime on SavedModels of every kind that people make."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from horngate.errors import InvalidRequest, LoadError
from horngate.runtimes.savedmodel import SavedModelRuntime, SavedModelServable
from tests.integration.runtimes.hostile import traced

FLOATS = tf.TensorSpec([None], "float32", "x")


def save(folder: Path, **signatures: tuple[Callable[..., Any], Any]) -> Path:
    """Save functions, each with the spec of its one input, as signatures of these names."""
    module = tf.Module()
    made = {
        name: tf.function(function).get_concrete_function(spec)
        for name, (function, spec) in signatures.items()
    }
    module.functions = list(made.values())
    tf.saved_model.save(module, str(folder), made)
    return folder


def load(folder: Path) -> SavedModelServable:
    return SavedModelRuntime().load(folder)


def test_signatures_are_what_the_saved_model_says(tmp_path: Path) -> None:
    servable = load(
        save(
            tmp_path,
            serving_default=(lambda x: {"y": x + 1}, FLOATS),
            whole=(lambda x: {"sum": tf.reduce_sum(x)}, tf.TensorSpec([3], "int64", "x")),
        )
    )
    assert set(servable.signatures) == {"serving_default", "whole"}
    default, whole = servable.signatures["serving_default"], servable.signatures["whole"]
    assert (str(default.inputs["x"]), str(default.outputs["y"])) == ("float32[?]", "float32[?]")
    assert (str(whole.inputs["x"]), str(whole.outputs["sum"])) == ("int64[3]", "int64[]")
    assert (default.batched, whole.batched) == (True, False)
    assert servable.run("whole", {"x": np.array([1, 2, 3])})["sum"] == 6
    servable.close()


def test_a_signature_that_cannot_be_served_is_left_out_and_alone_is_an_error(
    tmp_path: Path,
) -> None:
    model = traced(lambda x: x + 1)
    both = model.meta.signature_def
    both["handle"].CopyFrom(both["serving_default"])
    both["handle"].outputs["y"].dtype = tf.string.as_datatype_enum
    servable = load(model.save(tmp_path / "both"))
    assert set(servable.signatures) == {"serving_default"}
    servable.close()
    del both["serving_default"]
    with pytest.raises(LoadError, match="'handle', tensor 'y': expected string"):
        load(model.save(tmp_path / "alone"))


def handle(_: Any) -> Any:
    return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[3], shared_name="v")


@pytest.mark.parametrize(
    ("gives", "side", "says", "graph"),
    [
        (handle, "outputs", tf.string, "string, as the signature says, received resource"),
        (tf.as_string, "outputs", tf.float32, "float32, as the signature says, received string"),
        (lambda x: tf.cast(x, tf.qint8), "outputs", tf.int8, "int8, .* received qint8"),
        (lambda x: x + 1, "inputs", tf.int64, "int64, as the signature says, received float32"),
    ],
    ids=["a handle", "a text", "a quantized number", "an input"],
)
def test_a_signature_that_is_wrong_about_the_graph_is_refused(
    tmp_path: Path, gives: Callable[[Any], Any], side: str, says: tf.DType, graph: str
) -> None:
    """A handle's bytes name places in the process that made it."""
    model = traced(gives)
    for info in getattr(model.meta.signature_def["serving_default"], side).values():
        info.dtype = says.as_datatype_enum
    with pytest.raises(LoadError, match=graph):
        load(model.save(tmp_path / "1"))


def test_a_signature_that_names_what_is_not_there_is_refused(tmp_path: Path) -> None:
    model = traced(lambda x: x + 1)
    model.meta.signature_def["serving_default"].outputs["y"].name = "nowhere:0"
    with pytest.raises(LoadError, match="expected a tensor of the graph, received 'nowhere:0'"):
        load(model.save(tmp_path / "1"))


def test_values_that_a_kernel_refuses_are_the_requests_fault(tmp_path: Path) -> None:
    table = np.arange(4, dtype=np.float32)
    servable = load(
        save(
            tmp_path,
            serving_default=(lambda x: {"y": tf.gather(table, x)}, tf.TensorSpec([None], "int32")),
        )
    )
    name = next(iter(servable.signatures["serving_default"].inputs))
    assert servable.run("serving_default", {name: np.array([3], np.int32)})["y"] == [3]
    with pytest.raises(InvalidRequest, match="refused the values") as refused:
        servable.run("serving_default", {name: np.array([9], np.int32)})
    # The engine's own words name nodes and may quote any tensor: they are for the operator.
    assert "InvalidArgumentError" in str(refused.value)
    assert "indices[0]" not in str(refused.value)
    assert "indices[0] = 9" in refused.value.detail
    servable.close()


@pytest.mark.parametrize("content", [b"", b"not a protobuf", b"\x08\x01"])
def test_a_file_that_is_no_saved_model_is_a_load_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(LoadError):
        load(tmp_path)


def test_missing_variables_are_a_load_error(tmp_path: Path) -> None:
    module = tf.Module()
    module.weight = tf.Variable([1.0, 2.0])
    function = tf.function(lambda x: {"y": x * module.weight}).get_concrete_function(
        tf.TensorSpec([2], "float32", "x")
    )
    tf.saved_model.save(module, str(tmp_path), {"serving_default": function})
    (tmp_path / "variables" / "variables.index").unlink()
    with pytest.raises(LoadError, match="TensorFlow cannot load the SavedModel"):
        load(tmp_path)


def _times(weight: tf.Variable, x: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"y": x * weight}


def test_two_versions_of_a_model_do_not_share_variables(tmp_path: Path) -> None:
    servables = []
    for value in (1.0, 2.0):
        module = tf.Module()
        module.weight = tf.Variable([value], name="weight")
        function = tf.function(partial(_times, module.weight)).get_concrete_function(FLOATS)
        tf.saved_model.save(module, str(tmp_path / str(value)), {"serving_default": function})
        servables.append(load(tmp_path / str(value)))
    x = np.ones(1, np.float32)
    answers = [servable.run("serving_default", {"x": x})["y"].item() for servable in servables]
    assert answers == [1, 2]
    for servable in servables:
        servable.close()


def test_a_single_string_is_an_array_and_keeps_its_nuls(tmp_path: Path) -> None:
    """A session gives it as bytes, not as an array."""

    def count(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.constant(b"a\0b\0") + tf.strings.as_string(tf.size(x))}

    save(tmp_path, serving_default=(count, FLOATS))
    servable = load(tmp_path)
    try:
        answer = servable.run("serving_default", {"x": np.zeros(2, np.float32)})["y"]
        assert (answer.shape, answer.dtype) == ((), np.dtype(object))
        assert answer.item() == b"a\0b\x002"
    finally:
        servable.close()
