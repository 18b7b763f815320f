"""``python -m benchmarks``: what is deployed, beside other servers and the least it could cost.

See docs/benchmarks.md for what is measured and how.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks import chart, results, table
from benchmarks.analyzer import LoadFailed, find, version
from benchmarks.catalogue import ENGINE, START, TITLES, chosen, chosen_loads
from benchmarks.lineup import Lineup
from benchmarks.machine import machine, moment
from benchmarks.model import newest
from benchmarks.peers.subjects import PACKAGES
from benchmarks.ratios import ratios
from benchmarks.subject import NotHere

ROUNDS: Final = 3
SECONDS: Final = 0.6
QUICK_SECONDS: Final = 0.3


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print, write; 1 where nothing could be measured."""
    options = _parser().parse_args(argv)
    window = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    # SIGTERM ends what was started, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        program, model = find(), newest(options.models, options.model)
        names, loads = chosen(options.only), chosen_loads(options.loads)
    except (LoadFailed, FileNotFoundError, ValueError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="horngate-bench-")))
        lineup = Lineup(
            stack, folder, repository=options.models, model=model, names=names, loads=loads
        )
        try:
            campaign = lineup.campaign(program, window)
        except NotHere as reason:
            print(f"benchmarks: {reason}", file=sys.stderr)
            return 1
        campaign.results.about = {
            "command": _command(options),
            **moment(),
            "model": f"{model.name} version {model.folder.name}",
            "window_seconds": window,
            "machine": machine() | {"perf_analyzer": version(program)},
            "peers": PACKAGES,
            "batch_limits": lineup.batch_limits(),
            "engine_threads": None if campaign.engine is None else campaign.engine.threads,
        }
        campaign.results.skipped = lineup.skipped
        print(f"batch limits: {campaign.results.about['batch_limits']}")
        print(f"about {campaign.seconds(rounds) / 60:.0f} minutes", flush=True)
        campaign.run(rounds)
    found = campaign.results
    measured = ratios(found)
    print()
    for line in (
        *table.everything(found),
        *table.engine(found),
        *table.quietness(found),
        *table.promises(measured),
    ):
        print(line)
    if not found.cells and not found.starts:
        return 1
    results.write(found, measured, options.output)
    chart.draw(found, options.output.with_suffix(".png"))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="one short round, to see that everything runs")
    add("--rounds", type=int, default=0, help=f"how often everything is measured ({ROUNDS})")
    add("--seconds", type=float, default=0.0, help=f"a window; a measurement has 3 ({SECONDS})")
    subjects = ",".join((*TITLES, ENGINE, START))
    add("--only", default="", help=f"of {subjects}; default all")
    add("--loads", default="", help="patterns of loads such as triton-1x*; default all")
    add("--model", default="mnist_fusion", help="default mnist_fusion")
    add("--models", type=Path, default=Path("models"), help="the repository (default models)")
    add("--output", type=Path, default=results.LATEST, help="the JSON; the chart goes beside it")
    return parser


def _command(options: argparse.Namespace) -> str:
    """The command without its paths."""
    flags = ["--quick"] if options.quick else []
    flags += [f"--rounds {options.rounds}"] if options.rounds else []
    flags += [f"--seconds {options.seconds:g}"] if options.seconds else []
    flags += [f"--only {options.only}"] if options.only else []
    flags += [f"--loads '{options.loads}'"] if options.loads else []
    if options.model != "mnist_fusion":
        flags.append(f"--model {options.model}")
    return "make bench" + (f' ARGS="{" ".join(flags)}"' if flags else "")


if __name__ == "__main__":
    sys.exit(main())
