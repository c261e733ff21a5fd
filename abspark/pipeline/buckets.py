"""Sums as of each day since a unit's entry, beside the final ones: what a day series of growing sums needs.

Days are counted from the unit's own entry, so that there are as many as the windows are long, however long the
experiment runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from abspark.pipeline.calendar import DAY, Calendar
from abspark.pipeline.plans import DEN, NUM, Operation, Slot
from abspark.pipeline.study import Study

_GROWS = (Operation.count, Operation.sum, Operation.present)


def growing(study: Study, x: int, m: int) -> bool:
    """Whether a metric's units count before their windows are over, and its sums grow with each event."""
    experiment = study.experiments[x]
    return experiment.series.enabled and not study.complete_only(experiment, m) and sums(study, m)


def sums(study: Study, m: int) -> bool:
    """Whether a metric's value is a sum of what its events bring, or whether there is one."""
    parts = [part for part in study.plans[m].parts if part.variable in (NUM, DEN)]
    return all(part.operation in _GROWS for part in parts) and study.metrics[m].form != "quantile"


def bucket_depth(study: Study, calendars: Sequence[Calendar]) -> int:
    """The most days, the first included, on which a unit's sums can grow; 0: none grow."""
    return max(
        (
            1 + min(_days(part.slot, calendars[x]), len(calendars[x].ends) - 1)
            for x, experiment in enumerate(study.experiments)
            for m in study.codes_of(experiment)
            if growing(study, x, m)
            for part in study.plans[m].parts
            if part.variable in (NUM, DEN)
        ),
        default=0,
    )


def _days(slot: Slot, calendar: Calendar) -> int:
    """How many days after the day of the anchor the window's last event can fall."""
    if slot.anchor == "experiment_start":
        return len(calendar.ends)
    # a window of whole days ends on the same time of day; where clocks change, a day more may be touched
    return max(slot.end, 0) // DAY + 1 + (len(calendar.offsets) > 1)


def bucket_name(variable: int, day: int | str) -> str:
    """The column that holds a variable as of the end of a day since entry; the last day's is the variable itself."""
    return f"u{variable}_{day}"


def bucketed(study: Study) -> list[int]:
    """The variables that grow: num, and den where any metric has one."""
    return sorted({part.variable for plan in study.plans for part in plan.parts} & {NUM, DEN})


def bucket_names(variable: int, depth: int) -> list[str]:
    """The columns of a variable for all days since entry but the last."""
    return [bucket_name(variable, day) for day in range(depth - 1)]


def bucket_sums(names: Sequence[str], amount: str, age: str) -> list[Column]:
    """Sums of a column over the rows up to each day, by the column `age`, one for each of the names."""
    return [
        F.expr(f"sum(CASE WHEN {age} <= {day} THEN {amount} END) AS {name}") for day, name in enumerate(names)
    ]
