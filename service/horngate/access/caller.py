"""Whom a call comes from, what they may do, and which token stands for whom.

Tokens are kept as SHA-256 digests. Comparing goes through all of them and takes as long for a
wrong token as for a right one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from horngate.errors import PermissionDenied, Unauthenticated


@dataclass(frozen=True, slots=True)
class Caller:
    """Someone known by a token; immutable.

    Attributes:
        name: as the file of tokens calls them. Never the token.
        predict: patterns of the models that they may ask and ask about, ``*`` for all.
        admin: whether they may change the server (load, unload, reload, shared memory, logs) and
            look into others' connections.
        rate: requests a second, None for what the server gives every client.

    >>> Caller("team", predict=("mnist_*",)).may_ask("mnist_cnn")
    True
    """

    name: str
    predict: tuple[str, ...] = ()
    admin: bool = False
    rate: float | None = None

    def may_ask(self, model: str) -> bool:
        """Whether they may ask ``model``. Administrators may ask every one."""
        return self.admin or any(fnmatchcase(model, pattern) for pattern in self.predict)

    def check_model(self, model: str) -> None:
        """Refuse a model that is not theirs, there or not.

        Raises:
            PermissionDenied: naming them and the model.
        """
        if not self.may_ask(model):
            raise PermissionDenied(
                f"expected a model that {self.name!r} may ask, received {model[:200]!r}; whoever "
                "runs this server can allow it"
            )

    def check_admin(self) -> None:
        """Refuse anybody but an administrator, who alone changes the server and sees who calls.

        Raises:
            PermissionDenied: naming them.
        """
        if not self.admin:
            raise PermissionDenied(
                f"expected an administrator's token, received that of {self.name!r}; this call "
                "changes the server or looks into others' connections"
            )


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
