"""The only wiring: which object is given which, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from horngate.config.model_file import read_model_settings
from horngate.config.server import ServerSettings
from horngate.engine import Engine
from horngate.errors import ModelNotFound
from horngate.observability.events import RepositoryEvents, report_fault
from horngate.observability.metrics import Metrics
from horngate.protocols.health import methods as health_methods
from horngate.protocols.oip.methods import methods as oip_methods
from horngate.protocols.pb import POOL
from horngate.protocols.tfserving.methods import methods as tfserving_methods
from horngate.repository.keeper import Keeper
from horngate.repository.loader import Loader
from horngate.repository.repository import Repository
from horngate.repository.status import VersionStatus
from horngate.runtimes.deferred import tensorflow
from horngate.scheduling.executor import ThreadExecutor
from horngate.scheduling.options import BatchingOptions
from horngate.server.pages import pages
from horngate.transports.grpcio.server import GrpcOptions, GrpcServer
from horngate.transports.http import HttpOptions, HttpServer


@dataclass(frozen=True, slots=True)
class Assembly:
    """A server's parts, wired; ``lifecycle`` starts and stops them."""

    keeper: Keeper
    engine: Engine
    grpc: GrpcServer
    http: HttpServer


def assemble(settings: ServerSettings) -> Assembly:
    """Make every part of a server.

    Raises:
        ConfigError: the HTTP port cannot be had.
    """
    clock = time.monotonic
    metrics = Metrics()
    events = RepositoryEvents(metrics)
    repository = Repository()
    keeper = Keeper(
        repository,
        settings.models,
        load=Loader([tensorflow()], _executor, clock, events),
        read_settings=read_model_settings,
        observer=events,
        clock=clock,
        poll_seconds=settings.poll_seconds,
    )
    engine = Engine(repository, clock)
    methods = [*tfserving_methods(engine), *oip_methods(engine), *health_methods(engine)]
    metrics.attach(methods, lambda: _statuses(engine), events.queues)
    grpc = GrpcServer(
        methods,
        GrpcOptions(settings.host, settings.grpc_port, settings.max_message_bytes),
        observer=metrics,
        report=report_fault,
        clock=clock,
        pool=POOL,
    )
    http = HttpServer(pages(engine, metrics), HttpOptions(settings.host, settings.http_port))
    return Assembly(keeper, engine, grpc, http)


def _executor(options: BatchingOptions, name: str) -> ThreadExecutor:
    # Threads of its own, because the asyncio transport's one thread must stay free to answer.
    return ThreadExecutor(options.instances, name)


def _statuses(engine: Engine) -> Iterator[VersionStatus]:
    for model in engine.models():
        try:
            yield from engine.statuses(model)
        except ModelNotFound:
            continue  # it left the repository between the two questions
