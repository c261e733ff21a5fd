"""Raw columns to canonical ones: times in all their spellings, ids and values of all types."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from abspark.config import EventSource, ExposureSource
from abspark.errors import DataError
from abspark.pipeline.canonical import canonical

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
NOON = "2026-10-01 12:00:00"


def utc(*parts: int, micros: int = 0) -> int:
    whole = datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]
    return round(whole.timestamp()) * 1_000_000 + micros


def local(zone: str, *parts: int, fold: int = 0) -> int:
    return round(datetime(*parts, tzinfo=ZoneInfo(zone), fold=fold).timestamp()) * 1_000_000  # type: ignore[arg-type, misc]


def source(**given: Any) -> EventSource:
    columns = {"unit": "who", "time": "when"} | given.pop("columns", {})
    blank = {"name": "log", "format": "csv", "path": "nowhere"}
    return EventSource.model_validate(blank | {"columns": columns} | given)


# Each case: the source's settings, the raw type, raw times and the microseconds they mean (None: no time).
CASES: dict[str, tuple[dict[str, Any], str, list[tuple[Any, int | None]]]] = {
    "text": (
        {},
        "string",
        [
            (NOON, utc(2026, 10, 1, 12)),
            ("2026-10-01T12:00:00.123456Z", utc(2026, 10, 1, 12, micros=123_456)),
            ("2026-10-01T12:00:00+02:00", utc(2026, 10, 1, 10)),
            (" 2026-10-01 ", utc(2026, 10, 1)),
            ("", None), ("soon", None), ("2026-02-30", None), ("2026-10-01 25:00:00", None), (None, None),
            # never today's: a time of day alone is no time
            ("12:34:56", None), ("T12:34", None),
        ],
    ),
    "text in a zone": (
        {"time_zone": BERLIN},
        "string",
        [
            (NOON, utc(2026, 10, 1, 10)),
            ("2026-12-01 12:00:00", utc(2026, 12, 1, 11)),
            # an offset of its own wins
            ("2026-10-01T12:00:00Z", utc(2026, 10, 1, 12)),
            ("2026-10-01 12:00:00 UTC", utc(2026, 10, 1, 12)),
            ("2026-10-01T12:00:00-05:00", utc(2026, 10, 1, 17)),
            ("2026-10-01T12:00:00.5+0200", utc(2026, 10, 1, 10, micros=500_000)),
            ("2026-10-01 12:00:00 America/New_York", utc(2026, 10, 1, 16)),
            # the day of a date alone is no offset
            ("2026-10-01", utc(2026, 9, 30, 22)),
            # the hour that is there twice, and the one that is not there
            ("2026-10-25 02:30:00", local(BERLIN, 2026, 10, 25, 2, 30)),
            ("2026-03-29 02:30:00", local(BERLIN, 2026, 3, 29, 2, 30)),
        ],
    ),
    "text in a format": (
        {"time_format": "dd.MM.yyyy HH:mm"},
        "string",
        [("01.10.2026 12:30", utc(2026, 10, 1, 12, 30)), (NOON, None), ("31.02.2026 12:30", None),
            ("1.10.2026 12:30", None)],
    ),
    "text in a format and a zone": (
        {"time_format": "dd-MM-yyyy", "time_zone": NEW_YORK},
        "string",
        [("01-10-2026", utc(2026, 10, 1, 4)), ("01-12-2026", utc(2026, 12, 1, 5))],
    ),
    "text in a format with an offset": (
        {"time_format": "yyyy-MM-dd HH:mm[ XXX]", "time_zone": NEW_YORK},
        "string",
        [("2026-10-01 12:00 +02:00", utc(2026, 10, 1, 10)), ("2026-10-01 12:00", utc(2026, 10, 1, 16))],
    ),
    "seconds": (
        {"time_unit": "s"},
        "double",
        [(1_790_812_800.25, utc(2026, 10, 1, micros=250_000)), (float("nan"), None), (float("inf"), None),
            (1e300, None)],
    ),
    "milliseconds": ({"time_unit": "ms"}, "bigint", [(1_790_812_800_123, utc(2026, 10, 1, micros=123_000)),
    (None, None)]),
    "microseconds": (
        {"time_unit": "us"},
        "bigint",
        [(1_790_812_800_000_001, utc(2026, 10, 1, micros=1)), (1_790_812_799_999_999, utc(2026, 10, 1, micros=-1)),
            (2**53 - 1, 2**53 - 1), (3_999_999_999_999_997, 3_999_999_999_999_997)],
    ),
    "nanoseconds": (
        {"time_unit": "ns"},
        "bigint",
        [
            (1_790_812_800_000_001_000, utc(2026, 10, 1, micros=1)),
            (1_790_812_800_000_000_999, utc(2026, 10, 1)), (1_790_812_799_999_999_999, utc(2026, 10, 1, micros=-1)),
            (0, 0), (-1, -1), (-1_000, -1), (-1_001, -2), (None, None),
            (2**63 - 1, 9_223_372_036_854_775), (-(2**63), -9_223_372_036_854_776),
        ],
    ),
    "nanoseconds of a column with gaps": (
        {"time_unit": "ns"},
        "double",
        [(1_790_812_800e9, utc(2026, 10, 1)), (float("nan"), None), (1e300, None)],
    ),
    "text of nanoseconds": (
        {"time_unit": "ns"}, "string", [("1790812800000000999", utc(2026, 10, 1)), ("1.5", None), ("x", None)],
    ),
    "text of seconds": ({"time_unit": "s"}, "string", [("1790812800.5", utc(2026, 10, 1, micros=500_000)),
    ("x", None)]),
    "date": ({}, "date", [(date(2026, 10, 1), utc(2026, 10, 1))]),
    "date in a zone": ({"time_zone": NEW_YORK}, "date", [(date(2026, 10, 1), utc(2026, 10, 1, 4))]),
    "format with a zone, in a zone": (
        {"time_zone": BERLIN, "time_format": "yyyy-MM-dd HH:mm:ss z"},
        "string",
        [(f"{NOON} UTC", utc(2026, 10, 1, 12)), (f"{NOON} GMT", utc(2026, 10, 1, 12))],
    ),
    "local timestamp": ({}, "timestamp_ntz", [(datetime(2026, 10, 1, 12), utc(2026, 10, 1, 12))]),
    "local timestamp in a zone": (
        {"time_zone": BERLIN},
        "timestamp_ntz",
        [
            (datetime(2026, 10, 25, 1, 59), local(BERLIN, 2026, 10, 25, 1, 59)),
            (datetime(2026, 10, 25, 3, 0), local(BERLIN, 2026, 10, 25, 3, 0)),
        ],
    ),
    "instant: its zone is its own": (
        {"time_zone": BERLIN},
        "timestamp",
        [(datetime(2026, 10, 1, 12, tzinfo=UTC), utc(2026, 10, 1, 12))],
    ),
}  # fmt: skip


def test_times(spark: SparkSession) -> None:
    parts = []
    for name, (settings, kind, cases) in CASES.items():
        rows = [(f"{name}/{number}", raw) for number, (raw, _) in enumerate(cases)]
        frame = spark.createDataFrame(rows, f"who string, when {kind}")
        parts.append(
            canonical(frame, source(**settings)).select("unit", F.unix_micros("time").alias("micros"))
        )
    frame = spark.createDataFrame([("fixed/0",)], "who string")
    fixed = source(columns={"time": None}, fixed_time="2026-10-01T02:00:00+02:00")
    parts.append(canonical(frame, fixed).select("unit", F.unix_micros("time").alias("micros")))
    expected = {
        f"{name}/{i}": micros for name, case in CASES.items() for i, (_, micros) in enumerate(case[2])
    }
    found = _union(parts).collect()
    assert {row["unit"]: row["micros"] for row in found} == expected | {"fixed/0": utc(2026, 10, 1)}


def test_a_column_whose_name_has_a_dot_is_found_in_whatever_case(spark: SparkSession) -> None:
    raw = spark.createDataFrame([("u", NOON)], "`User.Id` string, when string")
    found = canonical(raw, source(columns={"unit": "user.ID"})).collect()
    assert [row["unit"] for row in found] == ["u"]


def test_spaces_that_fill_up_text_of_fixed_length_are_no_part_of_it(spark: SparkSession) -> None:
    filled = {"__CHAR_VARCHAR_TYPE_STRING": "char(6)"}
    schema = T.StructType(
        [
            T.StructField("who", T.StringType(), metadata=filled),
            T.StructField("kind", T.StringType(), metadata=filled),
            T.StructField("note", T.StringType()),
            T.StructField("when", T.StringType()),
        ]
    )
    raw = spark.createDataFrame([("u1    ", " buy  ", "x ", NOON)], schema)
    given = source(columns={"event": "kind"}, properties={"note": "string"})
    assert tuple(canonical(raw, given).drop("time").collect()[0]) == ("u1", " buy", "x ")


def test_a_name_with_a_dot_within_a_struct_is_found(spark: SparkSession) -> None:
    raw = spark.sql(f"SELECT named_struct('User.Id', 'u') AS ctx, '{NOON}' AS when")
    found = canonical(raw, source(columns={"unit": "Ctx.user.id"})).collect()
    assert [row["unit"] for row in found] == ["u"]


def test_ids_values_and_properties(spark: SparkSession) -> None:
    raw = spark.sql(
        "SELECT 9007199254740993 AS Who, DATE '2026-10-01' AS when, named_struct('eur', '1.5') AS paid, "
        "CAST(7 AS INT) AS `a.b`, '3' AS count, array('x', 'y') AS tags, 12 AS kind"
    )
    given = source(
        columns={"event": "kind", "value": "paid.eur"},
        properties={"number": {"type": "int", "column": "count"}, "tags": "array<string>",
            "dotted": {"type": "string", "column": "a.b"}},
    )  # fmt: skip
    frame = canonical(raw, given)
    assert frame.schema.simpleString() == (
        "struct<unit:string,time:timestamp,event:string,value:double,number:int,tags:array<string>,dotted:string>"
    )
    row = frame.drop("time").collect()[0]
    assert tuple(row) == ("9007199254740993", "12", 1.5, 3, ["x", "y"], "7")


def test_numbers_as_properties_in_time_are_seconds(spark: SparkSession) -> None:
    raw = spark.sql(
        "SELECT 'u' AS who, DATE '2026-10-01' AS when, x FROM VALUES (1L), (1790812800000000000L) AS t(x)"
    )
    frame = canonical(raw, source(properties={"x": "timestamp"}))
    assert [row[0] for row in frame.select(F.unix_micros("x")).collect()] == [1_000_000, None]


def test_properties_without_an_offset_are_local_as_times_are(spark: SparkSession) -> None:
    raw = spark.sql(
        f"SELECT 'u' AS who, '{NOON}' AS when, '{NOON}' AS text, '{NOON}Z' AS whole, '12:00' AS clock, "
        f"TIMESTAMP_NTZ '{NOON}' AS ntz, DATE '2026-10-01' AS day, TIMESTAMP '{NOON}' AS instant"
    )
    names = ("text", "whole", "clock", "ntz", "day", "instant")
    frame = canonical(raw, source(time_zone=BERLIN, properties=dict.fromkeys(names, "timestamp")))
    [row] = frame.select(*(F.unix_micros(name) for name in ("time", *names))).collect()
    here, there = utc(2026, 10, 1, 10), utc(2026, 10, 1, 12)
    # a time of day alone is no instant, as today's would be another one tomorrow
    assert tuple(row) == (here, here, there, None, here, utc(2026, 9, 30, 22), there)


def test_attributes_come_as_text(spark: SparkSession) -> None:
    raw = spark.sql("SELECT 'u' AS who, 'a' AS arm, DATE '2026-10-01' AS when, 3 AS level")
    given = ExposureSource.model_validate(
        {
            "name": "log", "format": "parquet", "path": "nowhere", "attributes": {"tier": "level"},
            "columns": {"unit": "who", "variant": "arm", "time": "when"},
        }
    )  # fmt: skip
    assert tuple(canonical(raw, given).drop("time").collect()[0]) == ("u", "a", "3")


@pytest.mark.parametrize(
    ("ddl", "settings", "message"),
    [
        ("who double, when date", {}, "column who, the unit id, is double"),
        ("who float, when date", {}, "column who, the unit id, is float"),
        ("who decimal(10,2), when date", {}, r"column who, the unit id, is decimal\(10,2\)"),
        ("who struct<a:int>, when date", {}, "column who, the unit id, is struct<a:int>"),
        ("who decimal(10,0), when boolean", {}, "column when, the time, is boolean"),
        ("who string, when bigint", {}, "column when, the time, is bigint"),
        ("who string, when boolean", {}, "column when, the time, is boolean"),
        ("who string, when timestamp", {"time_unit": "ns"}, "allowed: .* with time_unit: s, ms, us or ns\n"),
        ("who string, when int", {}, "(?s)the time, is int.*one without any value is often stored as int"),
        ("who string, when void", {}, "(?s)the time, is void.*do: the column has no value and so no type"),
        ("who string, when timestamp", {"time_unit": "ms"}, "(?s)the time, is timestamp.*do: leave time_unit out"),
        ("who string, when date, x array<int>", {"columns": {"value": "x"}}, "x is array<int>, declared as double"),
        ("who string, when date, x int", {"properties": {"x": "map<string,int>"}}, "x is int, declared as map<string"),
    ],
)  # fmt: skip
def test_types_that_cannot_serve(
    spark: SparkSession, ddl: str, settings: dict[str, Any], message: str
) -> None:
    frame = spark.createDataFrame([], ddl)
    with pytest.raises(DataError, match=message):
        canonical(frame, source(**settings))


def _union(parts: list[DataFrame]) -> DataFrame:
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.unionByName(part)
    return whole
