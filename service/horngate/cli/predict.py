"""``horngate predict``: ask a running server for a prediction and show it."""

from __future__ import annotations

import argparse
import sys

from horngate.cli import connection
from horngate.cli.chart import Style, array_document, dump, render
from horngate.cli.values import read_inputs
from horngate.client import Metadata, Prediction
from horngate.errors import SignatureNotFound
from horngate.tensors import DEFAULT_SIGNATURE, Signature
from horngate.versions import VersionRef, parse_version


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument(
        "--input",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="one input, once for each: JSON, plain text for a string, or @FILE "
        "(.png, .jpg, .json, .npy); a single row needs no batch dimension",
    )
    parser.add_argument(
        "--version",
        metavar="VERSION",
        type=_version,
        help="a version's number or label (default: the newest live one)",
    )
    parser.add_argument(
        "--signature", metavar="NAME", default=DEFAULT_SIGNATURE, help="(default %(default)s)"
    )
    parser.add_argument(
        "--output",
        metavar="NAME",
        action="append",
        default=[],
        help="an output to ask for, once for each (default: all)",
    )
    connection.add_arguments(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Predict, print, and return 0.

    Raises:
        HorngateError: whatever is wrong with the values or the call.
    """
    with connection.connect(options) as client:
        metadata = client.metadata(options.model, options.version)
        signature = _signature(metadata, options.signature)
        prediction = client.predict(
            options.model,
            read_inputs(options.input, signature),
            version=options.version,
            signature=options.signature,
            outputs=options.output,
        )
    print(_document(prediction) if options.json else _text(prediction))
    return 0


def _signature(metadata: Metadata, name: str) -> Signature:
    signature = metadata.signatures.get(name)
    if signature is None:
        raise SignatureNotFound(
            f"expected a signature of {metadata.model} version {metadata.version} "
            f"({', '.join(metadata.signatures) or 'none'}), received {name!r}; "
            "name one with --signature",
            signature=name,
        )
    return signature


def _document(prediction: Prediction) -> str:
    return dump(
        {
            "model": prediction.model,
            "version": prediction.version,
            "signature": prediction.signature,
            "outputs": {name: array_document(array) for name, array in prediction.items()},
        }
    )


def _text(prediction: Prediction) -> str:
    style = Style.of(sys.stdout)
    lines = [f"{prediction.model} version {prediction.version}, {prediction.signature}"]
    for name, array in prediction.items():
        lines += ["", *render(name, array, style)]
    return "\n".join(lines)


def _version(text: str) -> VersionRef:
    number = parse_version(text)
    return text if number is None else number
