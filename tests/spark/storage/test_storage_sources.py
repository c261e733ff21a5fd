from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from delta import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from storage_samples import events

from abspark.config import EventSource
from abspark.errors import DataError
from abspark.pipeline.canonical import canonical
from abspark.progress import Progress
from abspark.storage import (
    bytes_at,
    fixed_columns,
    meter_of,
    pin,
    pin_again,
    read,
    require_columns,
    row_count,
    run_settings,
    written_over,
)

pytestmark = pytest.mark.spark

_DERBY = "org.apache.derby.iapi.jdbc.AutoloadedDriver"


def rows(spark: SparkSession, source: Any, pinned: Any = None) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in read(spark, source, pinned or pin(spark, source)).collect())


def write(spark: SparkSession, path: Path, user: str, kind: str = "parquet") -> None:
    frame = spark.createDataFrame([(user, 1)], "user string, n int").coalesce(1)
    frame.write.format(kind).mode("append").save(str(path))


def test_delta_is_read_at_the_version_pinned(spark: SparkSession, tmp_path: Path) -> None:
    source = events(tmp_path / "log", format="delta")
    write(spark, tmp_path / "log", "u1", "delta")
    write(spark, tmp_path / "log", "u2", "delta")
    pinned = pin(spark, source)
    write(spark, tmp_path / "log", "u3", "delta")
    assert (pinned.name, pinned.location, pinned.version, pinned.files) == (
        "purchases",
        str(tmp_path / "log"),
        1,
        (),
    )
    assert rows(spark, source, pinned) == [("u1", 1), ("u2", 1)]
    assert row_count(spark, source, pinned) == 2
    assert row_count(spark, source, pin(spark, source)) == 3


def test_a_delta_table_made_again_is_not_the_one_that_was_pinned(spark: SparkSession, tmp_path: Path) -> None:
    source = events(tmp_path / "log", format="delta")
    write(spark, tmp_path / "log", "u1", "delta")
    pinned = pin(spark, source)
    write(spark, tmp_path / "log", "u2", "delta")
    assert pin_again(spark, source, replace(pinned, format="")) == pinned
    assert pin_again(spark, source, replace(pinned, list_hash=None)) is not None
    newest = pin(spark, source)
    rmtree(tmp_path / "log")
    write(spark, tmp_path / "log", "u3", "delta")
    assert pin_again(spark, source, pinned) is None
    assert pin_again(spark, source, newest) is None
    write(spark, tmp_path / "log", "u4", "delta")
    assert pin_again(spark, source, pinned) is None
    assert pin_again(spark, source, newest) is None


def test_tables_of_a_catalog(spark: SparkSession) -> None:
    spark.sql("CREATE TABLE raw_events USING delta AS SELECT 'u1' AS user").collect()
    spark.sql("CREATE TABLE raw_parquet USING parquet AS SELECT 'u2' AS user").collect()
    try:
        delta = events(None, format="delta", table="default.raw_events")
        table = events(None, format="table", table="default.raw_events")
        other = events(None, format="table", table="default.raw_parquet")
        assert pin(spark, delta).version == pin(spark, table).version == 0
        pinned = pin(spark, other)
        assert (pinned.version, pinned.note) == (None, "not a Delta table: read as it is at each action")
        spark.sql("INSERT INTO raw_events VALUES ('late')").collect()
        assert rows(spark, table, pin(spark, table)) == [("late",), ("u1",)]
        assert rows(spark, other, pinned) == [("u2",)]
        assert row_count(spark, other, pinned) is None
        absent = events(None, format="table", table="default.raw_event")
        with pytest.raises(
            DataError,
            match=r"^source purchases: there is no table default\.raw_event\.\n  allowed: schema default has .*raw_p",
        ):
            pin(spark, absent)
        with pytest.raises(DataError, match=r"^source purchases: default\.raw_parquet is no Delta table"):
            pin(spark, events(None, format="delta", table="default.raw_parquet"))
    finally:
        spark.sql("DROP TABLE raw_events").collect()
        spark.sql("DROP TABLE raw_parquet").collect()


