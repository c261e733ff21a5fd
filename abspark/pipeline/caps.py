"""Caps: bounds within which the values of units are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from abspark.config.metric import Cap
from abspark.local_frame import local_frame
from abspark.pipeline.buckets import bucket_name
from abspark.pipeline.calendar import NEVER
from abspark.pipeline.exposure_days import age_name, pending_name
from abspark.pipeline.literals import per_code
from abspark.pipeline.metric_codes import metric_code, metric_codes
from abspark.pipeline.plans import NUM
from abspark.pipeline.study import Study

Code = tuple[int, int]
"""Codes of an experiment and one of its metrics."""


@dataclass(frozen=True)
class Bounds:
    """The bounds of one metric in one experiment; None: there is none on that side."""

    low: float | None = None
    high: float | None = None

    def clip(self, value: float) -> float:
        """The value, or the bound that it is beyond."""
        if self.low is not None and value < self.low:
            return self.low
        return self.high if self.high is not None and value > self.high else value


NO_BOUNDS: Final = Bounds()


def stated_bounds(study: Study) -> dict[Code, Bounds]:
    """The bounds that the configuration states as numbers."""
    return {
        (x, m): Bounds(cap.lower_value, cap.value)
        for x, experiment in enumerate(study.experiments)
        for m in study.codes_of(experiment)
        if (cap := study.metrics[m].cap) is not None
    }


def quantile_caps(study: Study) -> dict[int, Cap]:
    """The caps that are quantiles, by metric's code."""
    caps = {m: metric.cap for m, metric in enumerate(study.metrics)}
    return {m: cap for m, cap in caps.items() if cap is not None and cap.by_quantile}


def cap_quantiles(unit_metrics: DataFrame, study: Study, units: Mapping[Code, int]) -> DataFrame:
    """The quantiles that caps ask for, over the units of all variants together.

    `units` are the units analysed by experiment and metric: those without a row have 0, and count where a cap is over
    all. Columns: x, m, lower, upper (NULL where none is wanted). Between two values a quantile is interpolated
    linearly (Hyndman & Fan 1996, type 7), as numpy and Spark do by default.
    """
    caps = quantile_caps(study)
    spark = unit_metrics.sparkSession
    over_all = [m for m, cap in caps.items() if cap.over == "all"]
    nonzero = (F.col("num") != 0) | F.col("m").isin(over_all)
    # of a unit that triggered and did nothing since, or whose events all came before, the number is 0
    mine = unit_metrics.where(F.col("m").isin(list(caps)) & (F.col("leaves") == NEVER)).withColumn(
        "num", F.coalesce("num", F.lit(0.0))
    )
    for pending in pending_name(study):
        mine = mine.where(~F.col(pending))
    seen = mine.where(nonzero).groupBy("x", "m", "num").agg(F.count("*").alias("n"))
    rest = local_frame(
        spark, [(*code, n) for code, n in units.items() if code[1] in over_all], "x int, m int, n bigint"
    )
    zeros = (
        rest.join(seen.groupBy("x", "m").agg(F.sum("n").alias("seen")), on=["x", "m"], how="left")
        .select("x", "m", F.lit(0.0).alias("num"), (F.col("n") - F.coalesce("seen", F.lit(0))).alias("n"))
        .where(F.col("n") > 0)
    )
    shares = sorted({q for cap in caps.values() for q in (cap.lower_quantile, cap.quantile) if q is not None})
    found = (
        seen.unionByName(zeros)
        .groupBy("x", "m")
        .agg(*(F.percentile("num", F.lit(q), F.col("n")).alias(f"q{i}") for i, q in enumerate(shares)))
    )
    wanted = [caps.get(m) for m in range(len(study.metrics))]
    low = [None if cap is None else cap.lower_quantile for cap in wanted]
    high = [None if cap is None else cap.quantile for cap in wanted]
    return found.select("x", "m", _picked(low, shares).alias("lower"), _picked(high, shares).alias("upper"))


def _picked(wanted: Sequence[float | None], shares: Sequence[float]) -> Column:
    place = per_code(F.col("m"), [None if q is None else shares.index(q) for q in wanted], "int")
    return F.get(F.array(*(F.col(f"q{i}") for i in range(len(shares)))), place)


def found_bounds(rows: Iterable[Row], study: Study) -> dict[Code, Bounds]:
    """All bounds: those stated, and those that `cap_quantiles` found.

    A quantile that lies beyond the stated bound of the other side gives way to it: then both bounds are that one.
    """
    bounds = stated_bounds(study)
    for row in rows:
        code = (row["x"], row["m"])
        stated = bounds.get(code, NO_BOUNDS)
        low = stated.low if row["lower"] is None else _within(row["lower"], stated.high, min)
        bounds[code] = Bounds(
            low, stated.high if row["upper"] is None else _within(row["upper"], stated.low, max)
        )
    return bounds


def _within(found: float, stated: float | None, nearer: Callable[[float, float], float]) -> float:
    return found if stated is None else nearer(found, stated)


def default_num(study: Study, code: Code, bounds: Mapping[Code, Bounds]) -> float:
    """What a unit without events has as num: 0, or the bound that 0 is beyond; for `time_to` the window's length."""
    plan = study.plans[code[1]]
    if plan.needs_value:
        return 0.0
    return plan.shift + bounds.get(code, NO_BOUNDS).clip(0.0)


def bounded(frame: DataFrame, study: Study, bounds: Mapping[Code, Bounds]) -> DataFrame:
    """Unit metrics with `num` kept within bounds, less what a unit without events has; and `capped`."""
    if not bounds:
        return frame.withColumn("capped", F.lit(False))  # noqa: FBT003 - a literal, not a flag
    codes, code = metric_codes(study), metric_code(study)
    found = [bounds.get(code, NO_BOUNDS) for code in codes]
    low = per_code(code, [bound.low for bound in found], "double")
    high = per_code(code, [bound.high for bound in found], "double")
    base = [default_num(study, key, bounds) - study.plans[key[1]].shift for key in codes]
    daily = (bucket_name(NUM, ""), age_name(NUM, ""))
    names = ["num", *(name for name in frame.columns if name.startswith(daily))]
    kept = {name: _kept(F.col(name), low, high) - _base(code, base) for name in names}
    num = F.coalesce("num", F.lit(0.0))
    beyond = F.coalesce((num < low) | (num > high), F.lit(False))  # noqa: FBT003
    return frame.withColumns({**kept, "capped": beyond})


def _kept(num: Column, low: Column, high: Column) -> Column:
    return F.when(num < low, low).when(num > high, high).otherwise(num)


def _base(code: Column, base: list[float]) -> Column:
    return F.coalesce(per_code(code, base, "double"), F.lit(0.0))
