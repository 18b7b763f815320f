"""``horngate serve``: the models of a repository on a gRPC and an HTTP port."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any, Final

from horngate import __version__
from horngate.cli import peer_flags
from horngate.cli.quiet import quiet_grpc, quiet_tensorflow
from horngate.config.server import (
    FILE_KEY,
    GONE,
    KEYS,
    PREFIX,
    SETTINGS,
    ServerSettings,
    read_server_settings,
    unknown_variables,
)
from horngate.config.serving_files import MONITORING_PATH, check_monitoring_config_file
from horngate.store.layout import model_folders, version_folders
from horngate.telemetry import logs

_BARE: Final[dict[str, Any]] = {"nargs": "?", "const": "true"}
"""A truth may stand without a value."""

_ONCE: Final[dict[str, Any]] = {"action": peer_flags.Once}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags: one for each setting."""
    parser.add_argument("--config", metavar="FILE", help=f"settings as TOML; also {PREFIX}CONFIG")
    for setting in SETTINGS:
        key = setting.key
        told = setting.sentence.replace("`", "")
        allowed = f": {setting.allowed}" if setting.allowed else ""
        default = f"default {setting.standard}; " if setting.standard else ""
        parser.add_argument(
            "--" + key.replace("_", "-"),
            *peer_flags.ALIASES.get(key, ()),
            dest=key,
            **_BARE if isinstance(setting.default, bool) else {},
            **_ONCE if key == "models" else {},
            metavar=key.rpartition("_")[2].upper(),
            help=f"{told}{allowed} ({default}also {PREFIX}{key.upper()})",
        )
    parser.add_argument(
        "--no-pages",
        dest="pages",
        action="store_const",
        const="false",
        help="no page for people on the HTTP port",
    )
    for key in GONE:  # taken, so that its user is told why it is not
        parser.add_argument("--" + key.replace("_", "-"), dest=key, help=argparse.SUPPRESS)
    parser.add_argument(
        "--load-model",
        metavar="NAME",
        action="append",
        default=[],
        help="one of load_models; may be given several times",
    )
    parser.add_argument(
        "--version", action="version", version=f"horngate {__version__}", help=argparse.SUPPRESS
    )
    parser.add_argument(
        "--monitoring-config-file",
        "--monitoring_config_file",
        metavar="FILE",
        type=Path,
        help=f"TensorFlow Serving's; its path can only be {MONITORING_PATH}",
    )
    peer_flags.add_arguments(parser)
    parser.set_defaults(run=run)


def flags_given(options: argparse.Namespace) -> dict[str, str]:
    """The settings among ``options``, as text.

    Raises:
        ConfigError: a flag that has no counterpart here.
    """
    peer_flags.check(options)
    if options.monitoring_config_file is not None:
        check_monitoring_config_file(options.monitoring_config_file)
    if options.load_model:
        options.load_models = ",".join([options.load_models or "", *options.load_model])
    flags = {key: getattr(options, key) for key in (FILE_KEY, *KEYS, *GONE)}
    return {key: value for key, value in flags.items() if value is not None}


def run(options: argparse.Namespace) -> int:
    """Serve until a signal; 0 after a drain."""
    flags = flags_given(options)
    settings = read_server_settings(flags, os.environ)
    logs.configure(settings.log_level, settings.log_format)
    if settings.sandbox != "off":
        from horngate.server.sandbox import confine  # noqa: PLC0415 - few ask for it

        confine(settings, flags)
    logs.take_over()
    for name in unknown_variables(os.environ):
        logs.logger("config").warning("environment variable is no setting", name=name)
    quiet_tensorflow()
    quiet_grpc()
    from horngate.server.lifecycle import serve  # noqa: PLC0415 - after the settings are checked

    text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    left = serve(
        settings, on_started=partial(_say_how_to_call, settings) if text else lambda *_: None
    )
    if left:
        # A thread within an engine, that nothing can end: taking the interpreter and the engine's
        # libraries down around it may crash. Nothing is left to be done.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return 0


def _say_how_to_call(settings: ServerSettings, grpc_port: int, http_port: int) -> None:
    server = "" if grpc_port == ServerSettings().grpc_port else f" --server localhost:{grpc_port}"
    scheme = "http" if settings.tls is None else "https"
    try:
        print(
            f"\n  gRPC   localhost:{grpc_port}   TensorFlow Serving and Open Inference Protocol\n"
            f"  HTTP   {scheme}://localhost:{http_port}/   the page, /metrics, /readyz\n\n"
            f"  Try:   {_command()} {what_to_try(settings)}{server}\n",
            flush=True,
        )
    except BrokenPipeError:  # nobody reads it; who calls the server does not mind
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def what_to_try(settings: ServerSettings) -> str:
    """A command about a model that is there: a prediction of a sample, else what is served."""
    try:
        folders = (
            model_folders(settings.models)
            if settings.model_config_file is None and settings.model_base_path is None
            else {}
        )
        there = {name: path for name, path in folders.items() if version_folders(path)}
    except OSError:
        there = {}
    for name in sorted(there, reverse=True):
        inputs = _sample(there[name] / "samples")
        if inputs:
            return f"predict {name} {inputs}"
    return " ".join(["status", *list(there)[:1]])


def _sample(folder: Path) -> str:
    """A digit that a reference model comes with, as arguments; "" where there is none."""
    picture, context = folder / "4.png", folder / "4.json"
    if not picture.is_file():
        return ""
    beside = f" --input context=@{context}" if context.is_file() else ""
    return f"--input image=@{picture}{beside}"


def _command() -> str:
    """How this command can be typed here: a virtual environment need not be on the path."""
    if shutil.which("horngate"):
        return "horngate"
    script = Path(sys.argv[0])
    return os.path.relpath(script) if script.name == "horngate" else "python -m horngate"
