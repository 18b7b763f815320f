"""Where on the machine a caller may name folders: below roots that the operator named."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from horngate.errors import ConfigError


class Roots:
    """Immutable. Relative paths are taken from the folder that the server was started in."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = tuple(sorted({_named(str(folder)) for folder in folders}))

    def check(self, key: str, path: str) -> Path:
        """``path`` as an absolute one without ``..``, where it is a root or below one.

        Nothing outside of the roots is looked at: a path is refused by its name first, and one
        within a root is followed through its links, which may not lead out.

        Raises:
            ConfigError: naming ``key``; it is elsewhere.
        """
        named = _named(path)
        if not any(_is_within(named, root) for root in self._folders):
            raise self._elsewhere(key, path, "")
        real = os.path.realpath(named)
        if not any(_is_within(real, os.path.realpath(root)) for root in self._folders):
            raise self._elsewhere(key, path, ", a link that leads out of it")
        return Path(named)

    def _elsewhere(self, key: str, path: str, what: str) -> ConfigError:
        roots = " or ".join(self._folders) or "a root, of which this server has none"
        return ConfigError(
            f"{key}: expected a path below {roots}, received {path[:200]!r}{what}; whoever runs "
            "this server can name more folders in model_roots"
        )


def _named(path: str) -> str:
    # Path.resolve would follow links, and so look at what is there.
    return os.path.normpath(Path.cwd() / path)


def _is_within(path: str, root: str) -> bool:
    return os.path.commonpath([path, root]) == root
