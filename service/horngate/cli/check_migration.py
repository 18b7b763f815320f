"""``horngate check-migration``: what of another server's files and flags works here, and how.

It reads a folder of models, a file or a command line as they are, loads the newest version of each
model that would be served as a server would, and changes nothing. Whoever wrote those may be wrong
in any way: a line says how, and the rest is looked at all the same.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from horngate.cli import peer_flags, serve
from horngate.cli.command_line import commands, flags_of, read_commands
from horngate.cli.quiet import quiet_tensorflow
from horngate.cli.trial import Trial
from horngate.config.model_file import read_model_settings
from horngate.config.server import SETTINGS, ServerSettings, read_server_settings
from horngate.config.serving_files import (
    check_monitoring_config_file,
    read_batching_parameters_file,
    read_model_config_file,
)
from horngate.errors import ConfigError, HorngateError, printable
from horngate.lifecycle.settings import ModelSettings, VersionOptions
from horngate.store.layout import (
    SETTINGS_FILE,
    TRITON_FILE,
    check_model_name,
    model_folders,
    version_folders,
)

WORKS: Final = "works"
DIFFERS: Final = "differs"
FAILS: Final = "does not"
WIDTH: Final = 34
"""Of the second column, where its words fit: lines come as they are found."""

TFSERVING: Final = "tfserving"
TRITON: Final = "triton"

_DEFAULTS: Final = {
    TFSERVING: {
        "host": "the address is 127.0.0.1 where none is given; give --host 0.0.0.0 for all",
        "max_message_bytes": "a message may have 64 MiB; --max-message-bytes for more",
    },
    TRITON: {
        "host": "the address is 127.0.0.1 where none is given; give --host 0.0.0.0 for all",
        "grpc_port": "the port is 8500 where none is given; give --grpc-port 8001",
        "http_port": "the port is 8501 where none is given; give --http-port 8000",
        "model_control_mode": "models are looked for again; give --model-control-mode none for not",
        "metrics_compat": "metrics are at /metrics of the HTTP port; nv_ names with "
        "--metrics-compat triton",
    },
}
"""Defaults that are not theirs, by the setting, told where no flag sets it."""

_FILES: Final = ("model_config_file", "batching_parameters_file", "monitoring_config_file")
_OTHERS: Final = frozenset(
    {"monitoring_config_file", "rest_api_timeout_in_ms", "load_model", "version", "config"}
)
"""Flags that are taken and are no settings."""

_SETTINGS: Final = (SETTINGS_FILE, TRITON_FILE)


class Row(NamedTuple):
    """What was found of one thing, and what to do about it."""

    outcome: str
    what: str
    do: str = ""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "what",
        metavar="PATH",
        nargs="+",
        help="a folder of models, a model's folder, a config file of TensorFlow Serving, a "
        "config.pbtxt, or a script that starts one of the servers; or, after --, the command line",
    )
    parser.add_argument(
        "--from",
        dest="origin",
        choices=(TFSERVING, TRITON),
        help="the server that it is of, whose other defaults are told then",
    )
    parser.add_argument(
        "--load-seconds",
        type=float,
        default=ServerSettings().load_seconds,
        help="how long loading a version may take (default %(default)s)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the table; 1 where something does not work."""
    quiet_tensorflow()
    check = Check(options.load_seconds)
    failed = False
    for row in check.rows(options.what, options.origin):
        line = f"{row.outcome:<8}  {row.what:<{WIDTH}}  {row.do}".rstrip()
        print(printable(line), flush=True)
        failed |= row.outcome == FAILS
    if check.left_behind:
        sys.stdout.flush()
        os._exit(int(failed))  # as `horngate serve` ends: a thread is within an engine
    return int(failed)


