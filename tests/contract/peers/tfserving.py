"""TensorFlow Serving's own server test and examples, with ``horngate serve`` for its binary.

    python -m tests.contract.peers.tfserving --sources DIR [--write] [NAME …]

``DIR`` is a checkout of ``tensorflow/serving`` or a repository without a work tree. Its test, its
models and its configuration files are unpacked into a temporary folder, laid out as Bazel would,
and run unchanged; nothing of them is kept. What the test imports beside TensorFlow is in
``tensorflow-serving-api``, but for a module that picks ports; and it names tensors as Keras 2 did,
which pip is asked for. The server gets the flags that the binary would get. With ``--write`` the
outcomes become the table of ``docs/peers.md``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from subprocess import PIPE
from typing import Final

from tests.contract.peers import tfserving_examples

ROOT: Final = Path(__file__).resolve().parents[3]
PAGE: Final = ROOT / "docs" / "peers.md"
MARK: Final = "tensorflow_model_server_test"
NEEDED: Final = (
    "tensorflow_serving/model_servers",
    "tensorflow_serving/servables/tensorflow/testdata",
    "tensorflow_serving/example",
    "tensorflow_serving/g3doc",
)
SEEN: Final = re.compile(r"^outcome (\w+) (passed|failed) ?(.*)$", re.MULTILINE)

_LITE: Final = "needs a LiteRT model; `--prefer_tflite_model` ends the start"
EXCEPTIONS: Final[Mapping[str, str]] = {
    "testPredictOnTfLite": _LITE,
    "testPredictWithSignatureDefOnTfLite": _LITE,
    "test_profiler_service_with_valid_trace_request": "needs TensorFlow's profiler service; "
    "profile the process from outside",
    "test_tf_text": "needs the operations of tf_text, a library that TensorFlow lacks; the test as "
    "it stands fails before it asks",
}
"""Tests that cannot pass, and why."""

_SERVER: Final = """\
#!/bin/sh
exec {python} -m horngate serve "$@"
"""
_PORTS: Final = """\
import socket


def pick_unused_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 where nothing failed that should not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sources", type=Path, required=True, help="of tensorflow/serving")
    parser.add_argument("--write", action="store_true", help=f"the table of {PAGE.name}")
    parser.add_argument("names", nargs="*", help="of tests; all without")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        outcomes = run(options.sources, Path(folder), options.names)
    table = as_table(outcomes)
    sys.stdout.write(table)
    if options.write:
        write(table, MARK)
    known = {*EXCEPTIONS, tfserving_examples.NETWORK}
    return int(
        any(reason and known.isdisjoint((name, reason)) for name, reason in outcomes.items())
    )


def run(sources: Path, folder: Path, names: Sequence[str]) -> dict[str, str]:
    """What became of each test: "" where it passed, else the last line of its error."""
    package = folder / "tf_serving" / "tensorflow_serving"
    unpack(sources, package.parent)
    server = package / "model_servers" / "tensorflow_model_server"
    server.write_text(_SERVER.format(python=sys.executable), "utf-8")
    server.chmod(0o755)
    (folder / "portpicker.py").write_text(_PORTS, "utf-8")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT / "service"), str(ROOT)]),
        "TEST_SRCDIR": str(folder),
        "TEST_TMPDIR": str(folder / "tmp"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_USE_LEGACY_KERAS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    (folder / "tmp").mkdir()
    keras = f"tf_keras=={'.'.join(version('tensorflow').split('.')[:2])}.*"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    subprocess.run([*pip, keras], check=True)
    command = [sys.executable, "-m", "tests.contract.peers.tfserving_suite", str(package), *names]
    examples = {} if names else tfserving_examples.run(package, environment)
    ran = subprocess.run(command, env=environment, cwd=folder, stdout=PIPE, text=True, check=False)
    found = {name: reason for name, _, reason in SEEN.findall(ran.stdout)}
    if not found:
        raise SystemExit(f"expected outcomes of tests, received none:\n{ran.stdout[-4000:]}")
    return found | examples


def unpack(sources: Path, folder: Path, needed: Sequence[str] = NEEDED) -> None:
    """Put what is needed of ``sources`` below ``folder``; files that they lack are left out."""
    if (sources / needed[0]).is_dir():
        for name in needed:
            shutil.copytree(sources / name, folder / name)
        return
    git = ["git", "-C", str(sources)]
    listed = subprocess.run(
        [*git, "ls-tree", "-r", "-z", "--name-only", "HEAD", *needed], stdout=PIPE, check=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        shown = subprocess.run([*git, "show", f"HEAD:{name}"], capture_output=True, check=False)
        if shown.returncode == 0:
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(shown.stdout)


def as_table(outcomes: Mapping[str, str], exceptions: Mapping[str, str] = EXCEPTIONS) -> str:
    """The outcomes for the documentation."""
    rows = ["| Test | Outcome |", "|---|---|"]
    for name, reason in sorted(outcomes.items()):
        told = f"no: {exceptions.get(name, reason)}" if reason else "passes"
        rows.append(f"| `{name}` | {told.replace('|', '')} |")
    return "\n".join(rows) + "\n"


def write(table: str, mark: str) -> None:
    """Put the table in its place in the documentation, between the two lines that have ``mark``."""
    head, begin, rest = re.split(rf"(<!-- {mark}:begin.*\n)", PAGE.read_text("utf-8"))
    end = f"<!-- {mark}:end -->\n"
    PAGE.write_text(f"{head}{begin}\n{table}\n{end}{rest.partition(end)[2]}", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
