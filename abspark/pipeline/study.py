"""A run's experiments and metrics compiled to small integers, the form in which they travel through Spark.

An experiment is its position in the run, a variant its position in the experiment, a metric its position in the run.
A *slot* is one way for an event to count: source, condition, value and window. Each slot is one bit of a mask, so an
event's claim to all metrics fits in a long or two, and metrics that share a slot cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from abspark.config import EventSource, Experiment, Metric, Project

BITS_PER_MASK = 62
"""Slots per mask column: a long without its sign, and one bit to spare."""

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(duration: timedelta) -> int:
    """Whole microseconds of a duration, exactly."""
    return duration // _MICROSECOND


def epoch_micros(instant: datetime) -> int:
    """Microseconds since 1970-01-01T00:00:00Z of an aware instant, exactly."""
    return (instant - _EPOCH) // _MICROSECOND


@dataclass(frozen=True)
class Want:
    """What makes an event count: `where` holds (None: always) and `value` is finite (None: none is needed)."""

    source: str
    where: str | None
    value: str | None


@dataclass(frozen=True)
class Slot:
    """A want within a window: half-open, in microseconds after the first exposure."""

    want: Want
    start: int
    end: int


@dataclass(frozen=True)
class Study:
    """The experiments of one run and the metrics that they use.

    Attributes:
        experiments: In the order that gives each its code.
        metrics: Each metric of any experiment once, in the order that gives each its code.
        event_sources: Each source of any metric once, in the order that gives each its code.
        as_of: Cut of event time, exclusive.
    """

    experiments: tuple[Experiment, ...]
    metrics: tuple[Metric, ...]
    event_sources: tuple[EventSource, ...]
    as_of: datetime

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """Every distinct slot; its position is its bit."""
        return tuple(dict.fromkeys(slot_of(metric) for metric in self.metrics))

    @cached_property
    def wants(self) -> tuple[Want, ...]:
        """Every distinct want of the slots."""
        return tuple(dict.fromkeys(slot.want for slot in self.slots))

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the event sources, by code."""
        return tuple(source.name for source in self.event_sources)

    @property
    def mask_count(self) -> int:
        """How many mask columns hold all slots; at least one."""
        return max(1, -(-len(self.slots) // BITS_PER_MASK))

    @cached_property
    def value_count(self) -> int:
        """How many value columns an event row needs: the largest number of distinct values of one source."""
        return max((len(self.values(source)) for source in self.sources), default=0)

    def values(self, source: str) -> tuple[str, ...]:
        """The distinct value expressions of a source; the position is the value column."""
        return tuple(dict.fromkeys(w.value for w in self.wants if w.source == source and w.value is not None))

    def masks(self, slots: Iterable[Slot]) -> tuple[int, ...]:
        """One long per mask column with the bits of `slots` set."""
        masks = [0] * self.mask_count
        for slot in slots:
            column, bit = divmod(self.slots.index(slot), BITS_PER_MASK)
            masks[column] |= 1 << bit
        return tuple(masks)

    def metrics_of(self, experiment: Experiment) -> tuple[Metric, ...]:
        """The metrics of one experiment, in the run's order."""
        names = frozenset(metric_names(experiment))
        return tuple(metric for metric in self.metrics if metric.name in names)

    def slots_of(self, experiment: Experiment) -> tuple[Slot, ...]:
        """The distinct slots of one experiment's metrics."""
        return tuple(dict.fromkeys(slot_of(metric) for metric in self.metrics_of(experiment)))

    def sources_of(self, experiment: Experiment) -> tuple[str, ...]:
        """The event sources that one experiment's metrics read."""
        return tuple(dict.fromkeys(slot.want.source for slot in self.slots_of(experiment)))


def make_study(project: Project, experiments: Sequence[Experiment], as_of: datetime) -> Study:
    """The study of some experiments of a project, with the metrics and event sources that they use."""
    names = dict.fromkeys(name for experiment in experiments for name in metric_names(experiment))
    metrics = tuple(project.metrics[name] for name in names)
    sources = dict.fromkeys(metric.source for metric in metrics)
    return Study(tuple(experiments), metrics, tuple(project.events[name] for name in sources), as_of)


def slot_of(metric: Metric) -> Slot:
    """The slot that a metric's numerator counts or sums."""
    want = Want(metric.source, metric.where, metric.value)
    return Slot(want, micros(metric.window.start), micros(metric.window.end))


def metric_names(experiment: Experiment) -> tuple[str, ...]:
    """Primary, secondary and guardrail metrics of an experiment, in that order."""
    roles = experiment.metrics
    return (*roles.primary, *roles.secondary, *(guardrail.metric for guardrail in roles.guardrails))


def longest_window(metrics: Sequence[Metric]) -> timedelta:
    """The latest window end of some metrics; zero for none."""
    return max((metric.window.end for metric in metrics), default=timedelta())
