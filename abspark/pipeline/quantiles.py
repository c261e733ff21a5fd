"""Order statistics: the values at given ranks, of units or of their events, per variant and segment value.

Moments do not hold a quantile. What it takes is the distribution: each distinct value with the number of times it
occurs, from which `abspark.pipeline.ranks` picks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abspark.local_frame import local_frame
from abspark.pipeline.calendar import NEVER
from abspark.pipeline.plans import Operation
from abspark.pipeline.segments import exploded
from abspark.pipeline.study import Study

GROUP: Final = ["x", "v", "p", "code", "m"]
Group = tuple[int, int, int, int, int]
"""Codes of experiment, variant, segment, its value and metric."""

_KEY_TYPES: Final = "x int, v int, p int, code int, m int"


def of_events(study: Study) -> list[int]:
    """Codes of the metrics that are quantiles of events."""
    return [m for m, plan in enumerate(study.plans) if plan.parts[0].operation is Operation.values]


def of_units(study: Study) -> list[int]:
    """Codes of the metrics that are quantiles of units."""
    events = of_events(study)
    return [m for m, metric in enumerate(study.metrics) if metric.kind == "quantile" and m not in events]


def unit_values(
    unit_metrics: DataFrame, study: Study, segments: int, zeros: Mapping[Group, int]
) -> DataFrame:
    """Values of units with the number of units that have each: the group, value, w. `zeros` are those without a row."""
    mine = unit_metrics.where(F.col("m").isin(of_units(study)) & (F.col("leaves") == NEVER))
    # a unit that triggered and did nothing since has a row, and no number
    num = F.coalesce("num", F.lit(0.0)).alias("num")
    spread = exploded(mine.select("x", "v", "m", "g", "leaves", num), segments, {}, None)
    counted = spread.groupBy(*GROUP, F.col("num").alias("value")).agg(F.count("*").alias("w"))
    rows = [(*group, 0.0, count) for group, count in zeros.items() if count]
    empty = local_frame(unit_metrics.sparkSession, rows, f"{_KEY_TYPES}, value double, w bigint")
    return counted.unionByName(empty).groupBy(*GROUP, "value").agg(F.sum("w").alias("w"))


def event_values(unit_metrics: DataFrame, study: Study, segments: int) -> DataFrame:
    """Values of events with the number of events that have each: the group, value, w."""
    spread = _with_events(unit_metrics, study, segments)
    each = spread.select(*GROUP, F.explode("vs").alias("value"))
    return each.groupBy(*GROUP, "value").agg(F.count("*").alias("w"))


def _with_events(unit_metrics: DataFrame, study: Study, segments: int) -> DataFrame:
    mine = unit_metrics.where(
        F.col("m").isin(of_events(study)) & (F.col("leaves") == NEVER) & (F.size("vs") > 0)
    )
    return exploded(mine.select("x", "v", "m", "g", "leaves", "vs"), segments, {}, None)


def event_counts(unit_metrics: DataFrame, study: Study, segments: int) -> DataFrame:
    """Per group the number of events n, and of units that have any, n_clusters."""
    return (
        _with_events(unit_metrics, study, segments)
        .groupBy(*GROUP)
        .agg(F.sum(F.size("vs")).alias("n"), F.count("*").alias("n_clusters"))
    )


def cluster_moments(
    unit_metrics: DataFrame, study: Study, segments: int, quantiles: Mapping[Group, float]
) -> DataFrame:
    """Moments per group of a unit's events at or below the group's quantile (num) and of all its events (den).

    Columns: the group, n, mean_num, mean_den, var_num, var_den, cov.
    """
    rows = [(*group, value) for group, value in quantiles.items()]
    known = local_frame(unit_metrics.sparkSession, rows, f"{_KEY_TYPES}, q double")
    joined = _with_events(unit_metrics, study, segments).join(F.broadcast(known), on=GROUP, how="inner")
    below = F.size(F.filter("vs", lambda value: value <= F.col("q"))).cast("double").alias("num")
    each = joined.select(*GROUP, below, F.size("vs").cast("double").alias("den"))
    return each.groupBy(*GROUP).agg(
        F.count("*").alias("n"),
        F.avg("num").alias("mean_num"),
        F.avg("den").alias("mean_den"),
        F.var_samp("num").alias("var_num"),
        F.var_samp("den").alias("var_den"),
        F.covar_samp("num", "den").alias("cov"),
    )
