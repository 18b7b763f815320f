"""Serialized ``tf.Example``s that a graph can parse, made up from the features that it asks for.

A signature that parses them refuses every other text, so that without these nothing could be found
out about it. This module reads a graph's definition and runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import tensorflow as tf

ROWS: Final = 6
FREE_SIZE: Final = 2
_WORDS: Final = (b"horn", b"gate", b"ivory", b"", b"two words", b"7")


def made_up_examples(graph: tf.compat.v1.GraphDef) -> list[bytes]:
    """``ROWS`` examples with every feature that any operation of ``graph`` parses; [] for none."""
    features: dict[bytes, tuple[int, int]] = {}
    scopes = [graph.node, *(function.node_def for function in graph.library.function)]
    for nodes in scopes:
        features.update(_features(nodes))
    if not features:
        return []
    return [_example(features, np.random.default_rng(seed)) for seed in range(ROWS)]


def _features(nodes: Iterable[Any]) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """(name, (dtype, number of values)) of what is parsed."""
    by_name = {node.name: node for node in nodes}
    for node in by_name.values():
        if node.op == "ParseExampleV2":
            sparse, dense = (_texts(by_name, node.input[index]) for index in (2, 3))
        elif node.op == "ParseExample":
            number = node.attr["Nsparse"].i
            keys = [text for name in node.input[2:] for text in _texts(by_name, name)[:1]]
            sparse, dense = keys[:number], keys[number : number + node.attr["Ndense"].i]
        else:
            continue
        for name, dtype in zip(sparse, node.attr["sparse_types"].list.type, strict=False):
            yield name, (dtype, 1)
        shapes = [
            int(np.prod([FREE_SIZE if dim.size < 0 else dim.size for dim in shape.dim]))
            for shape in node.attr["dense_shapes"].list.shape
        ]
        types = node.attr["Tdense"].list.type
        for name, dtype, size in zip(dense, types, shapes, strict=False):
            yield name, (dtype, size)


def _texts(nodes: dict[str, Any], name: str) -> list[bytes]:
    """The texts of the constant ``name``; none where it is something else."""
    node = nodes.get(name.partition(":")[0])
    if node is None or node.op != "Const" or node.attr["value"].tensor.dtype != tf.string:
        return []
    texts: list[bytes] = tf.make_ndarray(node.attr["value"].tensor).ravel().tolist()
    return texts


def _example(features: dict[bytes, tuple[int, int]], rng: np.random.Generator) -> bytes:
    example = tf.train.Example()
    for name, (dtype, size) in features.items():
        feature = example.features.feature[name.decode()]
        if dtype == tf.float32:
            feature.float_list.value.extend(rng.random(size).tolist())
        elif dtype == tf.int64:
            feature.int64_list.value.extend(rng.integers(0, 2, size).tolist())
        else:
            feature.bytes_list.value.extend(rng.choice(np.array(_WORDS, object), size).tolist())
    serialized: bytes = example.SerializeToString(deterministic=True)
    return serialized
