"""The accuracy below which a reference model is not published: ``[build.floors]``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from horngate.config.model_file import BUILDERS_TABLE, read_toml
from horngate.errors import ConfigError, PublishError


def read_floors(path: Path) -> dict[str, float]:
    """The floors in the ``model.toml`` at ``path``, by metric.

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
