"""``horngate publish``: bring a trained model into a repository."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from horngate.cli.quiet import quiet_tensorflow
from horngate.errors import PublishError, printable


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("source", type=Path, help="a .keras file, or the folder of a SavedModel")
    parser.add_argument("--name", required=True, help="the model's name in the repository")
    parser.add_argument("--version", type=int, help="default: one more than the highest")
    parser.add_argument("--models", type=Path, default=Path("models"), help="the repository")
    parser.add_argument(
        "--no-compile", action="store_true", help="leave the model to TensorFlow alone"
    )
    parser.add_argument(
        "--trust-model-ops",
        action="store_true",
        help="take a model that reads or writes files, runs Python or reaches the network",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Publish and say where."""
    source: Path = options.source
    if not _readable(source):
        raise PublishError(f"{source}: expected a .keras file or a SavedModel folder; not found")
    quiet_tensorflow()
    from horngate.builder import publish  # noqa: PLC0415 - takes seconds

    put = (
        partial(publish.publish_saved_model, source)
        if source.is_dir()
        else partial(publish.publish_keras, publish.load_keras(source))
    )
    published = put(
        options.models,
        options.name,
        version=options.version,
        compiled=not options.no_compile,
        trust_operations=options.trust_model_ops,
    )
    print(f"{published.model}: version {published.version} published in {published.folder}")
    if published.compiled is not None:
        print(printable(f"{published.model}: version {published.version} {published.compiled}"))
    for signature, reason in sorted(published.alone.items()):
        told = f"{published.model}: signature {signature!r} is not batched: {reason}"
        print(printable(told))
    return 0


def _readable(source: Path) -> bool:
    """Whether a file or a folder is there: a FIFO would be waited for, a device never ends."""
    try:
        return source.is_file() or source.is_dir()
    except OSError:
        return False
