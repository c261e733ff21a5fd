"""When rows of a log arrived after what they tell of, counted for the health checks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abspark.config import EventSource, ExposureSource
from abspark.config.safe_sql import never_raising
from abspark.pipeline.canonical import canonical
from abspark.pipeline.time import epoch_micros

_HOUR: Final = 3_600
_DAY: Final = 24 * _HOUR
LAGS: Final = (
    60, 300, 900, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR,
    *(days * _DAY for days in (1, 2, 3, 4, 5, 6, 7, 10, 14, 21, 30)),
)  # fmt: skip
"""Edges of the lag classes in seconds; class k has `LAGS[k-1] <= lag < LAGS[k]`, the last is open."""
CLOCK_SLACK: Final = 300
"""Seconds by which a row's time may be after its ingestion before its clock counts as wrong."""
_MICROS: Final = 1_000_000
_CELLS_BACK: Final = timedelta(days=32)


def arrivals(raw: DataFrame, source: ExposureSource | EventSource, as_of: datetime) -> DataFrame:
    """Rows before as_of that pass the filter, by cell and lag.

    A cell is an hour of event time, as its start in epoch seconds; all hours more than 32 days before as_of share the
    first. `lag` is the class of the time from event to ingestion, at least 0. Columns besides: rows; ahead, rows whose
    time is more than CLOCK_SLACK after their ingestion; newest, the latest ingestion in epoch seconds. Rows without
    either time are left out.
    """
    rows = canonical(raw, source)
    if source.filter is not None:
        rows = rows.where(F.expr(never_raising(source.filter)))
    end = epoch_micros(as_of)
    timed = rows.select(F.unix_micros("time").alias("t"), F.unix_micros("ingested").alias("i"))
    timed = timed.where((F.col("t") < F.lit(end)) & F.col("i").isNotNull())
    oldest = epoch_micros(as_of - _CELLS_BACK) // _MICROS // _HOUR * _HOUR
    hour = F.floor(F.col("t") / F.lit(_MICROS * _HOUR)) * F.lit(_HOUR)
    lag = (F.col("i") - F.col("t")) / F.lit(_MICROS)
    classed = sum((F.when(lag >= F.lit(edge), 1).otherwise(0) for edge in LAGS), F.lit(0))
    keyed = timed.select(
        F.greatest(hour, F.lit(oldest)).cast("bigint").alias("cell"),
        classed.alias("lag"),
        lag.alias("s"),
        "i",
    )
    return keyed.groupBy("cell", "lag").agg(
        F.count("*").alias("rows"),
        F.count_if(F.col("s") < F.lit(-CLOCK_SLACK)).alias("ahead"),
        F.floor(F.max("i") / F.lit(_MICROS)).alias("newest"),
    )
