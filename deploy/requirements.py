"""Print what pyproject.toml requires for some extras, one requirement a line.

For the image: dependencies are installed in a layer of their own, which is rebuilt when
pyproject.toml or constraints.txt changes and not with every change of the source. pip has no
option for "the dependencies of this project without the project".

    python requirements.py server > requirements.txt
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def main(extras: list[str]) -> int:
    """Print the core requirements and those of each extra."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
