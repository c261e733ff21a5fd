"""The day series: on which days a unit changes the moments, and by how much.

A unit enters on the day of its anchor, or, where only complete units count, on the first day at whose end its windows
are over; it leaves on the day of its second variant. In between its sums grow on the days on which it has events. The
moments of a day are what all changes up to it add up to, so that every day comes out of the same pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from abspark.pipeline.buckets import bucket_names, bucketed, growing, growing_anywhere
from abspark.pipeline.calendar import Calendar, day_index
from abspark.pipeline.cutoffs import Cutoffs
from abspark.pipeline.exposure_days import (
    age_names,
    age_places,
    days_over,
    entered,
    exposure_depth,
    unit_ages,
    with_ages,
)
from abspark.pipeline.literals import per_code
from abspark.pipeline.plans import FOREVER
from abspark.pipeline.study import Study
from abspark.pipeline.thresholds import passed
from abspark.pipeline.unit_metrics import anchor_of, used_variables
from abspark.schemas import VARIABLES

DAY_SLICE = -2
"""In place of a segment's position: `code` is the index of a day, and the row tells what changes on it."""


class Limit(NamedTuple):
    """What decides on which days units count: the experiment's code and its metrics' cutoffs, as `Cutoffs` has them."""

    x: int
    final: int
    reached: tuple[int, ...]
    ages: tuple[int, ...]


def in_series(study: Study, x: int, m: int) -> bool:
    """Whether a metric of an experiment has days: its units come in complete, or its sums grow day by day.

    Where only complete units count and a window stays open, there are none: no day settles what a unit brings.
    """
    experiment = study.experiments[x]
    closes = all(slot.end != FOREVER for slot in study.plans[m].closing_slots)
    settles = study.complete_only(experiment, m) and closes
    return experiment.series.enabled and (settles or growing(study, x, m))


def value_slices(study: Study, cutoffs: Cutoffs, depth: int) -> Column | None:
    """The places of a row of unit metrics in the series, as an array of (p, code); None: there is no series.

    Codes 0 .. depth - 1 are days since the unit's entry, then comes its leaving, then the day on which a triggered
    unit's windows are over. Those of the series by days since exposure follow. `with_changes` tells what each changes.
    """
    if not any(_listed(study, cutoffs)) and not exposure_depth(study):
        return None
    count = max(depth, 1) + (2 if study.triggers else 1)
    places = [F.struct(F.lit(DAY_SLICE).alias("p"), F.lit(code).alias("code")) for code in range(count)]
    return F.array(*places, *age_places(study))


def with_entry(
    unit_metrics: DataFrame, study: Study, cutoffs: Cutoffs, calendars: Sequence[Calendar], depth: int
) -> DataFrame:
    """Rows with `enters`, the day of the anchor, and `completes`, the first at whose end the windows are over.

    And with until_0.., the variables that grow as of each day since entry, in place of the columns that held them.
    Likewise what the series by days since exposure needs.
    """
    anchor = anchor_of(study)
    reached = [cutoffs.reached.get(key, ()) for key in _codes(study)]
    ends = [calendars[x].ends for x, _ in _codes(study)]
    enters = day_index(anchor, calendars)
    completes = F.greatest(passed(anchor, enters, _code(study), reached, ends), enters)
    given = {"enters": enters, "completes": completes}
    if depth:
        given |= {f"until_{v}": _until(v, depth) for v in bucketed(study)}
    if exposure_depth(study):
        ages = [(x, cutoffs.ages.get((x, m), ())) for x, m in _codes(study)]
        given |= entered(study, days_over(calendars, ages, _code(study)), _strict(study))
    names = (name for v in bucketed(study) for name in (*bucket_names(v, depth), *age_names(study, v)))
    return unit_metrics.withColumns(given).drop(*names)


def _until(variable: int, depth: int) -> Column:
    names = [*bucket_names(variable, depth), VARIABLES[variable]]
    return F.array(*(F.coalesce(name, F.lit(0.0)) for name in names))