def test_a_delta_folder_is_found_whatever_catalog_the_session_uses(
    spark: SparkSession, tmp_path: Path
) -> None:
    write(spark, tmp_path / "log", "u1", "delta")
    source = events(tmp_path / "log", format="delta")
    jdbc = "org.apache.spark.sql.execution.datasources.v2.jdbc.JDBCTableCatalog"
    settings = {"": jdbc, ".url": "jdbc:derby:memory:other;create=true", ".driver": _DERBY}
    try:
        for key, value in settings.items():
            spark.conf.set(f"spark.sql.catalog.other{key}", value)
        spark.catalog.setCurrentCatalog("other")
        assert rows(spark, source) == [("u1", 1)]
    finally:
        spark.catalog.setCurrentCatalog("spark_catalog")
        for key in settings:
            spark.conf.unset(f"spark.sql.catalog.other{key}")


def test_days_that_delta_makes_of_instants_leave_no_row_out(spark: SparkSession, tmp_path: Path) -> None:
    """They are days of the zone of whoever wrote the table, and a run's zone is UTC."""
    path, start = tmp_path / "log", datetime(2026, 10, 2, tzinfo=UTC)
    try:
        spark.conf.set("spark.sql.session.timeZone", "America/Los_Angeles")
        table = DeltaTable.create(spark).location(str(path)).addColumn("ts", "timestamp")
        table.addColumn("day", "date", generatedAlwaysAs="CAST(ts AS DATE)").partitionedBy("day").execute()
        frame = spark.sql("SELECT timestamp '2026-10-02T01:00:00Z' AS ts")
        frame.write.format("delta").mode("append").save(str(path))
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
    source = events(path, format="delta", columns={"unit": "day", "time": "ts"})
    with run_settings(spark):
        since = read(spark, source, pin(spark, source)).where(F.col("ts") >= F.lit(start))
        assert [str(row["day"]) for row in since.collect()] == ["2026-10-01"]


def test_files_are_read_as_listed(spark: SparkSession, tmp_path: Path) -> None:
    source = events(tmp_path / "my logs", format="parquet")
    write(spark, tmp_path / "my logs", "u1")
    pinned = pin(spark, source)
    assert pin(spark, source) == pinned
    write(spark, tmp_path / "my logs", "u2")
    assert rows(spark, source, pinned) == [("u1", 1)]
    assert row_count(spark, source, pinned) == 1
    again = pin(spark, source)
    assert [len(pinned.files), len(again.files)] == [1, 2]
    assert pinned.list_hash != again.list_hash
    assert rows(spark, source, again) == [("u1", 1), ("u2", 1)]


