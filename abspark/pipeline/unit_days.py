"""On which days a unit changes how many units there are, and how many are complete, in the series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from abspark.pipeline.calendar import Calendar
from abspark.pipeline.courses import DAY_SLICE, last_day, with_completion
from abspark.pipeline.exposure_days import days_over, exposure_depth, unit_ages
from abspark.pipeline.literals import per_code
from abspark.pipeline.study import Study


class Limit(NamedTuple):
    """What decides on which days units count: the experiment's code and its metrics' cutoffs, as `Cutoffs` has them."""

    x: int
    final: int
    reached: tuple[int, ...]
    ages: tuple[int, ...]


def with_unit_days(
    units: DataFrame, study: Study, calendars: Sequence[Calendar], limits: Sequence[Limit]
) -> DataFrame:
    """Units with `enters`, the day of the first exposure, and `completes`, the first at whose end windows are over.

    And with `ages_over`, how many of its days since exposure are, where there is a series of those. `limits` by the
    number in column `limit`. Without any series the units as they are.
    """
    if not any(experiment.series.enabled for experiment in study.experiments):
        return units
    reached, ends = [limit.reached for limit in limits], [calendars[limit.x].ends for limit in limits]
    completed = with_completion(units, F.col("t0"), F.col("limit"), reached, ends, calendars)
    if not exposure_depth(study):
        return completed
    ages = days_over(calendars, [(limit.x, limit.ages) for limit in limits], F.col("limit"))
    return completed.withColumn("ages_over", ages)


def unit_days(study: Study, calendars: Sequence[Calendar], limits: Sequence[Limit]) -> Column | None:
    """The days on which a unit of `with_unit_days` changes n and n_complete, as an array; None: no series."""
    if not any(experiment.series.enabled for experiment in study.experiments):
        return None
    last = last_day(calendars)
    listed = per_code(F.col("x"), [e.series.enabled for e in study.experiments], "boolean")
    entries = []
    for name, field in (("enters", "one"), ("completes", "over")):
        since, leaves = F.col(name), F.col("leaves")
        comes = listed & (since <= last) & (since < leaves)
        entries.append(_count(F.when(comes, since), field, 1))
        entries.append(_count(F.when(comes & (leaves <= last), leaves), field, -1))
    if exposure_depth(study):
        entries += unit_ages([len(limit.ages) for limit in limits], F.col("limit"), F.col("ages_over"))
    return F.array(*entries)


def _count(day: Column, field: str, change: int) -> Column:
    counts = [F.lit(change if name == field else 0).alias(name) for name in ("one", "over")]
    return F.struct(F.lit(DAY_SLICE).alias("p"), day.cast("int").alias("code"), *counts)
