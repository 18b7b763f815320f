"""``horngate build``: train the reference models, judge them, publish them, report."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from PIL import Image

from horngate.builder.digits import Digits
from horngate.builder.publish import Published, Tell, publish_keras, tell_nobody
from horngate.builder.recipes import LABELS, PIXELS, Inputs, Recipe
from horngate.builder.report import hold_against, read_floors, write_report
from horngate.builder.training import Trained, arranged, train
from horngate.store.layout import SETTINGS_FILE
from horngate.tensors import Array

GOLDEN_DIGITS: Final = 16


def build(
    recipe: Recipe,
    repository: Path,
    digits: Digits,
    *,
    seed: int,
    epochs: int,
    say: Callable[[str], None],
    tell: Tell = tell_nobody,
) -> Published:
    """Train one reference model and publish it where it is good enough.

    What came of it is said in lines, each stage is told of as it begins.

    Raises:
        PublishError: an accuracy is below its floor; nothing is published then.
        ConfigError: the model's settings or floors are missing.
    """
    folder = repository / recipe.name
    floors = read_floors(folder / SETTINGS_FILE)
    say(
        f"{recipe.name}: training on {len(digits.train)} digits, {len(digits.validation)} for "
        f"validation, {len(digits.test)} held out ({digits.source})"
    )
    started = time.monotonic()
    trained = train(recipe, digits, seed, epochs, tell)
    seconds = time.monotonic() - started
    for metric, accuracy in trained.accuracies.items():
        floor = f", floor {floors[metric]}" if metric in floors else ""
        say(f"{recipe.name}: {metric.replace('_', ' ')} {accuracy:.4f}{floor}")
    hold_against(floors, trained.accuracies, recipe.name)
    judged_by = next(iter(recipe.scenarios.values()))
    inputs = judged_by(digits.test, np.random.default_rng([seed, 3]))
    published = publish_keras(
        trained.model,
        repository,
        recipe.name,
        inputs={name: array[:GOLDEN_DIGITS] for name, array in inputs.items()},
        provenance={
            "data": digits.source,
            "seed": seed,
            "accuracies": trained.accuracies,
            "training_digits": len(digits.train),
            "epochs": len(trained.history["loss"]),
        },
        image_input="image",
        pixels=PIXELS,
        labels=LABELS,
        tell=lambda stage, *more: tell(f"{recipe.name}: {stage}", *more),
    )
    tell(f"{recipe.name}: writing its report")
    write_samples(folder, trained.model, inputs, digits.test.labels)
    write_report(folder, trained, _figures(trained, digits, seed))
    say(f"{recipe.name}: version {published.version} published after {seconds:.0f} s of training")
    say(f"{recipe.name}: version {published.version} {published.compiled}")
    return published


def _figures(trained: Trained, digits: Digits, seed: int) -> dict[str, str]:
    figures: dict[str, Any] = {
        metric.replace("_", " "): f"**{accuracy:.3f}**"
        for metric, accuracy in trained.accuracies.items()
    }
    return figures | {
        "judged on": f"{len(digits.test)} held-out test digits",
        "trained on": f"{len(digits.train)} digits, augmented; {digits.source}",
        "epochs": str(len(trained.history["loss"])),
        "parameters": f"{trained.model.count_params():,}",
        "seed": str(seed),
    }


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
