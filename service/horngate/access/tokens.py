"""Bearer tokens: which caller a token stands for.

Tokens are kept as SHA-256 digests. Comparing goes through all of them and takes as long for a
wrong token as for a right one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from horngate.access.caller import Caller
from horngate.errors import Unauthenticated

SCHEME: Final = "bearer "


class Tokens:
    """Immutable; replaced as a whole when the file changes.

    >>> tokens = Tokens({digest("s3cret-of-sixteen"): Caller("team")})
    >>> tokens.caller("Bearer s3cret-of-sixteen").name
    'team'
    """

    def __init__(self, callers: Mapping[bytes, Caller]) -> None:
        self._callers = tuple(callers.items())

    def caller(self, authorization: str) -> Caller:
        """Whom the value of an ``authorization`` header stands for.

        Raises:
            Unauthenticated: there is none, or it holds no token that is known.
        """
        if authorization[: len(SCHEME)].lower() != SCHEME:
            what = "another scheme" if authorization else "none"
            raise Unauthenticated(
                f"expected 'authorization: Bearer TOKEN', received {what}; this server asks for a "
                "token"
            )
        token = authorization[len(SCHEME) :].strip()
        if not token:
            # Nothing is no secret, whatever the file says.
            raise Unauthenticated(
                "expected 'authorization: Bearer TOKEN', received an empty token; this server asks "
                "for a token"
            )
        presented = digest(token)
        found: Caller | None = None
        for known, caller in self._callers:
            if hmac.compare_digest(known, presented):
                found = caller
        if found is None:
            raise Unauthenticated(
                "expected a token that this server knows, received another; ask whoever runs it"
            )
        return found


def digest(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
