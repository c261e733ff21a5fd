"""Signatures to unit metrics to moments.

A unit metric exists only where a unit has an event that counts; the units without one are added as zeros to the
moments, by the formula that merges two groups (Chan, Golub & LeVeque 1983, eq. 2.1), so that nothing is ever
squared before it is centred.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from abspark.config import Metric
from abspark.local_frame import local_frame
from abspark.pipeline.conversions import Status
from abspark.pipeline.events import mask_names, value_names
from abspark.pipeline.segments import exploded
from abspark.pipeline.study import Study, epoch_micros, micros, slot_of

LEDGER: Final = -1
"""In place of a metric's code: the row counts events for the ledger."""

_KEY = ["x", "v", "p", "code", "m"]


def cutoffs(study: Study, complete_until: Mapping[str, int]) -> dict[str, int]:
    """For each metric the last first exposure whose window is complete, in epoch microseconds.

    `complete_until` gives for each event source the instant up to which its log is complete.
    """
    as_of = epoch_micros(study.as_of)
    return {
        metric.name: min(as_of, complete_until[metric.source]) - micros(metric.window.end)
        for metric in study.metrics
    }


def needs_complete(metric: Metric) -> bool:
    """Whether only units with a complete window are analysed."""
    return metric.window_policy == "complete"


def metric_dimension(spark: SparkSession, study: Study, cutoff: Mapping[str, int]) -> DataFrame:
    """One row per experiment and metric, and per experiment and source one that counts for the ledger.

    Columns: x; m; k0.., the slots; d, value column or -1 to count; binary; limit, latest t0 analysed or NULL.
    """
    rows = []
    for x, experiment in enumerate(study.experiments):
        for metric in study.metrics_of(experiment):
            slot = slot_of(metric)
            value = slot.want.value
            column = -1 if value is None else study.values(slot.want.source).index(value)
            limit = cutoff[metric.name] if needs_complete(metric) else None
            code = study.metrics.index(metric)
            rows.append((x, code, *study.masks([slot]), column, metric.kind == "proportion", limit))
        for source in study.sources_of(experiment):
            every = study.masks(slot for slot in study.slots_of(experiment) if slot.want.source == source)
            rows.append((x, LEDGER, *every, -1, False, None))
    masks = ", ".join(f"{name} bigint" for name in mask_names(study, "k"))
    return local_frame(spark, rows, f"x int, m int, {masks}, d int, binary boolean, `limit` bigint")


def unit_metrics(signatures: DataFrame, study: Study, cutoff: Mapping[str, int]) -> DataFrame:
    """One row per unit, experiment and metric with at least one event that counts; and the ledger's rows.

    Columns: hi, lo, x, v, t0, lead, g, m (LEDGER for the ledger's), s, status, num. The ledger's `num` is the number
    of events with that status.
    """
    dimension = metric_dimension(signatures.sparkSession, study, cutoff).alias("k")
    bits = zip(mask_names(study, "h"), mask_names(study, "k"), strict=True)
    hit = reduce(lambda a, b: a | b, (F.col(h).bitwiseAND(F.col(k)) != 0 for h, k in bits))
    in_time = F.col("limit").isNull() | (F.col("t0") <= F.col("limit"))
    on = (F.col("g.x") == F.col("k.x")) & hit & in_time
    matched = signatures.alias("g").join(F.broadcast(dimension), on=on, how="left")
    m = F.coalesce("m", F.when(F.col("status") != int(Status.kept), F.lit(LEDGER)))
    spread = matched.select(
        "hi", "lo", "g.x", "v", "t0", "lead", "g", m.alias("m"), "s", "status", "binary",
        _contribution(study).alias("part"),
    ).where(F.col("m").isNotNull())  # fmt: skip
    key = ["hi", "lo", "x", "v", "t0", "lead", "g", "m", "s", "status", "binary"]
    summed = spread.groupBy(*key).agg(F.sum("part").alias("num"))
    num = F.when(F.col("binary"), F.lit(1.0)).otherwise(F.col("num")).alias("num")
    return summed.select(*(name for name in key if name != "binary"), num)


