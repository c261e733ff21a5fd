"""When windows are over: for each experiment, metric and day the last anchor whose windows have closed.

A window that counts from an anchor is complete when it ends at or before both as_of and the instant up to which its
source is complete. Everything here is arithmetic on the driver.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import accumulate

from abspark.config import EventSource, Experiment
from abspark.pipeline.calendar import DAY, Calendar
from abspark.pipeline.exposure_days import exposure_days
from abspark.pipeline.plans import FOREVER, Slot
from abspark.pipeline.study import Study
from abspark.pipeline.time import epoch_micros, micros

Newest = Sequence[int]
"""The newest event of each quarter of an hour that has any, epoch microseconds, ascending."""


@dataclass(frozen=True)
class Freshness:
    """Up to when an event log is complete, seen from any instant.

    `given` is the configured lag or instant; None: the newest event, of which `newest` tells the history.
    """

    given: timedelta | datetime | None
    without_times: bool
    newest: Newest

    def complete_until(self, as_of: int) -> int:
        """The instant, in epoch microseconds, up to which the log was complete at `as_of`.

        A log without times is complete by declaration; a log without events is complete up to nowhere.
        """
        if isinstance(self.given, timedelta):
            return as_of - micros(self.given)
        if isinstance(self.given, datetime):
            return epoch_micros(self.given)
        if self.without_times:
            return as_of
        before = bisect_left(self.newest, as_of)
        return self.newest[before - 1] if before else 0


def freshness(source: EventSource, newest: Newest) -> Freshness:
    """The freshness of an event log whose valid events are summed up by `newest`."""
    return Freshness(source.complete_until, source.fixed_time is not None, newest)


@dataclass(frozen=True)
class Cutoffs:
    """Last complete anchor, in epoch microseconds, by experiment's and metric's code.

    `final` at as_of; `daily` at the end of each day of the experiment's calendar, the last being `final` again;
    `reached` the latest of those up to each day. They differ where a window stays open and the log is complete up to
    an instant that is given: once that has passed, no unit is complete. `ages` at as_of for windows that end after so
    many days since exposure, from one on; none without such a series.
    """

    final: Mapping[tuple[int, int], int]
    daily: Mapping[tuple[int, int], tuple[int, ...]]
    ages: Mapping[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)

    @cached_property
    def reached(self) -> Mapping[tuple[int, int], tuple[int, ...]]:
        """The latest cutoff up to each day, by experiment's and metric's code."""
        return {key: tuple(accumulate(ends, max)) for key, ends in self.daily.items()}


def cutoffs(study: Study, calendars: Sequence[Calendar], fresh: Mapping[str, Freshness]) -> Cutoffs:
    """The cutoffs of a study; `fresh` by event source."""
    closing = [plan.closing_slots for plan in study.plans]
    daily = {
        (x, m): tuple(_cutoff(experiment, closing[m], end, fresh) for end in calendars[x].ends)
        for x, experiment in enumerate(study.experiments)
        for m in study.codes_of(experiment)
    }
    ages = {(x, m): _age_cutoffs(study, x, m, fresh) for x, m in daily}
    return Cutoffs({key: ends[-1] for key, ends in daily.items()}, daily, ages)


def _age_cutoffs(study: Study, x: int, m: int, fresh: Mapping[str, Freshness]) -> tuple[int, ...]:
    as_of = epoch_micros(study.as_of)
    known = [
        (min(as_of, fresh[slot.want.source].complete_until(as_of)), slot.end)
        for slot in study.plans[m].closing_slots
    ]
    days = range(1, exposure_days(study, x, m).stop + 1)
    return tuple(min(until - min(end, day * DAY) for until, end in known) for day in days)


def _cutoff(experiment: Experiment, slots: Sequence[Slot], as_of: int, fresh: Mapping[str, Freshness]) -> int:
    """The least over the slots: a unit is complete when all of its windows are."""
    return min(_slot_cutoff(experiment, slot, as_of, fresh[slot.want.source]) for slot in slots)


def _slot_cutoff(experiment: Experiment, slot: Slot, as_of: int, fresh: Freshness) -> int:
    known = min(as_of, fresh.complete_until(as_of))
    if slot.end == FOREVER:
        return FOREVER if known >= as_of else -FOREVER
    if slot.anchor == "experiment_start":
        return FOREVER if epoch_micros(experiment.start) + slot.end <= known else -FOREVER
    return known - slot.end
