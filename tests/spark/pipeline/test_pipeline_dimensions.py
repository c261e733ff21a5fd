"""Attributes of units from tables of what units are: which row holds, and which repeat another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from abspark.config import DimensionSource, ExposureSource
from abspark.local_frame import local_frame
from abspark.pipeline.dimensions import Dimension, dimension_rows, repeats, with_dimensions
from abspark.pipeline.keys import key_hi, key_lo

SHOWN = datetime(2026, 10, 5, tzinfo=UTC)
TICK = timedelta(microseconds=1)
GIVEN = {
    "name": "users", "format": "parquet", "path": "x", "columns": {"unit": "u", "valid_from": "since"},
    "attributes": ["country", "plan"],
}  # fmt: skip
USERS = DimensionSource.model_validate(GIVEN)
LOG = ExposureSource.model_validate(
    {
        "name": "log", "format": "parquet", "path": "x", "dimensions": ["users"], "attributes": ["device"],
        "columns": {"experiment": "e", "unit": "u", "variant": "v", "time": "t"},
        "combinations": {"both": ["device", "country"]},
    }
)  # fmt: skip


def assigned(spark: SparkSession, *units: str) -> DataFrame:
    """Units first exposed at SHOWN, on a phone."""
    return local_frame(spark, [(unit,) for unit in units], "unit_id string").select(
        F.lit("e").alias("experiment_id"),
        "unit_id",
        key_hi(F.col("unit_id")).alias("unit_key_hi"),
        key_lo(F.col("unit_id")).alias("unit_key_lo"),
        F.lit(SHOWN).alias("first_exposure_at"),
        F.array(F.lit("phone")).alias("attributes"),
    )


def test_the_row_that_held_at_the_first_exposure_counts(spark: SparkSession) -> None:
    """Of two rows from one instant the first by its attributes, nulls last; the other is counted."""
    early = SHOWN - timedelta(days=3)
    rows = [
        ("now", SHOWN, "DE", "paid"), ("now", early, "FR", "free"), ("now", SHOWN + TICK, "IT", "free"),
        ("later", SHOWN + TICK, "IT", "paid"),
        ("twice", early, None, "a"), ("twice", early, "SE", "b"), ("twice", early, "SE", "a"),
        ("", early, "XX", "x"), ("", early, "YY", "x"), (None, early, "XX", "x"), ("now", None, "XX", "x"),
    ]  # fmt: skip
    users = Dimension(
        USERS, local_frame(spark, rows, "u string, since timestamp, country string, plan string")
    )
    assignments = assigned(spark, "now", "later", "twice", "unknown")
    found = with_dimensions(assignments, LOG, {"users": users}).collect()
    assert {row["unit_id"]: row["attributes"] for row in found} == {
        "now": ["phone", "DE", "paid", "phone / DE"],
        "later": ["phone", None, None, "phone / (missing)"],
        "twice": ["phone", "SE", "a", "phone / SE"],
        "unknown": ["phone", None, None, "phone / (missing)"],
    }
    assert [tuple(row) for row in repeats(dimension_rows(users)).collect()] == [(2, 1)]


def test_rows_that_fail_the_filter_hold_for_nobody_and_repeat_nothing(spark: SparkSession) -> None:
    given = DimensionSource.model_validate({**GIVEN, "filter": "live", "properties": {"live": "boolean"}})
    lives = {"live": True, "gone": False, "unknown": None}
    rows = [(unit, SHOWN, "DE", "paid", live) for unit, live in lives.items()]
    rows += [("live", SHOWN, "AT", "free", False), ("live", SHOWN, "BE", "free", None)]
    ddl = "u string, since timestamp, country string, plan string, live boolean"
    users = Dimension(given, local_frame(spark, rows, ddl))
    found = with_dimensions(assigned(spark, *lives), LOG, {"users": users}).collect()
    assert {row["unit_id"]: row["attributes"] for row in found} == {
        "live": ["phone", "DE", "paid", "phone / DE"],
        "gone": ["phone", None, None, "phone / (missing)"],
        "unknown": ["phone", None, None, "phone / (missing)"],
    }
    assert [tuple(row) for row in repeats(dimension_rows(users)).collect()] == [(0, 0)]
