"""The day series: groups of units that come and leave on the same days, placed on the days on which they change it.

In between, a group's sums grow on the days on which its units have events. The moments of a day are what all changes
up to it add up to, so that every day comes out of the same pass.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from abspark.pipeline.calendar import Calendar
from abspark.pipeline.courses import DAY_SLICE, ages_of, complete_only, last_day, products, sums_by_day
from abspark.pipeline.cutoffs import Cutoffs
from abspark.pipeline.exposure_days import AGE_SLICE, exposure_depth
from abspark.pipeline.literals import per_code
from abspark.pipeline.study import Study

_NOTHING = -1
"""In place of a day since a group came: it is not there."""


def with_days(
    groups: DataFrame,
    study: Study,
    cutoffs: Cutoffs,
    calendars: Sequence[Calendar],
    depth: int,
    pairs: Sequence[tuple[int, int]],
) -> DataFrame:
    """Groups of courses, each once for each day on which it may change the series, with what it changes.

    `groups` have the columns of `abspark.pipeline.courses.course_sums`; n1, how many units; and history, how many of
    them with a value before exposure. `code` becomes the day. What changes, in the columns `increment_names`, is what
    there is as of the day less what there was; NULL for groups that are no courses.
    """
    steps, ages = max(depth, 1), exposure_depth(study)
    daily, aged = F.col("p") == DAY_SLICE, F.col("p") == AGE_SLICE
    most = F.when(daily, steps + 1 if study.triggers else steps).when(aged, ages).otherwise(0)
    placed = groups.withColumn("since", F.explode(F.sequence(F.lit(0), most)))
    since, grows, goes = F.col("since"), F.col("since") < steps, F.col("since") == steps
    day = F.when(grows, F.col("code") + since).when(goes, F.col("until")).otherwise(F.col("over"))
    is_at, was_at = _by_day(study, steps)
    is_aged, was_aged = _by_age(ages)
    dated = placed.withColumns(
        {
            "is_at": F.when(daily, is_at).when(aged, is_aged),
            "was_at": F.when(daily, was_at).when(aged, was_aged),
            "day": F.when(daily, day).when(aged, F.when(since < ages, since).otherwise(F.col("code"))),
        }
    )
    changes = F.when(daily, _changes(study, calendars, steps)).otherwise(
        F.when(since < ages, since < F.col("code")).otherwise(F.col("code") < ages_of(study, cutoffs))
    )
    kept = dated.where((~daily & ~aged) | changes)
    course = daily | aged
    counts = [_there(F.col("n1")), _there(F.col("history"))]
    over = [F.when(daily, _over(study, steps))] if study.triggers else []
    gains = [_gain(study, variables, steps, ages) for variables in products(study, pairs)]
    increments = zip(increment_names(study, pairs), [*counts, *over, *gains], strict=True)
    found = kept.withColumns({name: F.when(course, column) for name, column in increments})
    return found.withColumn("code", F.coalesce("day", "code"))


def increment_names(study: Study, pairs: Sequence[tuple[int, int]]) -> list[str]:
    """Changes in units, in those with a value before exposure, with triggers in those complete, and in sums."""
    over = ["dover"] if study.triggers else []
    return ["dn", "dhistory", *over, *("d" + "".join(map(str, vs)) for vs in products(study, pairs))]


def _by_day(study: Study, steps: int) -> tuple[Column, Column]:
    """As of which day since it came a group counts at a place of the day series, and as of which before that.

    It grows for so many steps, then it leaves, then, with triggers, its windows are over. Where only complete units
    count, all of it comes at once.
    """
    since, whole = F.col("since"), complete_only(study)
    final = steps - 1
    last_in = F.least(F.col("until") - 1 - F.col("code"), F.lit(final))
    is_at = F.when(since >= steps, _NOTHING).when(whole, final).otherwise(since)
    was_at = (
        F.when(since < steps, since - 1).when(since > steps, _NOTHING).when(whole, final).otherwise(last_in)
    )
    return is_at, was_at


def _by_age(ages: int) -> tuple[Column, Column]:
    """The same in the series by days since exposure: a group grows, and leaves with the last of its days."""
    since = F.col("since")
    return F.when(since < ages, since).otherwise(_NOTHING), F.when(since < ages, since - 1).otherwise(
        F.col("code") - 1
    )


def _changes(study: Study, calendars: Sequence[Calendar], steps: int) -> Column:
    """Whether a group is there to change anything at a place of the day series, and that day has come."""
    since, whole, present = F.col("since"), complete_only(study), F.col("day") < F.col("until")
    waits = _waits(study) & ~whole if study.triggers else F.lit(False)  # noqa: FBT003 - a literal, not a flag
    here = (
        F.when(since < steps, present & ((since == 0) | ~whole))
        .when(since == steps, F.lit(True))  # noqa: FBT003
        .otherwise(present & waits)
    )
    return here & (F.col("day") <= last_day(calendars))


def _there(units: Column) -> Column:
    return F.when(F.col("is_at") >= 0, units).otherwise(0) - F.when(F.col("was_at") >= 0, units).otherwise(0)


def _over(study: Study, steps: int) -> Column:
    """The change in units whose windows are over."""
    since, whole = F.col("since"), complete_only(study)
    before = whole | (_waits(study) & (F.col("over") < F.col("until")))
    is_over = F.when(since < steps, whole).otherwise(since > steps)
    was_over = (since == steps) & before
    return F.when(is_over, F.col("n1")).otherwise(0) - F.when(was_over, F.col("n1")).otherwise(0)


def _gain(study: Study, variables: Sequence[int], steps: int, ages: int) -> Column:
    sums = sums_by_day(study, variables, steps)
    if ages:
        sums = F.when(F.col("p") == AGE_SLICE, sums_by_day(study, variables, ages)).otherwise(sums)
    is_then, was_then = (F.coalesce(F.get(sums, F.col(at)), F.lit(0.0)) for at in ("is_at", "was_at"))
    return is_then - was_then


def _waits(study: Study) -> Column:
    waits = per_code(F.col("m"), [plan.trigger is not None for plan in study.plans], "boolean")
    return F.coalesce(waits, F.lit(False))  # noqa: FBT003 - a literal, not a flag
