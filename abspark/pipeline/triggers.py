"""Triggers: the first event of a kind at or after a unit's first exposure, from which windows may count."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from abspark.pipeline.plans import Slot
from abspark.pipeline.study import BITS_PER_MASK, Study


def trigger_names(study: Study) -> list[str]:
    """Columns with the instant of each trigger's first event, epoch microseconds; NULL where there was none."""
    return [f"r{index}" for index in range(len(study.triggers))]


def triggered(pairs: DataFrame, study: Study, *, usable: Column) -> DataFrame:
    """Pairs of an event and a unit with the unit's trigger instants; only `usable` pairs trigger.

    All pairs of a unit lie in one partition already: the window sorts, and shuffles nothing.
    """
    if not study.triggers:
        return pairs
    unit = Window.partitionBy("hi", "lo", "x")
    names = trigger_names(study)
    firsts = [
        F.min(F.when(usable & _fires(study, trigger), F.col("t"))).over(unit) for trigger in study.triggers
    ]
    return pairs.select("*", *(first.alias(name) for first, name in zip(firsts, names, strict=True)))


def _fires(study: Study, trigger: Slot) -> Column:
    column, bit = divmod(study.bits[trigger], BITS_PER_MASK)
    mask = F.lit(1 << bit).cast("bigint")
    wanted = F.col(f"w{column}").bitwiseAND(F.col(f"m{column}")).bitwiseAND(mask) != 0
    age = F.col("t") - F.col("t0")
    return wanted & (age >= F.lit(trigger.start)) & (age < F.lit(trigger.end))
