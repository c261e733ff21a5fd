"""What the configuration takes for a readable time, date or number is what Spark casts to one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from abspark.config.readable_text import is_date, is_integer, is_number, is_timestamp

pytestmark = pytest.mark.spark

DAYS = (
    "2026", "+2026", "-0044", "12026", "999", "1234567", "300000", "9999999", "26", "2026-", "2026-1", "2026-13",
    "2026-00", "2026-012", "2026-02-29", "2024-02-29", "1900-02-29", "2000-2-29", "0000-02-29", "2026-6-31", "2026-1-1",
    "2026-01-32", "2026-01-00", "2026-01-001", "20260101", "01.12.2026", "2026/01/01", "٢٠٢٦-01-01", "-", "monday",
)  # fmt: skip
CLOCKS = (
    "", "T", " ", " x", "T9", " 09:5", "T009:05", " 24:00:00", " 23:59:59", "T23:60:00", " 1:2:60", " 1:2:", " 1:2:3.",
    " 1:2:3.1234567890", " 1:2:3.x", "_10:00:00", "  10:00:00", "t10:00:00", " 9Z", " 9:30Z", "T9:30+01:00",
)  # fmt: skip
ZONES = (
    "Z", "z", " Z", "UTC", "UT", "UTC0", "GMT0", "GMT+1", "UTC+01:30", "UT-5", "UTC+1:5", "+1", "+01", "+01:0", "+1:30",
    "+1:5", "+0130", "+013", "+01:00:30", "+18:00", "+18:01", "-19:00", "+", "Europe/Berlin", " Europe/Berlin ", "EST",
    "europe/berlin", "PST", "CET", "EST5EDT", "PST8PDT", "Etc/GMT+5", "Zulu", "U", "AET", "America", "Factory", "ROC",
    "posix/UTC", "localtime", "Mars/City",
)  # fmt: skip
TIMES = (
    "", " ",
    *(day + clock for day, clock in product(DAYS, CLOCKS)),
    *(f"2026-01-02 03:04:05{fraction}{zone}" for fraction, zone in product(("", ".", ".5"), ZONES)),
    *(edge + "2026-01-02" + edge for edge in ("\t", "\x00", "\x7f", "\u00a0", "\n")),
)  # fmt: skip
NUMBERS = (
    "", "1", "-1", "+1", " 1\t", "1.5", "1.", ".5", ".", "-.5", "+.5", "1e3", "1E-3", "1e", "1.e5", ".e1", "0x10",
    "0x1p3", "1d", "1F", "1L", "1_000", "1,000", "+-1", "--1", "1.5.5", "inf", "-Infinity", "nan", "NaN", "+nan", "abc",
    "-", "1 2", "1BD",
)  # fmt: skip


@pytest.mark.parametrize(
    ("cast", "texts", "readable"),
    [
        ("try_cast(text as timestamp)", TIMES, is_timestamp),
        ("cast(text as timestamp_ntz)", TIMES, is_timestamp),
        ("try_cast(text as date)", TIMES, is_date),
        ("try_cast(text as double)", NUMBERS, is_number),
        ("try_cast(text as int)", NUMBERS, partial(is_integer, fraction=False)),
        ("cast(text as bigint)", NUMBERS, partial(is_integer, fraction=True)),
    ],
)
def test_spark_reads_the_same_texts(
    spark: SparkSession, cast: str, texts: tuple[str, ...], readable: Callable[[str], bool]
) -> None:
    rows = spark.createDataFrame([(text,) for text in texts], "text string")
    found = rows.select("text", F.expr(cast).isNotNull().alias("read")).collect()
    assert {row["text"] for row in found if row["read"]} == {text for text in texts if readable(text)}


@pytest.mark.parametrize(
    ("written", "time"),
    [("epoch", "1970-01-01 00:00:00"), ("EPOCH UTC", "1970-01-01 00:00:00"), ("epoch Mars", None)],
)
def test_the_epoch_is_a_time_where_it_is_written_out(
    spark: SparkSession, written: str, time: str | None
) -> None:
    cast = F.expr(f"cast(try_cast('{written}' as timestamp) as string)")
    assert spark.range(1).select(cast.alias("time")).collect() == [(time,)]
    assert is_timestamp(written) == (time is not None)


def test_a_list_with_text_is_compared_as_text(spark: SparkSession) -> None:
    """For which validation refuses texts that Spark doesn't write."""
    rows = spark.sql("select timestamp '2026-12-01' as time, 1D as value")
    conditions = (
        "time in ('2026-12-01')",
        "time in ('2026-12-01 00:00:00')",
        "value in ('1')",
        "value in ('1.0')",
    )
    assert rows.select(*map(F.expr, conditions)).collect() == [(False, True, False, True)]
