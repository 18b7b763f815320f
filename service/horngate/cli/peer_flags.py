"""The peers' spellings of flags: taken where Horngate has what they mean, else named and refused.

TensorFlow Serving writes words with ``_`` and Triton with ``-``; a truth may stand bare.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, Final

from horngate.errors import ConfigError

ALIASES: Final = {
    "grpc_port": ("--port",),
    "http_port": ("--rest_api_port",),
    "models": ("--model-repository", "--model_repository"),
    "poll_seconds": ("--file_system_poll_wait_seconds", "--repository-poll-secs"),
    "model_config_file": ("--model_config_file",),
    "model_config_file_poll_seconds": ("--model_config_file_poll_wait_seconds",),
    "grpc_socket_path": ("--grpc_socket_path",),
    "grpc_channel_arguments": ("--grpc_channel_arguments",),
    "predict_tensor_content": ("--enable_serialization_as_tensor_content",),
    "server_name": ("--id",),
    "model_name": ("--model_name",),
    "model_base_path": ("--model_base_path",),
    "batching_parameters_file": ("--batching_parameters_file",),
    "tls_cert": ("--grpc-server-cert",),
    "tls_key": ("--grpc-server-key",),
    "tls_client_ca": ("--grpc-root-cert",),
}
"""Other spellings of settings."""

ALWAYS: Final = {
    "enable_batching": "to switch batching off set batching.enabled = false in model.toml",
    "enable_model_warmup": "warm-up records are always replayed; remove the file to go without",
    "enable_grpc_healthcheck_service": "the health service is always there",
    "allow_version_labels_for_unavailable_models": "a label always waits for its version",
    "enable_signature_method_name_check": "the method's name is always looked at",
    "strict-readiness": "readiness always waits for every model that was there at the start",
    "allow-grpc": "gRPC is always served",
    "allow-http": "the HTTP port is always served",
    "allow-metrics": "metrics are always served, at /metrics of the HTTP port",
}
"""Truths that always hold here; what to do where somebody wants them false."""

ABSENT: Final = {
    "rest_api_num_threads": "the HTTP port sizes itself",
    "rest_api_enable_cors_support": "put a proxy in front",
    "enable_per_model_batching_parameters": "each model has a [batching] table in its model.toml",
    "num_load_threads": "models are loaded one by one",
    "num_unload_threads": "models are unloaded one by one",
    "max_num_load_retries": "a version is tried again when its files change",
    "load_retry_interval_micros": "a version is tried again when its files change",
    "flush_filesystem_caches": "the cache is left to the system",
    "tensorflow_session_parallelism": "set threads in the [runtime] table of model.toml",
    "tensorflow_session_config_file": "set threads in the [runtime] table of model.toml",
    "tensorflow_intra_op_parallelism": "set threads in the [runtime] table of model.toml",
    "tensorflow_inter_op_parallelism": "set threads in the [runtime] table of model.toml",
    "ssl_config_file": "give the files with --tls-cert, --tls-key and --tls-client-ca",
    "use_alts_credentials": "give certificates with --tls-cert, --tls-key and --tls-client-ca",
    "platform_config_file": "a version is a SavedModel or an ONNX model, as its folder has it",
    "per_process_gpu_memory_fraction": "models run on processors",
    "saved_model_tags": "the tag serve is loaded",
    "grpc_max_threads": "the gRPC port sizes itself",
    "num_request_iterations_for_warmup": "a warm-up record is replayed once a size",
    "remove_unused_fields_from_bundle_metagraph": "there is nothing to remove",
    "prefer_tflite_model": "LiteRT models are not served",
    "num_tflite_pools": "LiteRT models are not served",
    "num_tflite_interpreters_per_pool": "LiteRT models are not served",
    "xla_cpu_compilation_enabled": "models are compiled to ONNX as they are published",
    "xla_gpu_compilation_enabled": "models run on processors",
    "enable_profiler": "profile the process from outside",
    "thread_pool_factory_config_file": "set threads in the [runtime] table of model.toml",
    "mixed_precision": "models run as they were exported",
    "skip_initialize_tpu": "models run on processors",
    "grpc-use-ssl": "give --tls-cert and --tls-key, which is all that it takes",
    "grpc-use-ssl-mutual": "give --tls-client-ca",
    "grpc-keepalive-time": "set keepalive_seconds, in seconds",
    "grpc-keepalive-timeout": "it is a third of keepalive_seconds",
    "metrics-port": "metrics are on the HTTP port",
    "backend-directory": "there are no other backends",
    "backend-config": "set the [runtime] table of model.toml",
    "pinned-memory-pool-byte-size": "models run on processors",
    "cuda-memory-pool-byte-size": "models run on processors",
    "exit-on-error": "the server starts and says what failed; watch readiness",
    "grpc-infer-allocation-pool-size": "the gRPC port sizes itself",
    "http-thread-count": "the HTTP port sizes itself",
    "rate-limit": "set instances in the [batching] table of model.toml",
    "response-cache-byte-size": "answers are not cached",
    "trace-config": "requests are not traced",
    "log-verbose": "set log_level",
}
"""Flags that have no counterpart, and what to do instead."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Let ``parser`` take every peer's flag; ``check`` judges them."""
    parser.set_defaults(absent=())
    parser.add_argument(
        "--rest_api_timeout_in_ms",
        dest="http_deadline_seconds",
        type=_seconds,
        help=argparse.SUPPRESS,
    )
    for action, flags in ((_Always, ALWAYS), (_Absent, ABSENT)):
        for name, remedy in flags.items():
            parser.add_argument(
                f"--{name}", nargs="?", action=action, remedy=remedy, help=argparse.SUPPRESS
            )


def check(options: argparse.Namespace) -> None:
    """Refuse what was given and is not there.

    Raises:
        ConfigError: naming every such flag, and what to do instead.
    """
    if options.absent:
        raise ConfigError(
            "flags without a counterpart here: "
            + "; ".join(f"{flag}: {remedy}" for flag, remedy in options.absent)
        )


def _seconds(milliseconds: str) -> str:
    return f"{float(milliseconds) / 1000:g}"


class _Absent(argparse.Action):
    """Remembers that the flag was given."""

    def __init__(self, *, remedy: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._remedy = remedy

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 - argparse passes them
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,  # noqa: ARG002 - the same
        option_string: str | None = None,
    ) -> None:
        namespace.absent = (*namespace.absent, (option_string, self._remedy))


class _Always(_Absent):
    """Takes a truth, and remembers a flag that was given as false."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        if values not in (None, "true", "True", "1"):
            super().__call__(parser, namespace, values, f"{option_string}={values}")
