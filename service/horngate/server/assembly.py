"""The only wiring: which object is given which, and nothing else."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from horngate.access.gate import Gate
from horngate.access.proxies import Proxies, parse_proxies
from horngate.access.roots import Roots
from horngate.access.watched import Watched
from horngate.batching.executor import BurstExecutor, ThreadExecutor
from horngate.budget import Budget
from horngate.calls import Calls
from horngate.config.model_file import read_model_settings
from horngate.config.server import ServerSettings
from horngate.config.serving_files import read_batching_parameters_file, read_model_config_file
from horngate.config.tokens_file import read_tokens_file
from horngate.errors import ConfigError, ModelNotFound
from horngate.fronts.grpc.connections import Connections
from horngate.fronts.grpc.front import GrpcFront
from horngate.fronts.http.front import HttpFront
from horngate.fronts.options import PortOptions
from horngate.fronts.tls import watch
from horngate.inference import Inference
from horngate.lifecycle.control import Control
from horngate.lifecycle.loader import Loader
from horngate.lifecycle.loop import ReconcileLoop
from horngate.lifecycle.memory import Memory, resident_bytes
from horngate.lifecycle.repository import Repository
from horngate.lifecycle.source import Folders, Listed, Listing, OnRequest, Source
from horngate.lifecycle.status import VersionStatus
from horngate.lifecycle.watchdog import Watchdog
from horngate.private import remove_leftovers
from horngate.protocols.channelz import methods as channelz_methods
from horngate.protocols.health import methods as health_methods
from horngate.protocols.oip.methods import methods as oip_methods
from horngate.protocols.oip.rest.routes import routes as oip_routes
from horngate.protocols.oip.samples import read_samples
from horngate.protocols.pb import POOL
from horngate.protocols.reflection import methods as reflection_methods
from horngate.protocols.tfserving.methods import methods as tfserving_methods
from horngate.protocols.tfserving.rest.routes import routes as tfserving_routes
from horngate.protocols.tfserving.warmup import read_warm_up
from horngate.runtimes.deferred import onnx, tensorflow
from horngate.servable import Clock
from horngate.store.layout import check_model_name
from horngate.telemetry.events import FaultLog, RepositoryEvents, file_not_taken
from horngate.telemetry.exposition import Exposition, Statistics
from horngate.telemetry.logs import LogLevels
from horngate.telemetry.metrics import Metrics
from horngate.web.live import Live
from horngate.web.pages import View, pages

MOST_INSTANCES: Final = 8
"""More batches at once than that wait for Python's lock and not for a core."""

TENSORS_SHARE: Final = 4
"""The part of the memory that requests in flight may be read into where no setting says. Messages
and what engines make of tensors take about as much again each; models need the rest."""

UNSENT_SHARE: Final = 4
"""The part of as much that replies may take which their callers leave unread."""

NEVER: Final = 1e8
"""Seconds between two looks at the models that are looked at once."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """A server's parts, wired; ``lifecycle`` starts and stops them."""

    loop: ReconcileLoop
    watchdog: Watchdog
    inference: Inference
    models: Path
    grpc: GrpcFront
    http: HttpFront
    live: Live | None


