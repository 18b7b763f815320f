"""Triton's ``model_warmup``: requests to replay before a version goes live.

Each tensor is made up, or lies in a file of the model's folder as ModelInfer has it raw. What is
told of them is the model's ``config.pbtxt``'s, which ``config/triton_file.py`` reads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from horngate.errors import LoadError
from horngate.lifecycle.declared import Declared, Sample, default_signature
from horngate.lifecycle.warm_up import Recorded
from horngate.protocols.elements import MalformedTensor, element_count
from horngate.protocols.oip.tensor import from_raw
from horngate.store.cost import MADE_UP_BYTES
from horngate.store.files import VersionFiles
from horngate.store.layout import TRITON_FILE
from horngate.tensors import STRING_BYTES, Array, DType, Signature

_TEXT: Final = b"warm-up"


def read_samples(declared: Declared, signatures: Mapping[str, Signature]) -> Iterator[Recorded]:
    """The requests that ``declared`` tells of, of at most ``MADE_UP_BYTES`` all told.

    What is made up is always the same. Each has as many rows as its batch, all of them the same,
    and the shapes of the model itself.

    Raises:
        LoadError: a file that is missing, no regular file or of another length, or too much.
    """
    generator = np.random.default_rng(0)
    left = MADE_UP_BYTES
    for warm_up in declared.warm_ups:
        where = f"{TRITON_FILE}: model_warmup {warm_up.name!r}"
        inputs: dict[str, Array] = {}
        for sample in warm_up.inputs:
            left -= _bytes(sample)
            if left < 0:
                raise LoadError(
                    f"{where}: input {sample.name!r}: expected at most {MADE_UP_BYTES} bytes in "
                    "all of model_warmup, received more; give smaller dims or fewer of them"
                )
            shape = sample.shape if sample.rows is None else (sample.rows, *sample.shape)
            try:
                element_count(shape, sample.dtype)
                row = _row(sample, generator)
            except (LoadError, MalformedTensor) as error:
                raise LoadError(f"{where}: input {sample.name!r}: {error}") from error
            inputs[sample.name] = np.broadcast_to(row, shape).copy()
        signature = default_signature(signatures)
        yield Recorded(where, signature.name, inputs, warm_up.times)


def _bytes(sample: Sample) -> int:
    size = STRING_BYTES if sample.dtype is DType.STRING else sample.dtype.numpy.itemsize
    return size * math.prod(sample.shape) * max(1, sample.rows or 1)


def _row(sample: Sample, generator: np.random.Generator) -> Array:
    """One row of it, or all where there are no rows."""
    shape, dtype = sample.shape, sample.dtype
    if sample.file is not None:
        content = VersionFiles(sample.file.parent).read(sample.file.name, MADE_UP_BYTES)
        return from_raw(content, dtype, math.prod(shape), shape)
    if dtype is DType.STRING:
        return np.full(shape, _TEXT if sample.random else b"", object)
    if not sample.random:
        return np.zeros(shape, dtype.numpy)
    if dtype.numpy.kind in "iub":
        return generator.integers(0, 2, shape).astype(dtype.numpy)
    return generator.random(shape).astype(dtype.numpy)
