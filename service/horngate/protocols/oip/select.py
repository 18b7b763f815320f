"""Which version and which signature a request means; the protocol has no word for signatures."""

from __future__ import annotations

from collections.abc import Mapping

from horngate.errors import InvalidRequest, SignatureNotFound
from horngate.protocols.version import parse_version
from horngate.tensors import DEFAULT_SIGNATURE, Signature


def read_version(text: str) -> int | None:
    """``model_version``: empty means the newest live one.

    Raises:
        InvalidRequest: anything else than a number.
    """
    if not text:
        return None
    version = parse_version(text)
    if version is None:
        raise InvalidRequest(
            f"expected a model version that is a number, received {text!r}; leave it empty for "
            "the newest version"
        )
    return version


def default_signature(signatures: Mapping[str, Signature]) -> Signature:
    """``serving_default``, or the only one there is.

    Raises:
        SignatureNotFound: several, and none has that name.
    """
    if DEFAULT_SIGNATURE in signatures:
        return signatures[DEFAULT_SIGNATURE]
    if len(signatures) == 1:
        return next(iter(signatures.values()))
    raise SignatureNotFound(
        f"expected the request parameter signature_name, since there is no signature "
        f"{DEFAULT_SIGNATURE!r}; the signatures are {', '.join(sorted(signatures)) or 'none'}",
        signature=DEFAULT_SIGNATURE,
    )
