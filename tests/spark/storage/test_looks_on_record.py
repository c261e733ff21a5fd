"""Looks that a lake has lost: made again of other data, they would spend other alpha than was spent."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.sql import SparkSession

from abspark.config.environment import Lake as LakeConfig
from abspark.errors import LakeError
from abspark.progress import Progress
from abspark.stages.looks_on_record import earlier_looks
from abspark.stages.state import RUNNING, RunState
from abspark.storage import open_lake
from abspark.storage.lake import Lake

pytestmark = pytest.mark.spark

NOW = datetime(2026, 10, 1, tzinfo=UTC)
METHODS = {
    "gs": "group_sequential",
    "still_has": "group_sequential",
    "any": "anytime",
    "first": "group_sequential",
}


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    """The committed run's results of looks, and the looks of one experiment alone."""
    found = open_lake(spark, LakeConfig.model_validate({"path": str(tmp_path / "lake"), "format": "parquet"}))
    rows = [
        {
            "run_id": "r1",
            "experiment_id": name,
            "method": method,
            "boundary": None if name == "first" else 2.5,
        }
        for name, method in METHODS.items()
    ]
    found.append_rows("results", rows)
    found.append_rows("looks", [{"run_id": "r1", "experiment_id": "still_has", "day": date(2026, 9, 30)}])
    return found


def a_run(spark: SparkSession, lake: Lake, *names: str) -> tuple[RunState, io.StringIO]:
    sequential = SimpleNamespace(sequential=True)
    project: Any = SimpleNamespace(
        experiments={name: SimpleNamespace(id=name, analysis=sequential) for name in (*names, "new")}
    )
    told = io.StringIO()
    running, before = dict.fromkeys(project.experiments, RUNNING), dict.fromkeys(names, "r1") | {"new": None}
    return RunState("r2", spark, project, lake, NOW, NOW, running, before, Progress(told)), told


def test_an_experiment_whose_looks_are_lost_fails(spark: SparkSession, lake: Lake) -> None:
    state, told = a_run(spark, lake, *METHODS)
    assert [row["experiment_id"] for row in earlier_looks(state)] == ["still_has"]
    assert state.running_ids == ("still_has", "any", "first", "new")
    assert "gs: failed, the others go on" in told.getvalue()
    with pytest.raises(LakeError, match="is not whole: run r1 is committed with results of looks"):
        raise state.errors["gs"]


def test_an_experiment_that_commits_has_lost_is_not_begun_anew(spark: SparkSession, lake: Lake) -> None:
    lake.record_run(
        {"run_id": "r1", "experiments": {"gs": "committed", "first": "committed", "new": "failed: no"}}
    )
    state, told = a_run(spark, lake, *METHODS)
    state.predecessors.update(dict.fromkeys(METHODS))
    lake.commit("r0", {"other": None})
    assert earlier_looks(state) == []
    assert state.running_ids == ("still_has", "any", "first", "new")
    assert "gs: failed, the others go on" in told.getvalue()
    with pytest.raises(LakeError, match="run r1 committed results of looks, but commits has no row of them"):
        raise state.errors["gs"]


def test_one_that_was_committed_meanwhile_is_left_to_the_commit(spark: SparkSession, lake: Lake) -> None:
    lake.record_run({"run_id": "r1", "experiments": {"gs": "committed"}})
    lake.commit("r1", {"gs": None})
    state, _ = a_run(spark, lake, *METHODS)
    state.predecessors["gs"] = None
    earlier_looks(state)
    assert "gs" in state.running_ids
