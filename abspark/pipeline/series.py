"""The day series: on which days a unit changes the moments, and by how much.

A unit enters on the day of its anchor, or, where only complete units count, on the first day at whose end its windows
are over; it leaves on the day of its second variant. In between its sums grow on the days on which it has events. The
moments of a day are what all changes up to it add up to, so that every day comes out of the same pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from abspark.pipeline.buckets import bucket_depth, bucket_name, bucketed, growing
from abspark.pipeline.calendar import Calendar, day_index
from abspark.pipeline.cutoffs import Cutoffs
from abspark.pipeline.literals import arrays_per_code, per_code
from abspark.pipeline.plans import FOREVER
from abspark.pipeline.study import Study
from abspark.pipeline.unit_metrics import anchor_of, used_variables
from abspark.schemas import VARIABLES

DAY_SLICE = -2
"""In place of a segment's position: `code` is the index of a day, and the row tells what changes on it."""


State = Mapping[str | int, Column]
"""What one unit is in the moments of a day, by field; a field that isn't there is 0."""


def in_series(study: Study, x: int, m: int) -> bool:
    """Whether a metric of an experiment has days: its units come in complete, or its sums grow day by day.

    Where only complete units count and a window stays open, there are none: no day settles what a unit brings.
    """
    experiment = study.experiments[x]
    closes = all(slot.end != FOREVER for slot in study.plans[m].closing_slots)
    settles = study.complete_only(experiment, m) and closes
    return experiment.series.enabled and (settles or growing(study, x, m))


def state_fields(study: Study) -> list[str | int]:
    """Whether a unit is in, where triggers make units enter whether its windows are over, and its variables."""
    over = ["over"] if study.triggers else []
    return ["in", *over, *used_variables(study)]


def day_fields(study: Study) -> list[str]:
    """What a row of a day tells: the unit's state as it is, and as it was the day before."""
    return [f"{when}_{field}" for when in ("is", "was") for field in state_fields(study)]


def value_days(study: Study, cutoffs: Cutoffs, calendars: Sequence[Calendar]) -> Column | None:
    """The days on which a row of unit metrics changes the series, as an array; None: there is no series.

    The row has the columns of `with_entry`.
    """
    codes = _codes(study)
    listed = [key in cutoffs.daily and in_series(study, *key) for key in codes]
    if not any(listed):
        return None
    whole = [study.complete_only(study.experiments[x], m) for x, m in codes]
    strict = [a and b for a, b in zip(listed, whole, strict=True)]
    last = per_code(F.col("x"), [len(c.ends) - 1 for c in calendars], "int")
    nowhere = F.array(_changes(study, F.lit(None).cast("int"), {}, {}))
    days = F.when(per_code(_code(study), strict, "boolean"), _at_once(study, last))
    if depth := bucket_depth(study, calendars):
        entries = _day_by_day(study, depth, last)
        days = days.when(per_code(_code(study), listed, "boolean"), entries)
    return days.otherwise(nowhere)


def with_entry(
    unit_metrics: DataFrame, study: Study, cutoffs: Cutoffs, calendars: Sequence[Calendar]
) -> DataFrame:
    """Rows with `enters`, the day of the anchor, and `completes`, the first at whose end the windows are over.

    Both are columns so that the days of a row can share them: they carry large literals.
    """
    anchor = anchor_of(study)
    ends = arrays_per_code(_code(study), [cutoffs.reached.get(key, ()) for key in _codes(study)])
    enters = day_index(anchor, calendars)
    completes = F.greatest(F.size(F.filter(ends, lambda end: end < anchor)), enters)
    return unit_metrics.withColumns({"enters": enters, "completes": completes})


def _codes(study: Study) -> list[tuple[int, int]]:
    return [(x, m) for x in range(len(study.experiments)) for m in range(len(study.metrics))]


def _code(study: Study) -> Column:
    """The position of a row's experiment and metric among `_codes`; NULL for the ledger's rows."""
    return F.when(F.col("m") >= 0, F.col("x") * len(study.metrics) + F.col("m"))


def _at_once(study: Study, last: Column) -> Column:
    """A unit that comes with its final values, and goes with them if it leaves later."""
    enters, leaves = F.col("completes"), F.col("leaves")
    comes = (enters <= last) & (enters < leaves)
    goes = comes & (leaves <= last)
    values: dict[str | int, Column] = {v: F.coalesce(VARIABLES[v], F.lit(0.0)) for v in used_variables(study)}
    state: State = {"in": F.lit(1), "over": F.lit(1), **values}
    return F.array(
        _changes(study, F.when(comes, enters), state, {}), _changes(study, F.when(goes, leaves), {}, state)
    )


def _day_by_day(study: Study, depth: int, last: Column) -> Column:
    """A unit whose sums grow: one entry for each day on which its state differs from the day before."""
    enters, completes, leaves = F.col("enters"), F.col("completes"), F.col("leaves")
    waits = per_code(F.col("m"), [plan.trigger is not None for plan in study.plans], "boolean")
    before: State = {"in": F.lit(0), "over": F.lit(0)}
    entries = []
    for day in range(depth):
        inside = (enters <= day) & (F.lit(day) < leaves)
        values: dict[str | int, Column] = {
            v: F.when(inside, _until(study, v, day, depth)).otherwise(F.lit(0.0))
            for v in used_variables(study)
        }
        over = F.when(inside & waits & (completes <= day), 1).otherwise(0)
        now: State = {"in": F.when(inside, 1).otherwise(0), "over": over, **values}
        changed = (now["in"] != before["in"]) | (inside & _grows(study, day, depth))
        if study.triggers:
            changed |= now["over"] != before["over"]
        entries.append(_changes(study, F.when(changed & (F.lit(day) <= last), F.lit(day)), now, before))
        before = now
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


def _changes(study: Study, day: Column, now: State, before: State) -> Column:
    fields = [
        state.get(field, F.lit(0.0 if isinstance(field, int) else 0)).alias(f"{when}_{field}")
        for when, state in (("is", now), ("was", before))
        for field in state_fields(study)
    ]
    return F.struct(F.lit(DAY_SLICE).alias("p"), day.cast("int").alias("code"), *fields)


def unit_days(study: Study, calendars: Sequence[Calendar]) -> Column | None:
    """The days on which a unit changes n and n_complete, as an array; None: there is no series."""
    if not any(experiment.series.enabled for experiment in study.experiments):
        return None
    last = per_code(F.col("x"), [len(c.ends) - 1 for c in calendars], "int")
    listed = per_code(F.col("x"), [e.series.enabled for e in study.experiments], "boolean")
    enters, leaves = day_index(F.col("t0"), calendars), F.col("leaves")
    completes = F.greatest(F.size(F.filter("cutoffs", lambda end: end < F.col("t0"))), enters)
    entries = []
    for since, field in ((enters, "one"), (completes, "over")):
        comes = listed & (since <= last) & (since < leaves)
        entries.append(_count(F.when(comes, since), field, 1))
        entries.append(_count(F.when(comes & (leaves <= last), leaves), field, -1))
    return F.array(*entries)


def _count(day: Column, field: str, change: int) -> Column:
    counts = [F.lit(change if name == field else 0).alias(name) for name in ("one", "over")]
    return F.struct(F.lit(DAY_SLICE).alias("p"), day.cast("int").alias("code"), *counts)
