"""Unit metrics and units to the aggregates from which the driver makes moments.

A unit metric exists only where a unit has an event that counts; the units without one are added as zeros on the
driver, by the formula that merges two groups (Chan, Golub & LeVeque 1983, eq. 1.5). Each row stands once for everyone,
once for each of its segments, and once for each day on which it changes the series. For everyone and segments values
are centred before they are squared. What changes the series must add up and be taken away again, so there it is raw
sums and sums of products.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from abspark.local_frame import local_frame
from abspark.pipeline.attribute_values import attribute_names, attribute_sums
from abspark.pipeline.calendar import Calendar
from abspark.pipeline.conversions import Status
from abspark.pipeline.courses import course_names, course_places, course_sums, with_course, with_values_by_day
from abspark.pipeline.cutoffs import Cutoffs
from abspark.pipeline.exposure_days import AGE_SLICE, exposure_depth
from abspark.pipeline.literals import per_code
from abspark.pipeline.metric_codes import metric_code, metric_codes
from abspark.pipeline.packing import Small, grouped
from abspark.pipeline.segments import exploded, most_codes
from abspark.pipeline.series import increment_names, with_days
from abspark.pipeline.study import Study
from abspark.pipeline.unit_days import Limit, unit_days, with_unit_days
from abspark.pipeline.unit_metrics import LEDGER, anchor_of, used_variables
from abspark.schemas import VARIABLES

KEY: Final = ["x", "v", "p", "code", "m"]


def variable_pairs(study: Study) -> list[tuple[int, int]]:
    """The pairs of variables, each with itself included, whose covariance some metric needs."""
    return sorted({pair for plan in study.plans for pair in plan.pairs})


def event_moments(
    unit_metrics: DataFrame,
    study: Study,
    cutoffs: Cutoffs,
    calendars: Sequence[Calendar],
    depth: int,
    segments: int,
) -> DataFrame:
    """Aggregates over the units with events, and the ledger's counts; `depth` as `bucket_depth` gives it.

    Columns: the key x, v, p, code, m; s, status; n1, units; c1, those of them that are complete; history, those with a
    value before exposure; capped; early, and early_units, those that have any; total and lead_total of num; mean1_a,
    variance1_ab; and for days their increments dn, dover, dhistory, da and dab: of units, of complete ones where
    triggers make units enter, of those with a value before exposure, of sums and of sums of products, not centred.
    """
    variables = used_variables(study)
    pairs = variable_pairs(study)
    rows = _complete(unit_metrics, study, cutoffs)
    places = course_places(study, cutoffs, calendars)
    apart = [] if places is None else course_names(calendars)
    if places is not None:
        rows = with_course(rows, study, cutoffs, calendars)
    spread = exploded(rows, segments, {small.name: F.lit(0) for small in apart}, places)
    values = {name: F.coalesce(name, F.lit(0.0)) for name in (VARIABLES[v] for v in variables)}
    filled = spread.withColumn("history", _history(variables)).withColumns(values)
    smalls = [*_small_key(study, calendars, segments), *apart]
    totals = _totals(variables, pairs)
    if places is None:
        return grouped(filled, [], smalls, list(totals.values()))
    valued = with_values_by_day(filled, study, depth)
    groups = grouped(valued, [], smalls, [*totals.values(), *course_sums(study, depth, pairs)])
    changes = with_days(groups, study, cutoffs, calendars, depth, pairs)
    whole = F.col("p") >= -1
    # one row for everyone and each segment value, several groups for a day
    return (
        changes.repartition(*KEY)
        .groupBy(*KEY, "s", "status")
        .agg(
            *(F.max(F.when(whole, F.col(name))).alias(name) for name in totals),
            *(F.sum(name).alias(name) for name in increment_names(study, pairs)),
        )
    )


def _totals(variables: Sequence[int], pairs: Sequence[tuple[int, int]]) -> dict[str, Column]:
    """Aggregates over units with events, by name."""
    found = {
        "n1": F.count("*"),
        "c1": F.count_if("complete"),
        "history": F.count_if("history"),
        "capped": F.count_if("capped"),
        "early_units": F.count_if(F.col("early") > 0),
        "early": F.sum("early"),
        "total": F.sum("num"),
        "lead_total": F.sum(F.when(F.col("lead"), F.col("num")).otherwise(F.lit(0.0))),
        **{f"mean1_{a}": F.avg(VARIABLES[a]) for a in variables},
        **{f"variance1_{a}{b}": _covariance(a, b) for a, b in pairs},
    }
    return {name: column.alias(name) for name, column in found.items()}


def _small_key(study: Study, calendars: Sequence[Calendar], segments: int) -> list[Small]:
    most = max(len(calendar.ends) for calendar in calendars)
    return [
        Small("x", len(study.experiments) - 1),
        Small("v", max(len(experiment.variants) for experiment in study.experiments) - 1, low=-1),
        Small("p", segments, low=AGE_SLICE),
        Small("code", max(most_codes(1), most, exposure_depth(study)), low=-1),
        Small("m", len(study.metrics) - 1, low=LEDGER),
        Small("s", len(study.event_sources) - 1),
        Small("status", max(Status)),
    ]


def _covariance(a: int, b: int) -> Column:
    first, second = VARIABLES[a], VARIABLES[b]
    return F.var_pop(first) if a == b else F.covar_pop(first, second)


def _history(variables: Sequence[int]) -> Column:
    before = [F.col(VARIABLES[v]).isNotNull() for v in variables if VARIABLES[v].startswith("pre_")]
    return reduce(or_, before, F.lit(False))  # noqa: FBT003 - a literal, not a flag


def _complete(unit_metrics: DataFrame, study: Study, cutoffs: Cutoffs) -> DataFrame:
    """With `complete`, whether the unit's windows are over."""
    limits = [cutoffs.final.get(key) for key in metric_codes(study)]
    limit = per_code(metric_code(study), limits, "bigint")
    return unit_metrics.withColumn("complete", F.coalesce(anchor_of(study) <= limit, F.lit(False)))  # noqa: FBT003


