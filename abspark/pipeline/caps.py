"""Caps: bounds within which the values of units are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from abspark.config.metric import Cap
from abspark.pipeline.buckets import bucket_name
from abspark.pipeline.literals import per_code
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


def default_num(study: Study, code: Code, bounds: Mapping[Code, Bounds]) -> float:
    """What a unit without events has as num: 0, or the bound that 0 is beyond; for `time_to` the window's length."""
    plan = study.plans[code[1]]
    if plan.present_only and plan.trigger is None:
        return 0.0
    return plan.shift + bounds.get(code, NO_BOUNDS).clip(0.0)


def bounded(frame: DataFrame, study: Study, bounds: Mapping[Code, Bounds]) -> DataFrame:
    """Unit metrics with `num` kept within bounds, less what a unit without events has; and `capped`."""
    if not bounds:
        return frame.withColumn("capped", F.lit(False))  # noqa: FBT003 - a literal, not a flag
    codes = [(x, m) for x in range(len(study.experiments)) for m in range(len(study.metrics))]
    code = F.when(F.col("m") >= 0, F.col("x") * len(study.metrics) + F.col("m"))
    found = [bounds.get(code, NO_BOUNDS) for code in codes]
    low = per_code(code, [bound.low for bound in found], "double")
    high = per_code(code, [bound.high for bound in found], "double")
    base = [default_num(study, key, bounds) - study.plans[key[1]].shift for key in codes]
    names = ["num", *(name for name in frame.columns if name.startswith(bucket_name(NUM, "")))]
    kept = {name: _kept(F.col(name), low, high) - _base(code, base) for name in names}
    num = F.col("num")
    beyond = F.coalesce((num < low) | (num > high), F.lit(False))  # noqa: FBT003
    return frame.withColumns({**kept, "capped": beyond})


def _kept(num: Column, low: Column, high: Column) -> Column:
    return F.when(num < low, low).when(num > high, high).otherwise(num)


def _base(code: Column, base: list[float]) -> Column:
    return F.coalesce(per_code(code, base, "double"), F.lit(0.0))
