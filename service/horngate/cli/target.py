"""``MODEL[:VERSION]`` on the command line: one version of a repository on disk."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

from horngate.errors import ModelNotFound, VersionNotFound, did_you_mean
from horngate.store.layout import (
    SETTINGS_FILE,
    VERSION_NAME,
    check_model_name,
    model_folders,
    version_folders,
)


class VersionOnDisk(NamedTuple):
    """A version's model, number and folder, and the file of the model's settings."""

    model: str
    number: int
    folder: Path
    settings: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the version and its repository."""
    parser.add_argument(
        "model", metavar="MODEL[:VERSION]", help="the model's name; its newest version by default"
    )
    parser.add_argument("--models", type=Path, default=Path("models"), help="the repository")


def find(repository: Path, wanted: str) -> VersionOnDisk:
    """The version that ``wanted`` names.

    Raises:
        ConfigError: no model can be called so.
        ModelNotFound, VersionNotFound: it is not in the repository; with what is.
    """
    name, colon, version = wanted.partition(":")
    folder = repository / check_model_name(name)
    if not folder.is_dir():
        there = model_folders(repository) if repository.is_dir() else {}
        hint = did_you_mean(name, there, otherwise="name the repository with --models")
        raise ModelNotFound(
            f"expected a model in {repository}, received {name!r}, which is not there; {hint}",
            model=name,
        )
    versions = version_folders(folder)
    known = ", ".join(map(str, sorted(versions))) or "none"
    if colon and not VERSION_NAME.fullmatch(version):
        raise ModelNotFound(
            f"expected MODEL or MODEL:NUMBER, received {wanted!r}; {name!r} has the versions "
            f"{known}",
            model=name,
        )
    number = int(version) if colon else max(versions, default=0)
    if number not in versions:
        raise VersionNotFound(
            f"expected a version of {name!r}, received {number if colon else 'none'}; it has the "
            f"versions {known}",
            model=name,
            version=number,
        )
    return VersionOnDisk(name, number, versions[number], folder / SETTINGS_FILE)
