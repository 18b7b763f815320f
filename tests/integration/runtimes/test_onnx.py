"""The ONNX runtime on compiled forms of SavedModels."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tensorflow as tf

from horngate.builder.compile import compile_version
from horngate.errors import InvalidInput, InvalidRequest, LoadError
from horngate.runtimes import onnx_session
from horngate.runtimes.onnx import OnnxRuntime, OnnxServable
from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.servable import Servable
from horngate.store.compiled import (
    CompiledSignature,
    form_name,
    read_compiled,
    write_compiled,
)
from horngate.tensors import Array, DType, Signature, TensorSpec
from tests.integration.runtimes.test_savedmodel import FLOATS, save

TABLE = np.arange(8, dtype=np.float32).reshape(4, 2)
NUMBERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = ("bool", *NUMBERS, "float16", "float32", "float64", "string")


def compiled(folder: Path, **signatures: tuple[Callable[..., Any], Any]) -> Path:
    record = compile_version(save(folder, **signatures))
    assert not record.refused
    return folder


def load(folder: Path, threads: int = 0) -> OnnxServable:
    return OnnxRuntime().load(folder, threads)


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three signatures: ``serving_default`` of floats, ``rows`` of indices, ``text`` of strings."""
    return compiled(
        tmp_path_factory.mktemp("version"),
        serving_default=(lambda x: {"y": x * 2}, tf.TensorSpec([None, 4], "float32", "x")),
        rows=(lambda i: {"y": tf.gather(TABLE, i)}, tf.TensorSpec([None], "int32", "i")),
        text=(lambda s: {"t": tf.identity(s)}, tf.TensorSpec([None, 2], "string", "s")),
    )


@pytest.fixture(scope="module")
def servable(version: Path) -> OnnxServable:
    return load(version)


def test_signatures_are_what_tensorflow_serves(version: Path, servable: OnnxServable) -> None:
    tensorflow = SavedModelRuntime().load(version)
    assert servable.signatures == tensorflow.signatures
    assert servable.engine == "onnx"
    tensorflow.close()


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_passes_both_ways(tmp_path: Path, dtype: str) -> None:
    spec = tf.TensorSpec([None], dtype, "x")
    servable = load(compiled(tmp_path, serving_default=(lambda x: {"y": tf.identity(x)}, spec)))
    fed = np.array([b"gr\xc3\xb6\xc3\x9fe", b"", b"a\0b\0"] if dtype == "string" else [0, 1, 1])
    fed = fed.astype(DType(dtype).numpy)
    answer = servable.run("serving_default", {"x": fed})["y"]
    assert answer.dtype == fed.dtype
    assert answer.tolist() == fed.tolist()
    servable.close()


def read_only(array: Array) -> Array:
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "fed",
    [
        read_only(np.arange(8, dtype=np.float32).reshape(2, 4)),
        np.arange(16, dtype=np.float32).reshape(2, 8)[:, ::-2],
        np.arange(8, dtype=np.float32).reshape(4, 2).T,
        np.broadcast_to(np.arange(4, dtype=np.float32), (3, 4)),
        np.frombuffer(b"\0" + bytes(32), np.uint8)[1:].view(np.float32).reshape(2, 4),
        np.zeros((0, 4), np.float32),
    ],
    ids=["read-only", "strided", "transposed", "broadcast", "unaligned", "empty"],
)
def test_arrays_of_any_layout_are_read_and_never_written(
    servable: OnnxServable, fed: Array
) -> None:
    before = fed.copy()
    answer = servable.run("serving_default", {"x": fed})["y"]
    np.testing.assert_array_equal(answer, before * 2)
    np.testing.assert_array_equal(fed, before)


