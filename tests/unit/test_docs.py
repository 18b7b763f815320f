"""The documentation against the code: links, metrics, settings, and Python that compiles."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from horngate import sizes
from horngate.batching.options import BatchingOptions, LimitOptions
from horngate.config.server import ServerSettings
from horngate.lifecycle.settings import VersionOptions
from horngate.telemetry.metrics import Metrics
from tests import rooms
from tests.pages import PARTS, Part

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("models/*/*.md"),
        *ROOT.glob("protos/*.md"),
    ]
)
LINK: Final = re.compile(r"\]\(([^()\s]+)\)")
FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
METRIC: Final = re.compile(r"\bhorngate_[a-z_]+\b")
TESTS: Final = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
FUNCTION: Final = re.compile(r"^def (test_\w+)", re.MULTILINE)
SERIES: Final = ("_total", "_bucket", "_sum", "_count", "_created")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def catalogue() -> set[str]:
    """Every metric family by the name that Prometheus shows."""
    metrics = Metrics()
    metrics.attach([], list, list)
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in metrics.registry.collect()
    }


def families(series: str) -> Iterator[str]:
    yield series
    for suffix in SERIES[1:]:
        if series.endswith(suffix):
            yield series.removesuffix(suffix)
            yield series.removesuffix(suffix) + SERIES[0]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(prose(page)):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize(
    "bound", [name for name in vars(sizes) if name.isupper() and not name.startswith("_")]
)
def test_every_bound_of_a_file_is_told(bound: str) -> None:
    size: int = getattr(sizes, bound)
    units = {"GiB": 1024**3, "MiB": 1024**2, "KiB": 1024}
    unit, of = next((unit, of) for unit, of in units.items() if size >= of)
    told = prose(ROOT / "docs" / "untrusted-models.md").partition("## Files that others write")[2]
    assert f"{size // of} {unit}" in told.partition("\n## ")[0]


@pytest.mark.parametrize("page", [*ROOT.glob("docs/*.md")], ids=name)
def test_no_line_is_longer_than_an_editor_shows(page: Path) -> None:
    lines = page.read_text("utf-8").splitlines()
    assert not [line for line in lines if len(line) > 120 and not line.startswith("|")]


def test_a_link_to_a_heading_is_made_as_github_makes_it() -> None:
    assert "what-is-added-assetsextrahorngate" in anchors(ROOT / "docs" / "publishing.md")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_metric_that_is_named_exists(page: Path) -> None:
    known = catalogue()
    named = set(METRIC.findall(page.read_text(encoding="utf-8")))
    assert not [each for each in sorted(named) if known.isdisjoint(families(each))]


def test_every_metric_is_in_the_operations_page() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert not [each for each in sorted(catalogue()) if f"`{each}`" not in page]


@pytest.mark.parametrize(
    ("options", "pages"),
    [
        (ServerSettings, ("docs/settings.md",)),
        (BatchingOptions, ("docs/models.md",)),
        (LimitOptions, ("docs/models.md",)),
        (VersionOptions, ("docs/models.md",)),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_every_setting_is_in_a_table(options: type[Any], pages: tuple[str, ...]) -> None:
    for page in pages:
        rows = re.findall(r"^\| `(\w+)` \|", (ROOT / page).read_text("utf-8"), re.MULTILINE)
        assert not {field.name for field in dataclasses.fields(options)}.difference(rows), page


def test_every_flag_and_variable_is_in_the_table() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for field in dataclasses.fields(ServerSettings):
        assert f"`--{field.name.replace('_', '-')}`" in text
        assert f"`HORNGATE_{field.name.upper()}`" in text


def test_the_python_in_the_readme_compiles() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = [code for language, code in FENCE.findall(text) if language == "python"]
    assert len(blocks) >= 3
    for code in blocks:
        ast.parse(code)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.name} in {part.page.name}")
def test_the_tables_are_those_of_the_code(part: Part) -> None:
    assert part.page.read_text("utf-8") == part.written(), "write them: make pages"


def test_every_room_has_its_place_among_the_layers() -> None:
    there = {
        path.stem
        for path in rooms.PACKAGE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert set(rooms.names()) == there - {"__init__", "__main__"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_test_that_is_named_exists(page: Path) -> None:
    if page.parent.name == "adr" or page.name == "peers.md":
        return  # a record stays as it was written, and others' tests have their names
    known = {each.stem for each in TESTS}.union(
        *(FUNCTION.findall(each.read_text("utf-8")) for each in TESTS)
    )
    assert not set(re.findall(r"\btest_\w+", page.read_text("utf-8"))) - known


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")], ids=name)
def test_every_file_of_ours_that_is_named_exists(page: Path) -> None:
    named = re.findall(r"`((?:[a-z_]+/)+[a-z_0-9]+\.py)`", page.read_text("utf-8"))
    places = (ROOT, ROOT / "service", rooms.PACKAGE, rooms.PACKAGE / "fronts")
    assert not [file for file in named if not any((place / file).exists() for place in places)]
