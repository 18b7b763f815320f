"""``horngate serve``: the models of a repository on a gRPC and an HTTP port."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import Any, Final

from horngate.cli import peer_flags
from horngate.cli.quiet import quiet_grpc, quiet_tensorflow
from horngate.config.server import (
    FILE_KEY,
    GONE,
    KEYS,
    PREFIX,
    ServerSettings,
    read_server_settings,
    unknown_variables,
)
from horngate.config.serving_files import MONITORING_PATH, check_monitoring_config_file
from horngate.telemetry import logs

HELP: Final = {
    "models": "the model repository",
    "model_config_file": "TensorFlow Serving's list of models, in place of --models",
    "model_name": "the name of the model in --model-base-path",
    "model_base_path": "the folder of one model's versions, in place of --models",
    "model_control_mode": "poll, none or explicit",
    "load_models": "models that explicit mode loads at the start, with commas; * for all",
    "batching_parameters_file": "TensorFlow Serving's batching options, for every model",
    "metrics_compat": "none, or triton for Triton's metric names beside ours",
    "host": "address to listen on",
    "grpc_port": "gRPC port; 0 takes a free one and the log says which",
    "http_port": "metrics, health and status page; 0 as above",
    "max_message_bytes": "largest request and reply, in bytes",
    "max_header_bytes": "most metadata, or HTTP headers, of a request, in bytes",
    "max_in_flight": "calls of a port that may wait for their answers",
    "max_tensor_bytes_in_flight": "bytes that requests are read into; 0 for a quarter of memory",
    "keepalive_seconds": "silence after which a connection is asked whether its peer is there",
    "tls_cert": "certificate chain of both ports, PEM",
    "tls_key": "its key, PEM",
    "tls_client_ca": "who signs the certificates that callers have to show, PEM",
    "tokens_file": "who may call, what, and how often; docs/security.md has its form",
    "client_rate": "requests a second of one client; 0 for any number",
    "trusted_proxies": "addresses or networks whose x-forwarded-for is believed, with commas",
    "model_roots": "folders below which a reload may name models, with commas",
    "allow_control": "true or false: reload and log settings without a token",
    "trust_model_ops": "true or false: models that read files, run Python or reach the network",
    "memory_limit": "bytes; a version that would not fit is not loaded; 0 for the container's",
    "load_seconds": "how long loading a version may take; it is given up then",
    "sandbox": "off, on or required: files, ports and system calls that serving does not need go",
    "stuck_seconds": "a run that takes longer has its version reported as stuck",
    "allow_shared_memory": "true or false: take tensors in shared memory from this machine",
    "drain_seconds": "how long running requests may take after SIGTERM",
    "poll_seconds": "time between two looks at the models folder",
    "log_level": "debug, info, warning or error",
    "log_format": "auto (text on a terminal, json elsewhere), text or json",
}


_BARE: Final[dict[str, Any]] = {"nargs": "?", "const": "true"}
"""A truth may stand without a value."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags: one for each setting."""
    parser.add_argument("--config", metavar="FILE", help=f"settings as TOML; also {PREFIX}CONFIG")
    defaults = ServerSettings()
    for key in KEYS:
        parser.add_argument(
            "--" + key.replace("_", "-"),
            *peer_flags.ALIASES.get(key, ()),
            dest=key,
            **_BARE if isinstance(getattr(defaults, key), bool) else {},
            metavar=key.rpartition("_")[2].upper(),
            help=f"{HELP[key]} (default {getattr(defaults, key)}; also {PREFIX}{key.upper()})",
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
        "--model_config_file_poll_wait_seconds",
        metavar="SECONDS",
        type=float,
        help="taken and not needed: the list is read again whenever the models are looked at",
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


def run(options: argparse.Namespace) -> int:
    """Serve until a signal; 0 after a drain."""
    peer_flags.check(options)
    if options.monitoring_config_file is not None:
        check_monitoring_config_file(options.monitoring_config_file)
    if options.load_model:
        options.load_models = ",".join([options.load_models or "", *options.load_model])
    flags = {key: getattr(options, key) for key in (FILE_KEY, *KEYS, *GONE)}
    settings = read_server_settings(
        {key: value for key, value in flags.items() if value is not None}, os.environ
    )
    logs.configure(settings.log_level, settings.log_format)
    if settings.sandbox != "off":
        from horngate.server.sandbox import confine  # noqa: PLC0415 - few ask for it

        confine(settings, {key: value for key, value in flags.items() if value is not None})
    logs.take_over()
    for name in unknown_variables(os.environ):
        logs.logger("config").warning("environment variable is no setting", name=name)
    quiet_tensorflow()
    quiet_grpc()
    from horngate.server.lifecycle import serve  # noqa: PLC0415 - after the settings are checked

    text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    left = serve(settings, on_started=_say_how_to_call if text else _say_nothing)
    if left:
        # A thread within an engine, that nothing can end: taking the interpreter and the engine's
        # libraries down around it may crash. Nothing is left to be done.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return 0


def _say_how_to_call(grpc_port: int, http_port: int) -> None:
    server = "" if grpc_port == ServerSettings().grpc_port else f" --server localhost:{grpc_port}"
    print(
        f"\n  gRPC   localhost:{grpc_port}   TensorFlow Serving and Open Inference Protocol\n"
        f"  HTTP   http://localhost:{http_port}/   status, /metrics, /readyz\n\n"
        f"  Try:   {_command()} predict mnist_fusion "
        "--input image=@models/mnist_fusion/samples/4.png "
        f"--input context=@models/mnist_fusion/samples/4.json{server}\n",
        flush=True,
    )


def _command() -> str:
    """How this command can be typed here: a virtual environment need not be on the path."""
    if shutil.which("horngate"):
        return "horngate"
    script = Path(sys.argv[0])
    return os.path.relpath(script) if script.name == "horngate" else "python -m horngate"


def _say_nothing(grpc_port: int, http_port: int) -> None:
    """A log of JSON lines is read by machines; the line ``listening`` has the ports."""