def unit_counts(
    units: DataFrame, study: Study, cutoffs: Cutoffs, calendars: Sequence[Calendar], segments: int
) -> DataFrame:
    """Units per experiment, variant, segment value and metric.

    Columns: the key x, v, p, code, m; n_all; n_complete; and those of `attribute_sums`. For days the increments.
    """
    spark = units.sparkSession
    of_metric = {
        key: Limit(key[0], final, cutoffs.reached[key], cutoffs.ages.get(key, ()))
        for key, final in cutoffs.final.items()
    }
    limits = {limit: number for number, limit in enumerate(dict.fromkeys(of_metric.values()))}
    mine = [(x, m, limits[limit]) for (x, m), limit in of_metric.items()]
    metrics = local_frame(spark, mine, "x int, m int, `limit` int")
    distinct = local_frame(
        spark,
        [(limit.x, number, limit.final) for limit, number in limits.items()],
        "x int, `limit` int, cutoff bigint",
    )
    used = ["x", "v", "t0", "g", "leaves", *attribute_names(study)]
    placed = units.select(*used).join(F.broadcast(distinct), on="x", how="inner")
    over = F.when(F.col("t0") <= F.col("cutoff"), 1).otherwise(0)
    dated = with_unit_days(placed, study, calendars, list(limits))
    days = unit_days(study, calendars, list(limits))
    counted = (
        exploded(dated, segments, {"one": F.lit(1), "over": over}, days)
        .groupBy("x", "v", "p", "code", "limit")
        .agg(F.sum("one").alias("n_all"), F.sum("over").alias("n_complete"), *attribute_sums(study))
    )
    return counted.join(F.broadcast(metrics), on=["x", "limit"], how="inner").drop("limit")
