"""A plain ``model.onnx``: what is served, as what, and what is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from horngate.errors import InvalidRequest, LoadError
from horngate.runtimes.onnx import OnnxRuntime, OnnxServable
from horngate.runtimes.onnx_file import field
from horngate.runtimes.onnx_guard import guarded
from horngate.store.compiled import CompiledSignature
from horngate.store.goldens import Golden, check_goldens
from horngate.store.manifest import Hashes, write_checksums
from horngate.tensors import DType, Signature, TensorSpec
from tests.onnx_models import model, put, scaled, value

INT32, INT64 = TensorProto.INT32, TensorProto.INT64


def load(folder: Path, *, trusted: bool = False) -> OnnxServable:
    return OnnxRuntime(trust_operations=trusted).load(folder, files=Hashes(folder))


def one(operation: str, *inputs: Any, out: int = 1, **attributes: Any) -> onnx.ModelProto:
    """A model of one operation of ``inputs``."""
    node = helper.make_node(operation, [each.name for each in inputs], ["y"], **attributes)
    return model([node], inputs, [value("y", None, out)])


def external(location: str, size: int = 12, *, offset: int = 0, more: str = "") -> onnx.ModelProto:
    """``x`` plus three floats that lie in the file ``location``."""
    tensor = TensorProto(name="w", dims=[3], data_type=1, data_location=TensorProto.EXTERNAL)
    told = {"location": location, "offset": str(offset), "length": str(size)}
    for key, text in [*told.items(), *([("location", more)] if more else [])]:
        tensor.external_data.add(key=key, value=text)
    node = helper.make_node("Add", ["x", "w"], ["y"])
    return model([node], [value("x", ["n", 3])], [value("y", ["n", 3])], [tensor])


def test_the_signature_is_the_graphs(tmp_path: Path) -> None:
    servable = load(put(scaled(), tmp_path))
    (signature,) = servable.signatures.values()
    assert signature.name == "serving_default"
    assert list(signature.inputs) == ["zebra", "apple"], "in the graph's order"
    assert signature.inputs["zebra"].shape == (None, 3)
    assert signature.batched
    x = np.ones((2, 3), np.float32)
    answer = servable.run("serving_default", {"zebra": x, "apple": x})
    np.testing.assert_array_equal(answer["sum"], x * 3)


def test_goldens_hold_where_there_are_any(tmp_path: Path) -> None:
    servable = load(put(scaled(), tmp_path))
    x = np.ones((1, 3), np.float32)
    golden = Golden({"zebra": x, "apple": x}, {"sum": x * 4}, rtol=1e-4, atol=1e-5)
    with pytest.raises(LoadError, match="sum"):
        check_goldens(servable, {"serving_default": golden})


def test_a_scalar_is_told_from_a_tensor_of_any_rank(tmp_path: Path) -> None:
    signature = load(put(one("Relu", value("x", []), out=1), tmp_path)).signatures[
        "serving_default"
    ]
    assert (signature.inputs["x"].shape, signature.inputs["x"].unknown_rank) == ((), False)
    signature = load(put(one("Relu", value("x", None)), tmp_path)).signatures["serving_default"]
    assert signature.inputs["x"].unknown_rank
    assert not signature.batched


def test_strings_are_served(tmp_path: Path) -> None:
    made = one("Identity", value("x", ["n"], TensorProto.STRING), out=TensorProto.STRING)
    servable = load(put(made, tmp_path))
    assert servable.signatures["serving_default"].inputs["x"].dtype is DType.STRING
    answer = servable.run("serving_default", {"x": np.array([b"a"], object)})
    assert answer["y"].tolist() == [b"a"]


def test_tensors_may_lie_in_files_beside_it(tmp_path: Path) -> None:
    put(external("weights/w:0.data"), tmp_path)
    (tmp_path / "weights").mkdir()
    np.arange(3, dtype=np.float32).tofile(tmp_path / "weights" / "w:0.data")
    servable = load(tmp_path)
    (tmp_path / "weights" / "w:0.data").unlink()
    x = np.zeros((1, 3), np.float32)
    assert servable.run("serving_default", {"x": x})["y"].tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    "location",
    ["/etc/passwd", "../w", "a/../../w", "", ".", "a//w", "*/_ORT_MEM_ADDR_/*", "a\\..\\w"],
)
def test_tensors_may_lie_nowhere_else(tmp_path: Path, location: str) -> None:
    with pytest.raises(LoadError, match="tensor 'w': expected one file within the version's"):
        load(put(external(location), tmp_path))


def test_a_link_is_no_file_beside_it(tmp_path: Path) -> None:
    put(external("w"), tmp_path)
    (tmp_path / "w").symlink_to("/etc/passwd")
    with pytest.raises(LoadError, match="'w': expected a regular file, received a symbolic link"):
        load(tmp_path)


@pytest.mark.parametrize("made", [external("w", 16), external("w", offset=4), external("w", 0)])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, made: onnx.ModelProto) -> None:
    put(made, tmp_path)
    (tmp_path / "w").write_bytes(bytes(8))
    with pytest.raises(LoadError, match=r"'w': expected at least 1[26] bytes, as model.onnx says"):
        load(tmp_path)


def test_a_location_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="expected one file"):
        load(put(external("w", more="/etc/passwd"), tmp_path))


def overlong(content: bytes) -> bytes:
    """``content``, which begins with a field of a number below 16, with bits that it has not."""
    return bytes([content[0] | 0x80, 0x80, 0x80, 0x80, 0x10]) + content[1:]


def in_two_ways(node: bytes = b"", constant: bytes = b"") -> bytes:
    """A model of one ``Div`` of integers by a ``constant``, and of a ``node`` before it."""
    made = model(
        [helper.make_node("Div", ["x", "c"], ["y"])],
        [value("x", ["n"], INT64)],
        [value("y", ["n"], INT64)],
        mine=1,
    )
    graph = node + made.graph.SerializeToString() + (field(5, constant) if constant else b"")
    made.ClearField("graph")
    return made.SerializeToString() + field(7, graph)


FOREIGN = helper.make_node("Foo", ["x"], ["z"], domain="mine").SerializeToString()
ANOTHER = onnx.GraphProto(node=[onnx.NodeProto.FromString(FOREIGN)]).SerializeToString()
MINUS_ONE = field(8, b"c") + b"\x08\x01" + field(9, bytes([255] * 8))


@pytest.mark.parametrize(
    "content",
    [
        in_two_ways() + overlong(field(7, ANOTHER)),
        in_two_ways() + b"\x02\0",
        in_two_ways(overlong(field(1, FOREIGN))),
        in_two_ways(field(1, FOREIGN + bytes([4 << 3 | 5]) + b"Gelu")),
        in_two_ways(field(1, FOREIGN + bytes([4 << 3 | 1]) + b"Identity")),
        in_two_ways(constant=MINUS_ONE + overlong(b"\x10\x07")),
        in_two_ways(constant=MINUS_ONE + b"\x10\x87\x80\x80\x80\x10"),
        in_two_ways(constant=MINUS_ONE + b"\x10\x07" + field(2, b"\x01")),
        in_two_ways(constant=MINUS_ONE + b"\x10\x07" + b"\x15\x01\0\0\0"),
        in_two_ways(
            constant=field(8, b"c") + b"\x08\x01\x10\x06" + field(5, b"\xff\xff\xff\xff\x0f")
        ),
    ],
    ids=[
        "a graph's number of field",
        "a field of no number",
        "a node's number of field",
        "an operation of 4 bytes",
        "an operation of 8 bytes",
        "a dtype's number of field",
        "a dtype of 33 bits",
        "a packed dtype",
        "a dtype of 4 bytes",
        "a divisor of 32 bits",
    ],
)
def test_what_the_engine_would_read_in_another_way_is_refused(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(LoadError, match="expected an ONNX model, received something else"):
        load(tmp_path)


def test_what_differs_from_its_checksum_is_refused(tmp_path: Path) -> None:
    put(scaled(), tmp_path)
    write_checksums(tmp_path)
    put(scaled(3), tmp_path)
    with pytest.raises(LoadError, match="differs from its checksum"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (one("Foo", value("x", ["n"])), "received Foo; docs/models.md"),
        (
            model(
                [helper.make_node("Foo", ["x"], ["y"], domain="mine")],
                [value("x", ["n"])],
                [value("y", ["n"])],
                mine=1,
            ),
            "'Foo' of the unknown domain 'mine'",
        ),
        (
            model(
                [helper.make_node("EPContext", ["x"], ["y"], domain="com.microsoft")],
                [value("x", ["n"])],
                [value("y", ["n"])],
                com__microsoft=1,
            ),
            "com.microsoft:EPContext",
        ),
        (
            model(
                [helper.make_node("SequenceConstruct", ["x"], ["y"])],
                [value("x", ["n"])],
                [helper.make_tensor_sequence_value_info("y", 1, None)],
            ),
            r"output 'y': expected a tensor, received seq\(tensor\(float\)\)",
        ),
        (one("Identity", value("x", ["n"], 16), out=16), "input 'x': expected a dtype that can be"),
    ],
)
def test_what_is_not_served_is_refused_by_name(
    tmp_path: Path, made: onnx.ModelProto, said: str
) -> None:
    with pytest.raises(LoadError, match=said):
        load(put(made, tmp_path))


def test_an_operation_in_a_branch_is_looked_at(tmp_path: Path) -> None:
    branch = helper.make_graph(
        [helper.make_node("Foo", ["x"], ["z"])], "branch", [], [value("z", ["n"])]
    )
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    inputs = [value("c", [], TensorProto.BOOL), value("x", ["n"])]
    with pytest.raises(LoadError, match="received Foo"):
        load(put(model([node], inputs, [value("y", ["n"])]), tmp_path))


def test_what_is_newer_than_the_engine_is_told(tmp_path: Path) -> None:
    made = scaled()
    made.opset_import[0].version = 99
    with pytest.raises(LoadError, match="its opset is newer than this ONNX Runtime"):
        load(put(made, tmp_path))
    made = scaled()
    made.ir_version = 99
    with pytest.raises(LoadError, match="its IR version is newer"):
        load(put(made, tmp_path))


@pytest.mark.parametrize("content", [b"", b"\x00", b"\xff" * 40, b"[models]", bytes(100)])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(LoadError, match=r"model.onnx: expected an ONNX model, received"):
        load(tmp_path)


def test_a_model_with_functions_of_its_own_is_refused(tmp_path: Path) -> None:
    made = scaled()
    made.functions.add(name="f", domain="mine")
    with pytest.raises(LoadError, match="inline_local_functions"):
        load(put(made, tmp_path))


def divided(dtype: int, by: Any = None) -> onnx.ModelProto:
    """``x`` by ``d``, which is an input where ``by`` is no constant."""
    node = helper.make_node("Div", ["x", "d"], ["y"])
    inputs = [value("x", ["n"], dtype), *([value("d", ["n"], dtype)] if by is None else [])]
    constants = [] if by is None else [helper.make_tensor("d", dtype, [1], [by])]
    return model([node], inputs, [value("y", ["n"], dtype)], constants)


@pytest.mark.parametrize("made", [divided(INT32), divided(INT64), divided(INT64, -1)])
def test_what_may_end_the_process_is_refused(tmp_path: Path, made: onnx.ModelProto) -> None:
    with pytest.raises(LoadError, match="received Div by 'd', which may end the process"):
        load(put(made, tmp_path))
    if made.graph.initializer:
        return  # not even loaded in trust: the engine may divide as it loads
    assert load(tmp_path, trusted=True).signatures


@pytest.mark.parametrize("made", [divided(1), divided(INT32, 2), divided(TensorProto.INT8)])
def test_what_cannot_is_served(tmp_path: Path, made: onnx.ModelProto) -> None:
    assert load(put(made, tmp_path)).signatures


def test_integers_by_a_zero_are_a_callers_error(tmp_path: Path) -> None:
    servable = load(put(one("Mod", *(value(n, ["n"], INT32) for n in "xd"), out=INT32), tmp_path))
    lowest = np.array([-(2**31)], np.int32)
    with pytest.raises(InvalidRequest, match="an integer is divided by zero"):
        servable.run("serving_default", {"x": lowest, "d": np.zeros(1, np.int32)})
    answer = servable.run("serving_default", {"x": lowest, "d": np.full(1, -1, np.int32)})
    assert answer["y"].tolist() == [0]


def test_a_model_beside_a_saved_model_is_nobodys(tmp_path: Path) -> None:
    put(scaled(), tmp_path)
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(LoadError, match="expected a compiled form"):
        load(tmp_path)


def _several(operation: str, *shapes: list[str], **attributes: Any) -> onnx.ModelProto:
    return one(operation, *(value(f"x{n}", shape) for n, shape in enumerate(shapes)), **attributes)


@pytest.mark.parametrize(
    ("made", "shapes"),
    [
        (
            model(
                [helper.make_node("Reshape", ["x0", "s"], ["y"], name="secret_shape")],
                [value("x0", ["a", "b"])],
                [value("y", None)],
                [helper.make_tensor("s", INT64, [2], [-1, 4])],
            ),
            [(2, 5)],
        ),
        (_several("Add", ["a", "b"], ["c", "d"]), [(2, 5), (2, 4)]),
        (_several("MatMul", ["a", "b"], ["c", "d"]), [(2, 5), (2, 4)]),
        (_several("Gemm", ["a", "b"], ["c", "d"]), [(2, 5), (2, 4)]),
        (_several("Concat", ["a", "b"], ["c", "d"], axis=0), [(2, 5), (2, 4)]),
        (
            _several("Conv", ["a", "b", "c", "d"], ["e", "f", "g", "h"]),
            [(1, 3, 8, 8), (2, 4, 3, 3)],
        ),
    ],
    ids=["Reshape", "Add", "MatMul", "Gemm", "Concat", "Conv"],
)
def test_shapes_that_the_graph_cannot_use_are_the_requests_fault(
    tmp_path: Path, made: onnx.ModelProto, shapes: list[tuple[int, ...]]
) -> None:
    servable = load(put(made, tmp_path))
    fed = {f"x{n}": np.ones(shape, np.float32) for n, shape in enumerate(shapes)}
    with pytest.raises(InvalidRequest, match="refused the values of the inputs: a") as told:
        servable.run("serving_default", fed)
    assert "secret" not in str(told.value)
    assert "node" not in str(told.value)
    assert "running" in told.value.detail


def test_memory_that_is_not_there_is_not(tmp_path: Path) -> None:
    """Expand names a shape; that 2 TiB of it cannot be had is no fault of the shape's."""
    inputs = [value("x", ["a", "b"]), value("shape", ["n"], INT64)]
    servable = load(put(one("Expand", *inputs), tmp_path))
    fed = {"x": np.ones((1, 1), np.float32), "shape": np.array([2**20, 2**19])}
    with pytest.raises(Exception, match="allocate memory") as raised:
        servable.run("serving_default", fed)
    assert not isinstance(raised.value, InvalidRequest)


