"""``horngate check-migration``: what of another server's files and flags works here, and how.

It reads a folder of models, a file or a command line as they are, loads the newest version of each
model as a server would, and changes nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from horngate.cli import peer_flags
from horngate.cli.quiet import quiet_tensorflow
from horngate.config.model_file import read_model_settings
from horngate.config.server import SETTINGS
from horngate.config.serving_files import (
    check_monitoring_config_file,
    read_batching_parameters_file,
    read_model_config_file,
)
from horngate.errors import ConfigError, HorngateError, LoadError
from horngate.runtimes.deferred import onnx, tensorflow
from horngate.store.layout import (
    SETTINGS_FILE,
    TRITON_FILE,
    is_plain,
    model_folders,
    version_folders,
)
from horngate.store.manifest import Hashes
from horngate.tensors import Signature

WORKS: Final = "works"
DIFFERS: Final = "differs"
FAILS: Final = "does not"

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

_FOREIGN: Final = {
    "model.plan": "TensorRT",
    "model.pt": "PyTorch",
    "model.py": "Python",
    "model.graphdef": "a frozen graph",
    "model.tflite": "LiteRT",
    "model.mar": "TorchServe",
}
"""Files of engines that are not here."""

_FILES: Final = ("model_config_file", "batching_parameters_file", "monitoring_config_file")
_OTHERS: Final = frozenset(
    {"monitoring_config_file", "rest_api_timeout_in_ms", "load_model", "version", "config"}
)
"""Flags that are taken and are no settings."""


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
        help="a folder of models, a model's folder, a config file of TensorFlow Serving, or a "
        "config.pbtxt; or, after --, the command line of a server",
    )
    parser.add_argument(
        "--from",
        dest="origin",
        choices=(TFSERVING, TRITON),
        help="the server that it is of, where that cannot be seen",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the table; 1 where something does not work."""
    quiet_tensorflow()
    rows = list(check(options.what, options.origin))
    width = max(len(row.what) for row in rows)
    for row in rows:
        print(f"{row.outcome:<8}  {row.what:<{width}}  {row.do}".rstrip())
    return int(any(row.outcome == FAILS for row in rows))


def check(words: Sequence[str], origin: str | None = None) -> Iterator[Row]:
    """What becomes of ``words``: a path, or a command line.

    Raises:
        ConfigError: it is neither.
    """
    path = Path(words[0])
    if len(words) > 1 or words[0].startswith("-"):
        yield from _command(words, origin)
    elif path.is_dir():
        yield from _folder(path)
    elif path.name == TRITON_FILE or (path.is_file() and origin == TRITON):
        if path.name != TRITON_FILE:
            raise ConfigError(f"{path}: expected a file called {TRITON_FILE}, as Triton reads it")
        yield from _model(path.parent.resolve().name, path.parent)
    elif path.is_file():
        yield from _file(path)
    else:
        raise ConfigError(f"{path}: expected a folder, a file or a command line; nothing is there")
    for setting, told in _DEFAULTS[origin].items() if origin and len(words) == 1 else ():
        yield Row(DIFFERS, f"the default of {setting}", told)


def _command(words: Sequence[str], origin: str | None) -> Iterator[Row]:
    if origin is None:
        origin = TRITON if any("tritonserver" in word for word in words) else TFSERVING
    settings = {setting.key for setting in SETTINGS}
    known = {flag.lstrip("-"): key for key, of in peer_flags.ALIASES.items() for flag in of}
    given: set[str] = set()
    for flag, value in _flags(words):
        name = flag.lstrip("-")
        key = known.get(name, name.replace("-", "_"))
        given.add(key)
        yield from _flag(flag, value, key, taken=key in settings | _OTHERS)
    for setting, told in _DEFAULTS[origin].items():
        if setting not in given:
            yield Row(DIFFERS, f"the default of {setting}", told)


