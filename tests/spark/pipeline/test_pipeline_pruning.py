"""Rows that a scan may leave out: conditions in UTC lose no local time at the ends of an experiment."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from abspark.config import Experiment, ExposureSource
from abspark.errors import DataError
from abspark.local_frame import local_frame
from abspark.pipeline.pruning import prune
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


def dated(**given: object) -> ExposureSource:
    columns = {"unit": "u", "variant": "v", "time": "t"}
    return ExposureSource.model_validate(
        {
            "name": "log",
            "format": "parquet",
            "path": "x",
            "columns": columns,
            "partition_date": {"column": "dt", **given},
        }
    )


SPELLED = {
    ("date", "yyyy-MM-dd"): lambda day: day,
    ("string", "yyyy-MM-dd"): date.isoformat,
    ("string", "yyyyMMdd"): lambda day: f"{day:%Y%m%d}",
    ("int", "yyyyMMdd"): lambda day: int(f"{day:%Y%m%d}"),
}


@pytest.mark.parametrize(("kind", "form"), SPELLED)
@pytest.mark.parametrize(
    ("within", "first", "last"),
    [
        ("0s", date(2026, 9, 30), date(2026, 10, 14)),
        ("1h", date(2026, 9, 30), date(2026, 10, 15)),
        ("1d", date(2026, 9, 29), date(2026, 10, 15)),
        ("36h", date(2026, 9, 29), date(2026, 10, 16)),
    ],
)
def test_dates_on_which_no_row_can_count_stay_unread(
    spark: SparkSession, kind: str, form: str, within: str, first: date, last: date
) -> None:
    """Valid exposures are of 10-01 00:00 to 10-14 23:00. An instant of midnight may be the end of the day before."""
    days = [date(2026, 9, 20) + timedelta(days=number) for number in range(40)]
    rows = [(day.isoformat(), "a", START, SPELLED[kind, form](day)) for day in days]
    rows.append(("without", "a", START, None))
    raw = local_frame(spark, rows, f"u string, v string, t timestamp, dt {kind}")
    given = exposure_conditions(raw, dated(format=form, within=within), STUDY)
    read = {row["u"] for row in prune(raw, given).collect()}
    assert read == {day.isoformat() for day in days if first <= day <= last} | {"without"}
    assert [condition.text for condition in given[-2:]] == [f"dt >= {first}", f"dt <= {last}"]


def test_a_date_is_a_column_alone_or_with_its_form() -> None:
    source = ExposureSource.model_validate({**dated().model_dump(), "partition_date": "day"})
    assert source.partition_date is not None
    assert source.partition_date.model_dump() == {"column": "day", "format": "yyyy-MM-dd", "within": "1d"}


@pytest.mark.parametrize(
    ("kind", "form"), [("timestamp", "yyyy-MM-dd"), ("int", "yyyy-MM-dd"), ("double", "yyyyMMdd")]
)
def test_a_column_that_holds_no_dates_is_refused(spark: SparkSession, kind: str, form: str) -> None:
    raw = local_frame(spark, [], f"u string, v string, t timestamp, dt {kind}")
    with pytest.raises(DataError, match=f"source log: column dt, the partition_date, is {kind}"):
        exposure_conditions(raw, dated(format=form), STUDY)


def test_folders_of_other_dates_are_no_files_to_read(spark: SparkSession, tmp_path: Path) -> None:
    """The scan's partition filters, as Spark lists them, and the files that are left."""
    folder = str(tmp_path / "log")
    rows = [("u", "a", START, f"2026-{month:02d}-05") for month in (1, 9, 10, 11)]
    frame = local_frame(spark, rows, "u string, v string, t timestamp, dt string")
    frame.write.partitionBy("dt").parquet(folder)
    spark.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
    try:
        raw = spark.read.parquet(folder)
        kept = prune(raw, exposure_conditions(raw, dated(), STUDY))
        assert {path.split("dt=")[1][:10] for path in _files_scanned(kept)} == {"2026-10-05"}
    finally:
        spark.conf.unset("spark.sql.sources.partitionColumnTypeInference.enabled")


def _files_scanned(frame: DataFrame) -> set[str]:
    named = frame.select(F.input_file_name().alias("file")).collect()
    plan = frame._jdf.queryExecution().executedPlan().toString()
    assert re.search(r"PartitionFilters: \[.*dt#\d+ >= 2026-09-29\) AND \(dt#\d+ <= 2026-10-15\)", plan), plan
    return {row["file"] for row in named}
