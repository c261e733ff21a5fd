"""Faulty rows: each row of a log may draw one companion that is like it but for one fault."""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from abspark.simulate import draws, population
from abspark.simulate.parameters import WINDOW_DAYS, Simulation

TRUE_ROW: Final = ""
"""Fault of a row without any."""

DUPLICATE: Final = "d"
NULL_ID: Final = "n"
BAD_TIME: Final = "t"
LATE: Final = "l"
UNKNOWN_VARIANT: Final = "u"

MARKS: Final = {
    "duplicate_rows": DUPLICATE,
    "duplicate_events": DUPLICATE,
    "null_ids": NULL_ID,
    "bad_times": BAD_TIME,
    "late": LATE,
    "unknown_variant": UNKNOWN_VARIANT,
}
"""Mark of a row's fault by the name of its share."""


def add_companions(rows: DataFrame, sim: Simulation, log: str, faults: tuple[str, ...]) -> DataFrame:
    """Column `fault` added: `TRUE_ROW`, and for each companion a copy of its row with the fault's mark.

    `rows` has `number` (its key within the log, bigint) and `bot`: rows of bots stay without companions, so
    that every faulty row has exactly one reason to be dropped.
    """
    shares = [(name, getattr(sim, name)) for name in faults if getattr(sim, name)]
    if not shares:
        return rows.withColumn("fault", F.lit(TRUE_ROW))
    draw = draws.uniform(sim.seed, f"fault of {log}", F.col("number"))
    marks = F.array(F.lit(TRUE_ROW))
    for end, (name, _) in reversed(list(zip(accumulate(share for _, share in shares), shares, strict=True))):
        pair = F.array(F.lit(TRUE_ROW), F.lit(MARKS[name]))
        marks = F.when(draw < end, pair).otherwise(marks)
    marks = F.when(F.col("bot"), F.array(F.lit(TRUE_ROW))).otherwise(marks)
    return rows.withColumn("fault", F.explode(marks))


def event_id(base: Column) -> Column:
    """Id of the logged row: a duplicate has that of its true row (`base`), other companions their own."""
    fault = F.col("fault")
    return F.when(fault == DUPLICATE, base).otherwise(F.concat(fault, base))


def unit_or_null(user_id: Column) -> Column:
    """The unit's id, unless the row's fault is to lack it."""
    return F.when(F.col("fault") != NULL_ID, user_id)


def instant(sim: Simulation, log: str, at: Column, *, end: int) -> Column:
    """Time of a row: `at` (microseconds after the start), or by its fault NULL or late, from `end` on."""
    span = float(WINDOW_DAYS * population.DAY)
    late = F.lit(end) + draws.whole(draws.uniform(sim.seed, f"late {log}", F.col("number")), span)
    epoch = int(sim.starts_at.timestamp()) * population.SECOND
    fault = F.col("fault")
    return F.timestamp_micros(F.when(fault == LATE, epoch + late).when(fault != BAD_TIME, epoch + at))