class Check:
    """What becomes of a path or a command line; a version may take ``load_seconds`` to load."""

    def __init__(self, load_seconds: float = ServerSettings().load_seconds) -> None:
        self._trial = Trial(load_seconds)

    @property
    def left_behind(self) -> bool:
        """Whether a load that did not come back still runs."""
        return self._trial.left

    def rows(self, words: Sequence[str], origin: str | None = None) -> Iterator[Row]:
        """What becomes of ``words``: a path, or a command line.

        Raises:
            ConfigError: it is neither.
        """
        path = Path(words[0])
        try:
            is_folder, is_file = path.is_dir(), path.is_file()
        except (OSError, ValueError) as error:  # too long for a name, say
            raise ConfigError(f"{words[0][:128]}: expected a path or a command; {error}") from error
        if len(words) > 1 or words[0].startswith("-"):
            yield from self._command(words, origin)
        elif is_folder:
            yield from self._folder(path)
            yield from _defaults(origin)
        elif path.name == TRITON_FILE and is_file:
            yield from self._model(path.resolve().parent.name, path.parent)
            yield from _defaults(origin)
        elif is_file and origin == TRITON and not read_commands(path):
            raise ConfigError(f"{path}: expected a file called {TRITON_FILE}, as Triton reads it")
        elif is_file:
            yield from self._file(path, origin)
        elif typed := list(commands(words[0])):
            yield from self._command(typed[0], origin)
        else:
            raise ConfigError(
                f"{path}: expected a folder, a file or a command line; nothing is there"
            )

    def _command(self, words: Sequence[str], origin: str | None) -> Iterator[Row]:
        if origin is None:
            origin = TRITON if any("tritonserver" in word for word in words) else TFSERVING
        settings = {setting.key for setting in SETTINGS}
        known = {flag.lstrip("-"): key for key, of in peer_flags.ALIASES.items() for flag in of}
        given: list[tuple[str, str, str]] = []
        for flag, value in flags_of(words):
            name = flag.lstrip("-")
            given.append((flag, value, known.get(name, name.replace("-", "_"))))
        keys = [key for _, _, key in given]
        named = [value for _, value, key in given if key == "model_name"]
        taken: list[str] = []
        for flag, value, key in given:
            if key in ("models", "model_config_file") and keys.count(key) > 1:
                yield Row(FAILS, flag, "it is given twice; one is read: put all models into it")
            elif key in settings | _OTHERS:
                yield Row(WORKS, flag)
                taken += [f"{flag}={value}" if value else flag]
                yield from self._named_by_flag(key, value, named)
            else:
                yield _not_taken(flag, value)
        yield from _together(taken)
        yield from _defaults(origin, keys)

    def _named_by_flag(self, key: str, value: str, named: Sequence[str]) -> Iterator[Row]:
        if key in _FILES:
            yield from self._file(Path(value), None)
        elif key == "models":
            yield from self._folder(Path(value))
        elif key == "model_base_path":
            yield from self._model(named[-1] if named else "default", Path(value))

    def _file(self, path: Path, origin: str | None) -> Iterator[Row]:
        """A file of TensorFlow Serving's, of whichever kind it is, or a script."""
        for read in (read_batching_parameters_file, check_monitoring_config_file):
            with contextlib.suppress(ConfigError):
                read(path)
                yield Row(WORKS, str(path))
                yield from _defaults(origin)
                return
        try:
            listings = read_model_config_file(path)
        except ConfigError as error:
            found = read_commands(path)
            for words in found:
                yield from self._command(words, origin)
            if not found:
                yield Row(FAILS, str(path), str(error))
            return
        yield Row(WORKS, str(path))
        for name, listing in listings.items():
            yield from self._model(name, listing.path, listing.versions)
        yield from _defaults(origin)

    def _folder(self, path: Path) -> Iterator[Row]:
        """A repository, or the folder of a model."""
        passed: list[str] = []
        try:
            if version_folders(path) or any((path / each).exists() for each in _SETTINGS):
                models = {path.resolve().name: path}
            else:
                models = model_folders(path)
                passed = [each.name for each in sorted(path.iterdir()) if each.is_dir()]
        except OSError as error:
            yield Row(FAILS, str(path), f"it cannot be read: {error.strerror or error}")
            return
        if not models:
            yield Row(FAILS, str(path), "expected folders of models; there is none")
        for name, folder in models.items():
            yield from self._model(name, folder)
        for name in passed:
            if name not in models and not name.startswith("."):
                yield Row(FAILS, name, _wrong_name(name))

    def _model(
        self, name: str, folder: Path, options: VersionOptions | None = None
    ) -> Iterator[Row]:
        """A model's settings, and its newest version of those that ``options`` or they want."""
        try:
            settings = read_model_settings(folder / SETTINGS_FILE)
            versions = version_folders(folder)
        except OSError as error:
            remedy = "; copy it here, or mount it" if ":/" in str(folder) else ""
            yield Row(FAILS, name, f"{folder} cannot be read: {error.strerror or error}{remedy}")
            return
        except ConfigError as error:
            yield Row(FAILS, name, str(error))
            return
        for note in settings.declared.notes:
            yield Row(DIFFERS, f"{name}: {TRITON_FILE}", note)
        for refused in settings.declared.refused:
            yield Row(FAILS, f"{name}: {TRITON_FILE}", refused)
        if settings.declared.refused:
            return
        wanted = (options or settings.versions).desired(versions)
        if not wanted:
            known = ", ".join(map(str, versions)) or "folders with a number for their name"
            yield Row(FAILS, name, f"expected to serve one of {known} in {folder}; it is none")
            return
        yield self._version(name, max(wanted), versions[max(wanted)], settings)

    def _version(self, name: str, number: int, folder: Path, settings: ModelSettings) -> Row:
        where = f"{name}: version {number}"
        try:
            loaded = self._trial.load(name, number, folder, settings)
        except HorngateError as error:
            # Whoever types a command is an operator.
            return Row(FAILS, where, f"{error} [{error.detail}]" if error.detail else str(error))
        told = ["on ONNX Runtime" if loaded.engine == "onnx" else "on TensorFlow"]
        if loaded.engine != "onnx":
            told.append(f"`horngate compile {name}` may bring it to ONNX Runtime")
        if loaded.alone:
            told.append(f"its requests share no runs: {loaded.alone}")
        return Row(WORKS, where, "; ".join(told))