def test_file_written_again_shows_in_the_hash(spark: SparkSession, tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("user,ts\nu1,1\n")
    first = pin(spark, events(file, format="csv"))
    os.utime(file, (1, 1))
    second = pin(spark, events(file, format="csv"))
    assert first.files == second.files == (f"file:{file}",)
    assert first.list_hash != second.list_hash


def test_files_are_listed_by_their_names(spark: SparkSession, tmp_path: Path) -> None:
    """Spark lists large ones first, by which the same files would have another hash once one has grown."""
    for name, lines in (("a", 1), ("é", 2), ("b", 9)):
        (tmp_path / f"{name}.csv").write_text("user,ts\n" + "u1,1\n" * lines)
    pinned = pin(spark, events(tmp_path, format="csv"))
    assert [file.rpartition("/")[2] for file in pinned.files] == ["a.csv", "b.csv", "é.csv"]


def test_what_was_written_over_since(spark: SparkSession, tmp_path: Path) -> None:
    """Not what came or went: the first is not read, and who reads the second fails."""
    folder = tmp_path / "log"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.csv").write_text("user,ts\nu1,1\n")
        os.utime(folder / f"{name}.csv", (1, 1))
    source = events(folder, format="csv")
    pinned = pin(spark, source)
    (folder / "d.csv").write_text("user,ts\nu2,2\n")
    (folder / "a.csv").unlink()
    assert written_over(spark, source, pinned) is None
    (folder / "b.csv").write_text("user,ts\nu1,1\nu3,3\n")
    os.utime(folder / "b.csv", (1, 1))
    assert written_over(spark, source, pinned) == f"file:{folder}/b.csv"
    (folder / "b.csv").unlink()
    os.utime(folder / "c.csv", (2, 2))
    assert written_over(spark, source, pinned) == f"file:{folder}/c.csv"
    rmtree(folder)
    assert written_over(spark, source, pinned) is None


def test_a_delta_table_that_was_made_again_was_written_over(spark: SparkSession, tmp_path: Path) -> None:
    source = events(tmp_path / "log", format="delta")
    write(spark, tmp_path / "log", "u1", "delta")
    pinned = pin(spark, source)
    write(spark, tmp_path / "log", "u2", "delta")
    assert written_over(spark, source, pinned) is None
    rmtree(tmp_path / "log")
    write(spark, tmp_path / "log", "u3", "delta")
    assert written_over(spark, source, pinned) == str(tmp_path / "log")


def test_parquet_in_key_value_folders(spark: SparkSession, tmp_path: Path) -> None:
    write(spark, tmp_path / "logs" / "exp=007" / "day=2026-10-01", "u1")
    write(spark, tmp_path / "logs" / "exp=x" / "day=2026-10-02", "u2")
    whole = events(tmp_path / "logs", format="parquet")
    assert read(spark, whole, pin(spark, whole)).columns == ["user", "n", "exp", "day"]
    assert rows(spark, whole) == [("u1", 1, "007", "2026-10-01"), ("u2", 1, "x", "2026-10-02")]
    by_glob = events(tmp_path / "logs" / "exp=*" / "day=2026-10-0[2-9]", format="parquet")
    assert rows(spark, by_glob) == [("u2", 1, "x", "2026-10-02")]
    one_file = events(
        next((tmp_path / "logs" / "exp=x" / "day=2026-10-02").glob("*.parquet")), format="parquet"
    )
    assert rows(spark, one_file) == [("u2", 1)]


def test_times_that_pandas_wrote_in_nanoseconds(spark: SparkSession, tmp_path: Path) -> None:
    """With a zone and without one; a run can read them, which the session itself refuses."""
    times = pd.to_datetime(["2026-10-01 00:00:00.000000999", "1969-12-31 23:59:59.999999999"])
    frame = pd.DataFrame({"user": ["u1", "u2"], "ts": times.tz_localize("UTC"), "local": times, "n": [1, 2]})
    frame.to_parquet(tmp_path / "log.parquet")
    source = events(
        tmp_path / "log.parquet", format="parquet", time_unit="ns", properties={"local": "bigint"}
    )
    raw = read(spark, source, pin(spark, source))
    assert raw.schema.simpleString() == "struct<user:string,ts:bigint,local:bigint,n:bigint>"
    found = canonical(raw, source).select("unit", F.unix_micros("time"), "local").collect()
    first = 1_790_812_800_000_000
    assert list(map(tuple, found)) == [("u1", first, first * 1000 + 999), ("u2", -1, -1)]
    with pytest.raises(DataError, match=r"column ts, the time, is bigint\n.*time_unit: s, ms, us or ns\n"):
        canonical(raw, events(tmp_path, format="parquet"))


@pytest.mark.parametrize("name", ["a[b]{c,d}", "a*?", "a\\b", "a%20b,c"])
def test_a_folder_that_is_there_as_written_is_no_pattern(
    spark: SparkSession, tmp_path: Path, name: str
) -> None:
    """Another that the pattern finds is not read; the part of a path that is not there stays one."""
    for folder, user in ((name, "u1"), ("ab", "u3"), ("ac", "u3")):
        for day in (1, 2, 3):
            part = tmp_path / folder / f"day={day}"
            part.mkdir(parents=True)
            (part / "x[1].csv").write_text(f"user\n{user}\n")
    assert rows(spark, events(tmp_path / name, format="csv")) == [("u1", "1"), ("u1", "2"), ("u1", "3")]
    some = events(f"file:{tmp_path}/{name}/day=[12]/*.csv", format="csv")
    assert rows(spark, some) == [("u1", "1"), ("u1", "2")]
    assert (bytes_at([f"{tmp_path}/{name}"]), bytes_at([some.path])) == (24, None)
    with pytest.raises(DataError, match=r"no files.*\n  allowed: .* has day=1, day=2, day=3\n"):
        pin(spark, events(f"{tmp_path}/{name}/week=*", format="csv"))


def test_csv_is_text_with_rfc_quotes(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text('user,ts,note\n007,2026-10-01,"say ""hi"", ok"\nu2,,\n')
    source = events(tmp_path / "log.csv", format="csv")
    pinned = pin(spark, source)
    assert sorted(map(tuple, read(spark, source, pinned).collect())) == [
        ("007", "2026-10-01", 'say "hi", ok'),
        ("u2", None, None),
    ]
    assert row_count(spark, source, pinned) is None


@pytest.mark.parametrize("options", [{}, {"multiLine": True, "columnNameOfCorruptRecord": "ts"}])
def test_a_line_of_csv_with_other_fields_than_its_header_is_no_row(
    spark: SparkSession, tmp_path: Path, options: dict[str, Any]
) -> None:
    """Whatever columns are asked for; a blank line is not even that."""
    folder = tmp_path / "log" / "exp=007"
    folder.mkdir(parents=True)
    lines = ("user,t s,a.b", "u1,1,1.5", "u2,2,12,50", "u3,3", "", 'u4,4,"1,5"', "u5,,")
    (folder / "part.csv").write_text("\n".join(lines) + "\n")
    source = events(tmp_path / "log", format="csv", options=options)
    fixed = fixed_columns(spark, source, pin(spark, source))
    frame = read(spark, source, fixed)
    no_row = (None, None, None, "007")
    found = [("u1", "1", "1.5", "007"), no_row, no_row, ("u4", "4", "1,5", "007"), ("u5", None, None, "007")]
    assert frame.columns == ["user", "t s", "a.b", "exp"]
    assert list(map(tuple, frame.collect())) == found
    for position, name in enumerate(frame.columns):
        assert [row[0] for row in frame.select(f"`{name}`").collect()] == [row[position] for row in found]
    assert (frame.count(), frame.where("user IS NULL").count()) == (5, 2)


def test_options_of_the_user_win(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("u1;1\n")
    (tmp_path / "log.bak").write_text("u2;2\n")
    source = events(tmp_path, format="csv", options={"header": False, "sep": ";", "pathGlobFilter": "*.csv"})
    assert rows(spark, source) == [("u1", "1")]


def test_json_numbers_are_text_and_nesting_stays(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text('{"user": 7, "tags": {"n": 1.50}}\n{"user": "x", "ok": true}\n')
    source = events(tmp_path / "log.json", format="json")
    frame = read(spark, source, pin(spark, source))
    assert {field.name: field.dataType.simpleString() for field in frame.schema} == {
        "user": "string",
        "tags": "struct<n:string>",
        "ok": "string",
    }
    assert sorted(map(tuple, frame.select("user", "tags.n", "ok").collect())) == [
        ("7", "1.50", None),
        ("x", None, "true"),
    ]


def by_known_columns(spark: SparkSession, source: EventSource) -> tuple[DataFrame, DataFrame]:
    """The rows by columns that are known, for which no task runs, and as they are read without."""
    pinned = pin(spark, source)
    progress = Progress(meter=meter_of(spark))
    with progress.stage("first"):
        fixed = fixed_columns(spark, source, pinned)
    with progress.stage("later"):
        again = fixed_columns(spark, source, fixed)
        frame = read(spark, source, fixed)
    assert [progress.costs[stage].tasks > 0 for stage in ("first", "later")] == [True, False]
    assert again is fixed
    plain = read(spark, source, pinned)
    assert frame.schema == plain.schema
    return frame, plain


def test_json_whose_columns_are_known_is_not_read_for_them(spark: SparkSession, tmp_path: Path) -> None:
    for day, text in (
        (1, '{"user": 7, "tags": {"n": 1.50}}\n{"user": "x"'),
        (2, '{"user": "y", "ok": true}\n'),
    ):
        folder = tmp_path / "log" / f"day={day}"
        folder.mkdir(parents=True)
        (folder / "part.json").write_text(text)
    frame, plain = by_known_columns(spark, events(tmp_path / "log", format="json"))
    assert frame.columns == ["_corrupt_record", "ok", "tags", "user", "day"]
    found = sorted(map(tuple, frame.collect()), key=str)
    assert found == sorted(map(tuple, plain.collect()), key=str)
    assert len(found) == 3


def test_parquet_whose_columns_are_known_is_not_opened_for_them(spark: SparkSession, tmp_path: Path) -> None:
    for day in ("01", "02"):
        write(spark, tmp_path / "log" / f"day={day}", f"u{day}")
    frame, plain = by_known_columns(spark, events(tmp_path / "log", format="parquet"))
    expected = [("u01", 1, "01"), ("u02", 1, "02")]
    assert sorted(map(tuple, frame.collect())) == sorted(map(tuple, plain.collect())) == expected


def test_a_table_tells_its_columns_by_itself(spark: SparkSession, tmp_path: Path) -> None:
    write(spark, tmp_path / "log", "u1", "delta")
    source = events(tmp_path / "log", format="delta")
    pinned = pin(spark, source)
    assert fixed_columns(spark, source, pinned) is pinned


def test_nothing_at_the_path(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "exposures").mkdir()
    with pytest.raises(
        DataError,
        match=rf"^source purchases: no files, or only empty ones, at {tmp_path}/exposure/day=1\.\n"
        rf"  allowed: {tmp_path} has exposures\n",
    ):
        pin(spark, events(tmp_path / "exposure" / "day=1", format="csv"))
    with pytest.raises(
        DataError,
        match=rf"no files, or only empty ones, at {tmp_path}/exposures\.\n  allowed: \S+ has nothing",
    ):
        pin(spark, events(tmp_path / "exposures", format="parquet"))
    with pytest.raises(
        DataError,
        match=rf"no files, or only empty ones, at {tmp_path}/\*\.csv\.\n  allowed: {tmp_path} has exposures",
    ):
        pin(spark, events(tmp_path / "*.csv", format="csv"))


def test_files_in_other_sub_folders_are_not_passed_over(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "2026" / "10").mkdir(parents=True)
    (tmp_path / "2026" / "10" / "log.csv").write_text("user\nu1\n")
    with pytest.raises(DataError, match=r"do: .*options: \{recursiveFileLookup: true\}"):
        pin(spark, events(tmp_path, format="csv"))
    assert rows(spark, events(tmp_path, format="csv", options={"recursiveFileLookup": True})) == [("u1",)]


def test_two_tables_below_one_path(spark: SparkSession, tmp_path: Path) -> None:
    write(spark, tmp_path / "logs" / "old" / "day=1", "u1")
    write(spark, tmp_path / "logs" / "new" / "day=1", "u2")
    with pytest.raises(
        DataError, match=r"^source purchases: \S+/logs has files in folders of differing structure"
    ):
        pin(spark, events(tmp_path / "logs", format="parquet"))


def test_path_that_is_no_delta_table(spark: SparkSession, tmp_path: Path) -> None:
    write(spark, tmp_path / "plain", "u1")
    with pytest.raises(
        DataError, match=r"^source purchases: \S+/plain is no Delta table\.\n  allowed: .*part-"
    ):
        pin(spark, events(tmp_path / "plain", format="delta"))
    with pytest.raises(DataError, match=r"/absent is no Delta table\.\n  allowed: \S+ has plain"):
        pin(spark, events(tmp_path / "absent", format="delta"))


def test_a_delta_table_is_not_read_by_its_files(spark: SparkSession, tmp_path: Path) -> None:
    """They hold replaced rows too: here each unit would count twice."""
    table = tmp_path / "a {log}, of [all]"
    for user in ("u1", "u2"):
        frame = spark.createDataFrame([(user, 1), (user, 2)], "user string, day int").coalesce(1)
        frame.write.format("delta").partitionBy("day").mode("overwrite").save(str(table))
    ways = [
        ("csv", ""),
        ("json", ""),
        *(("parquet", part) for part in ("", "day=1", "day=*", "day=2/*.parquet")),
    ]
    for form, part in ways:
        source = events(f"{tmp_path}/a ?log?, of ?all?/{part}", format=form)
        with pytest.raises(DataError) as raised:
            pin(spark, source)
        assert str(raised.value) == (
            f"source purchases: file:{table} is a Delta table, whose files also hold rows that have been replaced or "
            f"deleted, and {source.path} is read as {form}.\n"
            "  do: format: delta, with the table's folder as path; a filter takes a part of it"
        )


def test_a_delta_table_among_folders_and_below_random_letters(spark: SparkSession, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    write(spark, logs / "plain", "u1")
    write(spark, tmp_path / "other" / "table", "u2", "delta")
    everything = events(tmp_path / "*" / "*", format="parquet")
    assert rows(spark, events(logs / "*", format="parquet")) == [("u1", 1)]
    with pytest.raises(DataError, match=rf": file:{tmp_path}/other/table is a Delta table"):
        pin(spark, everything)
    frame = spark.createDataFrame([("u3", 1)], "user string, n int")
    frame.write.format("delta").option("delta.columnMapping.mode", "name").save(str(logs / "mapped"))
    with pytest.raises(DataError, match=rf": file:{logs}/mapped is a Delta table"):
        pin(spark, events(logs, format="parquet", options={"recursiveFileLookup": True}))


def test_empty_files_count_for_nothing(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"")
    with pytest.raises(DataError, match=r"^source purchases: no files, or only empty ones, at \S+\.\n"):
        pin(spark, events(tmp_path, format="csv"))
    (tmp_path / "b.csv").write_text("user\nu1\n")
    assert rows(spark, events(tmp_path, format="csv")) == [("u1",)]


def test_parquet_file_that_is_none(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "log.parquet").write_bytes(b"user,ts\n")
    source = events(tmp_path / "log.parquet", format="parquet")
    with pytest.raises(
        DataError, match=r"^source purchases: cannot read \S+log.parquet: it is no Parquet file"
    ):
        read(spark, source, pin(spark, source))


def test_a_type_that_spark_cannot_read(spark: SparkSession, tmp_path: Path) -> None:
    ids = pa.array([bytes(16)], pa.uuid())
    pq.write_table(pa.table({"user_id": ["u"], "session": ids}), tmp_path / "log.parquet")
    source = events(tmp_path, format="parquet")
    with pytest.raises(
        DataError,
        match=r"^source purchases: \S+ has a column of a type that Spark cannot read: .*UUID.*\n  do: ",
    ):
        read(spark, source, pin(spark, source))


def test_unknown_file_system(spark: SparkSession) -> None:
    with pytest.raises(DataError, match=r"^source purchases: this session cannot read that file system"):
        pin(spark, events("s3://bucket/log", format="csv"))
    with pytest.raises(DataError, match=r"^source purchases: this session cannot read that file system"):
        pin(spark, events("s3://bucket/log", format="delta"))


@pytest.mark.parametrize(
    ("form", "text", "encoding", "options"),
    [
        ("csv", "user,ts\nü1,2026-10-01\nu2,2026-10-02\n", "utf-16", {"encoding": "UTF-16", "multiLine": True}),
        ("csv", "user;ts\nü1;2026-10-01\nu2;2026-10-02\n", "latin-1", {"encoding": "ISO-8859-1", "sep": ";"}),
        (
            "json", '[{"user": "ü1", "ts": "2026-10-01"},\n{"user": "u2", "ts": "2026-10-02"}]', "utf-8",
            {"multiLine": True},
        ),
    ],
)  # fmt: skip
def test_options_that_messages_and_docs_name(
    spark: SparkSession, tmp_path: Path, form: str, text: str, encoding: str, options: dict[str, Any]
) -> None:
    (tmp_path / "log").write_bytes(text.encode(encoding))
    source = events(tmp_path / "log", format=form, options=options)
    frame = read(spark, source, pin(spark, source))
    require_columns(source, frame)
    assert {(row["user"], row["ts"]) for row in frame.collect()} == {
        ("ü1", "2026-10-01"),
        ("u2", "2026-10-02"),
    }