def with_changes(
    rows: DataFrame, study: Study, cutoffs: Cutoffs, calendars: Sequence[Calendar], depth: int
) -> DataFrame:
    """Exploded rows with the unit's state as it is and as it was the day before: is_in, was_in, is_0, was_0, ...

    `code` of a place in the series becomes the day's index.

    Rows that change nothing are left out. A unit that comes complete brings its final values; one whose sums grow
    brings on each day what it has by then.
    """
    listed = per_code(_code(study), _listed(study, cutoffs), "boolean")
    strict = _strict(study)
    last = per_code(F.col("x"), [len(c.ends) - 1 for c in calendars], "int")
    entry = F.when(F.col("strict"), F.col("completes")).otherwise(F.col("enters"))
    placed = rows.withColumns({"strict": strict, "last": last, "since": F.col("code")}).withColumn(
        "entry", entry
    )
    steps = max(depth, 1)
    kinds = {
        "grows": F.col("since") < steps,
        "goes": F.col("since") == steps,
    }
    states = _states(study, kinds, steps)
    day = (
        F.when(kinds["grows"], F.col("entry") + F.col("since"))
        .when(kinds["goes"], F.col("leaves"))
        .otherwise(F.col("completes"))
    )
    series = F.col("p") == DAY_SLICE
    named = {name: F.when(series, value) for name, value in states.items()}
    dated = placed.withColumns(named).withColumn("day", F.when(series, day))
    changes = listed & (F.col("day") <= F.col("last")) & _in_order(study, kinds)
    code = F.when(series, F.col("day")).otherwise(F.col("code"))
    changed = dated.where(~series | F.coalesce(changes, F.lit(False))).withColumn("code", code)  # noqa: FBT003
    lengths = [len(cutoffs.ages.get(key, ())) for key in _codes(study)]
    return with_ages(changed, study, _code(study), lengths, used_variables(study))


def _strict(study: Study) -> Column:
    """Whether only complete units count for a row's metric; TRUE for the ledger's rows."""
    whole = [study.complete_only(study.experiments[x], m) for x, m in _codes(study)]
    return F.coalesce(per_code(_code(study), whole, "boolean"), F.lit(True))  # noqa: FBT003 - a literal, not a flag


def _in_order(study: Study, kinds: Mapping[str, Column]) -> Column:
    """Whether the place is one at which the row changes: entering and growing before leaving, leaving after entry."""
    entered = F.col("since") == 0
    grown = F.lit(False)  # noqa: FBT003 - a literal, not a flag
    for v in bucketed(study):
        grown |= F.col(f"is_{v}") != F.col(f"was_{v}")
    present = F.col("day") < F.col("leaves")
    waits = _waits(study) & ~F.col("strict") if study.triggers else F.lit(False)  # noqa: FBT003
    return (
        F.when(kinds["grows"], present & (entered | (~F.col("strict") & grown)))
        .when(kinds["goes"], F.col("entry") < F.col("leaves"))
        .otherwise(present & waits)
    )


def _states(study: Study, kinds: Mapping[str, Column], steps: int) -> dict[str, Column]:
    """The unit's state as it is and was at each place."""
    since, zero = F.col("since"), F.lit(0.0)
    grows, goes = kinds["grows"], kinds["goes"]
    later = since > 0
    last_in = F.least(F.col("leaves") - 1 - F.col("entry"), F.lit(steps - 1))
    found = {
        "is_in": F.when(grows, 1).otherwise(0),
        "was_in": F.when(goes | (grows & later), 1).otherwise(0),
    }
    if study.triggers:
        over_before = F.col("strict") | (_waits(study) & (F.col("completes") < F.col("leaves")))
        found["is_over"] = F.when(F.when(grows, F.col("strict")).otherwise(~goes), 1).otherwise(0)
        found["was_over"] = F.when(goes & over_before, 1).otherwise(0)
    for v in used_variables(study):
        found[f"is_{v}"] = F.when(grows, _as_of(study, v, since)).otherwise(zero)
        before = F.when(grows & later, _as_of(study, v, since - 1)).when(goes, _as_of(study, v, last_in))
        found[f"was_{v}"] = F.coalesce(before, zero)
    return found


