"""``horngate status``: the versions of models on a running server, and how to call them."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from horngate.cli import connection
from horngate.cli.chart import dump, signature_document
from horngate.client import Client, Serving, State, VersionStatus
from horngate.errors import ModelNotFound, RequestError, printable
from horngate.tensors import Signature, TensorSpec


@dataclass(frozen=True, slots=True)
class _Version:
    """One version, and its signatures and its engine where it is live."""

    status: VersionStatus
    signatures: Mapping[str, Signature]
    serving: Serving

    @property
    def labels(self) -> list[str]:
        """Those that mean this version."""
        labels = self.serving.labels
        return sorted(label for label in labels if labels[label] == self.status.version)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("models", metavar="MODEL", nargs="*", help="default: all")
    connection.add_arguments(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print what each model's versions are, and return 0 if all models have a live one.

    Without names, all that the server knows and the caller may ask.

    A model that the server does not know is said on stderr; the others are printed.

    Raises:
        HorngateError: the server cannot be asked.
    """
    found: dict[str, list[_Version]] = {}
    with connection.connect(options) as client:
        for model in dict.fromkeys(options.models or client.models()):
            try:
                with connection.near_names(client):
                    found[model] = _look(client, model)
            except ModelNotFound as error:
                print(f"horngate status: {error}", file=sys.stderr)
                found[model] = []
    if options.json:
        print(dump({"models": [_document(model, found[model]) for model in found]}))
    else:
        lines = [line for model in found for line in _text(model, found[model])]
        print("\n".join(map(printable, lines)) or "no models")
    live = [any(v.status.state is State.AVAILABLE for v in found[model]) for model in found]
    return 0 if all(live) else 1


def _look(client: Client, model: str) -> list[_Version]:
    return [
        _Version(status, _signatures(client, status), _serving(client, status))
        for status in client.status(model)
    ]


def _serving(client: Client, status: VersionStatus) -> Serving:
    if status.state is State.AVAILABLE:
        # Another server may not have the question, and its version may be gone meanwhile.
        with contextlib.suppress(RequestError):
            return client.serving(status.model, status.version)
    return Serving("", "")


def _signatures(client: Client, status: VersionStatus) -> Mapping[str, Signature]:
    if status.state is not State.AVAILABLE:
        return {}
    try:
        return client.metadata(status.model, status.version).signatures
    except RequestError:
        # It was unloaded between the two questions; its state is what was asked for.
        return {}


def _document(model: str, versions: list[_Version]) -> dict[str, Any]:
    return {
        "model": model,
        "versions": [
            {
                "version": version.status.version,
                "state": version.status.state.name,
                "error": version.status.error,
                "engine": version.serving.engine,
                "engine_reason": version.serving.reason,
                "rows_reason": version.serving.rows_reason,
                "labels": version.labels,
                "signatures": {
                    name: signature_document(signature)
                    for name, signature in version.signatures.items()
                },
            }
            for version in versions
        ],
    }


def _text(model: str, versions: list[_Version]) -> list[str]:
    lines = [model]
    for version in versions:
        error = f": {version.status.error}" if version.status.error else ""
        state = f"{version.status.state.name}  {version.serving.engine}".rstrip()
        labels = f"  {', '.join(version.labels)}" if version.labels else ""
        lines.append(f"  version {version.status.version}  {state}{labels}{error}")
        if version.serving.reason:
            lines.append(f"    not on the fastest engine: {version.serving.reason}")
        if version.serving.rows_reason:
            lines.append(f"    not batched: {version.serving.rows_reason}")
        for name, signature in version.signatures.items():
            lines.append(f"    {name}")
            lines += _specs("in ", signature.inputs)
            lines += _specs("out", signature.outputs)
    return lines if versions else [f"{model}", "  not on this server"]


def _specs(direction: str, specs: Mapping[str, TensorSpec]) -> list[str]:
    width = max(map(len, specs), default=0)
    return [f"      {direction}  {name:<{width}}  {spec}" for name, spec in specs.items()]
