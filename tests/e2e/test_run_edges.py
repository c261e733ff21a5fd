"""Whole runs in which a stage has nothing to look at, or has found before what the next must heed."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from committed_tables import committed, heads
from project_builder import AS_OF_INSTANT, START, TinyProject, make_project
from pyspark.sql import SparkSession

from abspark import queries, runner
from abspark.analysis.health_row import health_row
from abspark.errors import ExperimentsFailedError, LakeError
from abspark.progress import Progress
from abspark.stages import measure
from abspark.stages.state import RunState
from abspark.storage.lake import Commit, Lake
from abspark.storage.lake_parquet import ParquetLake

pytestmark = [pytest.mark.spark, pytest.mark.e2e]


@pytest.fixture
def tiny(tmp_path: Path) -> TinyProject:
    return make_project(tmp_path, "parquet")


def test_a_quantile_of_nobody_is_no_row(spark: SparkSession, tiny: TinyProject) -> None:
    """As before an experiment's start; the others of such a run would not commit either, if that ended it."""
    tiny.edit(
        "metrics/tiny.yaml", "name: revenue, kind: mean", "name: revenue, kind: quantile, quantile: 0.9"
    )
    outcome = runner.run(spark, tiny.load(), as_of=START)
    assert set(outcome.experiments.values()) == {"committed"}
    found = committed(spark, tiny.load(), names=("assignments", "quantiles", "moments"))
    assert (found["assignments"], found["quantiles"]) == ([], [])
    assert {row["n"] for row in found["moments"]} == {0}


def test_a_check_of_the_event_logs_keeps_a_winner_from_shipping(
    spark: SparkSession, tiny: TinyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made one stage before the decision; no metric here has a covariate, which has such a check as well."""

    def far_apart(state: RunState, _tallies: Any) -> list[dict[str, Any]]:
        return [health_row(e, "distant_copies", "fail", message="far apart") for e in state.running]

    monkeypatch.setattr(measure, "_copies", far_apart)
    runner.run(spark, tiny.load(), as_of=AS_OF_INSTANT)
    found = committed(spark, tiny.load(), names=("decisions",))["decisions"]
    assert [row["experiment_id"] for row in found] == ["banner", "button"]
    for row in found:
        assert row["decision"] == "do_not_trust"
        assert "The check distant_copies failed: far apart" in row["reasons"]


def test_a_file_that_grows_during_a_run_keeps_what_needs_it_from_counting(
    spark: SparkSession, tiny: TinyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its rows were counted: those of the moments are others. The experiment without visits counts."""

    def grown(state: RunState, counts: Any) -> None:
        measured(state, counts)
        for file in (tiny.root / "data" / "visits").glob("*.csv"):
            os.utime(file)

    measured = measure.measure
    monkeypatch.setattr(runner, "measure", grown)
    with pytest.raises(
        ExperimentsFailedError, match=r"visits/\S+\.csv was written over while run \S+ read it"
    ):
        runner.run(spark, tiny.load(), as_of=AS_OF_INSTANT)
    assert sorted(heads(spark, tiny.load())) == ["button"]


def test_a_run_that_cannot_say_that_it_has_committed_has(
    spark: SparkSession, tiny: TinyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the disk is full by then. What it read and what that cost is on record from before."""

    def refused(lake: Lake, row: Mapping[str, object]) -> None:
        if row["finished_at"] is not None:
            raise LakeError("the disk is full")
        record(lake, row)

    record = Lake.record_run
    monkeypatch.setattr(Lake, "record_run", refused)
    project, told = tiny.load(), io.StringIO()
    outcome = runner.run(spark, project, as_of=AS_OF_INSTANT, progress=Progress(stream=told))
    assert heads(spark, project) == dict.fromkeys(("banner", "button"), outcome.run_id)
    said = "the run is committed (banner, button), but that could not be recorded: the disk is full"
    assert said in told.getvalue()
    [row] = queries.runs(spark, project)
    assert row["status"] == "running"
    assert all(given["rows"] and given["kept"] for given in row["inputs"])
    assert {"assignments", "moments"} <= {cost["stage"] for cost in row["costs"]}


def test_a_run_that_has_committed_nothing_and_cannot_say_so_fails(
    spark: SparkSession, tiny: TinyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_lake: Lake, row: Mapping[str, object]) -> None:
        if row["finished_at"] is not None:
            raise LakeError("the disk is full")

    def conflicted(_lake: Lake, _run_id: str, chosen: Mapping[str, str | None]) -> Commit:
        return Commit((), dict.fromkeys(chosen, "another"))

    monkeypatch.setattr(Lake, "record_run", refused)
    monkeypatch.setattr(ParquetLake, "commit", conflicted)
    with pytest.raises(LakeError, match="the disk is full"):
        runner.run(spark, tiny.load(), as_of=AS_OF_INSTANT)
