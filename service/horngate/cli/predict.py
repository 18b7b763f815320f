"""``horngate predict``: ask a running server for a prediction and show it."""

from __future__ import annotations

import argparse
import contextlib
import sys

from horngate.cli import connection
from horngate.cli.chart import Answer, Style, array_document, dump, render
from horngate.cli.values import pixel_range, read_inputs
from horngate.client import Metadata, Prediction
from horngate.client.messages import annotated
from horngate.errors import SignatureNotFound, Unsupported, did_you_mean, printable
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
        "--pixels",
        metavar="LOW..HIGH",
        type=pixel_range,
        help="what black and white are to the model, as 0..255 or =-1..1 (default: what is "
        "recorded with it)",
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
    with connection.connect(options) as client, connection.near_names(client):
        metadata = client.metadata(options.model, options.version)
        with contextlib.suppress(Unsupported):  # as of TensorFlow Serving
            metadata = annotated(metadata, client.serving(options.model, metadata.version))
        signature = _signature(metadata, options.signature)
        prediction = client.predict(
            options.model,
            read_inputs(options.input, signature, options.pixels, say=_warn),
            version=options.version,
            signature=options.signature,
            outputs=options.output,
        )
    print(_document(prediction, signature) if options.json else _text(prediction, signature))
    return 0


def _warn(line: str) -> None:
    print(f"horngate predict: {printable(line)}", file=sys.stderr)


def _signature(metadata: Metadata, name: str) -> Signature:
    signature = metadata.signatures.get(name)
    if signature is None:
        raise SignatureNotFound(
            f"expected a signature of {metadata.model} version {metadata.version} "
            f"({', '.join(metadata.signatures) or 'none'}), received {name!r}; "
            + did_you_mean(name, metadata.signatures, otherwise="name one with --signature"),
            signature=name,
        )
    return signature


def _document(prediction: Prediction, signature: Signature) -> str:
    labels = {name: signature.labels[name] for name in prediction if name in signature.labels}
    return dump(
        {
            "model": prediction.model,
            "version": prediction.version,
            "signature": prediction.signature,
            "outputs": {name: array_document(array) for name, array in prediction.items()},
            **({"labels": labels} if labels else {}),
        }
    )


def _text(prediction: Prediction, signature: Signature) -> str:
    style = Style.of(sys.stdout)
    lines = [f"{prediction.model} version {prediction.version}, {prediction.signature}"]
    for name, array in prediction.items():
        answer = Answer(signature.labels.get(name, ()), signature.activations.get(name))
        lines += ["", *render(name, array, style, answer)]
    return "\n".join(lines)


def _version(text: str) -> VersionRef:
    number = parse_version(text)
    return text if number is None else number