def assemble(settings: ServerSettings) -> Assembly:
    """Make every part of a server.

    Raises:
        ConfigError: the HTTP port cannot be had, or a file that the settings name cannot be used.
    """
    clock = time.monotonic
    remove_leftovers()
    gate = make_gate(settings, clock)
    certificates = None if settings.tls is None else watch(settings.tls, clock, file_not_taken)
    memory = Memory(settings.memory_limit)
    budget = Budget(settings.max_tensor_bytes_in_flight or memory.limit // TENSORS_SHARE)
    metrics, faults = Metrics(budget), FaultLog()
    events = RepositoryEvents(metrics)
    source = make_source(settings)
    repository = Repository(may_be_empty=isinstance(source, OnRequest))
    loop = ReconcileLoop(
        repository,
        source,
        load=make_loader(events, clock, memory, trust_operations=settings.trust_model_ops),
        observer=events,
        clock=clock,
        poll_seconds=_poll_seconds(settings),
        load_seconds=settings.load_seconds,
        at_once=len(os.sched_getaffinity(0)),
    )
    inference = Inference(
        repository,
        Control(loop, repository, source),
        clock,
        open_control=settings.allow_control,
    )
    statistics = Statistics(metrics, events.waiting)
    connections = Connections()
    methods = [
        *tfserving_methods(
            inference, make_roots(settings, source), content=settings.predict_tensor_content
        ),
        *oip_methods(
            inference,
            statistics,
            LogLevels(),
            name=settings.server_name
            or ("triton" if settings.metrics_compat == "triton" else "horngate"),
            shared_memory=settings.allow_shared_memory,
        ),
        *health_methods(inference),
        *channelz_methods(inference, connections),
    ]
    methods += reflection_methods((method.service for method in methods), POOL)
    rest = [*tfserving_routes(inference), *oip_routes(methods)]
    metrics.attach(
        [*methods, *rest],
        lambda: _statuses(inference),
        events.queues,
        loop.under_way,
        connections.count,
    )
    options = partial(
        PortOptions,
        host=settings.host,
        max_message_bytes=settings.max_message_bytes,
        max_header_bytes=settings.max_header_bytes,
        max_in_flight=settings.max_in_flight,
        max_unsent_bytes=budget.most // UNSENT_SHARE,
        keepalive_seconds=settings.keepalive_seconds,
        certificates=certificates,
    )
    calls = partial(
        Calls,
        gate,
        metrics.calls,
        faults,
        clock,
        most_in_flight=settings.max_in_flight,
        most_bytes=settings.max_message_bytes,
    )
    grpc = GrpcFront(
        methods,
        options(
            port=settings.grpc_port,
            socket=settings.grpc_socket_path,
            arguments=channel_arguments(settings.grpc_channel_arguments),
        ),
        calls(),
        connections,
    )
    exposition = Exposition(
        metrics, statistics, events.versions, triton=settings.metrics_compat == "triton"
    )
    live = Live(metrics.calls, metrics.ran, resident_bytes) if settings.pages else None
    view = None if live is None else View(inference, live, loop.under_way, lambda: grpc.port)
    http = HttpFront(
        pages(inference, exposition, view, asks=gate.asks),
        rest,
        options(port=settings.http_port, deadline_seconds=settings.http_deadline_seconds or None),
        calls(),
    )
    return Assembly(
        loop,
        Watchdog(repository, settings.stuck_seconds),
        inference,
        source.path,
        grpc,
        http,
        live,
    )


def channel_arguments(text: str) -> tuple[tuple[str, int | str], ...]:
    """The arguments of gRPC's core that ``grpc_channel_arguments`` has.

    Raises:
        ConfigError: one is no name and value.
    """
    arguments: list[tuple[str, int | str]] = []
    for part in filter(None, text.split(",")):
        name, equals, value = part.strip().partition("=")
        if not equals or not name.startswith("grpc."):
            raise ConfigError(
                "grpc_channel_arguments: expected grpc.NAME=VALUE with commas between them, "
                f"received {part!r}"
            )
        number = value.lstrip("-").isdecimal()
        arguments.append((name, int(value) if number else value))
    return tuple(arguments)


def make_gate(settings: ServerSettings, clock: Clock) -> Gate:
    """Who may call.

    Raises:
        ConfigError: the file of tokens cannot be used.
    """
    rate = settings.client_rate or None
    proxies = Proxies(parse_proxies(settings.trusted_proxies))
    file = settings.tokens_file
    if file is None:
        return Gate(clock, rate=rate, proxies=proxies)
    tokens = Watched((file,), lambda: read_tokens_file(file), clock, file_not_taken)
    return Gate(clock, tokens=tokens, rate=rate, proxies=proxies)


def make_roots(settings: ServerSettings, source: Source) -> Roots:
    """Where callers may name folders of models."""
    named = [name.strip() for name in settings.model_roots.split(",") if name.strip()]
    if named:
        return Roots(map(Path, named))
    listed = source.folders if isinstance(source, Listed) else ()
    return Roots([settings.models, *listed])


def make_loader(
    events: RepositoryEvents, clock: Clock, memory: Memory, *, trust_operations: bool = False
) -> Loader:
    """What loads versions, on the engines that there are."""
    return Loader(
        [engine(trust_operations=trust_operations) for engine in (onnx, tensorflow)],
        lambda batching, name: BurstExecutor(ThreadExecutor(batching.at_once, name)),
        clock,
        events,
        instances=min(len(os.sched_getaffinity(0)), MOST_INSTANCES),
        read_recorded=read_warm_up,
        read_samples=read_samples,
        memory=memory,
    )


def make_source(settings: ServerSettings) -> Source:
    """Where the models are found.

    Raises:
        ConfigError: a file that the settings name cannot be used.
    """
    batching = None
    if settings.batching_parameters_file is not None:
        batching = read_batching_parameters_file(settings.batching_parameters_file)
    read_settings = partial(read_model_settings, batching=batching)
    if settings.model_config_file is not None:
        file = settings.model_config_file
        return Listed(
            read_model_config_file(file),
            read_settings,
            file=file if settings.model_config_file_poll_seconds else None,
            read_file=read_model_config_file,
        )
    if settings.model_base_path is not None:
        check_model_name(settings.model_name)
        only = Listing(settings.model_base_path, None)
        return Listed({settings.model_name: only}, read_settings)
    folders = Folders(settings.models, read_settings)
    if settings.model_control_mode == "explicit":
        names = [name.strip() for name in settings.load_models.split(",") if name.strip()]
        return OnRequest(folders, names)
    return folders


def _poll_seconds(settings: ServerSettings) -> float:
    once = settings.model_control_mode == "none" or settings.poll_seconds == 0
    return NEVER if once else settings.poll_seconds


def _statuses(inference: Inference) -> Iterator[VersionStatus]:
    for model in inference.models():
        try:
            yield from inference.statuses(model)
        except ModelNotFound:
            continue  # it left the repository between the two questions
