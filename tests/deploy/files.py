"""The deployment's files, read once for the tests that are about them."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[2]
COMPOSE_FILE: Final = ROOT / "docker-compose.yml"
DOCKERFILE: Final = ROOT / "deploy" / "Dockerfile"
PROMETHEUS: Final = ROOT / "deploy" / "prometheus"
SCHEMA: Final = Path(__file__).with_name("compose.schema.json")


def compose() -> dict[str, Any]:
    """docker-compose.yml with its anchors resolved and its variables as they are written."""
    content: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))
    return content


def schema() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return content


def tool(name: str, package: str) -> str:
    """The path of a command: beside this Python, or on PATH; the test is skipped without it."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed; it comes with {package}")
    return found
