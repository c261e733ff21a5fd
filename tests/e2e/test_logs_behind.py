"""A log that stops before the windows are over: the last look waits for it, whichever way a run is made."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from project_builder import AS_OF, AS_OF_INSTANT, make_project, purchases
from pyspark.sql import SparkSession

import jobs.analyze
import jobs.assignments
import jobs.moments
from abspark import queries, runner
from abspark.progress import Progress

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.long]

PLAN = "analysis: {method: group_sequential, group_sequential: {planned_units: 400, spending: pocock}}\n"
STOPPED, VERDICT = datetime(2026, 3, 12, 12, tzinfo=UTC), datetime(2026, 3, 18, tzinfo=UTC)


def until(instant: datetime) -> dict[str, Any]:
    """The purchases before an instant, and one of a stranger at it."""
    rows = zip(*(list(map(_plain, column)) for column in purchases().values()), strict=True)
    kept = [row for row in rows if row[1] < instant] + [("stranger", instant, "buy", 1.0, "s")]
    return dict(zip(purchases(), map(list, zip(*kept, strict=True)), strict=True))


def _plain(value: Any) -> Any:
    return value.as_py() if hasattr(value, "as_py") else value


def test_the_last_look_waits_for_the_log(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = make_project(tmp_path)
    tiny.edit("experiments/button.yaml", "segments: [platform]\n", PLAN)
    tiny.write_parquet("purchases", until(STOPPED))
    project = tiny.load()
    runner.run(spark, project, experiments=["button"], as_of=AS_OF_INSTANT)
    at_once = counted(spark, project)
    assert at_once["decision"] == "keep_running"
    assert at_once["reasons"][-1] == (
        "The last look at conversion waits for its logs: they are complete up to 2026-03-12 12:00 UTC, and not to the "
        "end of its windows. A log that has nothing more to come says so by complete_until."
    )
    assert at_once["reason"] == "logs_behind"
    assert max(at_once["looks"].values()) < 0.05
    assert at_once["complete_until"] == {STOPPED}
    # the same by jobs, which hand moments over through the lake
    options = ["--conf", str(tiny.conf), "--env", "here"]
    with pytest.raises(SystemExit):
        jobs.assignments.main([*options, "--as-of", AS_OF, "--experiment", "button"])
    run_id = capsys.readouterr().out.strip()
    for job in (jobs.moments, jobs.analyze):
        with pytest.raises(SystemExit, match="0"):
            job.main([*options, "--run-id", run_id])
    assert counted(spark, project) == at_once
    tiny.write_parquet("purchases", until(VERDICT))
    runner.run(spark, project, experiments=["button"], as_of=AS_OF_INSTANT)
    last = counted(spark, project)
    assert last["decision"] == "do_not_ship"
    assert {day: last["looks"][day] for day in at_once["looks"]} == at_once["looks"]
    assert max(last["looks"].values()) == pytest.approx(0.05)
    assert last["complete_until"] == {VERDICT}
    assert len(runner.prune(spark, project, keep=1)) == 2
    assert counted(spark, project) == last
    tiny.edit("experiments/button.yaml", "primary: [conversion], secondary: [revenue]", "primary: [bought]")
    tiny.edit("metrics/tiny.yaml", "metrics:\n", "metrics:\n  - {name: bought, extends: conversion}\n")
    out = io.StringIO()
    runner.run(spark, tiny.load(), experiments=["button"], as_of=AS_OF_INSTANT, progress=Progress(stream=out))
    assert [line for line in out.getvalue().splitlines() if "looks" in line] == [
        "  button: bought had no looks before, and those of conversion, revenue, no metric of it any more, stay on "
        "record: a metric that is renamed or replaced is tested anew, with alpha of its own"
    ]
    looks = [row for row in queries.rows(spark, project, "looks") if row["metric"] == "conversion"]
    assert {row["day"]: row["alpha_spent"] for row in looks} == last["looks"]


def counted(spark: SparkSession, project: Any) -> dict[str, Any]:
    tables = {
        name: queries.rows(spark, project, name) for name in ("looks", "results", "moments", "decisions")
    }
    [decision] = tables["decisions"]
    ends = [row for row in tables["moments"] if row["complete_until"] is not None]
    assert {row["day"] for row in ends} == {max(row["day"] for row in tables["moments"])}
    results = [row for row in tables["results"] if row["metric"] == "conversion"]
    return {
        "decision": decision["decision"],
        "reasons": decision["reasons"],
        "reason": max(results, key=lambda row: row["day"])["reason"],
        "looks": {row["day"]: row["alpha_spent"] for row in tables["looks"] if row["metric"] == "conversion"},
        "complete_until": {row["complete_until"] for row in ends if row["metric"] == "conversion"},
    }
