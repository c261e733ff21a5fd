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
    daily, aged, since = F.col("p") == DAY_SLICE, F.col("p") == AGE_SLICE, F.col("since")
    known = _with_what_decides(groups, study, cutoffs, calendars)
    sums = {
        _sums_name(variables): _sums(study, variables, steps, ages) for variables in products(study, pairs)
    }
    most = F.when(daily, steps + 1 if study.triggers else steps).when(aged, ages).otherwise(0)
    placed = known.withColumns({**sums, "since": F.explode(F.sequence(F.lit(0), most))})
    day = (
        F.when(since < steps, F.col("code") + since)
        .when(since == steps, F.col("until"))
        .otherwise(F.col("over"))
    )
    age = F.when(since < ages, since).otherwise(F.col("code"))
    is_at, was_at = _by_day(steps)
    is_aged, was_aged = _by_age(ages)
    dated = placed.withColumns(
        {
            "is_at": F.when(daily, is_at).when(aged, is_aged),
            "was_at": F.when(daily, was_at).when(aged, was_aged),
            "day": F.when(daily, day).when(aged, age),
        }
    )
    changes = F.when(daily, _changes_day(study, steps))
    if ages:
        changes = changes.when(aged, _changes_age(ages))
    counts = [_there(F.col("n1")), _there(F.col("history"))]
    over = [_over(steps)] if study.triggers else []
    gains = [_gain(variables) for variables in products(study, pairs)]
    increments = zip(increment_names(study, pairs), [*counts, *over, *gains], strict=True)
    found = dated.where((F.col("p") >= -1) | changes).withColumns(
        {name: F.when(daily | aged, column) for name, column in increments}
    )
    return found.withColumn("code", F.coalesce("day", "code"))


def _with_what_decides(
    groups: DataFrame, study: Study, cutoffs: Cutoffs, calendars: Sequence[Calendar]
) -> DataFrame:
    """Groups with what their metrics' units count by.

    `whole`, whether only complete ones do; `last`, the last day; `length`, how many days since exposure there are; and
    with triggers `waits`, whether they count before their windows are over.
    """
    found = {"whole": complete_only(study), "last": last_day(calendars)}
    if exposure_depth(study):
        found["length"] = ages_of(study, cutoffs)
    if study.triggers:
        waits = per_code(F.col("m"), [plan.trigger is not None for plan in study.plans], "boolean")
        found["waits"] = F.coalesce(waits, F.lit(False)) & ~complete_only(study)  # noqa: FBT003 - a literal
    return groups.withColumns(found)


def increment_names(study: Study, pairs: Sequence[tuple[int, int]]) -> list[str]:
    """Changes in units, in those with a value before exposure, with triggers in those complete, and in sums."""
    over = ["dover"] if study.triggers else []
    return ["dn", "dhistory", *over, *("d" + "".join(map(str, vs)) for vs in products(study, pairs))]


def _by_day(steps: int) -> tuple[Column, Column]:
    """As of which day since it came a group counts at a place of the day series, and as of which before that.

    It grows for so many steps, then it leaves, then, with triggers, its windows are over. Where only complete units
    count, all of it comes at once.
    """
    since, final = F.col("since"), steps - 1
    last_in = F.least(F.col("until") - 1 - F.col("code"), F.lit(final))
    is_at = F.when(since >= steps, _NOTHING).when(F.col("whole"), final).otherwise(since)
    before = F.when(since > steps, _NOTHING).when(F.col("whole"), final).otherwise(last_in)
    return is_at, F.when(since < steps, since - 1).otherwise(before)


def _by_age(ages: int) -> tuple[Column, Column]:
    """The same in the series by days since exposure: a group grows, and leaves with the last of its days."""
    since = F.col("since")
    before = F.when(since < ages, since - 1).otherwise(F.col("code") - 1)
    return F.when(since < ages, since).otherwise(_NOTHING), before


def _changes_day(study: Study, steps: int) -> Column:
    """Whether a group is there to change anything at a place of the day series, and that day has come."""
    since, present = F.col("since"), F.col("day") < F.col("until")
    grows = present & ((since == 0) | ~F.col("whole"))
    over = present & F.col("waits") if study.triggers else F.lit(False)  # noqa: FBT003 - a literal, not a flag
    here = F.when(since < steps, grows).when(since == steps, True).otherwise(over)  # noqa: FBT003
    return here & (F.col("day") <= F.col("last"))


def _changes_age(ages: int) -> Column:
    leaves = F.col("code") < F.col("length")
    return F.when(F.col("since") < ages, F.col("since") < F.col("code")).otherwise(leaves)


def _there(units: Column) -> Column:
    return F.when(F.col("is_at") >= 0, units).otherwise(0) - F.when(F.col("was_at") >= 0, units).otherwise(0)


def _over(steps: int) -> Column:
    """The change in units whose windows are over; NULL but in the day series."""
    since = F.col("since")
    before = F.col("whole") | (F.col("waits") & (F.col("over") < F.col("until")))
    is_over = F.when(since < steps, F.col("whole")).otherwise(since > steps)
    was_over = (since == steps) & before
    change = F.when(is_over, F.col("n1")).otherwise(0) - F.when(was_over, F.col("n1")).otherwise(0)
    return F.when(F.col("p") == DAY_SLICE, change)


def _sums_name(variables: Sequence[int]) -> str:
    return "sums" + "".join(str(v) for v in variables)


def _sums(study: Study, variables: Sequence[int], steps: int, ages: int) -> Column:
    by_day = sums_by_day(study, variables, steps)
    return (
        F.when(F.col("p") == AGE_SLICE, sums_by_day(study, variables, ages)).otherwise(by_day)
        if ages
        else by_day
    )


def _gain(variables: Sequence[int]) -> Column:
    sums = _sums_name(variables)
    is_then, was_then = (F.coalesce(F.get(sums, F.col(at)), F.lit(0.0)) for at in ("is_at", "was_at"))
    return is_then - was_then
