"""The file of tokens: who may call, what they may ask, how often.

One table a caller, under their name::

    [team-vision]
    sha256 = "…"                # of the token; or token = "…", the token itself
    predict = ["mnist_*"]       # models by pattern
    rate = 50                   # requests a second

    [operator]
    sha256 = "…"
    admin = true

No message of an error repeats a value of this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from string import hexdigits
from typing import Final

from horngate.access.caller import Caller, Tokens, digest
from horngate.access.gate import check_rate
from horngate.config.model_file import read_toml
from horngate.config.values import Value, construct
from horngate.errors import ConfigError
from horngate.sizes import LISTED

SHORTEST: Final = 16
"""Characters of a token that nobody guesses."""

_DIGITS: Final = 64
_OF_NOTHING: Final = {digest(""): "an empty token", digest("\n"): "an empty line"}
"""What `sha256sum` says when the token never reached it."""


@dataclass(frozen=True, slots=True)
class _Entry:
    token: str = ""
    sha256: str = ""
    predict: tuple[str, ...] = ()
    admin: bool = False
    rate: float | None = None

    def __post_init__(self) -> None:
        if bool(self.token) == bool(self.sha256):
            raise ConfigError("token: expected either a token or its sha256")
        if self.token and len(self.token) < SHORTEST:
            raise ConfigError(
                f"token: expected at least {SHORTEST} characters, received {len(self.token)}; "
                "`openssl rand -hex 32` makes a good one"
            )
        if not all("!" <= each <= "~" for each in self.token):
            raise ConfigError(
                "token: expected letters, digits and signs of ASCII without white space, which is "
                "what a header carries; `openssl rand -hex 32` makes a good one"
            )
        if self.rate is not None:
            check_rate("rate", self.rate)

    def digest(self) -> bytes:
        if self.token:
            return digest(self.token)
        if len(self.sha256) != _DIGITS or not all(each in hexdigits for each in self.sha256):
            raise ConfigError(
                f"sha256: expected {_DIGITS} hexadecimal digits, received "
                f"{len(self.sha256)} characters; `printf %s TOKEN | sha256sum` makes them"
            )
        known = bytes.fromhex(self.sha256)
        if known in _OF_NOTHING:
            raise ConfigError(
                f"sha256: expected the digest of a token, received that of {_OF_NOTHING[known]}; "
                "`printf %s TOKEN | sha256sum` makes it, with a token in the place of TOKEN"
            )
        return known


def read_tokens_file(path: Path) -> Tokens:
    """The callers in ``path``.

    Raises:
        ConfigError: naming the file, the caller and the key, and no secret.
    """
    callers: dict[bytes, Caller] = {}
    tables = read_toml(path, LISTED)
    if not tables:
        raise ConfigError(f"{path}: expected a table for each caller, received none")
    for name, table in tables.items():
        source = f"{path}: [{name}]"
        if not isinstance(table, dict):
            raise ConfigError(f"{source}: expected a table")
        entry = construct(_Entry, {key: Value(raw, source) for key, raw in table.items()})
        try:
            known = entry.digest()
        except ConfigError as error:
            raise ConfigError(f"{source}: {error}") from error
        if known in callers:
            raise ConfigError(
                f"{source}: expected a token of its own, received that of {callers[known].name!r}"
            )
        callers[known] = Caller(name, entry.predict, entry.admin, entry.rate)
    return Tokens(callers)
