"""Rows that a scan may leave out: conditions in UTC lose no local time at the ends of an experiment."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import DataFrame, SparkSession

from abspark.config import Experiment, ExposureSource
from abspark.local_frame import local_frame
from abspark.pipeline.canonical import prune
from abspark.pipeline.station import exposure_conditions, exposure_rows
from abspark.pipeline.study import Study

pytestmark = pytest.mark.spark

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
START, END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 14, 23, tzinfo=UTC)
TICK, WEEK = timedelta(microseconds=1), timedelta(days=7)
INSTANTS = {
    "long before": START - WEEK, "before": START - TICK, "first": START, "last": END - TICK, "end": END,
    "long after": END + WEEK,
}  # fmt: skip
"""In New York the first is of 2026-09-30 20:00, before START as UTC has it; in Berlin the last is of 00:59 on the
15th, after END."""
EXPERIMENT = Experiment.model_validate(
    {
        "id": "e", "variants": [{"key": "a", "weight": 0.5}, {"key": "b", "weight": 0.5}], "control": "a",
        "start": START.isoformat(), "end": END.isoformat(), "exposures": "log", "metrics": {"primary": ["m"]},
    }
)  # fmt: skip
STUDY = Study((EXPERIMENT,), (), (), END + 2 * WEEK)


def log(zone: str) -> ExposureSource:
    columns = {"unit": "u", "variant": "v", "time": "t"}
    return ExposureSource.model_validate(
        {"name": "log", "format": "parquet", "path": "x", "columns": columns, "time_zone": zone}
    )


def valid(raw: DataFrame, source: ExposureSource, *, pruned: bool) -> set[str]:
    rows = exposure_rows(raw, source, STUDY, pruned=pruned).where("reason IS NULL")
    return {row["unit"] for row in rows.collect()}


@pytest.mark.parametrize("zone", [NEW_YORK, BERLIN])
def test_no_local_time_within_is_left_out(spark: SparkSession, zone: str) -> None:
    rows = [
        (name, "a", instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None))
        for name, instant in INSTANTS.items()
    ]
    raw, source = local_frame(spark, rows, "u string, v string, t timestamp_ntz"), log(zone)
    assert valid(raw, source, pruned=False) == {"first", "last"}
    assert valid(raw, source, pruned=True) == {"first", "last"}
    read = prune(raw, exposure_conditions(raw, source, STUDY)).collect()
    assert {row["u"] for row in read} == set(INSTANTS) - {"long before", "long after"}


@pytest.mark.parametrize(("zone", "first"), [(NEW_YORK, date(2026, 10, 1)), (BERLIN, date(2026, 10, 2))])
def test_no_date_within_is_left_out(spark: SparkSession, zone: str, first: date) -> None:
    """A date is its local midnight: in Berlin that of the 15th is an hour before END, and its date after it."""
    days = [START.date() + timedelta(days=number) for number in range(-10, 30)]
    midnights = {day: datetime.combine(day, time(), ZoneInfo(zone)) for day in days}
    expected = {day.isoformat() for day, midnight in midnights.items() if START <= midnight < END}
    assert min(expected) == first.isoformat()
    assert len(expected) == 14
    raw = local_frame(spark, [(day.isoformat(), "a", day) for day in days], "u string, v string, t date")
    assert valid(raw, log(zone), pruned=False) == expected
    assert valid(raw, log(zone), pruned=True) == expected
