"""Operations that trust the values that callers send: refused, but for a length that is known."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from horngate.errors import LoadError
from horngate.runtimes.savedmodel import SavedModelRuntime
from tests.integration.runtimes.hostile import traced

ops = tf.raw_ops


def crops(x: Any) -> Any:
    return ops.CropAndResize(
        image=tf.ones([1, 4, 4, 1]), boxes=tf.reshape(x, [-1, 4]), box_ind=[0], crop_size=[3, 3]
    )


def draws(x: Any) -> Any:
    png = ops.EncodePng(image=tf.cast(tf.reshape(x, [-1, 1, 1]), tf.uint8))
    return tf.cast(tf.strings.length(png), tf.float32)


def backwards(x: Any) -> Any:
    return tf.signal.irfft(tf.cast(x, tf.complex64))


def forwards_as_told(x: Any) -> Any:
    return tf.abs(tf.signal.rfft(tf.ones([4]), tf.cast(x, tf.int32)))


def counts(x: Any) -> Any:
    return ops.RandomPoissonV2(shape=[2], rate=x)


def tries(x: Any) -> Any:
    return ops.StatelessRandomBinomial(shape=[2], seed=[1, 2], counts=x[0], probs=0.5)


def factors(x: Any) -> Any:
    return ops.Cholesky(input=tf.reshape(x, [-1, 2, 2]))


def singular(x: Any) -> Any:
    return ops.Svd(input=tf.reshape(x, [-1, 2, 2]), compute_uv=False)[0]


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (crops, "CropAndResize (does not check the values"),
        (draws, "EncodePng (does not check the values"),
        (backwards, "IRFFT (ends the process for a length of 0"),
        (forwards_as_told, "RFFT (ends the process for a length of 0"),
        (counts, "RandomPoissonV2 (does not check the values"),
        (tries, "StatelessRandomBinomial (does not check the values"),
        (factors, "Cholesky (gives memory that nobody has written)"),
        (singular, "Svd (gives memory that nobody has written)"),
    ],
)
def test_what_trusts_a_callers_values_is_refused(
    tmp_path: Path, make: Callable[[Any], Any], what: str
) -> None:
    with pytest.raises(LoadError) as refused:
        SavedModelRuntime().load(traced(make).save(tmp_path / "1"))
    assert what in str(refused.value)


TRUSTED = """
import sys
from pathlib import Path
import numpy as np
from horngate.runtimes.savedmodel import SavedModelRuntime
servable = SavedModelRuntime(trust_operations=True).load(Path(sys.argv[1]))
servable.run("serving_default", {"x": np.array(eval(sys.argv[2]), np.float32)})
"""


@pytest.mark.parametrize(
    ("make", "sent"),
    [(crops, "[1e30, -1e30, 3e38, 3e38]"), (draws, "[]"), (backwards, "[]")],
)
def test_one_request_would_end_the_process(
    tmp_path: Path, make: Callable[[Any], Any], sent: str
) -> None:
    """The models above are no straw men."""
    folder = traced(make).save(tmp_path / "1")
    run = subprocess.run(
        [sys.executable, "-c", TRUSTED, str(folder), sent],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        check=False,
    )
    assert run.returncode < 0


@pytest.mark.parametrize(
    "make",
    [
        lambda x: tf.abs(tf.signal.rfft(x)),
        lambda x: tf.abs(tf.signal.rfft(x, [4])),
        lambda x: tf.signal.irfft(tf.cast(x, tf.complex64), [4]),
        lambda x: tf.abs(tf.signal.stft(x, 4, 2)),
    ],
    ids=["of its own length", "of a length that is known", "back to one", "of frames"],
)
def test_a_transform_of_a_known_length_is_served(
    tmp_path: Path, make: Callable[[Any], Any]
) -> None:
    servable = SavedModelRuntime().load(traced(make).save(tmp_path / "1"))
    for rows in (0, 1, 9):
        servable.run("serving_default", {"x": np.ones(rows, np.float32)})
    servable.close()