def _waits(study: Study) -> Column:
    waits = per_code(F.col("m"), [plan.trigger is not None for plan in study.plans], "boolean")
    return F.coalesce(waits, F.lit(False))  # noqa: FBT003 - a literal, not a flag


def _as_of(study: Study, variable: int, since: Column) -> Column:
    """The variable some days after entry: what it had grown to, or all of it for a unit that comes complete."""
    final = F.coalesce(VARIABLES[variable], F.lit(0.0))
    if not growing_anywhere(study) or variable not in bucketed(study):
        return final
    return F.when(F.col("strict"), final).otherwise(F.get(f"until_{variable}", since))


def _listed(study: Study, cutoffs: Cutoffs) -> list[bool]:
    return [key in cutoffs.daily and in_series(study, *key) for key in _codes(study)]


def _codes(study: Study) -> list[tuple[int, int]]:
    return [(x, m) for x in range(len(study.experiments)) for m in range(len(study.metrics))]


def _code(study: Study) -> Column:
    """The position of a row's experiment and metric among `_codes`; NULL for the ledger's rows."""
    return F.when(F.col("m") >= 0, F.col("x") * len(study.metrics) + F.col("m"))


def with_unit_days(
    units: DataFrame, study: Study, calendars: Sequence[Calendar], limits: Sequence[Limit]
) -> DataFrame:
    """Units with `enters`, the day of the first exposure, and `completes`, the first at whose end windows are over.

    And with `ages_over`, how many of its days since exposure are, where there is a series of those. `limits` by the
    number in column `limit`. Without any series the units as they are. Columns of their own, each used by the next: as
    one expression, the code that Spark generates would outgrow what Java accepts, and the stage would be interpreted.
    """
    if not any(experiment.series.enabled for experiment in study.experiments):
        return units
    reached, ends = [limit.reached for limit in limits], [calendars[limit.x].ends for limit in limits]
    dated = units.withColumn("enters", day_index(F.col("t0"), calendars))
    over = passed(F.col("t0"), F.col("enters"), F.col("limit"), reached, ends)
    completed = dated.withColumn("completes", F.greatest(over, F.col("enters")))
    if not exposure_depth(study):
        return completed
    ages = days_over(calendars, [(limit.x, limit.ages) for limit in limits], F.col("limit"))
    return completed.withColumn("ages_over", ages)


def unit_days(study: Study, calendars: Sequence[Calendar], limits: Sequence[Limit]) -> Column | None:
    """The days on which a unit of `with_unit_days` changes n and n_complete, as an array; None: no series."""
    if not any(experiment.series.enabled for experiment in study.experiments):
        return None
    last = per_code(F.col("x"), [len(c.ends) - 1 for c in calendars], "int")
    listed = per_code(F.col("x"), [e.series.enabled for e in study.experiments], "boolean")
    entries = []
    for name, field in (("enters", "one"), ("completes", "over")):
        since, leaves = F.col(name), F.col("leaves")
        comes = listed & (since <= last) & (since < leaves)
        entries.append(_count(F.when(comes, since), field, 1))
        entries.append(_count(F.when(comes & (leaves <= last), leaves), field, -1))
    if exposure_depth(study):
        entries += unit_ages([len(limit.ages) for limit in limits], F.col("limit"), F.col("ages_over"))
    return F.array(*entries)


def _count(day: Column, field: str, change: int) -> Column:
    counts = [F.lit(change if name == field else 0).alias(name) for name in ("one", "over")]
    return F.struct(F.lit(DAY_SLICE).alias("p"), day.cast("int").alias("code"), *counts)
