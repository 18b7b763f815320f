"""SavedModels as TensorFlow writes them, of one function each, and what they answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.servable import Files
from horngate.tensors import Array

Function = Callable[[tf.Tensor], tf.Tensor]
FLOATS = tf.TensorSpec([None], tf.float32, "x")


def answering(
    folder: Path, function: Function, module: Any = None, spec: tf.TensorSpec = FLOATS
) -> Path:
    """A SavedModel whose ``y`` is ``function`` of what ``spec`` says; ``module`` has its state."""
    module = module or tf.Module()
    module.answer = tf.function(lambda given: {"y": function(given)}, input_signature=[spec])
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.answer})
    return folder


def doubling(folder: Path, factor: float = 2.0) -> Path:
    """One with a variable that answers ``factor`` times ``x``."""
    module = tf.Module()
    module.variable = tf.Variable(factor, name="v")
    return answering(folder, lambda x: x * module.variable, module)


def looked_up(file: Any) -> tf.lookup.StaticHashTable:
    """A table of the lines of ``file``, by their numbers; -1 for what is no line of it."""
    lines = tf.lookup.TextFileInitializer(
        file,
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    return tf.lookup.StaticHashTable(lines, -1)


def with_a_vocabulary(folder: Path) -> Path:
    """One that looks up ``word`` among the two words of its asset."""
    words = folder.parent / "words.txt"
    words.write_text("horn\nivory\n")
    module = tf.Module()
    module.table = looked_up(tf.saved_model.Asset(str(words)))
    return answering(folder, module.table.lookup, module, tf.TensorSpec([None], tf.string, "word"))


def answered(
    folder: Path,
    runtime: SavedModelRuntime | None = None,
    files: Files | None = None,
    **inputs: Array,
) -> Any:
    """``y`` of a version that is loaded, asked once, and closed."""
    servable = (runtime or SavedModelRuntime()).load(folder, files=files)
    try:
        return servable.run("serving_default", inputs)["y"].tolist()
    finally:
        servable.close()
