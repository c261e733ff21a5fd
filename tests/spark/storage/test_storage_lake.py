from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from storage_samples import NOON, drops, record, write_drops

from abspark.config.environment import Lake as LakeConfig
from abspark.errors import LakeError, UsageError
from abspark.local_frame import local_frame
from abspark.schemas import DROPS, LOOKS, RUNS
from abspark.storage import Commit, Pruned, lake_delta, open_lake
from abspark.storage import lake as lake_module
from abspark.storage.lake import Lake
from abspark.storage.lake_delta import DeltaLake
from abspark.storage.prune_plan import CommittedRun

pytestmark = pytest.mark.spark


def test_new_lake_is_empty_and_reads_as_empty_tables(lake: Lake) -> None:
    assert lake.heads() == {}
    assert lake.current("results").collect() == []
    assert lake.runs().columns == list(RUNS.names)
    assert lake.read_run("drops", "r1").columns == list(DROPS.names)


def test_rows_count_only_through_the_commit(lake: Lake) -> None:
    lake.ensure_writable()
    write_drops(lake, "r1", "a", "b", "*")
    assert drops(lake) == []
    assert lake.read_run("drops", "r1").count() == 3

    assert lake.commit("r1", {"a": None, "b": None}) == Commit(("a", "b"))
    write_drops(lake, "r2", "*", "a")
    assert drops(lake) == [("r1", "*", 3), ("r1", "a", 1), ("r1", "b", 2)]

    assert lake.commit("r2", {"a": "r1"}) == Commit(("a",))
    assert lake.heads() == {"a": "r2", "b": "r1"}
    assert drops(lake) == [("r1", "*", 3), ("r1", "b", 2), ("r2", "*", 1), ("r2", "a", 2)]
    assert drops(lake, experiments=["a"]) == [("r2", "*", 1), ("r2", "a", 2)]
    assert drops(lake, experiments=["c"]) == []


def test_commit_switches_only_experiments_whose_predecessor_stands(lake: Lake) -> None:
    lake.commit("r1", {"a": None, "b": None})
    lake.commit("r2", {"b": "r1", "e": None})
    wanted = {"a": "r1", "b": "r1", "c": None, "d": "gone", "e": None}
    ended = Commit(("a", "c"), {"b": "r2", "d": "", "e": "r2"})
    assert lake.commit("r3", wanted) == ended
    assert [(c.experiment_id, c.run_id, c.previous_run_id) for c in lake.commits()] == [
        ("a", "r3", "r1"),
        ("b", "r2", "r1"),
        ("c", "r3", None),
        ("e", "r2", None),
    ]

    before = lake.current("commits").collect()
    assert lake.commit("r3", wanted) == ended
    assert lake.current("commits").collect() == before


