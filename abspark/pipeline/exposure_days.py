"""The series by days since exposure: each metric as if its window ended k + 1 days after the first exposure.

A day is 24 hours from the unit's own exposure. Which units count is what the shorter window says: where only complete
units do, those whose first k + 1 days are over, else all. Only metrics take part whose values are sums of events in
windows that count from the exposure, so that a unit's value on each day is what its events up to then add up to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F

from abspark.pipeline.buckets import sums
from abspark.pipeline.calendar import DAY, NEVER, Calendar, day_index
from abspark.pipeline.literals import per_code
from abspark.pipeline.study import Study
from abspark.pipeline.thresholds import passed
from abspark.pipeline.time import epoch_micros

AGE_SLICE: Final = -3
"""In place of a segment's position: `code` is a day since exposure, and the row tells what changes on it."""


def exposure_days(study: Study, x: int, m: int) -> range:
    """The days since exposure for which a metric of an experiment has a row; none where it has no such series.

    From the day on which an event can count first, to the last one of the window and of any unit until as_of.
    """
    experiment, plan = study.experiments[x], study.plans[m]
    slots = plan.closing_slots
    since_exposure = all(slot.anchor == "exposure" for slot in slots)
    if not experiment.series.since_exposure or not since_exposure or not sums(study, m):
        return range(0)
    last = min(max(slot.end for slot in slots), epoch_micros(study.as_of) - epoch_micros(experiment.start))
    return range(max(0, min(slot.start for slot in slots) // DAY), max(0, -(-last // DAY)))


def exposure_depth(study: Study) -> int:
    """The most days since exposure of any metric; 0: there is no such series."""
    if not any(experiment.series.since_exposure for experiment in study.experiments):
        return 0
    return max(
        (
            exposure_days(study, x, m).stop
            for x, experiment in enumerate(study.experiments)
            for m in study.codes_of(experiment)
        ),
        default=0,
    )


def since_exposure(study: Study) -> Column:
    """The day since exposure of an event (t) of a unit (t0); what lies before counts with the first."""
    age = F.col("t") - F.col("t0")
    whole = ((age - F.pmod(age, F.lit(DAY))) / F.lit(DAY)).cast("int")
    return F.least(F.greatest(whole, F.lit(0)), F.lit(exposure_depth(study) - 1))


def age_name(variable: int, day: int | str) -> str:
    """The column that holds a variable as of a day since exposure; the last day's is the variable itself."""
    return f"e{variable}_{day}"


def age_names(study: Study, variable: int) -> list[str]:
    """The columns of a variable for all days but the last."""
    return [age_name(variable, day) for day in range(exposure_depth(study) - 1)]


def pending_name(study: Study) -> list[str]:
    """The column `pending`, where units have rows whose windows are not over though only complete units count."""
    return ["pending"] if exposure_depth(study) else []


def days_over(
    calendars: Sequence[Calendar], codes: Sequence[tuple[int, Sequence[int]]], code: Column
) -> Column:
    """How many of a unit's days since exposure are over; `codes` are experiment and cutoffs by `code`."""
    ends = [calendars[x].ends for x, _ in codes]
    lists = [ages for _, ages in codes]
    length = per_code(code, [len(ages) for ages in lists], "int")
    return length - passed(F.col("t0"), day_index(F.col("t0"), calendars), code, lists, ends)


def unit_ages(lengths: Sequence[int], code: Column, over: Column) -> list[Column]:
    """The places at which a unit changes n and n_complete of this series, with `one` and `over`, the changes.

    `lengths` are the days by `code`, `over` is how many of the unit's are. A unit that left has none.
    """
    length = per_code(code, lengths, "int")
    here = (F.col("leaves") == NEVER) & (length > 0)
    some = F.when(over > 0, 1).otherwise(0)
    ends = here & (over > 0) & (over < length)
    return [_place(F.when(here, 0), F.lit(1), some), _place(F.when(ends, over), F.lit(0), F.lit(-1))]


def _place(day: Column, one: Column, over: Column) -> Column:
    places = (F.lit(AGE_SLICE).alias("p"), day.cast("int").alias("code"))
    return F.struct(*places, one.alias("one"), over.alias("over"))
