"""An answer is the caller's: no memory of another's, and none that changes later."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from horngate.runtimes.savedmodel import SavedModelRuntime
from tests.integration.runtimes.hostile import traced

SPEC = tf.TensorSpec([None], tf.float32, "x")
X = np.arange(64, dtype=np.float32)


def test_an_answer_is_not_the_memory_of_its_request(tmp_path: Path) -> None:
    """A request's bytes may be a region that its sender writes to, or a buffer that is reused."""
    servable = SavedModelRuntime().load(traced(lambda x: x).save(tmp_path))
    given = X.copy()
    answer = servable.run("serving_default", {"x": given})["y"]
    given[:] = -1
    assert answer.tolist() == X.tolist()
    assert not np.shares_memory(answer, given)
    servable.close()


def counting_in_place(x: Any) -> Any:
    """The variable of TensorFlow 1, which is changed where it stands."""
    count = tf.raw_ops.VariableV2(shape=[64], dtype=tf.float32, shared_name="count", name="count")
    tf.raw_ops.Assign(ref=count, value=tf.zeros([64]), name="first")
    with tf.control_dependencies([x]):
        return tf.raw_ops.AssignAdd(ref=count, value=tf.ones([64]))


def test_an_answer_does_not_change_with_the_variable_that_it_came_from(tmp_path: Path) -> None:
    model = traced(counting_in_place)
    model.meta.collection_def["legacy_init_op"].node_list.value.append("first")
    servable = SavedModelRuntime().load(model.save(tmp_path))
    first = servable.run("serving_default", {"x": X})["y"]
    second = servable.run("serving_default", {"x": X})["y"]
    assert (first.tolist(), second.tolist()) == ([1.0] * 64, [2.0] * 64)
    servable.close()


def test_an_answer_does_not_change_with_a_resource_variable(tmp_path: Path) -> None:
    module = tf.Module()
    module.count = tf.Variable(tf.zeros([64]))

    def count(x: Any) -> Any:
        before = module.count.read_value()
        with tf.control_dependencies([before]):
            module.count.scatter_add(tf.IndexedSlices(tf.reduce_max(x)[None] * 0 + 1, [0]))
        return {"y": before}

    module.answer = tf.function(count, input_signature=[SPEC])
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": module.answer})
    servable = SavedModelRuntime().load(tmp_path)
    answers = [servable.run("serving_default", {"x": X})["y"] for _ in range(4)]
    assert [answer[0] for answer in answers] == [0, 1, 2, 3]
    servable.close()


FILLED = 0xA5
"""What the allocator fills memory with that it gives, inverted, and that it takes back."""

UNWRITTEN = """
import numpy as np, tensorflow as tf
ops, v1 = tf.raw_ops, tf.compat.v1
def given(*shape):
    return v1.placeholder_with_default(np.random.rand(*shape).astype(np.float32), shape)
def numbers(*values):
    return v1.placeholder_with_default(np.array(values, np.int32), [len(values)])
def array():
    made = ops.TensorArrayV3(size=8, dtype=tf.float32, element_shape=[64])
    return ops.TensorArrayReadV3(
        handle=made.handle, index=2, flow_in=made.flow, dtype=tf.float32)
def elements():
    made = ops.TensorListReserve(
        element_shape=numbers(64), num_elements=8, element_dtype=tf.float32)
    return ops.TensorListStack(
        input_handle=made, element_shape=numbers(64), element_dtype=tf.float32)
def transformed(mode):
    return ops.ImageProjectiveTransformV3(
        images=given(1, 8, 8, 1), transforms=[[np.nan, 0, 0, 0, 1, 0, 0, 0]],
        output_shape=[16, 16], fill_value=0.0, interpolation="BILINEAR", fill_mode=mode)
def lstm(kind):
    return kind(
        seq_len_max=tf.constant(2, tf.int64), x=given(8, 4, 6), cs_prev=given(4, 5),
        h_prev=given(4, 5), w=given(11, 20), wci=given(5), wcf=given(5), wco=given(5), b=given(20))
MADE = {
    "Empty": lambda: ops.Empty(shape=numbers(64), dtype=tf.float32, init=False),
    "BlockLSTM": lambda: lstm(ops.BlockLSTM),
    "MatrixSolveLs": lambda: ops.MatrixSolveLs(
        matrix=given(0, 8), rhs=given(0, 8), l2_regularizer=tf.constant(0.0, tf.float64)),
    "ImageProjectiveTransformV3, an unknown mode": lambda: transformed("NONE"),
    "Cholesky, of what has none": lambda: ops.Cholesky(input=-given(8, 8)),
    "FakeParam": lambda: ops.FakeParam(dtype=tf.float32, shape=[64]),
    "Svd, without vectors": lambda: ops.Svd(input=given(8, 8), compute_uv=False)[1:],
    "Svd": lambda: ops.Svd(input=given(8, 8), compute_uv=True),
    "Empty, written": lambda: ops.Empty(shape=numbers(64), dtype=tf.float32, init=True),
    "SelfAdjointEigV2": lambda: ops.SelfAdjointEigV2(input=given(8, 8), compute_v=True)[1],
    "TensorArrayReadV3": array,
    "TensorListStack": elements,
    "DynamicStitch": lambda: ops.DynamicStitch(indices=[numbers(60)], data=[given(1)]),
    "ScatterNd": lambda: ops.ScatterNd(
        indices=[[900]], updates=[1.0], shape=numbers(64), bad_indices_policy="IGNORE"),
    "GatherNd": lambda: ops.GatherNd(
        params=given(64), indices=[[900]] * 64, bad_indices_policy="IGNORE"),
    "SparseToDense": lambda: ops.SparseToDense(
        sparse_indices=[3], output_shape=numbers(64), sparse_values=1.0, default_value=0.0),
    "SegmentSum": lambda: ops.SegmentSum(data=given(2, 64), segment_ids=numbers(1, 9)),
    "StridedSliceGrad": lambda: ops.StridedSliceGrad(
        shape=numbers(64), begin=[3], end=[4], strides=[1], dy=given(1)),
    "FusedBatchNormV3": lambda: ops.FusedBatchNormV3(
        x=given(0, 4, 4, 64), scale=given(64), offset=given(64), mean=given(0), variance=given(0),
        is_training=True),
    **{
        f"ImageProjectiveTransformV3, {mode}": lambda mode=mode: transformed(mode)
        for mode in ("CONSTANT", "REFLECT", "WRAP", "NEAREST")
    },
}
for name, make in MADE.items():
    with tf.Graph().as_default(), v1.Session() as session:
        tensors = [each for each in tf.nest.flatten(make()) if isinstance(each, tf.Tensor)]
        content = b"".join(array.tobytes() for array in session.run(tensors))
    if bytes([0x5A]) * 4 in content or bytes([0xA5]) * 4 in content:
        print(name)
"""


def test_which_operations_give_memory_that_nobody_has_written() -> None:
    """The first seven do, and are refused; of their neighbours on the list none does."""
    environment = os.environ | {"MALLOC_PERTURB_": str(FILLED), "TF_CPP_MIN_LOG_LEVEL": "3"}
    run = subprocess.run(
        [sys.executable, "-c", UNWRITTEN],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        "Empty",
        "BlockLSTM",
        "MatrixSolveLs",
        "ImageProjectiveTransformV3, an unknown mode",
        "Cholesky, of what has none",
        "FakeParam",
        "Svd, without vectors",
    ]
