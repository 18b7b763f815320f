from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from horngate.builder.build import GOLDEN_DIGITS, build
from horngate.builder.digits import Digits, Part, load_digits
from horngate.builder.recipes import MNIST_CNN, MNIST_FUSION, Recipe
from horngate.builder.report import BEGIN, END
from horngate.builder.training import train
from horngate.cli.main import main
from horngate.errors import ConfigError
from horngate.store.annotations import RECORD
from horngate.store.goldens import read_goldens
from horngate.store.manifest import read_provenance, verify_checksums
from tests.conftest import Command

RECIPES = (MNIST_CNN, MNIST_FUSION)
CARD = f"# a card\n\n{BEGIN}\nold\n{END}\n"


def data(path: Path, *, noise: bool) -> Path:
    """2,000 made-up digits: noise, or a spot that lies elsewhere for each digit."""
    rng = np.random.default_rng(5)
    images = rng.integers(0, 256 if noise else 40, (2000, 28, 28)).astype(np.uint8)
    labels = rng.integers(0, 10, 2000)
    for image, label in zip(images, labels, strict=True):
        if not noise:
            top, left = 3 + 8 * (label // 4), 1 + 7 * (label % 4)
            image[top : top + 5, left : left + 5] = 255
    np.savez(path, x=images, y=labels)
    return path


@pytest.fixture(scope="module")
def spots(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    path = data(tmp_path_factory.mktemp("data") / "spots.npz", noise=False)
    return load_digits(str(path), seed=1)


def model_folder(repository: Path, name: str, floor: float) -> Path:
    folder = repository / name
    folder.mkdir(parents=True)
    (folder / "model.toml").write_text(f"[build.floors]\naccuracy = {floor}\n")
    (folder / "README.md").write_text(CARD)
    return folder


def first_of(part: Part, count: int) -> Part:
    return Part(part.images[:count], part.labels[:count])


class Built:
    """A reference model trained for one epoch and published."""

    def __init__(self, recipe: Recipe, repository: Path, digits: Digits) -> None:
        self.recipe = recipe
        self.folder = model_folder(repository, recipe.name, 0.0)
        self.said: list[str] = []
        self.published = build(recipe, repository, digits, seed=1, epochs=1, say=self.said.append)


@pytest.fixture(scope="module", params=RECIPES, ids=lambda recipe: recipe.name)
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, spots: Digits
) -> Built:
    return Built(request.param, tmp_path_factory.mktemp("models"), spots)


def test_a_model_at_its_floor_is_published_whole(built: Built) -> None:
    assert (built.published.version, built.published.folder) == (1, built.folder / "1")
    assert verify_checksums(built.published.folder)
    golden = read_goldens(built.published.folder)["serving_default"]
    assert list(golden.outputs) == ["probabilities"]
    assert golden.outputs["probabilities"].shape == (GOLDEN_DIGITS, 10)
    inputs = {"mnist_cnn": ["image"], "mnist_fusion": ["context", "image"]}[built.recipe.name]
    assert sorted(golden.inputs) == inputs
    record = json.loads((built.published.folder / RECORD).read_text("utf-8"))["serving_default"]
    assert record["labels"] == {"probabilities": list("0123456789")}
    assert record["activations"] == {"probabilities": "softmax"}
    assert record["pictures"].keys() == {"image"}
    assert record["pictures"]["image"]["high"] == 1
    assert not built.published.notes[0].endswith("--pixels 0..255")


def test_it_is_recorded_what_it_learned_from_and_how_well(built: Built) -> None:
    recorded = read_provenance(built.published.folder)
    assert (recorded["data"], recorded["seed"], recorded["epochs"]) == ("spots.npz", 1, 1)
    assert recorded["training_digits"] == 875
    assert recorded["accuracies"].keys() == built.recipe.scenarios.keys()


def test_samples_are_pictures_that_the_model_reads(built: Built) -> None:
    samples = built.folder / "samples"
    pictures = sorted(samples.glob("*.png"))
    assert pictures
    for path in pictures:
        with Image.open(path) as picture:
            assert (picture.size, picture.mode) == ((28, 28), "L")
    contexts = sorted(samples.glob("*.json"))
    if built.recipe is MNIST_FUSION:
        assert [path.stem for path in contexts] == [path.stem for path in pictures]
        for path in contexts:
            assert sum(json.loads(path.read_text())) == pytest.approx(1, abs=1e-3)
    else:
        assert not contexts


def test_curves_and_confusion_are_drawn(built: Built) -> None:
    for name in ("training", "confusion"):
        with Image.open(built.folder / "report" / f"{name}.png") as picture:
            assert picture.width > 200
            assert np.asarray(picture.convert("L")).std() > 10, "not an empty page"


def test_the_cards_figures_are_those_of_the_build(built: Built) -> None:
    card = (built.folder / "README.md").read_text()
    accuracy = read_provenance(built.published.folder)["accuracies"]["accuracy"]
    assert card.startswith("# a card")
    assert f"| accuracy | **{accuracy:.3f}** |" in card
    assert "| judged on | 1000 held-out test digits |" in card
    assert "old" not in card


def test_a_build_says_what_it_does(built: Built) -> None:
    name = built.recipe.name
    assert built.said[0] == (
        f"{name}: training on 875 digits, 125 for validation, 1000 held out (spots.npz)"
    )
    for metric, accuracy in read_provenance(built.published.folder)["accuracies"].items():
        floor = ", floor 0.0" if metric == "accuracy" else ""
        assert f"{name}: {metric.replace('_', ' ')} {accuracy:.4f}{floor}" in built.said
    assert built.said[-2].startswith(f"{name}: version 1 published after")
    assert built.said[-1].startswith(f"{name}: version 1 compiled to ONNX, largest difference ")


def test_without_floors_nothing_is_trained(spots: Digits, tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(ConfigError, match=r"model\.toml: expected the model's settings"):
        build(MNIST_CNN, tmp_path, spots, seed=1, epochs=1, say=said.append)
    assert not said


def test_below_its_floor_a_model_is_refused_with_the_figure_and_nothing_is_written(
    tmp_path: Path, horngate: Command
) -> None:
    noise = data(tmp_path / "noise.npz", noise=True)
    folder = model_folder(tmp_path, "mnist_cnn", 0.965)
    arguments = ("--models", tmp_path, "--data", noise, "--epochs", 1)
    status, _, err = horngate("build", "mnist_cnn", *arguments)
    assert status == 1
    refusal = (
        r"horngate build: mnist_cnn: not published: accuracy is 0\.[01]\d{3} on .* "
        r"expected at least 0\.965"
    )
    assert re.search(refusal, err)
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "model.toml"]
    assert (folder / "README.md").read_text() == CARD


def test_a_model_that_has_a_version_is_left_alone_when_asked_to(tmp_path: Path) -> None:
    for recipe in RECIPES:
        (model_folder(tmp_path, recipe.name, 0.5) / "1").mkdir()
    assert main(["build", "--if-missing", "--models", str(tmp_path), "--data", "none.npz"]) == 0
    assert main(["build", "--models", str(tmp_path), "--data", "none.npz"]) == 1


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_the_same_seed_gives_the_same_weights(recipe: Recipe, spots: Digits) -> None:
    few = Digits(first_of(spots.train, 150), first_of(spots.validation, 50), spots.test, "few")
    first, again, other = (train(recipe, few, seed, 2) for seed in (1, 1, 2))
    for left, right in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
        assert np.array_equal(left, right)
    assert first.history == again.history
    assert first.accuracies == again.accuracies
    assert first.history != other.history
    of_each_digit = np.bincount(spots.test.labels, minlength=10)
    assert np.array_equal(first.confusion.sum(axis=1), of_each_digit)
    right = np.trace(first.confusion) / len(spots.test)
    assert first.accuracies["accuracy"] == pytest.approx(right)
