"""``horngate inspect``: what a version on disk holds, without a server and without an engine."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from horngate.cli import target
from horngate.cli.target import VersionOnDisk
from horngate.config.model_file import read_model_settings
from horngate.errors import LoadError, printable
from horngate.lifecycle.settings import ModelSettings
from horngate.store import manifest
from horngate.store.annotations import RECORD as ANNOTATIONS
from horngate.store.compiled import CompiledRecord, read_compiled, unusable
from horngate.store.cost import BatchCost, read_cost, this_machine
from horngate.store.goldens import read_goldens
from horngate.store.rows_record import read_rows
from horngate.tensors import Signature

ENGINES = ("onnx", "tensorflow")
BAR = 30


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    target.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print what the version holds; 1 where a file differs from its checksum."""
    version = target.find(options.models, options.model)
    found = document(version)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(map(printable, text(version, found))))
    return 1 if found["checksums"]["fault"] else 0


def document(version: VersionOnDisk) -> dict[str, Any]:
    """Everything that is recorded of the version, as JSON has it.

    Raises:
        LoadError: a record cannot be read.
        ConfigError: the model's settings cannot be used.
    """
    folder = version.folder
    hashes = manifest.Hashes(folder)
    record = read_compiled(folder)
    settings = read_model_settings(version.settings)
    costs = {engine: cost for engine in ENGINES if (cost := read_cost(folder, engine))}
    return {
        "model": version.model,
        "version": version.number,
        "folder": str(folder),
        "checksums": _checksums(version, hashes),
        "provenance": manifest.read_provenance(folder),
        "goldens": sorted(read_goldens(folder)),
        "compiled": _compiled(version, record, hashes),
        "signatures": _signatures(record),
        "annotations": manifest.read_json(folder / ANNOTATIONS) or {},
        "curves": {engine: cost.document() | {"best": cost.best} for engine, cost in costs.items()},
        "rows": _rows(folder, settings, record, hashes),
        "max_batch_size": _batch(settings, costs, record),
    }


def text(version: VersionOnDisk, found: dict[str, Any]) -> list[str]:
    """The document for people, line by line."""
    checksums, compiled = found["checksums"], found["compiled"]
    lines = [
        f"{version.model} version {version.number}",
        f"  folder            {found['folder']}",
        f"  checksums         {checksums['fault'] or checksums['state']}",
        f"  goldens           {', '.join(found['goldens']) or 'none recorded'}",
        f"  compiled          {compiled['state']}",
    ]
    made = [*found["provenance"].items(), *compiled["made_with"].items()]
    lines += [f"  {key:<18}{_short(value)}" for key, value in dict(made).items()]
    for name, signature in found["signatures"].items():
        lines.append(f"  signature {name}")
        for side in ("inputs", "outputs"):
            lines += [f"    {side[:-1]:<7} {each}" for each in signature[side]]
        lines.append(
            f"    compared at {signature['rows'] or 'its own'} rows: largest difference "
            f"{signature['largest_difference']:.2g}, allowed {signature['atol']:g} by size + "
            f"{signature['rtol']:g} * |value|"
        )
    if not found["signatures"]:
        lines.append(
            "  signatures        told by an engine only: serve it and ask `horngate status`"
        )
    lines += _meanings(found["annotations"])
    for engine, cost in found["curves"].items():
        lines += _cost(engine, cost)
    if not found["curves"]:
        lines.append("  no batch was timed: a server measures when it loads the version")
    lines.append(f"  requests are glued together up to {found['max_batch_size']}")
    return [*lines, *(f"  but {told}" for told in found["rows"])]


def _meanings(annotations: dict[str, Any]) -> Iterator[str]:
    """What is said of tensors, whatever it is: a server holds it against the model."""
    for documents in annotations.values():
        for kind, tensors in documents.items() if isinstance(documents, dict) else ():
            for name, value in tensors.items() if isinstance(tensors, dict) else ():
                told = value if isinstance(value, list) else [value]
                if isinstance(value, dict):
                    told = [f"{key} {each}" for key, each in value.items()]
                yield f"  {kind} of {name}: {_short(', '.join(map(str, told)))}"


def _checksums(version: VersionOnDisk, hashes: manifest.Hashes) -> dict[str, str]:
    try:
        recorded = manifest.verify_checksums(version.folder, hashes)
    except LoadError as error:
        return {"state": "wrong", "fault": str(error)}
    state = "verified" if recorded else "none recorded"
    return {"state": state, "fault": ""}


def _compiled(
    version: VersionOnDisk, record: CompiledRecord | None, hashes: manifest.Hashes
) -> dict[str, Any]:
    if record is None:
        state = f"no; `horngate compile {version.model}:{version.number}` does it"
        return {"usable": False, "state": state, "made_with": {}}
    fault = unusable(version.folder, record, hashes)
    return {
        "usable": fault is None,
        "state": str(record) if fault is None or record.refused else fault,
        "made_with": dict(record.made_with),
    }


def _signatures(record: CompiledRecord | None) -> dict[str, Any]:
    forms = {} if record is None else record.signatures
    return {
        name: {
            "inputs": _specs(form.signature, "inputs"),
            "outputs": _specs(form.signature, "outputs"),
            "rows": list(form.rows),
            "rtol": form.rtol,
            "atol": form.atol,
            "largest_difference": form.largest_difference,
        }
        for name, form in forms.items()
    }


def _specs(signature: Signature, side: str) -> list[str]:
    specs = signature.inputs if side == "inputs" else signature.outputs
    return [f"{name}  {spec}" for name, spec in specs.items()]


def _batch(
    settings: ModelSettings, costs: dict[str, BatchCost], record: CompiledRecord | None
) -> str:
    if not settings.batching.enabled:
        return "1 row: batching is switched off in model.toml"
    if settings.batching.max_batch_size is not None:
        return f"{settings.batching.max_batch_size} rows, as model.toml says"
    cost = costs.get(_engine(settings, record))
    if cost is None or cost.machine != this_machine():
        return "what a server measures on its machine"
    return f"{settings.batching.decided(cost.best).max_batch_size} rows, as measured here"


def _rows(
    folder: Path, settings: ModelSettings, record: CompiledRecord | None, hashes: manifest.Hashes
) -> list[str]:
    """What stands against batching, in words."""
    if not settings.batching.enabled or settings.batching.trust_rows:
        return []
    rows = read_rows(folder, _engine(settings, record), hashes)
    if rows is None:
        return ["only where a server finds rows to be independent: nothing is recorded that fits"]
    alone = {name: reason for name, reason in sorted(rows.items()) if reason}
    return [f"not those to signature {name!r}: {reason}" for name, reason in alone.items()]


def _engine(settings: ModelSettings, record: CompiledRecord | None) -> str:
    compiled = record is not None and not record.refused and settings.runtime.engine != "tensorflow"
    return "onnx" if compiled else "tensorflow"


def _cost(engine: str, cost: dict[str, Any]) -> list[str]:
    points = sorted((int(rows), seconds) for rows, seconds in cost["seconds"].items())
    dearest = max(seconds / rows for rows, seconds in points)
    lines = [
        f"  {engine} on {cost['machine']}, threads {cost['threads']}",
        "      rows    ms a run    us a row",
    ]
    for rows, seconds in points:
        bar = "█" * max(1, round(BAR * seconds / rows / dearest))
        best = "  best" if rows == cost["best"] else ""
        lines.append(
            f"    {rows:6} {seconds * 1e3:11.3f} {seconds / rows * 1e6:11.1f}  {bar}{best}"
        )
    return lines


def _short(value: object) -> str:
    shown = str(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."
