"""docs/tutorial.md, line by line, as a reader would type it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.serving import RunningServer, wait_until

PAGE: Final = (Path(__file__).parents[3] / "docs" / "tutorial.md").read_text("utf-8")
BLOCKS: Final = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def code(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


class Reader:
    """A folder, and commands typed into a shell there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tools = folder / "bin"
        tools.mkdir()
        for name, run in (("horngate", "-m horngate"), ("python", "")):
            (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {run} "$@"\n')
            (tools / name).chmod(0o755)
        self._environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}

    def types(self, command: str) -> str:
        """What the command writes; it has to end well."""
        ran = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"
        return ran.stdout


def test_the_page_works_as_it_is_written(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    train, publish, serve, predict, ask, curl, again = code("sh")[1:]
    (tmp_path / "shapes.py").write_text(code("python")[0])
    reader.types(train)
    published = reader.types(publish)
    assert (
        code("text")[0].splitlines()[:2]
        == [line for line in published.splitlines() if line.startswith("shapes: ")][:2]
    )
    assert serve == "horngate serve\n"
    with RunningServer(tmp_path / "models") as running:
        told = reader.types(f"{predict.strip()} --server {running.address}").splitlines()
        assert told[:3] == code("text")[1].splitlines()[:3]
        assert [line.split()[0] for line in told[3:]] == ["circle", "square", "triangle"]
        assert told[-1].endswith("◀"), "the photo shows a triangle"
        (tmp_path / "ask.py").write_text(
            code("python")[1].replace("localhost:8500", running.address)
        )
        assert re.match(r"\[\[0\.\d* +0\.\d* +[01]\.\d*\]\]\n", reader.types(ask))
        if shutil.which("curl"):
            said = reader.types(curl.replace("localhost:8501", f"127.0.0.1:{running.http_port}"))
            assert said.startswith('{"predictions":[[0.')
        reader.types(again)
        wait_until(
            lambda: (
                "version 2  AVAILABLE"
                in reader.types(f"horngate status --server {running.address}")
            ),
            "version 2 to be live",
        )
