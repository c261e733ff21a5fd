"""Courses: on which days a unit comes into the series and leaves it, and what those alike in that add up to.

A unit metric changes the series on as many days as its sums grow. What it adds on each is not worked out row by row:
units that come and leave on the same days are summed up first, as of each day since they came, and
`abspark.pipeline.series` places the sums on days. A unit metric is one more row, however many days there are.

A unit comes on the day of its anchor, or, where only complete units count, on the first day at whose end its windows
are over; it leaves on the day of its second variant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from abspark.pipeline.buckets import bucket_names, bucketed, growing
from abspark.pipeline.calendar import NEVER, Calendar, day_index
from abspark.pipeline.cutoffs import Cutoffs
from abspark.pipeline.exposure_days import AGE_SLICE, age_names, days_over, exposure_depth
from abspark.pipeline.literals import per_code
from abspark.pipeline.metric_codes import metric_code, metric_codes
from abspark.pipeline.packing import Small
from abspark.pipeline.plans import FOREVER
from abspark.pipeline.study import Study
from abspark.pipeline.thresholds import passed
from abspark.pipeline.unit_metrics import anchor_of, used_variables
from abspark.schemas import VARIABLES

DAY_SLICE: Final = -2
"""In place of a segment's position: `code` is a day of the series."""


def in_series(study: Study, x: int, m: int) -> bool:
    """Whether a metric of an experiment has days: its units come in complete, or its sums grow day by day.

    Where only complete units count and a window stays open, there are none: no day settles what a unit brings.
    """
    experiment = study.experiments[x]
    closes = all(slot.end != FOREVER for slot in study.plans[m].closing_slots)
    settles = study.complete_only(experiment, m) and closes
    return experiment.series.enabled and (settles or growing(study, x, m))


def days_of(study: Study, cutoffs: Cutoffs) -> list[bool]:
    """Whether there are days, by the number of experiment and metric."""
    return [key in cutoffs.daily and in_series(study, *key) for key in metric_codes(study)]


def complete_only(study: Study) -> Column:
    """Whether only complete units count for a row's metric; TRUE for the ledger's rows."""
    whole = [study.complete_only(study.experiments[x], m) for x, m in metric_codes(study)]
    return F.coalesce(per_code(metric_code(study), whole, "boolean"), F.lit(True))  # noqa: FBT003 - a literal, not a flag


def last_day(calendars: Sequence[Calendar]) -> Column:
    """The last day of a row's experiment."""
    return per_code(F.col("x"), [len(calendar.ends) - 1 for calendar in calendars], "int")


def ages_of(study: Study, cutoffs: Cutoffs) -> Column:
    """How many days since exposure the series of a row's metric has."""
    lengths = [len(cutoffs.ages.get(key, ())) for key in metric_codes(study)]
    return F.coalesce(per_code(metric_code(study), lengths, "int"), F.lit(0))


def with_completion(
    rows: DataFrame,
    anchor: Column,
    code: Column,
    reached: Sequence[Sequence[int]],
    ends: Sequence[Sequence[int]],
    calendars: Sequence[Calendar],
) -> DataFrame:
    """Rows with `enters`, the day of the anchor, and `completes`, the first day at whose end the windows are over.

    `reached` and `ends` are cutoffs and ends of days by `code`. Columns of their own, each used by the next: as one
    expression, the code that Spark generates would outgrow what Java accepts, and the stage would be interpreted.
    """
    dated = rows.withColumn("enters", day_index(anchor, calendars))
    over = passed(anchor, F.col("enters"), code, reached, ends)
    return dated.withColumn("completes", F.greatest(over, F.col("enters")))


def with_course(
    unit_metrics: DataFrame, study: Study, cutoffs: Cutoffs, calendars: Sequence[Calendar]
) -> DataFrame:
    """Rows with `enters`, the day of the anchor, and `completes`, the first at whose end the windows are over.

    And with `stays`, the number of its days in the series by days since exposure, where there is one.
    """
    anchor, code = anchor_of(study), metric_code(study)
    reached = [cutoffs.reached.get(key, ()) for key in metric_codes(study)]
    ends = [calendars[x].ends for x, _ in metric_codes(study)]
    completed = with_completion(unit_metrics, anchor, code, reached, ends, calendars)
    if not exposure_depth(study):
        return completed
    ages = [(x, cutoffs.ages.get((x, m), ())) for x, m in metric_codes(study)]
    open_ended = F.when(complete_only(study), days_over(calendars, ages, code)).otherwise(NEVER)
    return completed.withColumn("stays", F.when(F.col("leaves") < NEVER, 0).otherwise(open_ended))


