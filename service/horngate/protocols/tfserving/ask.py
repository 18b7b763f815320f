"""Asking a model whose signature has to be known before its inputs can be read."""

from __future__ import annotations

from collections.abc import Callable

from horngate.answer import Answer
from horngate.call import Call
from horngate.errors import VersionNotFound
from horngate.inference import Inference
from horngate.protocols.tfserving.spec import Target
from horngate.tensors import Arrays, Request, Response, Signature

Read = Callable[[Signature], Arrays]
"""Reads the inputs of a request for a signature; raises what is wrong with them."""


def ask(inference: Inference, target: Target, read: Read, call: Call) -> Answer[Response]:
    """Look the signature up, read the inputs for it, and queue them for the version it is of.

    Raises:
        RequestError: what ``read`` raises, and what is known at once.
    """
    described = inference.describe(target.model, target.version, call)
    signature = described.signature(target.signature)
    request = Request(target.model, read(signature), described.version, signature.name)
    try:
        return inference.predict(request, call)
    except VersionNotFound:
        if isinstance(target.version, int):
            raise
        # It left between the two questions, for another that takes the same, or says what it takes.
        return inference.predict(request._replace(version=target.version), call)
