"""The subjects of a run: started one after the other, ended together."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path
from typing import Final

from benchmarks import bodies, certificates, recording
from benchmarks.analyzer import lent
from benchmarks.campaign import Campaign
from benchmarks.catalogue import ENGINE, START, TITLES
from benchmarks.engine import Engine
from benchmarks.floor import Floor, build, graph_tensors
from benchmarks.load import Load, Pace
from benchmarks.model import Published
from benchmarks.peers.subjects import KServe, PyTriton
from benchmarks.served import Horngate
from benchmarks.sketches import Sketch
from benchmarks.slow import slow_model
from benchmarks.start import Start, start
from benchmarks.start import repository as repository_to_start
from benchmarks.subject import NotHere, Process
from horngate.client import Client
from horngate.protocols.oip.parameters import default_signature
from horngate.tensors import Signature

LOADED: Final = 64
"""Models of the subject with many."""

Make = Callable[[], Process]


class Lineup:
    """Starts what was chosen; for one thread.

    ``skipped`` is what could not be started, with the reason.
    """

    def __init__(
        self,
        stack: ExitStack,
        folder: Path,
        *,
        repository: Path,
        model: Published,
        names: Sequence[str],
        loads: Sequence[Load],
    ) -> None:
        """Everything lives in ``folder`` and ends with ``stack``."""
        self.skipped: dict[str, str] = {}
        self._stack = stack
        self._folder = folder
        self._repository = repository
        self._models: dict[Pace, Published] = {"quick": model}
        self._names = names
        self._loads = loads
        self._started: list[Process] = []

    def campaign(self, program: str, window: float) -> Campaign:
        """Start them all.

        Raises:
            NotHere: Horngate itself does not start, which tells the others about the model.
        """
        if any(load.pace == "slow" for load in self._loads):
            with self._skipping("slow model"):
                self._models["slow"] = slow_model()
        # It comes first: others answer what it says of the model.
        reference = Horngate("horngate", self._models)
        self._start("horngate", reference)
        signature = self._signature(reference)
        for name, makers in self._makers(program, reference, signature).items():
            if name in self._names:
                with self._skipping(name):
                    for maker in makers:
                        self._start(name, maker())
        subjects = [
            each for name in TITLES for each in self._started if each.name == name in self._names
        ]
        return Campaign(
            program=program,
            models=self._models,
            signature=signature,
            subjects=subjects,
            loads=[load for load in self._loads if load.pace in self._models],
            engine=self._engine(window),
            start=self._starter(),
            bodies=bodies.write(self._folder, self._models["quick"], signature),
            window=window,
            say=_say,
        )

    def batch_limits(self) -> dict[str, dict[str, int]]:
        """What each server decided: measured at its start, it differs from start to start."""
        served = (each for each in self._started if isinstance(each, Horngate))
        return {each.name: each.batch_limits() for each in served}

    def _makers(
        self, program: str, reference: Horngate, signature: Signature
    ) -> dict[str, list[Make]]:
        quick = self._models["quick"]
        recorded = recording.record(reference.grpc_address, quick.name, signature)
        names = [each.name for each in self._models.values()]
        configurations = recording.configurations(reference.grpc_address, names)
        return {
            "horngate-tls": [partial(self._with_tls, program)],
            "horngate-64": [partial(Horngate, "horngate-64", self._models, loaded=LOADED)],
            "horngate-tensorflow": [
                partial(Horngate, "horngate-tensorflow", {"quick": quick}, engine="tensorflow")
            ],
            "kserve": [partial(KServe, self._models, configurations, _say)],
            "pytriton": [partial(PyTriton, self._models, _say)],
            "cpp-tensorflow": [partial(self._floor, pace, signature) for pace in self._models],
            "cpp-echo": [lambda: Floor(self._program, quick, "quick")],
            "core-echo": [partial(Sketch, "core-echo", quick, recorded)],
            "limit": [partial(Sketch, "limit", quick, recorded)],
        }

    def _with_tls(self, program: str) -> Horngate:
        folder = self._folder / "certificates"
        folder.mkdir()
        made = certificates.make(folder)
        authority = self._stack.enter_context(lent(program, made.authority))
        flags = ("--ssl-grpc-use-ssl", "--ssl-grpc-root-certifications-file", authority)
        return Horngate("horngate-tls", self._models, certificates=made, flags=flags)

    def _floor(self, pace: Pace, signature: Signature) -> Floor:
        model = self._models[pace]
        return Floor(self._program, model, pace, graph_tensors(model.folder, signature))

    @cached_property
    def _program(self) -> Path:
        """The C++ servers' program, built for this run."""
        return build(self._folder / "floor")

    def _signature(self, reference: Horngate) -> Signature:
        with Client(reference.grpc_address) as client:
            metadata = client.metadata(self._models["quick"].name)
        return default_signature(metadata.signatures)

    def _start(self, name: str, subject: Process) -> None:
        folder = self._folder / f"{len(self._started)}-{name}"
        folder.mkdir()
        self._stack.callback(subject.stop)
        subject.start(folder)
        self._started.append(subject)
        _say(f"started {name}")

    def _engine(self, window: float) -> Engine | None:
        if ENGINE not in self._names:
            return None
        made: list[Engine] = []
        with self._skipping(ENGINE):
            made.append(Engine(self._models["quick"], window / 2))
            self._stack.callback(made[0].stop)
        return made[0] if made else None

    def _starter(self) -> Callable[[], Start] | None:
        if START not in self._names:
            return None
        folder = self._folder / "start"
        folder.mkdir()
        return partial(start, repository_to_start(self._repository, "auto", folder))

    @contextlib.contextmanager
    def _skipping(self, name: str) -> Iterator[None]:
        try:
            yield
        except NotHere as reason:
            self.skipped[name] = str(reason)
            _say(f"skipped {name}: {reason}")


def _say(line: str) -> None:
    print(line, flush=True)
