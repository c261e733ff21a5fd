"""The day series: on which days a unit changes the moments, and by how much.

A unit enters on the day of its anchor, or, where only complete units count, on the first day at whose end its windows
are over; it leaves on the day of its second variant. In between its sums grow on the days on which it has events. The
moments of a day are what all changes up to it add up to, so that every day comes out of the same pass.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from abspark.pipeline.buckets import bucket_depth, bucket_name, bucketed, growing
from abspark.pipeline.calendar import Calendar, day_index
from abspark.pipeline.cutoffs import Cutoffs
from abspark.pipeline.literals import arrays_per_code, per_code
from abspark.pipeline.study import Study
from abspark.pipeline.unit_metrics import anchor_of, used_variables
from abspark.schemas import VARIABLES

DAY_SLICE = -2
"""In place of a segment's position: `code` is the index of a day, and the row tells what changes on it."""


def in_series(study: Study, x: int, m: int) -> bool:
    """Whether a metric of an experiment has days: its units come in complete, or its sums grow day by day."""
    experiment = study.experiments[x]
    return experiment.series.enabled and (study.complete_only(experiment, m) or growing(study, x, m))


def day_fields(study: Study) -> list[str]:
    """What a row of a day tells, as it is and as it was the day before: whether the unit is in, and its values."""
    return [f"{when}_{what}" for when in ("is", "was") for what in ("in", *used_variables(study))]


def value_days(study: Study, cutoffs: Cutoffs, calendars: Sequence[Calendar]) -> Column | None:
    """The days on which a row of unit metrics changes the series, as an array; None: there is no series."""
    codes = [(x, m) for x in range(len(study.experiments)) for m in range(len(study.metrics))]
    listed = [(x, m) in cutoffs.daily and in_series(study, x, m) for x, m in codes]
    if not any(listed):
        return None
    whole = [study.complete_only(study.experiments[x], m) for x, m in codes]
    code = F.when(F.col("m") >= 0, F.col("x") * len(study.metrics) + F.col("m"))
    strict = [a and b for a, b in zip(listed, whole, strict=True)]
    ends = arrays_per_code(code, [cutoffs.daily.get(key, ()) for key in codes])
    last = per_code(F.col("x"), [len(c.ends) - 1 for c in calendars], "int")
    completes = F.size(F.filter(ends, lambda end: end < anchor_of(study)))
    nowhere = F.array(_changes(study, F.lit(None).cast("int"), {}, {}))
    entering = _at_once(study, completes, last)
    days = F.when(per_code(code, strict, "boolean"), entering)
    if depth := bucket_depth(study, calendars):
        days = days.when(per_code(code, listed, "boolean"), _day_by_day(study, calendars, depth, last))
    return days.otherwise(nowhere)


def _at_once(study: Study, enters: Column, last: Column) -> Column:
    """A unit that comes with its final values, and goes with them if it leaves later."""
    leaves = F.col("leaves")
    comes = (enters <= last) & (enters < leaves)
    goes = comes & (leaves <= last)
    values = {v: F.coalesce(VARIABLES[v], F.lit(0.0)) for v in used_variables(study)}
    return F.array(
        _changes(study, F.when(comes, enters), values, {}), _changes(study, F.when(goes, leaves), {}, values)
    )


def _day_by_day(study: Study, calendars: Sequence[Calendar], depth: int, last: Column) -> Column:
    """A unit whose sums grow: one entry for each day on which they differ from the day before."""
    enters, leaves = day_index(anchor_of(study), calendars), F.col("leaves")
    inside = [(enters <= day) & (F.lit(day) < leaves) for day in range(depth)]
    values = [
        {
            v: F.when(inside[day], _until(study, v, day, depth)).otherwise(F.lit(0.0))
            for v in used_variables(study)
        }
        for day in range(depth)
    ]
    entries = []
    for day in range(depth):
        was_in = inside[day - 1] if day else F.lit(False)  # noqa: FBT003 - a literal, not a flag
        was = values[day - 1] if day else {}
        changed = (inside[day] != was_in) | (inside[day] & _grows(study, day, depth))
        entries.append(
            _changes(study, F.when(changed & (F.lit(day) <= last), F.lit(day)), values[day], was, was_in)
        )
    return F.array(*entries)


def _grows(study: Study, day: int, depth: int) -> Column:
    if day == 0:
        return F.lit(False)  # noqa: FBT003 - the day of entry counts as a change already
    grown = F.lit(False)  # noqa: FBT003
    for v in bucketed(study):
        grown |= _until(study, v, day, depth) != _until(study, v, day - 1, depth)
    return grown


def _until(study: Study, variable: int, day: int, depth: int) -> Column:
    """The variable as of the end of a day."""
    if variable in bucketed(study) and day < depth - 1:
        return F.coalesce(bucket_name(variable, day), F.lit(0.0))
    return F.coalesce(VARIABLES[variable], F.lit(0.0))


def _changes(
    study: Study,
    day: Column,
    now: dict[int, Column],
    before: dict[int, Column],
    was_in: Column | None = None,
) -> Column:
    zero = F.lit(0.0)
    is_in = F.lit(1 if now else 0)
    in_before = F.lit(1 if before else 0) if was_in is None else F.when(was_in, 1).otherwise(0)
    fields = [is_in.alias("is_in"), *(now.get(v, zero).alias(f"is_{v}") for v in used_variables(study))]
    fields += [
        in_before.alias("was_in"),
        *(before.get(v, zero).alias(f"was_{v}") for v in used_variables(study)),
    ]
    return F.struct(F.lit(DAY_SLICE).alias("p"), day.cast("int").alias("code"), *fields)


def unit_days(study: Study, calendars: Sequence[Calendar]) -> Column | None:
    """The days on which a unit changes n and n_complete, as an array; None: there is no series."""
    if not any(experiment.series.enabled for experiment in study.experiments):
        return None
    last = per_code(F.col("x"), [len(c.ends) - 1 for c in calendars], "int")
    listed = per_code(F.col("x"), [e.series.enabled for e in study.experiments], "boolean")
    enters, leaves = day_index(F.col("t0"), calendars), F.col("leaves")
    completes = F.size(F.filter("cutoffs", lambda end: end < F.col("t0")))
    entries = []
    for since, field in ((enters, "one"), (completes, "over")):
        comes = listed & (since <= last) & (since < leaves)
        entries.append(_count(F.when(comes, since), field, 1))
        entries.append(_count(F.when(comes & (leaves <= last), leaves), field, -1))
    return F.array(*entries)


def _count(day: Column, field: str, change: int) -> Column:
    counts = [F.lit(change if name == field else 0).alias(name) for name in ("one", "over")]
    return F.struct(F.lit(DAY_SLICE).alias("p"), day.cast("int").alias("code"), *counts)
