"""A run whose as_of is earlier than that of the results it replaces says so before it works."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from project_builder import TinyProject, make_project
from pyspark.sql import SparkSession

from abspark import runner
from abspark.progress import Progress
from abspark.storage import lake_delta

pytestmark = [pytest.mark.spark, pytest.mark.e2e]

NEWER, NEWEST = datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 4, 1, 12, 30, tzinfo=UTC)


@pytest.fixture(params=["delta", "parquet", "delta by Spark"])
def tiny(
    spark: SparkSession, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> TinyProject:
    """A lake in which a run was committed up to NEWEST for `button`, and one up to NEWER for `banner`."""
    tiny = make_project(tmp_path, request.param.split()[0])
    if "Spark" in request.param:
        monkeypatch.setattr(lake_delta, "delta_runs", lambda *_: None)
    lake = runner.lake_of(spark, tiny.load())
    lake.ensure_writable()
    for run_id, name, as_of in (("r0", "button", NEWER), ("r1", "button", NEWEST), ("r2", "banner", NEWER)):
        for status in ("running", "committed"):
            lake.record_run({"run_id": run_id, "status": status, "as_of": as_of})
        lake.commit(run_id, {name: "r0" if run_id == "r1" else None})
    return tiny


def said(spark: SparkSession, tiny: TinyProject, as_of: datetime | None, *experiments: str) -> list[str]:
    out = io.StringIO()
    state = runner.begin(
        spark, tiny.load(), experiments=experiments, as_of=as_of, progress=Progress(stream=out)
    )
    assert state.predecessors == {name: {"button": "r1", "banner": "r2"}[name] for name in state.experiments}
    return [line for line in out.getvalue().splitlines() if "as_of" in line]


def told(as_of: str, newer: str, name: str) -> str:
    return (
        f"  as_of {as_of} UTC is earlier than {newer} UTC, that of the results of {name}, which this run will replace; "
        "another run with the later as_of brings them back"
    )


def test_older_runs_name_what_they_replace(spark: SparkSession, tiny: TinyProject) -> None:
    early = datetime(2020, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    both = [
        told("2020-01-01 00:00", "2026-03-20 00:00", "banner"),
        told("2020-01-01 00:00", "2026-04-01 12:30", "button"),
    ]
    assert said(spark, tiny, early) == both
    assert said(spark, tiny, early, "button") == both[1:]
    assert said(spark, tiny, NEWER) == [told("2026-03-20 00:00", "2026-04-01 12:30", "button")]
    assert said(spark, tiny, NEWEST) == []
    assert said(spark, tiny, None) == []


def test_an_as_of_ahead_is_told_of(spark: SparkSession, tiny: TinyProject) -> None:
    assert said(spark, tiny, datetime(9000, 1, 1, tzinfo=UTC)) == [
        "  as_of 9000-01-01 00:00 UTC lies ahead: windows count as over that are over by then, but looks of sequential "
        "experiments end with the present"
    ]


def test_many_experiments_are_counted() -> None:
    line = runner._replaced(NEWER, NEWEST, [f"e{n}" for n in range(8)])
    assert "that of the results of e0, e1, e2, e3, e4, 3 more, which" in line