def _flag(flag: str, value: str, key: str, *, taken: bool) -> Iterator[Row]:
    name = flag.lstrip("-")
    spelled = {name, name.replace("_", "-"), name.replace("-", "_")}
    remedies = [table[each] for table in _tables() for each in sorted(spelled) if each in table]
    if taken:
        yield Row(WORKS, flag)
        if key in _FILES:
            yield from _file(Path(value))
        elif key == "models":
            yield from _folder(Path(value))
        elif key == "model_base_path":
            yield from _model(Path(value).name, Path(value))
    elif spelled & peer_flags.ALWAYS.keys() and value in ("", "true", "True", "1"):
        yield Row(WORKS, flag, "it always holds")
    elif remedies:
        yield Row(FAILS, flag, f"leave it out: {remedies[0]}")
    else:
        yield Row(FAILS, flag, "an unknown flag; `horngate serve --help` has those that there are")


def _tables() -> tuple[dict[str, str], dict[str, str]]:
    return peer_flags.ALWAYS, peer_flags.ABSENT


def _flags(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each flag with its value, "" for none; words before the first flag are the program's name."""
    for place, word in enumerate(words):
        if not word.startswith("-"):
            continue
        flag, equals, value = word.partition("=")
        following = words[place + 1] if place + 1 < len(words) else "-"
        yield flag, value if equals or following.startswith("-") else following


def _file(path: Path) -> Iterator[Row]:
    """A file of TensorFlow Serving's, of whichever kind it is."""
    try:
        listings = read_model_config_file(path)
    except ConfigError as error:
        for read in (read_batching_parameters_file, check_monitoring_config_file):
            try:
                read(path)
            except ConfigError:
                continue
            yield Row(WORKS, str(path))
            return
        yield Row(FAILS, str(path), str(error))
        return
    yield Row(WORKS, str(path))
    for name, listing in listings.items():
        yield from _model(name, listing.path)


def _folder(path: Path) -> Iterator[Row]:
    """A repository, or the folder of a model."""
    try:
        if version_folders(path) or any((path / each).exists() for each in _SETTINGS):
            models = {path.resolve().name: path}
        else:
            models = model_folders(path)
    except OSError as error:
        yield Row(FAILS, str(path), f"it cannot be read: {error.strerror or error}")
        return
    if not models:
        yield Row(FAILS, str(path), "expected folders of models; there is none")
    for name, folder in models.items():
        yield from _model(name, folder)


_SETTINGS: Final = (SETTINGS_FILE, TRITON_FILE)


def _model(name: str, folder: Path) -> Iterator[Row]:
    """A model's settings, and its newest version."""
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
    if not versions:
        yield Row(FAILS, name, f"expected a folder with a number for its name in {folder}")
        return
    number, version = max(versions.items())
    where = f"{name}: version {number}"
    try:
        settings.declared.check(plain=is_plain(version))
        engine = _load(version, settings.declared.hold)
    except HorngateError as error:
        yield Row(FAILS, where, str(error))
        return
    compiles = f"`horngate compile {name}` may bring it to ONNX Runtime"
    yield Row(WORKS, where, "on ONNX Runtime" if engine == "onnx" else f"on TensorFlow; {compiles}")


def _load(version: Path, hold: Callable[[Mapping[str, Signature]], None]) -> str:
    """Load it on the first engine that takes it, as a server does; the engine's name."""
    failed: HorngateError | None = None
    for runtime in (onnx(), tensorflow()):
        if not runtime.recognises(version):
            continue
        try:
            servable = runtime.load(version, 0, Hashes(version))
        except LoadError as error:
            failed = error
            continue
        try:
            hold(servable.signatures)
        finally:
            servable.close()
        return runtime.name
    found = next((what for file, what in _FOREIGN.items() if (version / file).exists()), "")
    raise failed or LoadError(
        f"expected a SavedModel or a model.onnx, received {found or 'neither'}; export it as ONNX"
    )
