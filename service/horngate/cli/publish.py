"""``horngate publish``: bring a trained model into a repository."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from horngate.cli.quiet import without_notices
from horngate.cli.stages import Stages
from horngate.cli.values import pixel_range
from horngate.errors import PublishError, printable
from horngate.reading import read_file
from horngate.sizes import RECORD
from horngate.store.layout import check_model_name, check_version_is_free


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "source", type=Path, help="a .keras or .h5 file, or the folder of a SavedModel"
    )
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
    parser.add_argument(
        "--image-input",
        metavar="NAME",
        help="the input that takes pictures (default: each whose shape is that of one)",
    )
    parser.add_argument(
        "--pixels",
        metavar="LOW..HIGH",
        type=pixel_range,
        help="what black and white are in it, as 0..255 or =-1..1 (default: what the model's first "
        "layer tells, else 0..1)",
    )
    parser.add_argument(
        "--labels",
        metavar="[OUTPUT=]FILE|A,B,C",
        action="append",
        default=[],
        help="what the classes of an output are called, in order: a file with one a line, or a "
        "list; once for each output that has any",
    )
    parser.add_argument(
        "--import",
        dest="imports",
        metavar="FILE",
        action="append",
        default=[],
        help="a .py file, or a module, with the model's own layers and losses; may be repeated",
    )
    parser.add_argument(
        "--allow-lambda",
        action="store_true",
        help="run Python code that the .keras or .h5 file carries, as Lambda layers do: whoever "
        "wrote the file may do all that you may",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Publish and say where."""
    source: Path = options.source
    if not _readable(source):
        raise PublishError(
            f"{source}: expected a .keras or .h5 file or a SavedModel folder; not found"
        )
    # Before anything that takes seconds.
    check_version_is_free(options.models / check_model_name(options.name), options.version)
    labels = read_labels(options.labels)
    with without_notices(), Stages() as stages:
        stages.tell("importing TensorFlow")
        from horngate.builder import keras_file, publish  # noqa: PLC0415 - takes seconds

        if source.is_file():
            stages.tell(f"reading {source.name}")
        custom = keras_file.import_code(options.imports)
        put = (
            partial(publish.publish_saved_model, source)
            if source.is_dir()
            else partial(
                publish.publish_keras,
                keras_file.load_keras(source, custom=custom, allow_lambda=options.allow_lambda),
            )
        )
        published = put(
            options.models,
            options.name,
            version=options.version,
            compiled=not options.no_compile,
            trust_operations=options.trust_model_ops,
            image_input=options.image_input,
            pixels=options.pixels,
            labels=labels,
            tell=stages.tell,
        )
    print(f"{published.model}: version {published.version} published in {published.folder}")
    for note in published.notes:
        print(printable(f"{published.model}: {note}"))
    if published.compiled is not None:
        print(printable(f"{published.model}: version {published.version} {published.compiled}"))
    for signature, reason in sorted(published.alone.items()):
        told = f"{published.model}: signature {signature!r} is not batched: {reason}"
        print(printable(told))
    return 0


def read_labels(arguments: Sequence[str]) -> Sequence[str] | dict[str, Sequence[str]] | None:
    """The labels of all ``--labels``: of the one output that has so many, or by output.

    Raises:
        PublishError: one names neither a file nor a list, or several do not name their outputs.
    """
    by_output: dict[str, Sequence[str]] = {}
    for argument in arguments:
        if _readable(Path(argument)) or "=" not in argument:
            output, value = "", argument
        else:
            output, _, value = argument.partition("=")
        if output in by_output or (len(arguments) > 1 and not output):
            raise PublishError(
                f"--labels: expected OUTPUT=FILE or OUTPUT=a,b,c, each output once, received "
                f"{argument!r}"
            )
        by_output[output] = _labels(value)
    return by_output.get("", by_output or None)


def _labels(value: str) -> list[str]:
    path = Path(value)
    try:
        if _readable(path):
            lines = read_file(path, RECORD).decode().splitlines()
            return [line.strip() for line in "\n".join(lines).rstrip().split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise PublishError(f"--labels: expected a text file in UTF-8: {error}") from error
    if "," not in value:
        raise PublishError(
            f"--labels: expected a file with one label a line, or a list a,b,c, received {value!r}"
        )
    return [label.strip() for label in value.split(",")]


def _readable(source: Path) -> bool:
    """Whether a file or a folder is there: a FIFO would be waited for, a device never ends."""
    try:
        return source.is_file() or source.is_dir()
    except OSError:
        return False
