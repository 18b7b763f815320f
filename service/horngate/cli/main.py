"""``horngate``: one file a command, each imported only when it is asked for.

>>> main(["--help"])  # doctest: +SKIP
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

from horngate import __version__
from horngate.errors import HorngateError, did_you_mean, printable

COMMANDS: Final = {
    "build": "define, train, export and publish the reference models",
    "publish": "publish a trained Keras model or a SavedModel into a repository",
    "compile": "compile a version to ONNX, and keep what answers as TensorFlow does",
    "inspect": "show what a version on disk holds: files, compiled form, batch curve",
    "check-migration": "say what of another server's models, files and flags works here",
    "serve": "serve the models of a repository",
    "predict": "ask a running server for a prediction",
    "status": "show what a running server serves",
}


UNREAD: Final = 128 + signal.SIGPIPE
"""The exit status of whatever wrote to a pipe that nobody reads any more."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 refused, 2 wrong usage.

    Where whoever reads its output has enough, as ``head`` has, it ends quietly with ``UNREAD``.
    """
    try:
        try:
            return _run(list(sys.argv[1:] if argv is None else argv))
        finally:
            # Python would do it as it ends, and nothing could keep it from telling of a failure.
            print(end="", flush=True)
    except BrokenPipeError:
        # What could not be written is tried again as Python ends, and leaves there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD


def _run(arguments: Sequence[str]) -> int:
    # Only the command that is asked for is imported: `predict` must not wait for TensorFlow.
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    parser = argparse.ArgumentParser(
        prog="horngate", description="a model server for trained Keras models"
    )
    parser.add_argument("--version", action="version", version=f"horngate {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", required=True)
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=purpose)
        if name == wanted:
            importlib.import_module(f"horngate.cli.{name.replace('-', '_')}").configure(command)
    if wanted is not None and wanted not in COMMANDS:
        hint = did_you_mean(wanted, COMMANDS, otherwise=f"the commands are {', '.join(COMMANDS)}")
        parser.error(f"expected a command, received {printable(wanted)!r}; {hint}")
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except HorngateError as error:
        # Whoever types a command is an operator.
        detail = f" [{error.detail}]" if error.detail else ""
        print(f"horngate {options.command}: {error}{detail}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(missing_extra(options.command, error), file=sys.stderr)
        return 1


def missing_extra(command: str, error: ModuleNotFoundError) -> str:
    """What to install when a command's libraries are absent."""
    extras = {
        **dict.fromkeys(("build", "publish", "compile"), "builder"),
        **dict.fromkeys(("serve", "check-migration"), "server"),
    }
    extra = extras.get(command, "client")
    return (
        f"horngate {command}: needs the Python module {error.name!r}, which is not installed; "
        f"install it with: pip install 'horngate[{extra}]'"
    )