def course_places(study: Study, cutoffs: Cutoffs, calendars: Sequence[Calendar]) -> Column | None:
    """The courses of a row of `with_course`, as an array of (p, code, until, over); None: there is no series.

    In the day series `code` is the day on which the unit comes and `until` that on which it leaves (NEVER); with
    triggers `over` is that on which its windows are over. In the series by days since exposure `code` is the number of
    days for which the unit is there. Where it changes nothing, code is NULL.
    """
    places = []
    if any(listed := days_of(study, cutoffs)):
        last = last_day(calendars)
        day = F.when(complete_only(study), F.col("completes")).otherwise(F.col("enters"))
        until = F.when(F.col("leaves") <= last, F.col("leaves")).otherwise(NEVER)
        comes = per_code(metric_code(study), listed, "boolean") & (day <= last) & (day < until)
        over = F.least(F.col("completes"), last + 1) if study.triggers else F.lit(0)
        places.append(_place(DAY_SLICE, F.when(comes, day), until, over))
    if exposure_depth(study):
        days = F.least(F.col("stays"), ages_of(study, cutoffs))
        places.append(_place(AGE_SLICE, F.when(days > 0, days), F.lit(0), F.lit(0)))
    return F.array(*places) if places else None


def _place(kind: int, code: Column, until: Column, over: Column) -> Column:
    given = {"p": F.lit(kind), "code": code, "until": until, "over": over}
    return F.struct(*(column.cast("int").alias(name) for name, column in given.items()))


def course_names(calendars: Sequence[Calendar]) -> list[Small]:
    """`until` and `over`, which a row of a course is told apart by beside its code."""
    return [Small("until", NEVER), Small("over", max(len(calendar.ends) for calendar in calendars))]


def with_values_by_day(places: DataFrame, study: Study, depth: int) -> DataFrame:
    """Rows at their places with the variables as of each day since the unit came: columns `value_name`.

    NULL but for courses. Of a variable that does not grow there is the value in the end alone.
    """
    return places.select(
        "*",
        *(
            F.expr(f"CASE WHEN p < -1 THEN {_as_of(study, v, depth, day)} END AS {value_name(v, day)}")
            for v in used_variables(study)
            for day in _days_told(study, (v,), depth)
        ),
    )


def course_sums(study: Study, depth: int, pairs: Sequence[tuple[int, int]]) -> list[Column]:
    """Sums of the variables and of products of `pairs`, in the end and as of each day since a unit came: `sum_name`.

    Raw, as the days of the series are differences of them. Written as text, as there may be hundreds: a column made of
    its parts costs a call to Java for each.
    """
    found = []
    for variables in products(study, pairs):
        for day in _days_told(study, variables, depth):
            factors = [value_name(v, day if grows(study, (v,)) else None) for v in variables]
            found.append(F.expr(f"sum({' * '.join(factors)}) AS {sum_name(variables, day)}"))
    return found


def _days_told(study: Study, variables: Sequence[int], depth: int) -> list[int | None]:
    """The days as of which a product can differ, and None for the end."""
    days = max(depth, exposure_depth(study)) - 1
    return [*range(days), None] if grows(study, variables) else [None]


def products(study: Study, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Whose sums the series has: variables, each on its own, and products of two."""
    return [*((v,) for v in used_variables(study)), *pairs]


def grows(study: Study, variables: Sequence[int]) -> bool:
    """Whether a variable, or a product of two, can differ from day to day."""
    return any(v in bucketed(study) for v in variables)


def value_name(variable: int, day: int | None) -> str:
    """The column with a variable as of a day since the unit came; None: in the end."""
    return f"y{variable}" if day is None else f"y{variable}_{day}"


def sum_name(variables: Sequence[int], day: int | None) -> str:
    """The column with a variable's sum, or that of a product, as of a day; None: in the end."""
    name = "sum" + "".join(str(v) for v in variables)
    return name if day is None else f"{name}_{day}"


def sums_by_day(study: Study, variables: Sequence[int], days: int) -> Column:
    """The sums as of each of so many days since a unit came, as an array; the last is the sum in the end."""
    told = [*range(days - 1), None] if grows(study, variables) else [None] * days
    return F.expr(f"array({', '.join(f'coalesce({sum_name(variables, day)}, 0D)' for day in told)})")


def _as_of(study: Study, variable: int, depth: int, day: int | None) -> str:
    """A variable as of a day since the unit came; None: in the end, as beyond the last day of its series."""
    final = VARIABLES[variable]
    if day is None or variable not in bucketed(study):
        return final
    by_day = dict(enumerate(bucket_names(variable, depth)))
    by_age = dict(enumerate(age_names(study, variable)))
    since = by_day.get(day, final)
    return f"CASE p WHEN {AGE_SLICE} THEN {by_age.get(day, final)} ELSE {since} END" if by_age else since
