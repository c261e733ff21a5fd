"""Rows written by delta-rs and rows written by Spark make the same tables, whoever of the two comes first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession
from storage_samples import record, write_drops

from abspark.config.environment import Lake as LakeConfig
from abspark.errors import LakeError
from abspark.schemas import DROPS
from abspark.storage import Commit, delta_files, open_lake
from abspark.storage.delta_files import DeltaFiles
from abspark.storage.lake import Lake
from abspark.storage.lake_delta import DeltaLake
from abspark.storage.lake_reader import open_reader

pytestmark = pytest.mark.spark


@pytest.fixture
def lake_at(spark: SparkSession, tmp_path: Path) -> Callable[..., DeltaLake]:
    """The lake of a name; `by_spark` leaves all its writing to Spark."""

    def at(name: str, *, by_spark: bool) -> DeltaLake:
        lake = open_lake(spark, LakeConfig(path=str(tmp_path / name)))
        assert isinstance(lake, DeltaLake)
        assert lake._files is not None
        if by_spark:
            lake._files = None
        return lake

    return at


def test_that_java_has_ended_is_not_taken_for_a_fault_of_the_lake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_ddl: str) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(delta_files, "_schema", refused)
    monkeypatch.setattr(delta_files, "_arrow", refused)
    files = DeltaFiles(tmp_path, str(tmp_path))
    with pytest.raises(ConnectionRefusedError):
        files.create(DROPS)
    with pytest.raises(ConnectionRefusedError):
        files.append(DROPS, [])


def _fill(lakes: list[Lake]) -> None:
    """Four writes and two switches, taken in turns."""
    first, second = lakes
    first.ensure_writable()
    record(first, "r 1'%", 9, "running", a="running", ü="")
    write_drops(second, "r 1'%", "a", "*")
    assert second.commit("r 1'%", {"a": None, "b": None}) == Commit(("a", "b"))
    write_drops(first, "r2", "a")
    assert first.commit("r2", {"a": "r 1'%", "b": "r0"}) == Commit(("a",), {"b": "r 1'%"})
    record(second, "r2", 10, "committed", a="committed")


def _tables(lake: Lake) -> list[DataFrame]:
    return [
        lake.current("drops").orderBy("run_id", "experiment_id"),
        lake.runs().drop("recorded_at").orderBy("run_id"),
        lake.current("commits").drop("committed_at").orderBy("experiment_id"),
    ]


@pytest.mark.parametrize("turns", ["rr", "rs", "sr"])
def test_whoever_writes_the_tables_are_the_same(lake_at: Callable[..., DeltaLake], turns: str) -> None:
    expected = lake_at("spark", by_spark=True)
    _fill([expected, expected])
    _fill([lake_at("other", by_spark=turn == "s") for turn in turns])
    for found, wanted in zip(_tables(lake_at("other", by_spark=True)), _tables(expected), strict=True):
        assert wanted.count() > 0
        assert_df_equality(found, wanted, ignore_nullable=True)


def test_the_log_of_many_writes_is_summed_up_for_both(
    lake_at: Callable[..., DeltaLake], tmp_path: Path
) -> None:
    lake = lake_at("lake", by_spark=False)
    for number in range(12):
        write_drops(lake, f"r{number}", "a")
    assert (tmp_path / "lake/drops/_delta_log/_last_checkpoint").exists()
    found = lake._read(DROPS, None)
    assert {row["run_id"] for row in found.collect()} == {f"r{number}" for number in range(12)}


def test_tables_that_delta_rs_cannot_write_are_left_to_spark(
    lake_at: Callable[..., DeltaLake], spark: SparkSession
) -> None:
    lake = lake_at("lake", by_spark=False)
    name = lake._name_of("drops")
    spark.sql(
        f"CREATE TABLE {name} ({DROPS.ddl}) USING delta PARTITIONED BY (run_id) "
        "TBLPROPERTIES ('delta.columnMapping.mode' = 'name')"
    )
    assert lake._files is not None
    assert not lake._files.append(DROPS, [{"run_id": "r1", "experiment_id": "a"}])
    write_drops(lake, "r1", "a")
    assert lake.read_run("drops", "r1").count() == 1


@pytest.mark.parametrize("name", ["a[b]{c}", "a%20b", "a^b|c", "a\\b"])
def test_folders_that_delta_rs_does_not_find_are_left_to_spark(
    spark: SparkSession, tmp_path: Path, name: str
) -> None:
    """It would panic, or look in another folder."""
    config = LakeConfig(path=str(tmp_path / name / "lake"))
    lake = open_lake(spark, config)
    lake.ensure_writable()
    assert lake.commit("r1", {"a": None}) == Commit(("a",))
    assert lake.heads() == {"a": "r1"}
    assert open_reader(config) is None
    assert [place.name for place in tmp_path.iterdir()] == [name]


def test_columns_that_an_older_version_lacked_are_added(
    lake_at: Callable[..., DeltaLake], spark: SparkSession
) -> None:
    lake = lake_at("lake", by_spark=False)
    old = ", ".join(f"`{c.name}` {c.type}" for c in DROPS.columns if c.name != "units")
    spark.sql(f"CREATE TABLE {lake._name_of('drops')} ({old}) USING delta PARTITIONED BY (run_id)")
    lake.append_rows("drops", [{"run_id": "r1", "experiment_id": "a", "rows": 1, "units": 7}])
    assert [row["units"] for row in lake.read_run("drops", "r1").collect()] == [7]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(lake_at: Callable[..., DeltaLake], value: float) -> None:
    lake = lake_at("lake", by_spark=False)
    with pytest.raises(LakeError, match=rf"^moments\.mean_num = {value} is no number\."):
        lake.append_rows("moments", [{"run_id": "r1", "mean_num": value}])


def test_a_damaged_table_is_told(lake_at: Callable[..., DeltaLake], tmp_path: Path) -> None:
    lake = lake_at("lake", by_spark=False)
    write_drops(lake, "r1", "a")
    for entry in (tmp_path / "lake" / "drops" / "_delta_log").glob("*.json"):
        entry.write_text("{")
    with pytest.raises(LakeError, match=r"^the lake \S+/lake cannot be written: "):
        write_drops(lake, "r2", "a")
