"""The stations in the order in which a run passes them: raw frames in, frames of the lake's tables out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, reduce
from typing import Any

from pyspark.sql import DataFrame, Row

from abspark.assignment.derive import derive
from abspark.config import EventSource, ExposureSource
from abspark.pipeline.assignments import assignments
from abspark.pipeline.attribute_values import with_attributes
from abspark.pipeline.bots import with_bots
from abspark.pipeline.buckets import bucket_depth
from abspark.pipeline.calendar import Calendar, calendar
from abspark.pipeline.canonical import canonical
from abspark.pipeline.caps import Bounds, Code, bounded
from abspark.pipeline.conversions import conversions, live_events, placed_events, placed_units, units
from abspark.pipeline.cutoffs import Cutoffs, Freshness, cutoffs
from abspark.pipeline.dimensions import Dimension, with_dimensions
from abspark.pipeline.events import AFTER_BOT, coded_events, read_range
from abspark.pipeline.exposures import coded_exposures
from abspark.pipeline.moments import event_moments, unit_counts
from abspark.pipeline.plans import FOREVER
from abspark.pipeline.pruning import Condition, conditions, prune
from abspark.pipeline.pseudonyms import pseudonymised
from abspark.pipeline.segments import SegmentValue, with_segments
from abspark.pipeline.side_by_side import side_by_side
from abspark.pipeline.spreading import Spread, spread_events, spread_units
from abspark.pipeline.study import Study
from abspark.pipeline.time import epoch_micros, instant
from abspark.pipeline.unit_metrics import unit_metrics


def exposure_rows(raw: DataFrame, source: ExposureSource, study: Study, *, pruned: bool) -> DataFrame:
    """Coded exposures of one log; `pruned` leaves rows unread that can't be valid."""
    kept = prune(raw, exposure_conditions(raw, source, study)) if pruned else raw
    return with_bots(coded_exposures(canonical(kept, source), source, study), study.bots)


def exposure_conditions(raw: DataFrame, source: ExposureSource, study: Study) -> tuple[Condition, ...]:
    """What the rows fulfil that `exposure_rows` reads when it is pruned."""
    return conditions(raw, source, exposure_span(source, study), experiment_ids(source, study))


def event_conditions(raw: DataFrame, source: EventSource, study: Study) -> tuple[Condition, ...]:
    """What the rows fulfil that `event_rows` reads when it is pruned."""
    return conditions(raw, source, read_range(study, source))


def counted_conditions(raw: DataFrame, source: EventSource, study: Study) -> tuple[Condition, ...]:
    """What the rows fulfil that the ledger reads when it is pruned.

    Up to as_of where the newest event tells how far the log is complete: one after all windows does, too.
    """
    low, high = read_range(study, source)
    observed = source.complete_until is None
    return conditions(raw, source, (low, epoch_micros(study.as_of) if observed else high))


def exposure_span(source: ExposureSource, study: Study) -> tuple[int, int]:
    """`[low, high)` in epoch microseconds, in which exposures of a log can be valid."""
    mine = [experiment for experiment in study.experiments if experiment.exposures == source.name]
    high = max(epoch_micros(experiment.end) for experiment in mine)
    return min(epoch_micros(e.start) for e in mine), min(high, epoch_micros(study.as_of))


def experiment_ids(source: ExposureSource, study: Study) -> tuple[str, ...]:
    """The experiments that a log exposes."""
    return tuple(e.id for e in study.experiments if e.exposures == source.name)


def event_rows(raw: DataFrame, source: EventSource, study: Study, *, pruned: bool) -> DataFrame:
    """Coded events of one log; `pruned` leaves rows unread that can't count.

    A source with an event id is pruned from below only where it says how far apart copies are: the earliest copy
    of an event may lie there.
    """
    kept = prune(raw, event_conditions(raw, source, study)) if pruned else raw
    return with_bots(coded_events(canonical(kept, source), source, study), study.bots, AFTER_BOT)


def assignment_table(
    raws: Mapping[str, DataFrame],
    sources: Mapping[str, ExposureSource],
    study: Study,
    overrides: DataFrame | None = None,
    dimensions: Mapping[str, Dimension] | None = None,
) -> DataFrame:
    """Rows of `assignments` (all columns but run_id) of all exposure logs, each assignment re-derived.

    `overrides` are forced units that a source lists; `dimensions` those that the sources name.
    """
    parts = []
    for name, raw in raws.items():
        first = assignments(exposure_rows(raw, sources[name], study, pruned=True), sources[name], study)
        parts.append(with_dimensions(first, sources[name], dimensions or {}))
    attributes = {name: tuple(source.attributes) for name, source in sources.items()}
    table = reduce(DataFrame.unionByName, parts)
    derived = derive(table, study.experiments, attributes=attributes, overrides=overrides)
    return pseudonymised(derived, study.pseudonym_key)


