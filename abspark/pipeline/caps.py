"""Caps: bounds within which the values of units are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pyspark.sql import Column, DataFrame
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


def cap_values(unit_metrics: DataFrame, study: Study, units: Mapping[Code, int]) -> DataFrame:
    """The values that caps are quantiles of, over the units of all variants together: x, m, value, w.

    w is the number of units that have the value. `units` are the units analysed by experiment and metric: those without
    a row have 0, and count where a cap is over all.
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
    seen = mine.where(nonzero).groupBy("x", "m", F.col("num").alias("value")).agg(F.count("*").alias("w"))
    rest = local_frame(
        spark, [(*code, n) for code, n in units.items() if code[1] in over_all], "x int, m int, n bigint"
    )
    zeros = (
        rest.join(seen.groupBy("x", "m").agg(F.sum("w").alias("seen")), on=["x", "m"], how="left")
        .select("x", "m", F.lit(0.0).alias("value"), (F.col("n") - F.coalesce("seen", F.lit(0))).alias("w"))
        .where(F.col("w") > 0)
    )
    return seen.unionByName(zeros).groupBy("x", "m", "value").agg(F.sum("w").alias("w"))


def found_bounds(
    quantiles: Mapping[Code, tuple[float | None, float | None]], study: Study
) -> dict[Code, Bounds]:
    """All bounds: those stated, and the lower and upper `quantiles` that were found; None where none is wanted.

    A quantile that lies beyond the stated bound of the other side gives way to it: then both bounds are that one.
    """
    bounds = stated_bounds(study)
    for code, (lower, upper) in quantiles.items():
        stated = bounds.get(code, NO_BOUNDS)
        low = stated.low if lower is None else _within(lower, stated.high, min)
        bounds[code] = Bounds(low, stated.high if upper is None else _within(upper, stated.low, max))
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
