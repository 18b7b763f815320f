"""Triton's own Python example clients, with Horngate for Triton.

    python -m tests.contract.peers.triton --sources DIR [--write] [NAME …]

``DIR`` is a checkout of ``triton-inference-server/client`` or a repository without a work tree. Its
examples are unpacked into a temporary folder and run unchanged, against models of the names, inputs
and outputs that they ask for, which are made here; nothing of theirs is kept. With ``--write`` the
outcomes become a table of ``docs/peers.md``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import Final

import tensorflow as tf

from horngate.builder.publish import publish_saved_model
from tests.contract.peers.tfserving import as_table, unpack, write
from tests.photos import photo
from tests.serving import RunningServer

EXAMPLES: Final = "src/python/examples"
MARK: Final = "triton_examples"
SECONDS: Final = 120
FLAGS: Final = (
    "--model-control-mode=explicit",
    "--load-model=*",
    "--allow-shared-memory",
    "--metrics-compat=triton",
)

_SEQUENCES: Final = "needs a model that keeps sequences; `sequence_id` is UNIMPLEMENTED"
_CONFIG: Final = "loads a model with another configuration in the request, which is UNIMPLEMENTED"
_CUDA: Final = "needs a GPU"
EXCEPTIONS: Final[Mapping[str, str]] = {
    "simple_grpc_aio_sequence_stream_infer_client.py": _SEQUENCES,
    "simple_grpc_sequence_stream_infer_client.py": _SEQUENCES,
    "simple_grpc_sequence_sync_infer_client.py": _SEQUENCES,
    "simple_http_sequence_sync_infer_client.py": _SEQUENCES,
    "simple_grpc_custom_repeat.py": "needs a model that answers a request several times",
    "simple_grpc_model_control.py": _CONFIG,
    "simple_http_model_control.py": _CONFIG,
    "simple_grpc_cudashm_client.py": _CUDA,
    "simple_http_cudashm_client.py": _CUDA,
    "ensemble_image_client.py": "needs an ensemble",
    "memory_growth_test.py": "asks the ports 8000 and 8001, whatever it is told",
}
"""Examples that cannot pass, and why; they are not run."""

_PHOTO: Final = ("-m", "photos", "-s", "INCEPTION", "-c", "3", "photo.jpg")
ARGUMENTS: Final[Mapping[str, Sequence[str]]] = {
    "image_client.py": ("-i", "grpc", *_PHOTO),
    "grpc_image_client.py": _PHOTO,
}
"""What examples are told beside where the server is."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them; 0 where nothing failed that should not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sources", type=Path, required=True, help="of Triton's clients")
    parser.add_argument("--write", action="store_true", help="the table of peers.md")
    parser.add_argument("names", nargs="*", help="of examples; all without")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        outcomes = run(options.sources, Path(folder), options.names)
    table = as_table(outcomes, EXCEPTIONS)
    sys.stdout.write(table)
    if options.write:
        write(table, MARK)
    return int(any(reason and name not in EXCEPTIONS for name, reason in outcomes.items()))


def run(sources: Path, folder: Path, names: Sequence[str]) -> dict[str, str]:
    """What became of each example: "" where it passed, else the last line that it said."""
    unpack(sources, folder, (EXAMPLES,))
    models = folder / "models"
    _make_models(models)
    (folder / "photo.jpg").write_bytes(photo())
    examples = sorted((folder / EXAMPLES).glob("*.py"))
    if not examples:
        raise SystemExit(f"expected examples in {EXAMPLES} of {sources}, found none")
    outcomes: dict[str, str] = {}
    with RunningServer(models, *FLAGS) as server:
        for example in examples:
            if names and example.name not in names:
                continue
            outcomes[example.name] = EXCEPTIONS.get(example.name) or _ask(example, server)
    return outcomes


def _ask(example: Path, server: RunningServer) -> str:
    # reuse_infer_objects_client.py asks over HTTP unless it is told otherwise.
    over_http = "http" in example.name or example.name.startswith("reuse")
    port = server.http_port if over_http else server.grpc_port
    try:
        ran = subprocess.run(
            [
                *(sys.executable, str(example), "-u", f"localhost:{port}"),
                *ARGUMENTS.get(example.name, ()),
            ],
            cwd=server.models.parent,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
            stdout=PIPE,
            stderr=STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"did not end within {SECONDS} s"
    lines = [line for line in ran.stdout.splitlines() if line.strip()]
    return (lines or ["no word"])[-1][:200] if ran.returncode else ""


class _Models(tf.Module):  # type: ignore[misc]  # TensorFlow ships no types
    """The models that the examples ask: a method each, named as they are."""

    @tf.function(  # type: ignore[untyped-decorator]  # the same
        input_signature=[tf.TensorSpec([None, 16], "int32", f"INPUT{n}") for n in range(2)]
    )
    def simple(self, one: tf.Tensor, two: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"OUTPUT0": one + two, "OUTPUT1": one - two}

    @tf.function(  # type: ignore[untyped-decorator]  # the same
        input_signature=[tf.TensorSpec([None, 16], "int8", f"INPUT{n}") for n in range(2)]
    )
    def simple_int8(self, one: tf.Tensor, two: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"OUTPUT0": one + two, "OUTPUT1": one - two}

    @tf.function(  # type: ignore[untyped-decorator]  # the same
        input_signature=[tf.TensorSpec([None, 16], "string", f"INPUT{n}") for n in range(2)]
    )
    def simple_string(self, one: tf.Tensor, two: tf.Tensor) -> dict[str, tf.Tensor]:
        first, second = (tf.strings.to_number(each, tf.int32) for each in (one, two))
        return {
            "OUTPUT0": tf.strings.as_string(first + second),
            "OUTPUT1": tf.strings.as_string(first - second),
        }

    @tf.function(input_signature=[tf.TensorSpec([None, None], "string", "INPUT0")])  # type: ignore[untyped-decorator]  # the same
    def simple_identity(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"OUTPUT0": tf.identity(texts)}

    @tf.function(input_signature=[tf.TensorSpec([3, 224, 224], "float32", "data_0")])  # type: ignore[untyped-decorator]  # the same
    def densenet_onnx(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"fc6_1": tf.fill([1000, 1, 1], tf.reduce_mean(image))}

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3], "float32", "photo")])  # type: ignore[untyped-decorator]  # the same
    def photos(self, photo: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"kind": tf.nn.softmax(tf.reduce_mean(photo, [1, 2]))}


def _make_models(folder: Path) -> None:
    module = _Models()
    exported = folder.parent / "exported"
    tf.saved_model.save(module, str(exported), {"serving_default": module.photos})
    publish_saved_model(exported, folder, "photos", pixels=(-1, 1), labels=("red", "green", "blue"))
    for name in ("simple", "simple_int8", "simple_string", "simple_identity", "densenet_onnx"):
        version = str(folder / name / "1")
        tf.saved_model.save(module, version, {"serving_default": getattr(module, name)})


if __name__ == "__main__":
    sys.exit(main())
