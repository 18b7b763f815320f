"""The server's settings: file < environment < flags, validated once.

>>> read_server_settings({"grpc_port": "0"}, environment={"HORNGATE_HOST": "::1"}).grpc_port
0
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from horngate.access.proxies import parse_proxies
from horngate.access.rate import check_rate
from horngate.config.model_file import read_toml
from horngate.config.values import Value, construct
from horngate.errors import ConfigError
from horngate.fronts.tls import TlsOptions
from horngate.telemetry.logs import LogFormat, LogLevel

ControlMode = Literal["poll", "none", "explicit"]
Sandbox = Literal["off", "on", "required"]
MetricsCompat = Literal["none", "triton"]
PREFIX: Final = "HORNGATE_"
FILE_KEY: Final = "config"
GONE: Final = {
    "transport": "one front carries gRPC on every address, plain and TLS, and does all that the "
    "others did; take the setting out, nothing is lost"
}
"""Settings of earlier releases, and why they are not missed."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Keys of the settings file; upper-cased behind ``HORNGATE_`` in the environment.

    Attributes:
        models: the model repository: each folder of it is a model.
        model_config_file: TensorFlow Serving's list of models, taken in place of ``models``; read
            again when it changes.
        model_name: the name of the model in ``model_base_path``.
        model_base_path: the folder of one model's versions, taken in place of ``models``.
        model_control_mode: poll (follow the models folder), none (look at it once), or explicit
            (load and unload on request).
        load_models: names, with commas between them, that explicit mode loads at the start; * for
            all.
        batching_parameters_file: TensorFlow Serving's batching options, for every model whose
            ``model.toml`` does not say otherwise.
        metrics_compat: none, or triton for Triton's metric names beside ours.
        host: address that both ports listen on.
        grpc_port: 0 takes a free one; the log says which.
        http_port: metrics, health and the status page; 0 as above.
        max_message_bytes: the largest request and the largest reply.
        max_header_bytes: the most metadata, or HTTP headers, of a request.
        max_in_flight: calls of a port that may wait for their answers; one more is refused at once.
        max_tensor_bytes_in_flight: bytes that requests in flight may be read into, all together; a
            request for which there is no room is refused at once. 0 for a quarter of what
            memory_limit comes to.
        keepalive_seconds: a connection that has been silent for this long is asked whether its peer
            is there, and ended where no answer comes within a third of that.
        tls_cert: the certificate chain of both ports, PEM; read again when it changes. Without it
            both speak plain text.
        tls_key: its key, PEM, without a password.
        tls_client_ca: who signs the certificates that callers have to show, PEM.
        tokens_file: who may call, what, and how often; see docs/security.md. Without it everybody
            who reaches a port may.
        client_rate: requests a second of one client; 0 for any number.
        trusted_proxies: addresses or networks, with commas between them, whose x-forwarded-for says
            where a call comes from; no header is believed from others.
        model_roots: folders, with commas between them, below which HandleReloadConfigRequest may
            name a model's; the models folder and the folders listed at the start where none is set.
        allow_control: whether callers without a token may reload the list of models and set the
            log's level. With tokens that takes an administrator's.
        trust_model_ops: whether models may hold operations that read or write files, run Python
            or reach the network.
        sandbox: whether the process gives up files, ports and system calls that serving does not
            need: off, on (as far as the kernel can), or required (all of it, or no start).
        memory_limit: bytes that the server may come to hold; a version that would not fit is not
            loaded. 0 for the container's limit, or the machine's memory.
        load_seconds: how long loading a version may take; it is given up then. A model's
            ``runtime.load_seconds`` goes before it.
        stuck_seconds: a run of a model that takes longer has its version reported as stuck.
        allow_shared_memory: whether clients on this machine may hand tensors over in shared memory.
        drain_seconds: how long running requests may take after SIGTERM.
        poll_seconds: time between two looks at the models folder; 0 for one look at the start.
        log_level: debug, info, warning or error.
        log_format: auto (text on a terminal, json elsewhere), text or json.
    """

    models: Path = Path("models")
    model_config_file: Path | None = None
    model_name: str = "default"
    model_base_path: Path | None = None
    model_control_mode: ControlMode = "poll"
    load_models: str = ""
    batching_parameters_file: Path | None = None
    metrics_compat: MetricsCompat = "none"
    host: str = "127.0.0.1"
    grpc_port: int = 8500
    http_port: int = 8501
    max_message_bytes: int = 64 * 1024 * 1024
    max_header_bytes: int = 16 * 1024
    max_in_flight: int = 8192
    max_tensor_bytes_in_flight: int = 0
    keepalive_seconds: float = 60.0
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    tokens_file: Path | None = None
    client_rate: float = 0.0
    trusted_proxies: str = ""
    model_roots: str = ""
    allow_control: bool = False
    trust_model_ops: bool = False
    sandbox: Sandbox = "off"
    memory_limit: int = 0
    load_seconds: float = 300.0
    stuck_seconds: float = 60.0
    allow_shared_memory: bool = False
    drain_seconds: float = 30.0
    poll_seconds: float = 1.0
    log_level: LogLevel = "info"
    log_format: LogFormat = "auto"

    def __post_init__(self) -> None:
        for key in ("grpc_port", "http_port"):
            _check(key, getattr(self, key), 0, 65535)
        if self.grpc_port == self.http_port != 0:
            raise ConfigError(
                "http_port: expected another port than grpc_port, "
                f"received {self.http_port} for both"
            )
        _check("max_message_bytes", self.max_message_bytes, 1024, 2**31 - 1)
        _check("max_header_bytes", self.max_header_bytes, 1024, 1024 * 1024)
        _check("max_in_flight", self.max_in_flight, 1, 1_000_000)
        if self.max_tensor_bytes_in_flight:
            _check("max_tensor_bytes_in_flight", self.max_tensor_bytes_in_flight, 1 << 20, 2**50)
        _check("keepalive_seconds", self.keepalive_seconds, 1, 86400)
        _check("memory_limit", self.memory_limit, 0, 2**50)
        _check("load_seconds", self.load_seconds, 1, 86400)
        _check("stuck_seconds", self.stuck_seconds, 0.1, 86400)
        if self.client_rate:
            check_rate("client_rate", self.client_rate)
        parse_proxies(self.trusted_proxies)
        self._check_tls()
        _check("drain_seconds", self.drain_seconds, 0, 3600)
        _check("poll_seconds", self.poll_seconds, 0, 3600)
        if self.model_config_file is not None and self.model_base_path is not None:
            raise ConfigError(
                "model_base_path: expected no other list of models, received one beside "
                "model_config_file; give one of the two"
            )
        listed = self.model_config_file is not None or self.model_base_path is not None
        if listed and self.model_control_mode == "explicit":
            raise ConfigError(
                "model_control_mode: expected poll or none with a list of models, received explicit"
            )
        if not self.host:
            raise ConfigError("host: expected an address, received an empty one")

    def _check_tls(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ConfigError(
                "tls_key: expected a certificate and its key, received one of the two; set both "
                "tls_cert and tls_key"
            )
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ConfigError(
                "tls_client_ca: expected tls_cert and tls_key with it, received none; a caller "
                "shows a certificate over TLS only"
            )

    @property
    def tls(self) -> TlsOptions | None:
        """The files of TLS, None for plain text."""
        if self.tls_cert is None or self.tls_key is None:
            return None
        return TlsOptions(self.tls_cert, self.tls_key, self.tls_client_ca)


KEYS: Final = tuple(field.name for field in dataclasses.fields(ServerSettings))


def read_server_settings(
    flags: Mapping[str, str], environment: Mapping[str, str]
) -> ServerSettings:
    """Read and check all settings.

    Args:
        flags: by key, as text; ``config`` names a settings file.
        environment: the process's; ``HORNGATE_CONFIG`` names a file where no flag does.

    Raises:
        ConfigError: naming the flag, the variable or the file, and the key.
    """
    named_file = flags.get(FILE_KEY) or environment.get(PREFIX + FILE_KEY.upper())
    values: dict[str, Value] = {}
    if named_file:
        for key, raw in read_toml(Path(named_file)).items():
            _check_not_gone(key, named_file)
            values[key] = Value(raw, named_file)
    for key in GONE:
        if PREFIX + key.upper() in environment:
            _check_not_gone(key, f"environment {PREFIX}{key.upper()}")
    for key in KEYS:
        variable = PREFIX + key.upper()
        if variable in environment:
            values[key] = Value(environment[variable], f"environment {variable}", text=True)
    for key, raw in flags.items():
        if key != FILE_KEY:
            flag = f"flag --{key.replace('_', '-')}"
            _check_not_gone(key, flag)
            values[key] = Value(raw, flag, text=True)
    return construct(ServerSettings, values)


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Variables that look like settings and are none, for a warning.

    A warning and no error: Kubernetes puts variables of that prefix into every container beside
    a service that is called ``horngate``.
    """
    known = {PREFIX + key.upper() for key in (*KEYS, FILE_KEY)}
    return sorted(
        name
        for name in environment
        if name.startswith(PREFIX)
        and name not in known
        and "_SERVICE_" not in name
        and "_PORT_" not in name
        and name not in (PREFIX + "PORT", PREFIX + "TOKEN")
    )


def _check_not_gone(key: str, source: str) -> None:
    if key in GONE:
        raise ConfigError(f"{source}: {key}: the setting is gone: {GONE[key]}")


def _check(key: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{key}: expected {low} to {high}, received {value}")
