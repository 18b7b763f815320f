"""``horngate compile``: a compiled form for a version that somebody else made, or made anew."""

from __future__ import annotations

import argparse

from horngate.cli import target
from horngate.cli.quiet import without_notices
from horngate.cli.stages import Stages
from horngate.errors import printable


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    target.add_arguments(parser)
    parser.add_argument(
        "--trust-model-ops",
        action="store_true",
        help="take a model that reads or writes files, runs Python or reaches the network",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compile, and say what became of it; 1 where TensorFlow is left to serve the version."""
    name, number, folder, _ = target.find(options.models, options.model)
    trusted = options.trust_model_ops
    with without_notices(), Stages() as stages:
        stages.tell("importing TensorFlow")
        from horngate.builder.compile import compile_version  # noqa: PLC0415 - takes seconds
        from horngate.builder.measure import measure_version  # noqa: PLC0415 - the same

        stages.tell("compiling")
        record = compile_version(folder, trust_operations=trusted)
        stages.tell("measuring")
        measured = measure_version(folder, record, trust_operations=trusted)
    print(printable(f"{name}: version {number} {record}"))
    if measured.cost is not None:
        print(f"{name}: best in batches of up to {measured.cost.best} rows on this machine")
    for signature, reason in sorted(measured.alone.items()):
        print(printable(f"{name}: signature {signature!r} is not batched: {reason}"))
    return 1 if record.refused else 0
