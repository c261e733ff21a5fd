"""What `abspark report` gathers of the lake and of the configuration, which may have changed since the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from report_rows import MADE_AT, RUN, result, run_record

from abspark.command_report import gather
from abspark.config import load_project
from abspark.config.starter import write_starter
from abspark.report.page import experiment_page

TOLD = "is not that of the run any more"


class Tables:
    """A lake with one committed run of some experiments."""

    location = "lake"

    def __init__(self, experiments: list[str], configuration_hash: str | None) -> None:
        self._experiments = experiments
        self._hash = configuration_hash

    def commits(self) -> dict[str, dict[str, Any]]:
        return {
            name: {"experiment_id": name, "run_id": RUN, "committed_at": MADE_AT}
            for name in self._experiments
        }

    def runs(self) -> list[dict[str, Any]]:
        experiments = dict.fromkeys(self._experiments, "committed")
        return [run_record() | {"experiments": experiments, "configuration_hash": self._hash}]

    def rows(self, table: str, _: object = ()) -> list[dict[str, Any]]:
        return [result(experiment_id=self._experiments[0])] if table == "results" else []

    def first_exposures(self, _: str) -> list[dict[str, Any]]:
        return []


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    write_starter(tmp_path)
    return tmp_path / "conf"


def edit(conf: Path, old: str, new: str) -> None:
    (path,) = (conf / "experiments").glob("*.yaml")
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def is_told(conf: Path, tables: Tables) -> bool:
    project = load_project(conf, "local")
    (data,) = gather(tables, project, list(project.experiments))
    return TOLD in experiment_page(data)


def test_a_configuration_that_has_changed_since_the_run_is_told(conf: Path) -> None:
    project = load_project(conf, "local")
    names = list(project.experiments)
    tables = Tables(names, project.configuration_hash(names))
    assert not is_told(conf, tables)
    edit(conf, "sides: 2", "sides: 1")
    assert is_told(conf, tables)


def test_an_experiment_of_the_run_that_is_no_more_is_a_change(conf: Path) -> None:
    names = list(load_project(conf, "local").experiments)
    assert is_told(conf, Tables([*names, "gone"], "c0ffee"))


def test_a_run_that_does_not_say_its_configuration_is_not_doubted(conf: Path) -> None:
    names = list(load_project(conf, "local").experiments)
    assert not is_told(conf, Tables(names, None))
