"""What is where in a model repository: paths and names, nothing of their content.

models/
  mnist_fusion/            a model
    model.toml             its settings
    1/                     a version: a SavedModel
    .staging-3f9c/         a version being written; never looked at
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from horngate.errors import ConfigError

SETTINGS_FILE: Final = "model.toml"
STAGING_PREFIX: Final = ".staging-"
MODEL_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}")
VERSION_NAME: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


def check_model_name(name: str) -> str:
    """``name``, where it may be a model's.

    Raises:
        ConfigError: it could be read as a path, or peers would refuse it.
    """
    if not MODEL_NAME.fullmatch(name):
        raise ConfigError(
            "name: expected letters, digits, '_', '-' and '.', at most 128 and none of the last "
            f"two first; received {name!r}"
        )
    return name


def model_folders(root: Path) -> dict[str, Path]:
    """The folders of ``root`` whose names may be models', whatever they hold.

    Raises:
        OSError: ``root`` cannot be read.
    """
    return {
        folder.name: folder
        for folder in sorted(root.iterdir())
        if MODEL_NAME.fullmatch(folder.name) and folder.is_dir()
    }


def version_folders(model: Path) -> dict[int, Path]:
    """The versions below ``model`` by number; leading zeros are fine, other names are not ours.

    Raises:
        OSError: ``model`` cannot be read.
    """
    return {
        int(folder.name): folder
        for folder in sorted(model.iterdir())
        if VERSION_NAME.fullmatch(folder.name) and folder.is_dir()
    }


def next_version(model: Path) -> int:
    """One more than the highest version on disk; 1 where there is none."""
    return max(version_folders(model), default=0) + 1 if model.is_dir() else 1
