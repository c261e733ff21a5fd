"""Units with too many events, and when rows arrived: whole frames, by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pipeline_runs import raw_frame
from plan_worlds import plan_world
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from rule_world import DAY, START, did
from world import Log
from world_models import study_of

from abspark.config import EventSource
from abspark.errors import DataError
from abspark.local_frame import local_frame
from abspark.pipeline.arrivals import LAGS, arrivals
from abspark.pipeline.bots import assigned_bots, busy_units, with_bots
from abspark.pipeline.canonical import canonical
from abspark.pipeline.keys import key_hi, key_lo
from abspark.pipeline.station import event_rows

pytestmark = pytest.mark.spark

AS_OF = datetime(2026, 10, 8, tzinfo=UTC)


def source(**given: Any) -> EventSource:
    columns = {"unit": "u", "time": "t", **given.pop("columns", {})}
    return EventSource.model_validate(
        {"name": "buys", "format": "parquet", "path": "x", "columns": columns, **given}
    )


def keys_of(spark: SparkSession, *units: str) -> list[tuple[int, int]]:
    frame = local_frame(spark, [(unit,) for unit in units], "u string")
    return [tuple(row) for row in frame.select(key_hi(F.col("u")), key_lo(F.col("u"))).collect()]


def test_units_over_the_limit(spark: SparkSession) -> None:
    """Of a, b, c with 3 events each, b has one filtered, c one at as_of; rows without a unit are nobody's."""
    before = AS_OF - timedelta(microseconds=1)
    rows = [("a", before, True)] * 3 + [("b", before, True)] * 2 + [("b", before, None)]
    rows += [("c", before, True)] * 2 + [("c", AS_OF, True), *[("", before, True), (None, before, True)] * 4]
    raw = local_frame(spark, rows, "u string, t timestamp, live boolean")
    given = source(filter="live", properties={"live": "boolean"})
    assert [tuple(row) for row in busy_units(raw, given, 2, AS_OF).collect()] == keys_of(spark, "a")
    assert busy_units(raw, given, 3, AS_OF).collect() == []


def coded(spark: SparkSession, *rows: tuple[str | None, str]) -> DataFrame:
    frame = local_frame(spark, rows, "reason string, unit string")
    return frame.select(
        "reason", "unit", key_hi(F.col("unit")).alias("hi"), key_lo(F.col("unit")).alias("lo")
    )


def test_a_bot_has_the_reason_unless_an_earlier_one(spark: SparkSession) -> None:
    frame = coded(spark, (None, "a"), (None, "b"), ("filtered", "a"), ("no_metric", "a"), ("no_metric", "b"))
    marked = with_bots(frame, keys_of(spark, "a", "z"), ("no_metric",))
    assert marked.columns == frame.columns
    assert sorted((row["reason"] or "", row["unit"]) for row in marked.collect()) == [
        ("", "b"), ("bot", "a"), ("bot", "a"), ("filtered", "a"), ("no_metric", "b"),
    ]  # fmt: skip
    assert with_bots(frame, ()) is frame


def test_an_event_of_a_bot_is_that_before_it_is_one_that_counts_for_nothing(spark: SparkSession) -> None:
    """In a log without event ids, of which the metric wants what was bought, from START on."""
    rows = [did(unit, START, event=event) for unit in ("bot", "other") for event in ("buy", "look")]
    rows += [did(unit, START - DAY) for unit in ("bot", "other")]
    study = replace(study_of(plan_world(1)), bots=tuple(keys_of(spark, "bot")))
    raw = raw_frame(spark, Log("shop", rows))
    found = event_rows(raw, study.event_source("shop"), study, pruned=False).collect()
    assert Counter((row["unit"], row["reason"]) for row in found) == {
        ("bot", "bot"): 3, ("other", None): 1, ("other", "no_metric"): 1, ("other", "outside_windows"): 1,
    }  # fmt: skip


def test_assigned_bots_are_counted_by_variant(spark: SparkSession) -> None:
    rows = [("e", "a", "x"), ("e", "b", "x"), ("e", "c", "y"), ("f", "a", "y")]
    units = local_frame(spark, rows, "experiment_id string, u string, variant string")
    table = units.withColumns({"unit_key_hi": key_hi(F.col("u")), "unit_key_lo": key_lo(F.col("u"))})
    found = assigned_bots(table, keys_of(spark, "a", "b", "nobody")).collect()
    assert sorted(map(tuple, found)) == [("e", "x", 2), ("f", "y", 1)]


def test_arrivals_by_hour_and_lag(spark: SparkSession) -> None:
    """Classes: 0 below a minute (and before the event), 1 from a minute, 4 from an hour, the last from 30 days."""
    hour = AS_OF - timedelta(hours=1)
    old = AS_OF - timedelta(days=50)
    rows = [
        (hour, hour + timedelta(seconds=59)),
        (hour + timedelta(minutes=59), hour + timedelta(minutes=59)),
        (hour, hour - timedelta(seconds=300)),
        (hour, hour - timedelta(seconds=301)),
        (hour, hour + timedelta(seconds=60)),
        (hour, hour + timedelta(hours=1)),
        (old, old + timedelta(days=30)),
        (old + timedelta(hours=5), old + timedelta(days=31)),
        (hour, None),
        (None, hour),
        (AS_OF, AS_OF),
    ]
    raw = local_frame(spark, [("u", *row) for row in rows], "u string, t timestamp, i timestamp")
    found = arrivals(raw, source(columns={"ingested": "i"}), AS_OF)
    seconds = lambda at: int(at.timestamp())  # noqa: E731
    assert sorted(map(tuple, found.collect())) == [
        (seconds(AS_OF - timedelta(days=32)), len(LAGS), 2, 0, seconds(old + timedelta(days=31))),
        (seconds(hour), 0, 4, 1, seconds(hour + timedelta(minutes=59))),
        (seconds(hour), 1, 1, 0, seconds(hour + timedelta(seconds=60))),
        (seconds(hour), 4, 1, 0, seconds(hour + timedelta(hours=1))),
    ]


def test_arrivals_are_of_rows_that_pass_the_filter(spark: SparkSession) -> None:
    hour = AS_OF - timedelta(hours=1)
    rows = [("u", hour, hour, live) for live in (True, False, None)]
    raw = local_frame(spark, rows, "u string, t timestamp, i timestamp, live boolean")
    given = source(columns={"ingested": "i"}, filter="live", properties={"live": "boolean"})
    at = int(hour.timestamp())
    assert [tuple(row) for row in arrivals(raw, given, AS_OF).collect()] == [(at, 0, 1, 0, at)]


def test_ingestion_times_are_read_like_times_or_by_their_own_type(spark: SparkSession) -> None:
    raw = local_frame(
        spark, [("u", 1_000, AS_OF, 2_000, None)], "u string, t bigint, i timestamp, n bigint, s date"
    )
    read = lambda name: canonical(raw, source(columns={"ingested": name}, time_unit="s")).first()  # noqa: E731
    own, counted = read("i"), read("n")
    assert own is not None
    assert counted is not None
    assert (own["ingested"].timestamp(), counted["ingested"].timestamp()) == (AS_OF.timestamp(), 2_000)
    with pytest.raises(DataError, match="column s, the ingestion time, is date"):
        read("s")
