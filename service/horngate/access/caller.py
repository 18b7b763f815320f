"""Whom a call comes from, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from horngate.errors import PermissionDenied


@dataclass(frozen=True, slots=True)
class Caller:
    """Someone known by a token; immutable.

    Attributes:
        name: as the file of tokens calls them. Never the token.
        predict: patterns of the models that they may ask and ask about, ``*`` for all.
        admin: whether they may change the server: load, unload, reload, shared memory, logs.
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
        """Refuse a change of the server by anybody but an administrator.

        Raises:
            PermissionDenied: naming them.
        """
        if not self.admin:
            raise PermissionDenied(
                f"expected an administrator's token, received that of {self.name!r}; this call "
                "changes the server"
            )
