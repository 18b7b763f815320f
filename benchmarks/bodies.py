"""One digit as JSON, in both protocols: what a caller of the REST ports sends."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.load import Kind
from benchmarks.model import Published, inputs
from horngate.store.goldens import read_goldens
from horngate.tensors import Arrays, Signature


def digit(model: Published, signature: Signature) -> Arrays:
    """One row that the model was published with: a real digit; made up where none was kept."""
    golden = read_goldens(model.folder).get(signature.name)
    rows = inputs(signature, 1) if golden is None else golden.inputs
    return {name: array[:1] for name, array in rows.items()}


def write(folder: Path, model: Published, signature: Signature) -> dict[Kind, Path]:
    """Write the bodies of ``/v1`` and ``/v2`` into ``folder``."""
    rows = digit(model, signature)
    v1 = {"instances": [{name: array[0].tolist() for name, array in rows.items()}]}
    v2 = {
        "inputs": [
            {
                "name": name,
                "shape": list(array.shape),
                "datatype": "FP32",
                "data": array.ravel().tolist(),
            }
            for name, array in rows.items()
        ]
    }
    files: dict[Kind, Path] = {"v1-json": folder / "v1.json", "v2-json": folder / "v2.json"}
    files["v1-json"].write_text(json.dumps(v1), encoding="utf-8")
    files["v2-json"].write_text(json.dumps(v2), encoding="utf-8")
    return files
