"""What is where in a model repository: paths and names, nothing of their content.

models/
  mnist_fusion/            a model
    model.toml             its settings; as Triton has them in config.pbtxt
    1/                     a version: a SavedModel, or a model.onnx
    .staging-3f9c/         a version being written; never looked at
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import stat
from pathlib import Path
from typing import Final

from horngate.errors import ConfigError, PublishError

SETTINGS_FILE: Final = "model.toml"
TRITON_FILE: Final = "config.pbtxt"
TRITON_WARM_UP: Final = "warmup"
"""Triton's folder of a model for what it is warmed up with."""

SAVED_MODEL: Final = ("saved_model.pb", "saved_model.pbtxt")
PLAIN: Final = "model.onnx"
STAGING_PREFIX: Final = ".staging-"
_TRITONS: Final = "model.savedmodel"
MOST_ENTRIES: Final = 10_000
"""Of a model's folder: a look at one takes no longer than that."""

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

    One may be a link: ``root`` is the operator's to arrange. One that cannot be looked at is named
    too, and hides no other.

    Raises:
        OSError: ``root`` cannot be read.
    """
    return {
        folder.name: folder
        for folder in sorted(root.iterdir())
        if MODEL_NAME.fullmatch(folder.name) and _may_be_folder(folder)
    }


def _may_be_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return True  # whoever reads it is told why not


def version_folders(model: Path) -> dict[int, Path]:
    """The versions below ``model`` by number; leading zeros are fine, other names are not ours.

    A link is named as a version, so that it is refused as one and not passed over; where a folder
    has the same number, that is the version.

    Raises:
        OSError: ``model`` cannot be read, or holds more than ``MOST_ENTRIES``.
    """
    found: dict[int, Path] = {}
    with os.scandir(model) as entries:
        listed = list(itertools.islice(entries, MOST_ENTRIES + 1))
    if len(listed) > MOST_ENTRIES:
        raise OSError(errno.E2BIG, f"expected at most {MOST_ENTRIES} entries, received more", model)
    # Links first, and of two folders for one number the plain one last.
    for entry in sorted(listed, key=lambda each: (not each.is_symlink(), each.name)):
        if VERSION_NAME.fullmatch(entry.name) and (
            entry.is_symlink() or entry.is_dir(follow_symlinks=False)
        ):
            found[int(entry.name)] = _inner(model / entry.name, entry.is_symlink())
    return dict(sorted(found.items()))


def _inner(version: Path, is_link: bool) -> Path:
    """Where the files of a version are: as Triton has it, they may be in a folder of it."""
    for inner in () if is_link else (version / _TRITONS, version / PLAIN):
        with contextlib.suppress(OSError):
            if stat.S_ISDIR(inner.lstat().st_mode):
                return inner
    return version


def is_plain(version: Path) -> bool:
    """Whether the version is a plain ONNX model: one beside a SavedModel is nobody's."""
    return (version / PLAIN).is_file() and not any(
        (version / name).exists() for name in SAVED_MODEL
    )


def next_version(model: Path) -> int:
    """One more than the highest version on disk; 1 where there is none."""
    return max(version_folders(model), default=0) + 1 if model.is_dir() else 1


def check_version_is_free(model: Path, version: int | None) -> None:
    """Hold that ``version`` may be the next one's number, if it is one.

    Raises:
        PublishError: it is no version's number, or there is one of it, under leading zeros either.
    """
    if version is None:
        return
    named = version > 0 and VERSION_NAME.fullmatch(str(version))
    if not named or (model.is_dir() and version in version_folders(model)):
        raise PublishError(
            f"version: expected a number above 0 that {model.name!r} does not have yet, received "
            f"{version}; leave it out to take the next one"
        )