@dataclass(frozen=True)
class Analysis:
    """The lazy frames from assignments and events to moments.

    `table` are the run's rows of `assignments`; `raws` the event logs and `fresh` their freshness by source name;
    `positions` and `kept` say which segment values have codes; `bounds` the caps of metrics;
    `attributes` the names of those of each exposure source, in configured order. `held` are the unit
    metrics where they were kept because more than one action reads them. `spread` says which units have too many events
    for one task; a trigger is a unit's first event of all, so that with triggers nothing is spread.
    """

    table: DataFrame
    raws: Mapping[str, DataFrame]
    study: Study
    fresh: Mapping[str, Freshness]
    positions: Sequence[tuple[int, int, int]]
    kept: Sequence[SegmentValue]
    bounds: Mapping[Code, Bounds]
    split: bool
    attributes: Mapping[str, Sequence[str]]
    held: DataFrame | None = None
    spread: Spread | None = None

    @cached_property
    def calendars(self) -> list[Calendar]:
        """The days of each experiment."""
        return [calendar(experiment, self.study) for experiment in self.study.experiments]

    @cached_property
    def cutoffs(self) -> Cutoffs:
        """Last complete anchor per experiment and metric."""
        return cutoffs(self.study, self.calendars, self.fresh)

    def complete_until(self, m: int, seen: datetime) -> datetime:
        """Up to when all logs that close windows of a metric, by its code, were complete at an instant.

        A trigger's log ends before the last windows do, which begin with its events: it counts as complete up to when
        those are over that began with its last.
        """
        plan, until = self.study.plans[m], epoch_micros(seen)
        ends = [(slot.want.source, 0) for slot in plan.closing_slots]
        if plan.trigger is not None:
            longest = max((slot.end for slot in plan.closing_slots if slot.end != FOREVER), default=0)
            ends.append((plan.trigger.want.source, longest))
        return instant(min(until, *(self.fresh[name].complete_until(until) + more for name, more in ends)))

    @cached_property
    def units(self) -> DataFrame:
        """Coded units with the codes of their segment values, and the attributes that are covariates."""
        coded = units(self.table, self.study, self.calendars)
        return with_segments(with_attributes(coded, self.study, self.attributes), self.positions, self.kept)

    @cached_property
    def placed_units(self) -> DataFrame:
        """The same where events meet them."""
        return placed_units(self.units)

    @cached_property
    def unit_metrics(self) -> DataFrame:
        """Unit metrics of units with events, and the ledger's counts."""
        if self.held is not None:
            return self.held
        sources = {source.name: source for source in self.study.event_sources}
        live = [
            live_events(event_rows(raw, sources[name], self.study, pruned=True), sources[name], self.study)
            for name, raw in self.raws.items()
        ]
        spread = None if self.study.triggers else self.spread
        events = placed_events(spread_events(reduce(DataFrame.unionByName, live), spread), self.study)
        units = spread_units(self.placed_units, spread)
        signatures = conversions(events, units, self.study, self.calendars, split=self.split)
        given = (self.study, self.cutoffs, self.calendars, self.depth)
        return unit_metrics(signatures, *given, split=self.split)

    @cached_property
    def bounded_metrics(self) -> DataFrame:
        """Unit metrics with num within its bounds."""
        return bounded(self.unit_metrics, self.study, self.bounds)

    @property
    def depth(self) -> int:
        """The most days on which a unit's sums can grow."""
        return bucket_depth(self.study, self.calendars)

    @property
    def segments(self) -> int:
        """The most segments of any experiment."""
        return 1 + max((p for _, p, _ in self.positions), default=-1)

    @cached_property
    def unit_counts(self) -> DataFrame:
        """Units per experiment, variant, segment value and metric."""
        return unit_counts(self.units, self.study, self.cutoffs, self.calendars, self.segments)

    @cached_property
    def event_moments(self) -> DataFrame:
        """Aggregates over the units with events, and the ledger's counts."""
        given = (self.study, self.cutoffs, self.calendars, self.depth, self.segments)
        return event_moments(self.bounded_metrics, *given)

    def summary(self, units: Iterable[Row], events: Iterable[Row]) -> list[Mapping[str, Any]]:
        """The rows from which moments are made, of those of `unit_counts` and of `event_moments`.

        The two are collected apart, so that one is planned beside the other.
        """
        return side_by_side(units, events, [*self.unit_counts.columns, *self.event_moments.columns])
