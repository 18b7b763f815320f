"""The model of a run: where it lies, its signature, and inputs for it."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.load import Load
from horngate.builder.comparison import FREE_SIZE, made_up_inputs
from horngate.store.compiled import FORMS
from horngate.store.layout import SETTINGS_FILE, version_folders
from horngate.tensors import DEFAULT_SIGNATURE, Array, Signature, TensorSpec


@dataclass(frozen=True)
class Published:
    """The newest version of a model of a repository."""

    name: str
    folder: Path

    @property
    def compiled(self) -> bool:
        """Whether it has a compiled form."""
        return self.form.is_file()

    @property
    def form(self) -> Path:
        """The compiled form of its default signature, whether it is there or not."""
        return self.folder / FORMS / f"{DEFAULT_SIGNATURE}.onnx"


def newest(models: Path, name: str) -> Published:
    """The newest version of ``name`` below ``models``.

    Raises:
        FileNotFoundError: there is none.
    """
    folder = models / name
    versions = version_folders(folder) if folder.is_dir() else {}
    if not versions:
        raise FileNotFoundError(
            f"expected a version of {name} in {models}, found none; `make models` builds them"
        )
    return Published(name, versions[max(versions)].resolve())


def repository(target: Path, models: Mapping[str, Published], engine: str) -> Path:
    """Write a repository into ``target`` of ``models`` by name, told to run on ``engine``."""
    for name, model in models.items():
        folder = target / name
        folder.mkdir(parents=True)
        shutil.copytree(model.folder, folder / model.folder.name)
        settings = model.folder.parent / SETTINGS_FILE
        tables = tomllib.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
        (folder / SETTINGS_FILE).write_text(settings_for(tables, engine), encoding="utf-8")
    return target


def settings_for(tables: dict[str, dict[str, object]], engine: str) -> str:
    """A model's settings with another engine, as TOML; the builder's own table left out."""
    tables = {name: table for name, table in tables.items() if name not in ("build", "versions")}
    tables["runtime"] = {**tables.get("runtime", {}), "engine": engine}
    lines: list[str] = []
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(each)}" for key, each in table.items())]
    return "\n".join(lines) + "\n"


def inputs(signature: Signature, rows: int) -> dict[str, Array]:
    """Made-up inputs of ``rows`` rows."""
    return {
        name: np.resize(array, (rows, *array.shape[1:]))
        for name, array in made_up_inputs(signature).items()
    }


def shapes(signature: Signature, load: Load) -> Iterator[str]:
    """perf_analyzer's ``--shape`` arguments: what it cannot read from the metadata."""
    for spec in signature.inputs.values():
        row = [FREE_SIZE if size is None else size for size in spec.shape[1:]]
        if load.kind == "tfserving":
            yield _shape(spec, [load.rows, *row])
        elif None in spec.shape[1:]:
            yield _shape(spec, row)


def _shape(spec: TensorSpec, sizes: list[int]) -> str:
    return f"{spec.name}:{','.join(map(str, sizes))}"