def recurrent(operation: str, gates: int, shape: list[Any], before: list[Any]) -> onnx.ModelProto:
    """A layer of 2 units over ``last``, [steps, rows, 3], which ``before`` makes of ``x``."""
    weights = [
        helper.make_tensor(name, TensorProto.FLOAT, [1, 2 * gates, size], [0.5] * 2 * gates * size)
        for name, size in (("w", 3), ("r", 2))
    ]
    node = helper.make_node(operation, ["last", "w", "r"], ["y"], hidden_size=2)
    return model([*before, node], [value("x", shape)], [value("y", None)], weights)


SAME = [helper.make_node("Identity", ["x"], ["last"])]
NARROWED = [
    helper.make_node("MaxPool", ["x"], ["pooled"], kernel_shape=[3], strides=[1]),
    helper.make_node("Transpose", ["pooled"], ["last"], perm=[2, 0, 1]),
]


@pytest.mark.parametrize(("operation", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_a_recurrent_layer_that_is_given_nothing_does_not_end_the_process(
    tmp_path: Path, operation: str, gates: int
) -> None:
    servable = load(put(recurrent(operation, gates, ["steps", "rows", 3], SAME), tmp_path))
    (output,) = servable.signatures["serving_default"].outputs.values()
    assert output.shape == (None, 1, None, 2), "as the graph tells it"
    for shape in [(4, 2, 3), (2, 0, 3), (0, 2, 3), (0, 0, 3)]:
        fed = {"x": np.ones(shape, np.float32)}
        if 0 not in shape:
            assert servable.run("serving_default", fed)["y"].shape == (4, 1, 2, 2)
        elif operation == "RNN":
            assert not servable.run("serving_default", fed)["y"].size
        else:
            with pytest.raises(InvalidRequest, match="nothing is left of it on the way"):
                servable.run("serving_default", fed)


def test_nor_one_of_which_nothing_is_left_on_the_way(tmp_path: Path) -> None:
    servable = load(put(recurrent("GRU", 3, ["rows", 3, "width"], NARROWED), tmp_path))
    for width in (4, 3, 2):
        fed = {"x": np.ones((1, 3, width), np.float32)}
        if width >= 3:
            assert servable.run("serving_default", fed)["y"].shape == (width - 2, 1, 1, 2)
        else:
            with pytest.raises(InvalidRequest, match="refused the values"):
                servable.run("serving_default", fed)


def test_other_kernels_that_are_given_nothing(tmp_path: Path) -> None:
    node = helper.make_node(
        "FeatureVectorizer", ["x", "x"], ["y"], domain="ai.onnx.ml", inputdimensions=[2, 2]
    )
    made = model([node], [value("x", ["n", 2])], [value("y", ["n", 4])], ai__onnx__ml=3)
    servable = load(put(made, tmp_path))
    assert servable.run("serving_default", {"x": np.ones((3, 2), np.float32)})["y"].shape == (3, 4)
    with pytest.raises(InvalidRequest, match="nothing is left of it"):
        servable.run("serving_default", {"x": np.ones((0, 2), np.float32)})


def test_what_a_loop_hands_on_is_no_constant_of_that_name_around_it(tmp_path: Path) -> None:
    body = helper.make_graph(
        [helper.make_node("Div", ["x", "k"], ["y"]), helper.make_node("Identity", ["go"], ["on"])],
        "body",
        [value("i", [], INT64), value("go", [], TensorProto.BOOL), value("k", ["n"], INT64)],
        [value("on", [], TensorProto.BOOL), value("y", ["n"], INT64)],
    )
    nodes = [
        helper.make_node("Loop", ["times", "", "by"], ["z"], body=body),
        helper.make_node("Div", ["x", "k"], ["half"]),
    ]
    inputs = [value("times", [], INT64), value("x", ["n"], INT64), value("by", ["n"], INT64)]
    constants = [helper.make_tensor("k", INT64, [1], [2])]
    made = model(nodes, inputs, [value("z", None, INT64), value("half", None, INT64)], constants)
    with pytest.raises(LoadError, match="Div in a loop or branch by what is no constant"):
        load(put(made, tmp_path))


def test_lines_that_are_told_apart_and_have_no_elements(tmp_path: Path) -> None:
    servable = load(put(one("Unique", value("x", ["n", "m"]), axis=0), tmp_path))
    assert servable.run("serving_default", {"x": np.ones((3, 2), np.float32)})["y"].shape == (1, 2)
    with pytest.raises(InvalidRequest, match="nothing is left of it"):
        servable.run("serving_default", {"x": np.ones((3, 0), np.float32)})
    free = load(put(one("Unique", value("x", ["n", "m"])), tmp_path / "free"))
    assert free.run("serving_default", {"x": np.ones((3, 0), np.float32)})["y"].shape == (0,)


def test_a_quantized_attention_that_is_given_nothing(tmp_path: Path) -> None:
    constants = [
        helper.make_tensor("s", TensorProto.FLOAT, [], [1.0]),
        helper.make_tensor("z", TensorProto.UINT8, [], [0]),
        helper.make_tensor("w", TensorProto.UINT8, [4, 12], [1] * 48),
        helper.make_tensor("b", TensorProto.FLOAT, [12], [0.0] * 12),
    ]
    names = ["x", "w", "b", "s", "s", "", "z", "z"]
    node = helper.make_node("QAttention", names, ["y"], domain="com.microsoft", num_heads=1)
    inputs = [value("x", ["n", "steps", 4], TensorProto.UINT8)]
    made = model([node], inputs, [value("y", None)], constants, com__microsoft=1)
    servable = load(put(made, tmp_path))
    fed = {"x": np.ones((2, 3, 4), np.uint8)}
    assert servable.run("serving_default", fed)["y"].shape == (2, 3, 4)
    with pytest.raises(InvalidRequest, match="nothing is left of it"):
        servable.run("serving_default", {"x": np.ones((0, 3, 4), np.uint8)})


def test_a_spectrum_without_a_window(tmp_path: Path) -> None:
    inputs = [
        value("x", [1, "n", 1]),
        value("step", [], INT64),
        value("window", ["k"]),
        value("length", [], INT64),
    ]
    servable = load(put(one("STFT", *inputs), tmp_path))
    x = np.ones((1, 8, 1), np.float32)
    step = np.array(2)
    for window, length, fits in [(4, 4, True), (0, 4, False), (4, 0, False), (0, 0, False)]:
        fed = {"x": x, "step": step, "window": np.ones(window, np.float32)}
        fed["length"] = np.array(length)
        if fits:
            assert servable.run("serving_default", fed)["y"].shape == (1, 3, 3, 2)
        else:
            with pytest.raises(InvalidRequest, match="nothing is left of it"):
                servable.run("serving_default", fed)


def test_weights_that_a_caller_gives_without_a_size(tmp_path: Path) -> None:
    servable = load(put(_several("Conv", list("abcd"), list("efgh")), tmp_path))
    x = np.ones((1, 4, 5, 5), np.float32)
    weights = np.ones((2, 4, 1, 1), np.float32)
    assert servable.run("serving_default", {"x0": x, "x1": weights})["y"].shape == (1, 2, 5, 5)
    for given in (x, x[:, :, :0, :0]):
        with pytest.raises(InvalidRequest, match="nothing is left of it"):
            servable.run("serving_default", {"x0": given, "x1": weights[:, :, :0, :0]})


def test_a_convolution_with_weights_of_its_own_is_left_as_it_is() -> None:
    weights = helper.make_tensor("w", TensorProto.FLOAT, [2, 4, 1, 1], [1.0] * 8)
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    inputs = [value("x", ["n", 4, "h", "v"]), value("w", [2, 4, 1, 1])]
    content = model([node], inputs, [value("y", None)], [weights]).SerializeToString()
    assert guarded(content) is content


def test_in_a_branch_it_cannot_be_seen_to(tmp_path: Path) -> None:
    whole = recurrent("GRU", 3, ["steps", "rows", 3], SAME)
    branches: dict[str, Any] = {
        name: helper.make_graph(
            [helper.make_node("GRU", ["x", "w", "r"], ["out"], hidden_size=2)],
            name,
            [],
            [value("out", None)],
        )
        for name in ("then_branch", "else_branch")
    }
    made = model(
        [helper.make_node("If", ["which"], ["y"], **branches)],
        [value("which", [], TensorProto.BOOL), value("x", ["a", "b", 3])],
        [value("y", None)],
        list(whole.graph.initializer),
    )
    with pytest.raises(LoadError, match=r"GRU in a loop or branch \(where it is given nothing"):
        load(put(made, tmp_path))


def test_a_guarded_model_is_otherwise_the_same() -> None:
    made = recurrent("LSTM", 4, ["steps", "rows", 3], SAME)
    content = made.SerializeToString()
    changed = onnx.ModelProto.FromString(guarded(content))
    before = [node.op_type for node in made.graph.node]
    assert [node.op_type for node in changed.graph.node] == [
        *before[:-1],
        *("Shape", "Div", "Mul", "Reshape"),
        "LSTM",
    ]
    assert list(changed.graph.node[-1].input) == ["horngate.guard.1", "w", "r"]
    changed.graph.ClearField("node")
    made.graph.ClearField("node")
    assert changed == made
    assert guarded(scaled().SerializeToString()) == scaled().SerializeToString()


def test_a_compiled_form_is_guarded_as_well(tmp_path: Path) -> None:
    made = recurrent("LSTM", 4, ["steps", "rows", 3], SAME)
    (tmp_path / "form").write_bytes(made.SerializeToString())
    signature = Signature(
        "s",
        {"x": TensorSpec("x", DType.FLOAT32, (None, None, 3))},
        {"y": TensorSpec("y", DType.FLOAT32, (None, 1, None, 2))},
    )
    form = CompiledSignature(signature, "form", "", 1e-4, 1e-5, 0.0, (1,))
    servable = OnnxServable.of(tmp_path, {"s": form})
    with pytest.raises(InvalidRequest, match="nothing is left of it on the way"):
        servable.run("s", {"x": np.ones((2, 0, 3), np.float32)})