@pytest.mark.parametrize("index", [-1, -5, 4, 2**31 - 1])
def test_an_index_that_tensorflow_refuses_is_refused(
    version: Path, servable: OnnxServable, index: int
) -> None:
    fed = {"i": np.array([0, index], np.int32)}
    tensorflow = SavedModelRuntime().load(version)
    engines: list[Servable] = [servable, tensorflow]
    for engine in engines:
        with pytest.raises(
            InvalidRequest, match="the model refused the values of the inputs: an i"
        ):
            engine.run("rows", fed)
    tensorflow.close()
    assert servable.run("rows", {"i": np.array([3], np.int32)})["y"].tolist() == [[6, 7]]


def test_bytes_that_are_no_text_are_refused_with_the_inputs_name(servable: OnnxServable) -> None:
    with pytest.raises(InvalidInput, match=r"input 's': expected strings in UTF-8") as refused:
        servable.run("text", {"s": np.array([[b"fine", b"\xff"]], object)})
    assert refused.value.name == "s"


def test_an_input_that_the_model_does_not_use_is_taken_all_the_same(tmp_path: Path) -> None:
    specs = {
        name: tf.TensorSpec([None], dtype, name)
        for name, dtype in (("x", "float32"), ("unused", "string"))
    }
    servable = load(compiled(tmp_path, serving_default=(lambda of: {"y": of["x"] + 1}, specs)))
    fed = {"x": np.ones(2, np.float32), "unused": np.array([b"a", b""], object)}
    assert set(servable.signatures["serving_default"].inputs) == set(fed)
    assert servable.run("serving_default", fed)["y"].tolist() == [2, 2]
    servable.close()


def test_threads_within_a_run_can_be_set(version: Path) -> None:
    for threads, expected in ((0, 1), (2, 2)):
        servable = load(version, threads)
        session = servable._programs["serving_default"].session
        assert session.get_session_options().intra_op_num_threads == expected
        servable.close()


def test_a_folder_without_a_compiled_form_is_a_load_error(tmp_path: Path) -> None:
    folder = save(tmp_path, serving_default=(lambda x: {"y": x}, FLOATS))
    with pytest.raises(LoadError, match="expected a compiled form, received none; run `horngate c"):
        load(folder)


def test_a_form_of_another_model_is_a_load_error(tmp_path: Path) -> None:
    folder = compiled(tmp_path, serving_default=(lambda x: {"y": x}, FLOATS))
    save(folder, serving_default=(lambda x: {"y": x + 1}, FLOATS))
    with pytest.raises(LoadError, match="has changed since the model was compiled; run"):
        load(folder)


@pytest.mark.parametrize(
    ("inputs", "outputs", "sentence"),
    [
        ("float64[?]", "float32[?]", "input 'x': expected float64.*, received tensor.float."),
        ("float32[?, ?]", "float32[?]", r"input 'x': expected float32\[\?, \?\], received \[\?\]"),
        ("float32[?]", "int32[?]", "output 'y': expected int32"),
    ],
)
def test_a_form_that_is_not_its_signatures_is_a_load_error(
    tmp_path: Path, inputs: str, outputs: str, sentence: str
) -> None:
    folder = compiled(tmp_path, serving_default=(lambda x: {"y": x}, FLOATS))
    record = read_compiled(folder)
    assert record is not None
    form = record.signatures["serving_default"]
    wrong = replace(
        form.signature, inputs={"x": spec("x", inputs)}, outputs={"y": spec("y", outputs)}
    )
    write_compiled(
        folder, replace(record, signatures={"serving_default": replace(form, signature=wrong)})
    )
    with pytest.raises(LoadError, match=sentence):
        load(folder)


def spec(name: str, told: str) -> TensorSpec:
    dtype, _, shape = told.partition("[")
    return TensorSpec(name, DType(dtype), (None,) * shape.count("?"))


def test_a_form_that_is_no_onnx_is_a_load_error(tmp_path: Path) -> None:
    folder = compiled(tmp_path, serving_default=(lambda x: {"y": x}, FLOATS))
    (folder / form_name("serving_default")).write_bytes(b"no model")
    record = read_compiled(folder)
    assert record is not None
    with pytest.raises(LoadError, match="signature 'serving_default': ONNX Runtime cannot load it"):
        OnnxServable.of(folder, record.signatures)


