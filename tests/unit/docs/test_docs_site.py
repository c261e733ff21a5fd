"""The documentation site builds strictly, its links lead somewhere, and its reference pages leave nothing out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

import pytest
from doc_blocks import ROOT
from pydantic import TypeAdapter

from abspark.cli import cli
from abspark.config.environment import Environment
from abspark.config.experiment import Experiment
from abspark.config.health import Health
from abspark.config.metric import Metric
from abspark.config.source import DimensionSource, EventSource, ExposureSource
from abspark.schemas import TABLES


class Page(HTMLParser):
    """What a page refers to: links, what the browser loads by itself, and the anchors that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.text: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        if "id" in given:
            self.anchors.add(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in ("script", "img") and "src" in given:
            self.loaded.append(given["src"])
        if tag == "link" and given.get("rel") in ("stylesheet", "preload"):
            self.loaded.append(given["href"])

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.glob("*.html"))}


def test_links_lead_to_pages_and_anchors(pages: dict[Path, Page]) -> None:
    broken = [
        f"{path.name}: {link}"
        for path, page in pages.items()
        if path.name != "404.html"
        for link in page.links
        if not leads_somewhere(path, link, pages)
    ]
    assert len(pages) >= 13
    assert broken == []


def leads_somewhere(path: Path, link: str, pages: dict[Path, Page]) -> bool:
    if link.startswith("https://"):
        return True
    target, anchor = urldefrag(unquote(link))
    page = path if target in ("", ".") else (path.parent / target).resolve()
    found = pages.get(page)
    return found is not None and (not anchor or anchor in found.anchors)


def test_a_page_loads_nothing_from_elsewhere(pages: dict[Path, Page]) -> None:
    away = [
        one for page in pages.values() for one in page.loaded if one.startswith(("http:", "https:", "//"))
    ]
    assert away == []


def words(site: Path, name: str) -> set[str]:
    """The texts between tags, stripped."""
    return {text.strip() for text in Page(site / name).text}


def keys_of(schema: dict[str, Any]) -> Iterator[str]:
    """Every key that a JSON Schema describes."""
    for part in (schema, *schema.get("$defs", {}).values()):
        yield from part.get("properties", {})


@pytest.mark.parametrize(
    "model", [ExposureSource, EventSource, DimensionSource, Metric, Experiment, Environment]
)
def test_configuration_lists_every_key(site: Path, model: Any) -> None:
    schema = TypeAdapter(model).json_schema()
    missing = set(keys_of(schema)) - words(site, "configuration.html")
    assert missing - ({"name"} if model is Environment else set()) == set()


def test_configuration_states_the_bounds_that_hold_and_where_null_means_something(site: Path) -> None:
    told = words(site, "configuration.html")
    assert {
        "whole number, at least 1, at most 50",
        "whole number, above 0",
        "number, above 0, at most 100",
    } <= told
    assert {"whole number, at least 0, below 4294967296", "name or"} <= told
    assert not {text for text in told if "at least 0, above 0" in text or "at least 0, at least 1" in text}


def test_tables_list_every_column(site: Path) -> None:
    names = {column.name for table in TABLES.values() for column in table.columns} | set(TABLES)
    assert names - words(site, "tables.html") == set()


def test_commands_are_all_there(site: Path) -> None:
    names = {f"abspark {name}" for name in cli.commands}
    jobs = {f"jobs/{name}.py" for name in ("run", "assignments", "moments", "analyze")}
    assert (names | jobs) - words(site, "commands.html") == set()


def test_every_check_is_explained(site: Path) -> None:
    assert set(Health.model_fields) - words(site, "health.html") == set()


def test_every_scheme_is_named(site: Path) -> None:
    schema = Experiment.model_json_schema()
    named = {
        given["properties"]["scheme"]["const"]
        for given in schema["$defs"].values()
        if "const" in given.get("properties", {}).get("scheme", {})
    }
    assert len(named) == 21
    assert named - words(site, "assignment.html") == set()
