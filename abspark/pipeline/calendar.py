"""The days of an experiment's series: which local day an instant belongs to, and when each day ends.

The last day is that of the run itself: its end is as_of. Day indexes count from the experiment's first day; what lies
before it belongs to day 0, what lies after the last to the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pyspark.sql import Column
from pyspark.sql import functions as F

from abspark.config import Experiment, windows_over
from abspark.pipeline.literals import per_code
from abspark.pipeline.study import Study
from abspark.pipeline.time import epoch_micros, micros

DAY: Final = 86_400_000_000
NEVER: Final = 1 << 20
"""Index of a day that does not come."""
_EPOCH_DAY: Final = date(1970, 1, 1)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Calendar:
    """The days of one experiment.

    Attributes:
        first: Date of day 0, in the experiment's time zone.
        ends: End of each day, exclusive, in epoch microseconds; the last is as_of.
        offsets: (from, offset) pairs: the local time is that much ahead of UTC from that instant on.
    """

    first: date
    ends: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]

    def day(self, index: int) -> date:
        """The date of a day."""
        return self.first + timedelta(days=index)


def calendar(experiment: Experiment, study: Study) -> Calendar:
    """The days on which anything could count: until as_of or until the last window closes."""
    zone = ZoneInfo(experiment.series.time_zone)
    last_instant = min(study.as_of, windows_over(experiment, study.metrics_of(experiment)))
    last = (last_instant - _MICROSECOND).astimezone(zone).date()
    first = min(experiment.start.astimezone(zone).date(), last) if experiment.series.enabled else last
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    midnights = [_midnight(day, zone) for day in (*days, last + timedelta(days=1))]
    ends = (*(epoch_micros(end) for end in midnights[1:-1]), epoch_micros(study.as_of))
    return Calendar(first, ends, _offsets(midnights))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _offsets(midnights: Sequence[datetime]) -> tuple[tuple[int, int], ...]:
    """The offset of each midnight, where it changes: two hours into the day, when both offsets give the same date."""
    found: list[tuple[int, int]] = []
    before = midnights[0]
    for now in midnights:
        offset = micros(now.utcoffset() or timedelta())
        if not found or offset != found[-1][1]:
            found.append((epoch_micros(before) + 2 * 3_600_000_000, offset))
        before = now
    return tuple(found)


def day_index(instant: Column, calendars: Sequence[Calendar]) -> Column:
    """The index of the day of an instant (epoch microseconds), by the calendar of the experiment in column `x`."""
    if all(len(calendar.ends) == 1 for calendar in calendars):
        return F.lit(0)
    x = F.col("x")
    base = per_code(x, [(calendar.first - _EPOCH_DAY).days for calendar in calendars], "int")
    last = per_code(x, [len(calendar.ends) - 1 for calendar in calendars], "int")
    local = _local(instant, calendars)
    whole = ((local - F.pmod(local, F.lit(DAY))) / F.lit(DAY)).cast("int")
    return F.least(F.greatest(whole - base, F.lit(0)), last)


def _local(instant: Column, calendars: Sequence[Calendar]) -> Column:
    pieces = max(len(calendar.offsets) for calendar in calendars)
    if pieces == 1 and all(calendar.offsets[0][1] == 0 for calendar in calendars):
        return instant
    offset = F.lit(0).cast("bigint")
    for piece in range(pieces):
        given = [c.offsets[min(piece, len(c.offsets) - 1)] for c in calendars]
        ahead = per_code(F.col("x"), [ahead for _, ahead in given], "bigint")
        since = per_code(F.col("x"), [since for since, _ in given], "bigint")
        offset = ahead if piece == 0 else F.when(instant >= since, ahead).otherwise(offset)
    return instant + offset
