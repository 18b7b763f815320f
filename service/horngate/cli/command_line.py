"""A peer's command line, as it is typed or as a script has it. Knows no flag."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from horngate.errors import ConfigError
from horngate.reading import read_file
from horngate.sizes import SETTINGS

_PROGRAMS: Final = ("tensorflow_model_server", "tritonserver")


def flags_of(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each flag with its value, "" for none; words before the first flag are the program's name."""
    for place, word in enumerate(words):
        if not word.startswith("-"):
            continue
        flag, equals, value = word.partition("=")
        following = words[place + 1] if place + 1 < len(words) else "-"
        yield flag, value if equals or following.startswith("-") else following


def commands(text: str) -> Iterator[list[str]]:
    """The words of each line of ``text`` that starts a server, from its name on.

    Quotes are taken as a shell takes them, and a backslash at the end of a line goes on.

    Raises:
        ConfigError: a quote that has no end.
    """
    for line in text.replace("\\\n", " ").splitlines():
        if not any(name in line for name in _PROGRAMS):
            continue
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise ConfigError(f"{line[:128]}: expected a command line; {error}") from error
        starts = [place for place, word in enumerate(words) if Path(word).name in _PROGRAMS]
        if starts:
            yield words[starts[0] :]


def read_commands(path: Path) -> list[list[str]]:
    """Those of a script; none of what is no text.

    Raises:
        ConfigError: as ``commands``.
    """
    try:
        text = read_file(path, SETTINGS).decode()
    except (OSError, ValueError):
        return []
    return list(commands(text))
