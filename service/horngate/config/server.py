"""The server's settings: file < environment < flags, validated once.

>>> read_server_settings({"grpc_port": "0"}, environment={"HORNGATE_HOST": "::1"}).grpc_port
0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta

from horngate.access.proxies import parse_proxies
from horngate.config.model_file import read_toml
from horngate.config.values import OR_ZERO, Value, construct, described
from horngate.errors import ConfigError
from horngate.fronts.tls import TlsOptions
from horngate.telemetry.logs import LogFormat, LogLevel

ControlMode = Literal["poll", "none", "explicit"]
Sandbox = Literal["off", "on", "required"]
MetricsCompat = Literal["none", "triton"]
Wait = Literal["auto", "on", "off"]
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

    Each is told here once: its bounds, and what it is for. The flags' help (the first sentence),
    the range checks and the tables of the documentation follow from it.
    """

    models: Annotated[
        Path,
        "the model repository: each folder of it is a model. `docs/models.md` has its form",
    ] = Path("models")
    model_config_file: Annotated[
        Path | None,
        "TensorFlow Serving's list of models (text proto), in place of `models`. It is read again "
        "when it changes",
    ] = None
    model_config_file_poll_seconds: Annotated[
        float,
        Meta(ge=0, le=3600),
        "0 reads `model_config_file` once, at the start. Otherwise it is looked at with the models",
    ] = 1.0
    model_name: Annotated[str, "the name of the model in `model_base_path`"] = "default"
    model_base_path: Annotated[
        Path | None,
        "the folder of one model's versions, in place of `models`",
    ] = None
    model_control_mode: Annotated[
        ControlMode,
        "follow the models folder (`poll`), look at it once (`none`), or load and unload on "
        "request (`explicit`). The request is RepositoryModelLoad",
    ] = "poll"
    load_models: Annotated[
        str,
        "models that `explicit` loads at the start, with commas between them; `*` for all. Also "
        "`--load-model NAME`, several times",
    ] = ""
    batching_parameters_file: Annotated[
        Path | None,
        "TensorFlow Serving's batching options (text proto), for every key that a model's "
        "`[batching]` leaves out",
    ] = None
    metrics_compat: Annotated[
        MetricsCompat,
        "`triton` puts Triton's metric names beside ours",
    ] = "none"
    server_name: Annotated[
        str,
        Meta(max_length=200),
        "what ServerMetadata calls the server; left out `horngate`, or `triton` where "
        "`metrics_compat` is that, since Triton's clients look for it",
    ] = ""
    host: Annotated[str, "address that both ports listen on. The image has `0.0.0.0`"] = "127.0.0.1"
    grpc_port: Annotated[
        int,
        Meta(ge=0, le=65535),
        "gRPC port; 0 takes a free one, and the log says which",
    ] = 8500
    http_port: Annotated[
        int,
        Meta(ge=0, le=65535),
        "port of metrics, health, the page and REST; 0 as above",
    ] = 8501
    pages: Annotated[
        bool,
        "whether the HTTP port has a page for people, `/` and what it needs; off: `--no-pages`. "
        "Health, metrics and REST stay. `docs/page.md`",
    ] = True
    grpc_socket_path: Annotated[
        Path | None,
        "a Unix socket that gRPC is served on as well, in plain text. Who may write to the file "
        "may call; its folder is for those alone",
    ] = None
    grpc_channel_arguments: Annotated[
        str,
        "arguments of gRPC's core, `name=value` with commas between them, which go before ours",
    ] = ""
    wait_for_models: Annotated[
        Wait,
        "open the gRPC port when all that was there at the start is loaded, or has failed (`on`). "
        "`auto` does so with a list of models, as TensorFlow Serving, for whose clients a port "
        "that is open is a server that is ready",
    ] = "auto"
    http_deadline_seconds: Annotated[
        float,
        Meta(ge=0.001, le=86400, extra=OR_ZERO),
        "how long a REST request may wait for its run; 0 for as long as its caller does",
    ] = 0.0
    predict_tensor_content: Annotated[
        bool,
        "whether Predict answers in `tensor_content`, in place of `float_val` and its like",
    ] = False
    max_message_bytes: Annotated[
        int,
        Meta(ge=1024, le=2**31 - 1),
        "bytes of the largest request and the largest reply",
    ] = 64 * 1024 * 1024
    max_header_bytes: Annotated[
        int,
        Meta(ge=1024, le=1024 * 1024),
        "bytes of the most metadata of a call, or headers of an HTTP request",
    ] = 16 * 1024
    max_in_flight: Annotated[
        int,
        Meta(ge=1, le=1_000_000),
        "calls of one port that may wait for their answers; one more is UNAVAILABLE at once",
    ] = 8192
    max_tensor_bytes_in_flight: Annotated[
        int,
        Meta(ge=1 << 20, le=2**50, extra=OR_ZERO),
        "bytes that requests in flight may be read into, all together; 0 for a quarter of what "
        "`memory_limit` comes to. Their tensors at full size, JSON while it is read, HTTP bodies. "
        "A request for which there is no room is UNAVAILABLE at once. Messages, batches and "
        "engines take as much again each",
    ] = 0
    keepalive_seconds: Annotated[
        float,
        Meta(ge=1, le=86400),
        "silence after which a connection is asked whether its peer is there. It ends if a third "
        "of that brings no answer. An HTTP reply that nobody takes for so long ends its "
        "connection too",
    ] = 60.0
    tls_cert: Annotated[
        Path | None,
        "certificate chain of both ports (PEM). It is read again when it changes. Without it both "
        "speak plain text",
    ] = None
    tls_key: Annotated[Path | None, "its key (PEM), without a password"] = None
    tls_client_ca: Annotated[
        Path | None,
        "who signs the certificates that callers have to show (PEM)",
    ] = None
    tokens_file: Annotated[
        Path | None,
        "who may call, what, and how often: `docs/security.md`. Without it everybody who reaches "
        "a port may",
    ] = None
    client_rate: Annotated[
        float,
        Meta(ge=0.001, le=1_000_000, extra=OR_ZERO),
        "requests a second of one client; 0 for any number",
    ] = 0.0
    trusted_proxies: Annotated[
        str,
        "addresses or networks, with commas between them, whose `x-forwarded-for` says where a "
        "call comes from. No header is believed from others",
    ] = ""
    model_roots: Annotated[
        str,
        "folders, with commas between them, below which HandleReloadConfigRequest may name a "
        "model's. Where none is set: the models folder, and the folders listed at the start",
    ] = ""
    allow_control: Annotated[
        bool,
        "whether callers without a token may reload the list of models, set the log's level and "
        "look into connections by channelz. With tokens that takes an administrator's",
    ] = False
    trust_model_ops: Annotated[
        bool,
        "whether models may hold operations that read or write files, run Python or reach the "
        "network",
    ] = False
    sandbox: Annotated[
        Sandbox,
        "whether the process gives up files, ports and system calls that serving does not need. "
        "`on` takes what the kernel has and says what it lacks, `required` does not start then: "
        "`docs/security.md`",
    ] = "off"
    memory_limit: Annotated[
        int,
        Meta(ge=0, le=2**50),
        "bytes that the server may come to hold; 0 for the container's limit, else the machine's "
        "memory. A version that would not fit is not loaded",
    ] = 0
    load_seconds: Annotated[
        float,
        Meta(ge=1, le=86400),
        "how long loading a version may take, warm-up included; it is given up then. A model's "
        "`runtime.load_seconds` goes before it",
    ] = 300.0
    stuck_seconds: Annotated[
        float,
        Meta(ge=0.1, le=86400),
        "a run of a model that takes longer has its version reported as stuck",
    ] = 60.0
    allow_shared_memory: Annotated[
        bool,
        "whether clients on this machine may hand tensors over in shared memory. One that "
        "registers `/dev/shm` objects reads and writes what the server's user may",
    ] = False
    drain_seconds: Annotated[
        float,
        Meta(ge=0, le=3600),
        "how long running requests may take after SIGTERM",
    ] = 30.0
    poll_seconds: Annotated[
        float,
        Meta(ge=0, le=3600),
        "time between two looks at the models folder; 0 for one look, at the start",
    ] = 1.0
    log_level: Annotated[LogLevel, "the least that is logged"] = "info"
    log_format: Annotated[LogFormat, "`auto` is text on a terminal, JSON elsewhere"] = "auto"

    def __post_init__(self) -> None:
        for setting in SETTINGS:
            setting.check(getattr(self, setting.key))
        if self.grpc_port == self.http_port != 0:
            raise ConfigError(
                "http_port: expected another port than grpc_port, "
                f"received {self.http_port} for both"
            )
        parse_proxies(self.trusted_proxies)
        self._check_tls()
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
    def waits_for_models(self) -> bool:
        """Whether the gRPC port opens when the models that are there are loaded."""
        if self.wait_for_models != "auto":
            return self.wait_for_models == "on"
        return self.model_config_file is not None or self.model_base_path is not None

    @property
    def tls(self) -> TlsOptions | None:
        """The files of TLS, None for plain text."""
        if self.tls_cert is None or self.tls_key is None:
            return None
        return TlsOptions(self.tls_cert, self.tls_key, self.tls_client_ca)


SETTINGS: Final = described(ServerSettings)
KEYS: Final = tuple(setting.key for setting in SETTINGS)


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