def _contribution(study: Study) -> Column:
    counted = F.col("c").cast("double")
    return reduce(
        lambda rest, item: F.when(F.col("d") == item[0], F.col(item[1])).otherwise(rest),
        enumerate(value_names(study)),
        counted,
    )


def event_moments(unit_metrics: DataFrame, segments: int) -> DataFrame:
    """Moments over the units with events, and the ledger's counts.

    Columns: the key x, v, p, code, m; s, status; n1, units; total, lead_total, sums; mean1; m2, sum of squares about
    the mean.
    """
    rows = exploded(unit_metrics.withColumn("g", F.coalesce("g", F.lit(0).cast("bigint"))), segments)
    num = F.col("num")
    grouped = rows.groupBy(*_KEY, "s", "status").agg(
        F.count("*").alias("n1"),
        F.sum(num).alias("total"),
        F.sum(F.when(F.col("lead"), num).otherwise(F.lit(0.0))).alias("lead_total"),
        F.avg(num).alias("mean1"),
        F.var_pop(num).alias("variance"),
    )
    m2 = (F.col("variance") * F.col("n1")).alias("m2")
    return grouped.select(*_KEY, "s", "status", "n1", "total", "lead_total", "mean1", m2)


def unit_counts(units: DataFrame, study: Study, cutoff: Mapping[str, int], segments: int) -> DataFrame:
    """Units analysed per experiment, variant, segment value and metric.

    Columns: the key x, v, p, code, m; n; n_complete. `units` come with `g`.
    """
    spark = units.sparkSession
    mine = [
        (x, study.metrics.index(metric), cutoff[metric.name], needs_complete(metric))
        for x, experiment in enumerate(study.experiments)
        for metric in study.metrics_of(experiment)
    ]
    metrics = local_frame(spark, mine, "x int, m int, cutoff bigint, strict boolean")
    distinct = local_frame(spark, sorted({(x, limit) for x, _, limit, _ in mine}), "x int, cutoff bigint")
    analysed = units.where(~F.col("excluded")).select("x", "v", "t0", "g")
    complete = F.count_if(F.col("t0") <= F.col("cutoff"))
    counted = (
        exploded(analysed, segments)
        .join(F.broadcast(distinct), on="x", how="inner")
        .groupBy("x", "v", "p", "code", "cutoff")
        .agg(F.count("*").alias("n_all"), complete.alias("n_complete"))
    )
    n = F.when(F.col("strict"), F.col("n_complete")).otherwise(F.col("n_all")).alias("n")
    return counted.join(F.broadcast(metrics), on=["x", "cutoff"], how="inner").select(*_KEY, n, "n_complete")


def summary(event_moments: DataFrame, unit_counts: DataFrame) -> DataFrame:
    """Moments of all units, zeros included, beside the ledger's rows (m = LEDGER, n NULL): the run's only collect.

    Columns: the key x, v, p, code, m; n, n_complete, mean_num, var_num; s, status, total, lead_total, n1.
    """
    joined = unit_counts.join(event_moments, on=_KEY, how="full")
    n, n1 = F.col("n").cast("double"), F.coalesce("n1", F.lit(0)).cast("double")
    mean1, m2 = F.coalesce("mean1", F.lit(0.0)), F.coalesce("m2", F.lit(0.0))
    squares = m2 + mean1 * mean1 * n1 * (n - n1) / F.when(n > 0, n)
    return joined.select(
        *_KEY,
        "n",
        "n_complete",
        (mean1 * n1 / F.when(n > 0, n)).alias("mean_num"),
        (squares / F.when(n > 1, n - 1)).alias("var_num"),
        "s",
        "status",
        "total",
        "lead_total",
        "n1",
    )
