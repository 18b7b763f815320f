"""Sample inputs beside a model: one digit of each kind, as files that a person can open."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from horngate.builder.recipe import Inputs
from horngate.builder.training import arranged
from horngate.tensors import Array


def write_samples(folder: Path, model: keras.Model, inputs: Inputs, labels: Array) -> None:
    """Write ``samples/DIGIT.png``, and ``samples/DIGIT.json`` with the context where there is one.

    Of each digit the first test example that the model reads rightly.
    """
    samples = folder / "samples"
    samples.mkdir(parents=True, exist_ok=True)
    right = model.predict(arranged(inputs), batch_size=256, verbose=0).argmax(axis=1) == labels
    for digit in range(10):
        found = np.flatnonzero(right & (labels == digit))
        if not len(found):
            continue
        index = found[0]
        pixels = np.rint(inputs["image"][index, :, :, 0] * 255).astype(np.uint8)
        Image.fromarray(pixels).save(samples / f"{digit}.png", optimize=True)
        if "context" in inputs:
            context = [round(float(weight), 4) for weight in inputs["context"][index]]
            (samples / f"{digit}.json").write_text(json.dumps(context) + "\n", "utf-8")
