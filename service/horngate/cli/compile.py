"""``horngate compile``: a compiled form for a version that somebody else made, or made anew."""

from __future__ import annotations

import argparse
from pathlib import Path

from horngate.cli.quiet import quiet_tensorflow
from horngate.errors import ModelNotFound, VersionNotFound
from horngate.repository.layout import VERSION_NAME, check_model_name, version_folders


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "model", metavar="MODEL[:VERSION]", help="the model's name; its newest version by default"
    )
    parser.add_argument("--models", type=Path, default=Path("models"), help="the repository")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compile, and say what became of it; 1 where TensorFlow is left to serve the version."""
    name, number, folder = _version(options.models, options.model)
    quiet_tensorflow()
    from horngate.builder.compile import compile_version  # noqa: PLC0415 - takes seconds
    from horngate.builder.measure import measure_version  # noqa: PLC0415 - the same

    record = compile_version(folder)
    print(f"{name}: version {number} {record}")
    curve = measure_version(folder, record)
    if curve is not None:
        print(f"{name}: best in batches of up to {curve.best} rows on this machine")
    return 1 if record.refused else 0


def _version(repository: Path, wanted: str) -> tuple[str, int, Path]:
    name, colon, version = wanted.partition(":")
    folder = repository / check_model_name(name)
    if not folder.is_dir():
        raise ModelNotFound(
            f"expected a model in {repository}, received {name!r}, which is not there; name the "
            "repository with --models",
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
    return name, number, versions[number]
