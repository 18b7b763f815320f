"""``python -m benchmarks``: Horngate beside the least that it could cost, in one run.

See docs/benchmarks.md for what is measured and how.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks import chart, results, table
from benchmarks.analyzer import LoadFailed, find, version
from benchmarks.campaign import Campaign
from benchmarks.catalogue import ENGINE_SUBJECT, ENGINES, TITLES, TRANSPORTS, chosen
from benchmarks.echo import Echo
from benchmarks.engine import Engine
from benchmarks.floor import Floor, build, graph_tensors
from benchmarks.machine import machine, moment
from benchmarks.model import Published, newest
from benchmarks.ratios import ratios
from benchmarks.recording import record
from benchmarks.served import Horngate
from benchmarks.subject import NotHere, Process
from horngate.client import Client
from horngate.protocols.oip.select import default_signature
from horngate.tensors import Signature

QUICK_SECONDS = 0.4


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print, write; 1 where nothing could be measured."""
    options = _parser().parse_args(argv)
    window = options.seconds or (QUICK_SECONDS if options.quick else 2.0)
    rounds = options.rounds or (1 if options.quick else 3)
    # SIGTERM ends what was started, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        program, model = find(), newest(options.models, options.model)
        names = chosen(options.subjects)
    except (LoadFailed, FileNotFoundError, ValueError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    about = {
        "command": _command(options),
        **moment(),
        "model": f"{model.name} version {model.folder.name}",
        "window_seconds": window,
        "machine": machine() | {"perf_analyzer": version(program)},
    }
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="horngate-bench-")))
        run = Run(stack, folder, model, names)
        campaign = run.campaign(program, window)
        campaign.results.about = about | {
            "batch_limits": run.batch_limits(campaign),
            "engine_threads": {each.name: each.threads for each in campaign.engines},
        }
        campaign.results.skipped = run.skipped
        print(f"batch limits: {campaign.results.about['batch_limits']}", flush=True)
        campaign.run(rounds)
    found = campaign.results
    measured = ratios(found)
    print()
    for line in (
        *table.everything(found),
        *table.engines(found),
        *table.quietness(found),
        *table.promises(measured),
    ):
        print(line)
    if not found.cells:
        return 1
    results.write(found, measured, options.output)
    chart.draw(found, options.output.with_suffix(".png"))
    return 0


class Run:
    """The subjects of a run: started one after the other, ended with ``stack``."""

    def __init__(
        self, stack: contextlib.ExitStack, folder: Path, model: Published, names: Sequence[str]
    ) -> None:
        self._stack = stack
        self._folder = folder
        self._model = model
        self._names = names
        self.skipped: dict[str, str] = {}

    def campaign(self, program: str, window: float) -> Campaign:
        """Start them all."""
        reference, signature = self._reference()
        recording = record(reference.address, self._model.name, signature)
        if reference.name not in self._names:
            reference.stop()
        makers: dict[str, Callable[[], Process]] = {
            "cpp-echo": lambda: Floor(self._floor(), self._model),
            "cpp-tensorflow": lambda: Floor(
                self._floor(), self._model, graph_tensors(self._model.folder, signature)
            ),
        }
        for transport in TRANSPORTS:
            makers[f"{transport}-echo"] = partial(Echo, transport, recording)
            for engine in ENGINES:
                makers[f"{transport}-{engine}"] = partial(Horngate, engine, transport, self._model)
        started: dict[str, Process] = (
            {reference.name: reference} if reference.name in self._names else {}
        )
        for name in TITLES:
            if name in self._names and name not in started:
                with self._skipping(name):
                    subject = makers[name]()
                    self._start(subject)
                    started[name] = subject
        return Campaign(
            program=program,
            model=self._model.name,
            signature=signature,
            subjects=[started[name] for name in TITLES if name in started],
            engines=self._engines(window),
            window=window,
            say=lambda line: print(line, flush=True),
        )

    @staticmethod
    def batch_limits(campaign: Campaign) -> dict[str, int]:
        """What each server decided: measured at its start, it differs from start to start."""
        served = [each for each in campaign.subjects if isinstance(each, Horngate)]
        return {each.name: each.batch_limit() for each in served}

    def _reference(self) -> tuple[Horngate, Signature]:
        """The server whose answers the echoes give, and what it says of the model."""
        reference = Horngate("tensorflow", "grpcio", self._model)
        self._start(reference)
        with Client(reference.address) as client:
            metadata = client.metadata(self._model.name)
        return reference, default_signature(metadata.signatures)

    def _start(self, subject: Process) -> None:
        folder = self._folder / subject.name
        folder.mkdir()
        self._stack.callback(subject.stop)
        subject.start(folder)

    def _floor(self) -> Path:
        program = self._folder / "floor" / "floor"
        return program if program.exists() else build(program.parent)

    def _engines(self, window: float) -> list[Engine]:
        engines = []
        for name in ENGINES:
            if ENGINE_SUBJECT in self._names:
                with self._skipping(f"engine-{name}"):
                    engines.append(Engine(name, self._model, window / 4))
                    self._stack.callback(engines[-1].stop)
        return engines

    @contextlib.contextmanager
    def _skipping(self, name: str) -> Iterator[None]:
        try:
            yield
        except NotHere as reason:
            self.skipped[name] = str(reason)
            print(f"skipped {name}: {reason}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="one short round, to see that everything runs")
    add("--rounds", type=int, default=0, help="how often everything is measured (default 3)")
    add("--seconds", type=float, default=0.0, help="a window; a measurement has 3 (default 2)")
    add("--subjects", default="", help=f"of {','.join((*TITLES, ENGINE_SUBJECT))}; default all")
    add("--model", default="mnist_fusion", help="default mnist_fusion")
    add("--models", type=Path, default=Path("models"), help="the repository (default models)")
    add("--output", type=Path, default=results.LATEST, help="the JSON; the chart goes beside it")
    return parser


def _command(options: argparse.Namespace) -> str:
    """The command without its paths."""
    flags = ["--quick"] if options.quick else []
    flags += [f"--rounds {options.rounds}"] if options.rounds else []
    flags += [f"--seconds {options.seconds:g}"] if options.seconds else []
    flags += [f"--subjects {options.subjects}"] if options.subjects else []
    if options.model != "mnist_fusion":
        flags.append(f"--model {options.model}")
    return "make bench" + (f' ARGS="{" ".join(flags)}"' if flags else "")


if __name__ == "__main__":
    sys.exit(main())
