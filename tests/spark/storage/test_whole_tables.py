"""What a lake has lost is told to who asks by Python, too, and to commands where the lake needs Spark."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from storage_samples import NOON, write_drops

from abspark import command_tables, queries, storage
from abspark.config import Project, load_project
from abspark.config.starter import write_starter
from abspark.errors import LakeError
from abspark.runner import lake_of

MINE = "checkout_button"


@pytest.fixture(params=["delta", "parquet"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    write_starter(tmp_path)
    written = f"lake: {{path: ./lake, format: {request.param}}}\n"
    (tmp_path / "conf" / "environments" / "here.yaml").write_text(written)
    return load_project(tmp_path / "conf", "here")


def record(spark: SparkSession, project: Project, run_id: str, **counts: Any) -> None:
    given = {"source": "raw_events", "location": "here", **counts}
    row = {"run_id": run_id, "started_at": NOON, "status": "committed", "inputs": [given]}
    lake_of(spark, project).record_run(row)


def test_records_of_committed_runs_that_are_lost(spark: SparkSession, project: Project) -> None:
    lake = lake_of(spark, project)
    record(spark, project, "r1", rows=5, kept=5)
    lake.commit("r1", {MINE: None})
    assert [row["run_id"] for row in queries.runs(spark, project)] == ["r1"]
    lake.commit("r2", {MINE: "r1"})
    with pytest.raises(LakeError, match="run r2 is committed, but the table runs has no record of it"):
        queries.runs(spark, project)


def test_drops_that_are_lost(spark: SparkSession, project: Project) -> None:
    lake = lake_of(spark, project)
    record(spark, project, "r1", rows=5, kept=5)
    record(spark, project, "r2", rows=5, kept=3)
    record(spark, project, "r3", rows=None, kept=None)
    write_drops(lake, "r4", MINE)
    for run_id, before in (("r1", None), ("r3", "r1"), ("r4", "r3")):
        lake.commit(run_id, {MINE: before})
        assert len(queries.rows(spark, project, "drops")) == (run_id == "r4")
    write_drops(lake, "r5", "another")
    record(spark, project, "r5", rows=5, kept=3)
    lake.commit("r5", {MINE: "r4"})
    assert queries.rows(spark, project, "drops") == []
    lake.commit("r2", {MINE: "r5"})
    with pytest.raises(LakeError, match=r"run r2 .* does not say why 2 rows of raw_events do not count"):
        queries.rows(spark, project, "drops", experiments=[MINE])


def test_decisions_that_are_lost(spark: SparkSession, project: Project) -> None:
    lake = lake_of(spark, project)
    lake.append_rows("decisions", [{"run_id": "r1", "experiment_id": MINE, "decision": "ship"}])
    lake.commit("r1", {MINE: None, "another": None})
    assert [row["decision"] for row in queries.rows(spark, project, "decisions")] == ["ship"]
    with pytest.raises(
        LakeError, match="run r1 is committed, but the table decisions has no rows of another"
    ):
        queries.rows(spark, project, "decisions", experiments=["another"])
    assert queries.frame(spark, project, "decisions", experiments=["another"]).count() == 0


def test_tables_that_are_read_through_spark_are_of_one_run(
    spark: SparkSession, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a lake in a catalog: what another run commits meanwhile is seen by who opens the lake afterwards."""
    monkeypatch.setattr(storage, "open_reader", lambda _: None)
    monkeypatch.setattr(command_tables, "session", lambda _: nullcontext(spark))
    lake = lake_of(spark, project)
    for run_id in ("r1", "r2"):
        record(spark, project, run_id, rows=1, kept=1)
        write_drops(lake, run_id, MINE)
        exposed = {"experiment_id": MINE, "variant": run_id, "first_exposure_at": NOON}
        lake.append_rows("assignments", [exposed | {"run_id": run_id}])
        lake.append_rows("decisions", [{"run_id": run_id, "experiment_id": MINE, "decision": "ship"}])

    def runs_read(tables: command_tables.LakeTables) -> set[str]:
        rows = [row for table in ("drops", "decisions") for row in tables.rows(table, [MINE])]
        found = {row["run_id"] for row in [*rows, *tables.commits().values()]}
        return found | {row["variant"] for row in tables.first_exposures(MINE)}

    lake.commit("r1", {MINE: None})
    with command_tables.open_tables(project) as tables:
        lake.commit("r2", {MINE: "r1"})
        assert runs_read(tables) == {"r1"}
        assert tables.rows("decisions", ["unknown"]) == []
    with command_tables.open_tables(project) as tables:
        assert runs_read(tables) == {"r2"}