def test_a_form_is_served_without_tensorflow(version: Path) -> None:
    program = """
import sys, pathlib, numpy
from horngate.runtimes.deferred import onnx
folder = pathlib.Path(sys.argv[1])
runtime = onnx()
assert runtime.recognises(folder)
servable = runtime.load(folder, 1)
print(servable.run("serving_default", {"x": numpy.ones((1, 4), "float32")})["y"].tolist())
servable.close()
assert not {"tensorflow", "keras", "tf2onnx", "onnx"} & sys.modules.keys()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(version)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("[[2.0, 2.0, 2.0, 2.0]]\n", "", 0)


@pytest.mark.parametrize("place", ["../secret.bin", "link.bin", "beside.bin", "/etc/hostname", "0"])
def test_a_form_reads_no_other_file(tmp_path: Path, place: str) -> None:
    """ONNX may keep weights in other files: a form that names one elsewhere would give it away."""
    secret = tmp_path / "secret.bin"
    secret.write_bytes(np.arange(4, dtype=np.float32).tobytes())
    folder = tmp_path / "version"
    folder.mkdir()
    (folder / "link.bin").symlink_to(secret)
    (folder / "beside.bin").write_bytes(secret.read_bytes())
    weights = onnx.TensorProto(
        name="w",
        data_type=onnx.TensorProto.FLOAT,
        dims=[4],
        data_location=onnx.TensorProto.EXTERNAL,
    )
    for key, value in (("location", place), ("offset", "0"), ("length", "16")):
        weights.external_data.add(key=key, value=value)
    of = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["x", "w"], ["y"])],
        "reads",
        [of("x", onnx.TensorProto.FLOAT, [4])],
        [of("y", onnx.TensorProto.FLOAT, [4])],
        [weights],
    )
    opset = onnx.helper.make_opsetid("", 18)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=9)
    (folder / "form.onnx").write_bytes(model.SerializeToString())
    tensors = [TensorSpec(name, DType.FLOAT32, (4,)) for name in ("x", "y")]
    signature = Signature("s", {"x": tensors[0]}, {"y": tensors[1]})
    form = CompiledSignature(signature, "form.onnx", "", 1e-4, 1e-5, 0.0, ())
    with pytest.raises(LoadError, match="ONNX Runtime cannot load it; run") as refused:
        OnnxServable.of(folder, {"s": form})
    assert "External data path" in refused.value.detail


def test_what_was_hashed_is_what_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A form that is swapped after it was looked at answers nobody."""
    right = compiled(tmp_path / "right", serving_default=(lambda x: {"y": x + 1}, FLOATS))
    wrong = compiled(tmp_path / "wrong", serving_default=(lambda x: {"y": x + 2}, FLOATS))
    made = onnx_session._options

    def swap(threads: int) -> object:
        (wrong / form_name("serving_default")).replace(right / form_name("serving_default"))
        return made(threads)

    monkeypatch.setattr(onnx_session, "_options", swap)
    servable = load(right)
    assert servable.run("serving_default", {"x": np.zeros(1, np.float32)})["y"].tolist() == [1]


@pytest.mark.parametrize("what", ["link", "fifo"])
def test_a_form_is_a_regular_file(tmp_path: Path, what: str) -> None:
    folder = compiled(tmp_path, serving_default=(lambda x: {"y": x}, FLOATS))
    form = folder / form_name("serving_default")
    form.rename(tmp_path / "elsewhere.onnx")
    if what == "link":
        form.symlink_to(tmp_path / "elsewhere.onnx")
    else:
        os.mkfifo(form)
    with pytest.raises(LoadError, match=r"serving_default\.onnx': expected .* received a"):
        load(folder)