def _defaults(origin: str | None, given: Sequence[str] = ()) -> Iterator[Row]:
    """Those of the server ``origin`` that are others here, but for the settings ``given``."""
    for setting, told in _DEFAULTS[origin].items() if origin else ():
        if setting not in given:
            yield Row(DIFFERS, f"the default of {setting}", told)


def _not_taken(flag: str, value: str) -> Row:
    name = flag.lstrip("-")
    spelled = {name, name.replace("_", "-"), name.replace("-", "_")}
    if spelled & peer_flags.ALWAYS.keys() and peer_flags.is_on(value):
        return Row(WORKS, flag, "it always holds")
    if spelled & peer_flags.ABSENT.keys() and peer_flags.is_off(value):
        return Row(WORKS, flag, "it is off here, too")
    for remedies in (peer_flags.ALWAYS, peer_flags.ABSENT):
        for each in sorted(spelled & remedies.keys()):
            return Row(FAILS, flag, f"leave it out: {remedies[each]}")
    return Row(FAILS, flag, "an unknown flag; `horngate serve --help` has those that there are")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(message)


def _together(flags: Sequence[str]) -> Iterator[Row]:
    """What `horngate serve` says of the flags that it takes, each with its value."""
    parser = _Parser(add_help=False)
    serve.configure(parser)
    try:
        read_server_settings(serve.flags_given(parser.parse_args(flags)), {})
    except ConfigError as error:
        yield Row(FAILS, "the values of flags", str(error))


def _wrong_name(name: str) -> str:
    try:
        check_model_name(name)
    except ConfigError as error:
        return f"it is no model: {error}"
    return "it is no model"
