"""Sums up to each day's end, beside the final ones: what a day series of growing sums needs of unit metrics."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from abspark.pipeline.calendar import Calendar
from abspark.pipeline.plans import DEN, NUM, Operation
from abspark.pipeline.study import Study

_GROWS = (Operation.count, Operation.sum, Operation.present)


def growing(study: Study, x: int, m: int) -> bool:
    """Whether a metric's units count before their windows are over, and its sums grow with each event."""
    experiment = study.experiments[x]
    parts = [part for part in study.plans[m].parts if part.variable in (NUM, DEN)]
    return (
        experiment.series.enabled
        and not study.complete_only(experiment, m)
        and all(part.operation in _GROWS for part in parts)
        and study.metrics[m].form != "quantile"
    )


def bucket_depth(study: Study, calendars: Sequence[Calendar]) -> int:
    """The most days of any experiment that has a growing metric; 0: there is none."""
    return max(
        (
            len(calendars[x].ends)
            for x, experiment in enumerate(study.experiments)
            if any(growing(study, x, m) for m in study.codes_of(experiment))
        ),
        default=0,
    )


def bucket_name(variable: int, day: int | str) -> str:
    """The column that holds a variable as of the end of a day; the last day's is the variable itself."""
    return f"u{variable}_{day}"


def bucketed(study: Study) -> list[int]:
    """The variables that grow: num, and den where any metric has one."""
    return sorted({part.variable for plan in study.plans for part in plan.parts} & {NUM, DEN})


def bucket_sums(variable: int, amount: Column, depth: int) -> list[Column]:
    """Sums of `amount` over the rows up to each day, by column `day`."""
    return [
        F.sum(F.when(F.col("day") <= day, amount)).alias(bucket_name(variable, day))
        for day in range(depth - 1)
    ]
