"""What a build is held against, and says of itself: floors, two pictures, the card's figures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from horngate.config.model_file import BUILDERS_TABLE, read_toml
from horngate.errors import ConfigError, PublishError
from horngate.tensors import Array

mpl.use("Agg")
from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from horngate.builder.training import Trained

BEGIN: Final = "<!-- figures: written by horngate build -->"
END: Final = "<!-- /figures -->"


def read_floors(path: Path) -> dict[str, float]:
    """The accuracies below which a model is not published: ``[build.floors]`` of a ``model.toml``.

    Raises:
        ConfigError: the file, the table or a number is missing: nothing is published unjudged.
    """
    if not path.is_file():
        raise ConfigError(
            f"{path}: expected the model's settings with a table [{BUILDERS_TABLE}.floors]; there "
            "is no such file"
        )
    settings = read_toml(path).get(BUILDERS_TABLE)
    table = settings.get("floors") if isinstance(settings, dict) else None
    if not isinstance(table, dict) or not table:
        raise ConfigError(f"{path}: [{BUILDERS_TABLE}.floors]: expected an accuracy for a metric")
    floors: dict[str, float] = {}
    for metric, floor in table.items():
        if isinstance(floor, bool) or not isinstance(floor, int | float) or not 0 <= floor <= 1:
            raise ConfigError(
                f"{path}: [{BUILDERS_TABLE}.floors]: {metric}: expected a number from 0 to 1, "
                f"received {floor!r}"
            )
        floors[metric] = float(floor)
    return floors


def hold_against(floors: Mapping[str, float], accuracies: Mapping[str, float], name: str) -> None:
    """Refuse a model that does worse than a floor.

    Raises:
        PublishError: with the figure, for the first metric that is below its floor.
        ConfigError: a floor for a metric that the model does not have.
    """
    for metric, floor in floors.items():
        if metric not in accuracies:
            raise ConfigError(
                f"{name}: floor {metric!r}: expected one of {', '.join(sorted(accuracies))}"
            )
        if accuracies[metric] < floor:
            raise PublishError(
                f"{name}: not published: {metric} is {accuracies[metric]:.4f} on the held-out "
                f"digits, expected at least {floor}; train longer (--epochs) or on more data "
                "(--data), or lower the floor in model.toml if that is meant"
            )


def write_report(folder: Path, trained: Trained, figures: Mapping[str, str]) -> None:
    """Draw ``report/`` in the model's ``folder`` and bring its card's figures up to date.

    Args:
        folder: the model's folder in the repository.
        trained: what was trained.
        figures: rows of the card's table, in order.
    """
    report = folder / "report"
    report.mkdir(parents=True, exist_ok=True)
    _draw_curves(trained.history, report / "training.png")
    _draw_confusion(trained.confusion, report / "confusion.png")
    card = folder / "README.md"
    if card.is_file():
        card.write_text(with_figures(card.read_text("utf-8"), figures), "utf-8")


def with_figures(card: str, figures: Mapping[str, str]) -> str:
    """``card`` with the table between its two marks made anew.

    Raises:
        PublishError: the marks are not there.
    """
    rows = "\n".join(f"| {name} | {value} |" for name, value in figures.items())
    block = f"{BEGIN}\n\n| | |\n|---|---|\n{rows}\n\n{END}"
    changed, count = re.subn(
        f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: block, card, flags=re.DOTALL
    )
    if count != 1:
        raise PublishError(f"the model's card: expected one block {BEGIN} … {END}")
    return changed


def _draw_curves(history: Mapping[str, list[float]], path: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    for axis, metric in ((left, "loss"), (right, "accuracy")):
        epochs = np.arange(1, len(history[metric]) + 1)
        axis.plot(epochs, history[metric], label="training (augmented)")
        axis.plot(epochs, history[f"val_{metric}"], label="validation")
        axis.set(xlabel="epoch", title=metric)
        axis.grid(visible=True, alpha=0.3)
    left.legend()
    _save(figure, path)


def _draw_confusion(confusion: Array, path: Path) -> None:
    figure, axis = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
    axis.imshow(np.log1p(confusion), cmap="Blues")
    for row, column in np.ndindex(confusion.shape):
        count = int(confusion[row, column])
        if count:
            colour = "white" if row == column else "black"
            axis.text(column, row, str(count), ha="center", va="center", fontsize=8, color=colour)
    axis.set(xticks=range(10), yticks=range(10), xlabel="answer", ylabel="label")
    axis.set_title("held-out test digits")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    # Without the software's version in it, the same figures give the same file.
    figure.savefig(path, dpi=90, metadata={"Software": None})
    plt.close(figure)