def test_commits_of_a_folder_are_read_without_spark_where_that_is_possible(
    delta_lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    delta_lake.commit("r1", {"b": None, "a": None})
    delta_lake.commit("r2", {"a": "r1"})
    without = delta_lake.commits()
    assert without == (CommittedRun("a", "r2", "r1"), CommittedRun("b", "r1", None))
    asked = []
    monkeypatch.setattr(lake_delta, "delta_commits", asked.append)
    assert delta_lake.commits() == without
    assert asked == [delta_lake.location]


def test_commit_of_nothing_commits_nothing(lake: Lake) -> None:
    assert lake.commit("r1", {}) == Commit(())
    assert lake.heads() == {}


def test_append_takes_columns_in_any_order(lake: Lake, spark: SparkSession) -> None:
    frame = spark.createDataFrame(
        [(7, "r1", "a", "units", "web", "bot", None, 3)],
        "units bigint, run_id string, experiment_id string, stage string, source string, reason string, "
        "variant string, rows bigint",
    )
    lake.append("drops", frame)
    assert [tuple(row) for row in lake.read_run("drops", "r1").collect()] == [
        ("r1", "a", "units", "web", "bot", None, 3, 7)
    ]


def test_append_keeps_nested_columns_and_instants(lake: Lake) -> None:
    source = {"source": "web", "location": "/raw", "version": 3, "files": ["f1", "f2"], "rows": 9}
    row = {"run_id": "r'1 %x", "started_at": NOON, "inputs": [source], "predecessors": {"a": "r0"}}
    lake.record_run(row | {"recorded_at": NOON + timedelta(microseconds=1)})
    read = lake.runs().select("run_id", F.unix_micros("started_at").alias("at"), "inputs", "predecessors")
    (found,) = read.collect()
    assert found["run_id"] == "r'1 %x"
    assert found["at"] == int(NOON.timestamp()) * 1_000_000
    assert found["inputs"][0].asDict() == {**dict.fromkeys(found["inputs"][0].asDict()), **source}
    assert found["predecessors"] == {"a": "r0"}


def test_append_refuses_what_breaks_the_schema(delta_lake: Lake, spark: SparkSession) -> None:
    frame = spark.createDataFrame(
        [("r1", "a", 1, 1)], "run_id string, experiment_id string, rows int, row int"
    )
    with pytest.raises(
        LakeError,
        match=r"table drops .*: stage is missing; source is missing; reason is missing; variant is missing; "
        r"units is missing; row is unknown; rows is int instead of bigint\.",
    ):
        delta_lake.append("drops", frame)


def test_append_rows_refuses_unknown_columns_and_times_without_offset(delta_lake: Lake) -> None:
    with pytest.raises(LakeError, match="table drops has no column variants"):
        delta_lake.append_rows("drops", [{"run_id": "r1", "variants": "x"}])
    with pytest.raises(LakeError, match=r"runs\.started_at = 2026-10-01 .* has no offset"):
        delta_lake.record_run({"run_id": "r1", "started_at": datetime(2026, 10, 1)})


def test_tables_are_named_in_errors(delta_lake: Lake) -> None:
    with pytest.raises(UsageError, match=r"no table result\.\n  allowed: assignments, .*commits"):
        delta_lake.current("result")
    with pytest.raises(UsageError, match=r"runs belong to no experiment\.\n.*abspark\.runs"):
        delta_lake.current("runs")
    with pytest.raises(UsageError, match="commits changes only by a run's commit"):
        delta_lake.append_rows("commits", [{"run_id": "r1"}])


def test_runs_shows_the_latest_record_of_each(lake: Lake) -> None:
    first = datetime(2026, 10, 1, tzinfo=UTC)
    for run_id, minute, status in [("r1", 9, "committed"), ("r1", 1, "running"), ("r2", 2, "running")]:
        lake.record_run({"run_id": run_id, "recorded_at": first.replace(minute=minute), "status": status})
    assert sorted((row["run_id"], row["status"]) for row in lake.runs().collect()) == [
        ("r1", "committed"),
        ("r2", "running"),
    ]


def test_runs_of_a_lake_of_the_other_format_are_not_none(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "commits.json").write_text("{}")
    with pytest.raises(LakeError, match="has the format parquet, and the environment means delta"):
        open_lake(spark, LakeConfig(path=str(tmp_path))).runs()


def test_record_is_dated_when_it_is_written(delta_lake: Lake) -> None:
    delta_lake.record_run({"run_id": "r1", "status": "running"})
    delta_lake.record_run({"run_id": "r1", "status": "failed"})
    assert [row["status"] for row in delta_lake.runs().collect()] == ["failed"]


@pytest.mark.parametrize("kind", ["delta", "parquet", "catalog"])
def test_looks_of_many_experiments_are_read_at_once(
    kind: str, request: pytest.FixtureRequest, spark: SparkSession, tmp_path: Path
) -> None:
    """Each experiment's by the run that is named for it; where the disk is this machine's, without Spark."""
    if kind == "catalog":
        lake: Lake = request.getfixturevalue("catalog_lake")
        lake.ensure_writable()
    else:
        lake = open_lake(spark, LakeConfig.model_validate({"path": str(tmp_path / "lake"), "format": kind}))
    run_of = {"a": "r1", "b": "r2", "c": "gone"}
    assert lake.looks(run_of) == []
    look = {"metric": "m", "treatment": "t", "day": date(2026, 10, 1), "boundary": 2.5, "backfilled": False}
    for run_id in ("r1", "r2", "r3"):
        rows = [look | {"run_id": run_id, "experiment_id": name} for name in ("a", "b", "c", "d")]
        lake.append_rows("looks", rows)
    reads: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        read = type(lake)._read
        patch.setattr(type(lake), "_read", lambda *given: reads.append(given[1].name) or read(*given))
        found = lake.looks(run_of)
        assert lake.looks({}) == []
    blank = dict.fromkeys(LOOKS.names) | look
    assert sorted(found, key=lambda row: row["run_id"]) == [
        blank | {"run_id": "r1", "experiment_id": "a"},
        blank | {"run_id": "r2", "experiment_id": "b"},
    ]
    assert reads == ([] if kind == "delta" else ["looks"])


def test_prune_removes_the_rows_of_superseded_and_failed_runs(lake: Lake) -> None:
    write_drops(lake, "r1", "a", "*")
    lake.commit("r1", {"a": None})
    write_drops(lake, "r2", "a", "*")
    lake.commit("r2", {"a": "r1"})
    write_drops(lake, "r3", "a")
    write_drops(lake, "r4", "a")
    record(lake, "r1", 1, "committed", a="committed")
    record(lake, "r2", 2, "committed", a="committed")
    record(lake, "r3", 3, "failed", a="failed: no file")
    record(lake, "r4", 4, "running", a="running")
    for run, metrics in (("r1", ["m"]), ("r2", ["m", "n"])):
        lake.append_rows("looks", [{"run_id": run, "experiment_id": "a", "metric": name} for name in metrics])
    before = drops(lake)

    assert lake.prune(2, now=NOON) == Pruned(("r3",))
    assert lake.prune(1, now=NOON) == Pruned(("r1",))
    left = {run: lake.read_run("drops", run).count() for run in ("r1", "r2", "r3", "r4")}
    assert left == {"r1": 0, "r2": 2, "r3": 0, "r4": 1}
    assert drops(lake) == before == [("r2", "*", 2), ("r2", "a", 1)]
    looks = {run: [row["metric"] for row in lake.read_run("looks", run).collect()] for run in ("r1", "r2")}
    assert looks == {"r1": [], "r2": ["m", "n"]}
    assert lake.runs().count() == 4
    assert lake.prune(now=NOON + timedelta(days=2)) == Pruned(("r4",))


def test_prune_removes_what_killed_writers_left(spark: SparkSession, tmp_path: Path) -> None:
    """In a folder that as a pattern would be another."""
    root = tmp_path / "a[b]"
    lake = open_lake(spark, LakeConfig(path=str(root), format="parquet"))
    write_drops(lake, "r1", "a")
    lake.commit("r1", {"a": None})
    for hours in (23, 25):
        (root / f".writing-{hours}" / "run_id=r2").mkdir(parents=True)
        (root / f".commits.json-{hours}").write_text("{")
        for name in (f".writing-{hours}", f".commits.json-{hours}"):
            os.utime(root / name, 2 * ((NOON - timedelta(hours=hours)).timestamp(),))
    lake.prune(now=NOON)
    left = {".writing-23", ".commits.json-23", "commits.json", "drops", ".abspark.lock"}
    assert {place.name for place in root.iterdir()} == left
    assert drops(lake) == [("r1", "a", 1)]


def test_a_lake_that_lost_its_commits_is_not_taken_for_new(lake: Lake) -> None:
    record(lake, "r1", 1, "failed", a="failed: no file")
    assert lake.heads() == {}
    record(lake, "r2", 2, "committed", a="committed")
    write_drops(lake, "r2", "a")
    for asked in (lake.heads, lake.prune, lambda: lake.current("drops")):
        with pytest.raises(LakeError, match="is not whole: run r2 is on record as committed, but commits"):
            asked()
    lake.commit("r2", {"a": None})
    assert lake.heads() == {"a": "r2"}


def test_prune_keeps_a_run_that_could_not_record_its_commit(lake: Lake) -> None:
    """Killed between its commit and its last record; the next run's record names it as the one before."""
    for number, before in ((1, None), (2, "r1"), (3, "r2")):
        run_id = f"r{number}"
        status = "running" if number == 1 else "committed"
        lake.record_run(
            {
                "run_id": run_id,
                "started_at": NOON + timedelta(hours=number),
                "status": status,
                "experiments": {"a": status},
                "predecessors": {"a": before},
            }
        )
        write_drops(lake, run_id, "a")
        lake.commit(run_id, {"a": before})
    later = NOON + timedelta(days=3)
    assert lake.prune(3, now=later).run_ids == ()
    assert lake.prune(2, now=later).run_ids == ("r1",)


def test_prune_keeps_at_least_the_committed_run(delta_lake: Lake) -> None:
    with pytest.raises(UsageError, match="keep = 0"):
        delta_lake.prune(0)


def test_table_of_an_older_version_gains_the_newer_columns(delta_lake: Lake, spark: SparkSession) -> None:
    table = f"delta.`{delta_lake.location}/drops`"
    spark.sql(
        f"CREATE TABLE {table} (run_id string, experiment_id string, rows bigint, later string) USING delta "
        "PARTITIONED BY (run_id)"
    ).collect()
    spark.sql(f"INSERT INTO {table} VALUES ('r1', 'a', 5, 'x')").collect()
    delta_lake.commit("r1", {"a": None})
    assert [tuple(row) for row in delta_lake.current("drops").collect()] == [
        ("r1", "a", None, None, None, None, 5, None)
    ]
    write_drops(delta_lake, "r2", "a")
    assert [row["reason"] for row in delta_lake.read_run("drops", "r2").collect()] == ["bot"]


@pytest.mark.parametrize("kind", ["delta_lake", "catalog_lake"])
def test_many_rows_of_the_driver_arrive_once_each(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Without delta-rs in plans of some rows each."""
    monkeypatch.setattr(lake_module, "_SLICE", 3)
    plans: list[int] = []

    def counted(spark: SparkSession, rows: list[tuple[Any, ...]], ddl: str) -> DataFrame:
        plans.append(len(rows))
        return local_frame(spark, rows, ddl)

    monkeypatch.setattr(lake_module, "local_frame", counted)
    lake: Lake = request.getfixturevalue(kind)
    assert isinstance(lake, DeltaLake)
    lake._files = None
    lake.ensure_writable()
    plans.clear()
    write_drops(lake, "r1", *(f"e{number}" for number in range(8)))
    assert plans == [3, 3, 2]
    found = lake.read_run("drops", "r1").select("experiment_id", "rows").collect()
    assert sorted(tuple(row) for row in found) == [(f"e{number}", number + 1) for number in range(8)]


def test_catalog_lake(catalog_lake: Lake, spark: SparkSession) -> None:
    assert catalog_lake.heads() == {}
    catalog_lake.ensure_writable()
    write_drops(catalog_lake, "r1", "a")
    assert catalog_lake.commit("r1", {"a": None}) == Commit(("a",))
    assert drops(catalog_lake) == [("r1", "a", 1)]
    tables = spark.sql(f"SHOW TABLES IN {catalog_lake.location.split('.')[1]}").collect()
    assert sorted(row["tableName"] for row in tables) == [
        "assignments", "commits", "current_assignments", "current_drops", "drops", "runs",
    ]  # fmt: skip
    assert catalog_lake.prune(now=NOON) == Pruned(())


def test_a_catalog_goes_without_views_where_they_are_refused(
    catalog_lake: Lake, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is read by them here; and a view of the session that is named like a table is none of the schema."""
    monkeypatch.setattr(
        lake_delta, "_CURRENT", "{create} {view} AS SELECT nothing FROM {rows} -- {table} {commits}"
    )
    spark.range(1).createOrReplaceTempView("results")
    try:
        catalog_lake.ensure_writable()
        catalog_lake.ensure_writable()
    finally:
        spark.catalog.dropTempView("results")
    write_drops(catalog_lake, "r1", "a")
    catalog_lake.commit("r1", {"a": None})
    assert drops(catalog_lake) == [("r1", "a", 1)]
    tables = spark.sql(f"SHOW TABLES IN {catalog_lake.location.split('.')[1]}").collect()
    assert sorted(row["tableName"] for row in tables) == ["assignments", "commits", "drops", "runs"]


def test_views_of_a_catalog_have_the_rows_that_count(catalog_lake: Lake, spark: SparkSession) -> None:
    """Those of each experiment's committed run, and what such a run tells of no experiment."""
    catalog_lake.ensure_writable()
    for run_id in ("r1", "r2", "r3"):
        write_drops(catalog_lake, run_id, "a", "b", "*")

    def counting() -> list[tuple[str, str]]:
        rows = spark.table(f"{catalog_lake.location}.current_drops").collect()
        return sorted((row["run_id"], row["experiment_id"]) for row in rows)

    assert counting() == []
    catalog_lake.commit("r1", {"a": None, "b": None})
    assert counting() == [("r1", "*"), ("r1", "a"), ("r1", "b")]
    catalog_lake.commit("r2", {"b": "r1"})
    assert counting() == [("r1", "*"), ("r1", "a"), ("r2", "*"), ("r2", "b")]
    assert spark.table(f"{catalog_lake.location}.current_drops").columns == list(DROPS.names)
    assert [(run_id, experiment) for run_id, experiment, _ in drops(catalog_lake)] == counting()


def test_a_view_gains_the_columns_that_its_table_does(catalog_lake: Lake, spark: SparkSession) -> None:
    catalog_lake.ensure_writable()
    old = ", ".join(f"`{c.name}` {c.type}" for c in DROPS.columns if c.name not in ("units", "variant"))
    spark.sql(f"CREATE TABLE {catalog_lake.location}.drops ({old}) USING delta PARTITIONED BY (run_id)")
    catalog_lake.ensure_writable()
    view = f"{catalog_lake.location}.current_drops"
    assert "units" not in spark.table(view).columns
    catalog_lake.append_rows("drops", [{"run_id": "r1", "experiment_id": "a", "rows": 1, "units": 7}])
    catalog_lake.commit("r1", {"a": None})
    assert set(spark.table(view).columns) == set(DROPS.names)
    assert [row["units"] for row in spark.table(view).collect()] == [7]


def test_a_view_whose_maker_died_is_made_by_the_next_run(catalog_lake: Lake, spark: SparkSession) -> None:
    catalog_lake.ensure_writable()
    write_drops(catalog_lake, "r1", "a")
    views = [f"{catalog_lake.location}.current_{name}" for name in ("drops", "assignments")]
    for view in views:
        spark.sql(f"DROP VIEW {view}")
    catalog_lake.ensure_writable()
    assert all(spark.catalog.tableExists(view) for view in views)


@pytest.mark.parametrize("kind", ["delta", "parquet"])
def test_lake_below_a_file_cannot_be_written(spark: SparkSession, tmp_path: Path, kind: str) -> None:
    (tmp_path / "notes.txt").write_text("x")
    config = LakeConfig(path=str(tmp_path / "notes.txt" / "lake"), format=kind)
    with pytest.raises(
        LakeError,
        match=r"^the lake \S+/notes.txt/lake cannot be written: \S+notes.txt is a file\.\n  do: name another place",
    ):
        open_lake(spark, config).ensure_writable()


def test_table_that_another_process_has_begun_to_create_reads_as_empty(
    spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "commits" / "_delta_log").mkdir(parents=True)
    assert open_lake(spark, LakeConfig(path=str(tmp_path))).heads() == {}


def test_lake_in_an_unknown_catalog_cannot_be_written(spark: SparkSession) -> None:
    config = LakeConfig.model_validate({"catalog": "nowhere", "schema": "experiments"})
    with pytest.raises(LakeError, match=r"^the lake nowhere\.experiments is in no catalog of this session"):
        open_lake(spark, config).ensure_writable()


def test_parquet_lake_is_local(spark: SparkSession) -> None:
    with pytest.raises(UsageError, match="not for s3://bucket/lake"):
        open_lake(spark, LakeConfig(path="s3://bucket/lake", format="parquet"))


def test_parquet_lake_with_a_broken_switch_is_not_taken_for_new(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "commits.json").write_text("{")
    with pytest.raises(LakeError, match=r"cannot be read: commits\.json"):
        open_lake(spark, LakeConfig(path=str(tmp_path), format="parquet")).heads()


def test_schemas_and_catalogs_that_cannot_be_are_told_in_one_screen(spark: SparkSession) -> None:
    def said(catalog: str, schema: str) -> list[str]:
        lake = open_lake(spark, LakeConfig.model_validate({"catalog": catalog, "schema": schema}))
        with pytest.raises(LakeError) as told:
            lake.ensure_writable()
        return str(told.value).splitlines()

    assert said("spark_catalog", "my-sch 1") == [
        "the lake spark_catalog.my-sch 1 has a name that Spark does not take: `my-sch 1` is not a valid name for "
        "tables/schemas. Valid names only contain alphabet characters, numbers and _.",
        "  do: name the schema by letters, digits and underscores: lake: {catalog: …, schema: …}",
    ]
    [line] = said("elsewhere", "experiments")
    assert line.startswith("the lake elsewhere.experiments is in no catalog of this session: ")


@pytest.mark.parametrize("kind", ["catalog_lake", "delta_lake"])
def test_more_columns_are_optimised_once_they_have_statistics(
    kind: str, request: pytest.FixtureRequest, spark: SparkSession
) -> None:
    """As the page on operations says; the driver's rows go on to be written."""
    lake: DeltaLake = request.getfixturevalue(kind)
    lake.ensure_writable()
    row = {"run_id": "r1", "experiment_id": "a", "check": "srm", "status": "pass"}
    for _ in range(2):
        lake.append_rows("health", [row])
    table = lake._name_of("health")
    with pytest.raises(Exception, match="DELTA_ZORDERING_ON_COLUMN_WITHOUT_STATS"):
        spark.sql(f"OPTIMIZE {table} ZORDER BY (status)").collect()
    spark.sql(f"OPTIMIZE {table}").collect()
    spark.sql(
        f"ALTER TABLE {table} SET TBLPROPERTIES ('delta.dataSkippingStatsColumns' = 'experiment_id, status')"
    ).collect()
    spark.sql(f"OPTIMIZE {table} ZORDER BY (status)").collect()
    lake.append_rows("health", [row])
    assert lake.read_run("health", "r1").count() == 3
