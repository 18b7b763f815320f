"""Which of the port's routes a request is for.

>>> routes = Routes([("/models/{name}", "GET", "shows"), ("/models/{name}:run", "POST", "runs")])
>>> routes.find("POST", "/models/digits:run")
('runs', {'name': 'digits'})
>>> routes.find("PUT", "/models/digits")
Traceback (most recent call last):
    ...
horngate.fronts.http.routes.NotServed: PUT
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Final, Generic, TypeVar

T = TypeVar("T")

KEPT: Final = 256
KEPT_CHARACTERS: Final = 256
"""Paths whose route is kept once it was found, and the longest of them."""

_PLACE: Final = re.compile(r"\\\{(\w+)\\\}")


class NotServed(Exception):
    """Nothing is there, or it is there for the verbs ``allowed``."""

    def __init__(self, verb: str, allowed: Iterable[str] = ()) -> None:
        super().__init__(verb)
        self.allowed = ", ".join(sorted(allowed))


class Routes(Generic[T]):
    """Paths, verbs, and what they lead to; of two that fit the first.

    A place such as ``{model}`` stands for anything but a slash. Who may ``GET`` may ask for the
    ``HEAD`` too.
    """

    def __init__(self, routes: Iterable[tuple[str, str, T]]) -> None:
        self._routes = [
            (re.compile(_PLACE.sub(r"(?P<\1>[^/]+)", re.escape(path))), verb, leads)
            for path, verb, leads in routes
        ]
        self._kept = functools.lru_cache(KEPT)(self._find)

    def find(self, verb: str, path: str) -> tuple[T, Mapping[str, str]]:
        """What ``path`` leads to, and what stands in its places.

        Raises:
            NotServed: it leads nowhere.
        """
        return (self._kept if len(path) <= KEPT_CHARACTERS else self._find)(verb, path)

    def _find(self, verb: str, path: str) -> tuple[T, Mapping[str, str]]:
        allowed: set[str] = set()
        for pattern, served, leads in self._routes:
            found = pattern.fullmatch(path)
            if found is None:
                continue
            verbs = {"GET", "HEAD"} if served == "GET" else {served}
            if verb in verbs:
                return leads, found.groupdict()
            allowed |= verbs
        raise NotServed(verb, allowed)
