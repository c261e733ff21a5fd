"""A run's experiments and metrics compiled to small integers, the form in which they travel through Spark.

An experiment is its position in the run, a variant its position in the experiment, a metric its position in the run.
A *slot* is one way for an event to count: source, condition, value and window. Each slot is one bit of a mask, so an
event's claim to all metrics fits in a long or two, and metrics that share a slot cost nothing. How metrics are made
of slots is told in `plans`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from abspark.config import EventSource, Experiment, Metric, Project
from abspark.pipeline.plans import MetricPlan, Operation, Slot, Want, metric_plan

BITS_PER_MASK = 62
"""Slots per mask column: a long without its sign, and one bit to spare."""


@dataclass(frozen=True)
class Study:
    """The experiments of one run and the metrics that they use.

    Attributes:
        experiments: In the order that gives each its code.
        metrics: Each metric of any experiment once, in the order that gives each its code.
        event_sources: Each source of any metric once, in the order that gives each its code.
        as_of: Cut of event time, exclusive.
        others: Metrics that only serve as covariates, by name.
        bots: Keys of units that are left out.
        pseudonym_key: The secret under which units are known in the lake; None: by their ids.
    """

    experiments: tuple[Experiment, ...]
    metrics: tuple[Metric, ...]
    event_sources: tuple[EventSource, ...]
    as_of: datetime
    others: Mapping[str, Metric] = field(default_factory=dict)
    bots: tuple[tuple[int, int], ...] = ()
    pseudonym_key: str | None = field(default=None, repr=False)

    def event_source(self, name: str) -> EventSource:
        """The event source of that name."""
        return self.event_sources[self.sources.index(name)]

    @cached_property
    def plans(self) -> tuple[MetricPlan, ...]:
        """How each metric is made, by its code."""
        known = {**self.others, **{metric.name: metric for metric in self.metrics}}
        return tuple(metric_plan(metric, known) for metric in self.metrics)

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """Every distinct slot; its position is its bit."""
        return tuple(dict.fromkeys(slot for plan in self.plans for slot in plan.slots))

    @cached_property
    def bits(self) -> Mapping[Slot, int]:
        """The bit of each slot."""
        return {slot: bit for bit, slot in enumerate(self.slots)}

    @cached_property
    def wants(self) -> tuple[Want, ...]:
        """Every distinct want of the slots."""
        return tuple(dict.fromkeys(slot.want for slot in self.slots))

    @cached_property
    def operations(self) -> frozenset[Operation]:
        """What any metric does with the values of its events."""
        return frozenset(part.operation for plan in self.plans for part in plan.parts)

    @cached_property
    def triggers(self) -> tuple[Slot, ...]:
        """The distinct slots whose first event a window is counted from."""
        return tuple(dict.fromkeys(plan.trigger for plan in self.plans if plan.trigger is not None))

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The distinct attributes of units that are covariates."""
        named = (plan.attribute for plan in self.plans)
        return tuple(dict.fromkeys(name for name in named if name is not None))

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

    @cached_property
    def key_count(self) -> int:
        """How many key columns an event row needs: the largest number of distinct keys of one source."""
        return max((len(self.keys(source)) for source in self.sources), default=0)

    def values(self, source: str) -> tuple[str, ...]:
        """The distinct value expressions of a source; the position is the value column."""
        return self._named_values.get(source, ())

    def keys(self, source: str) -> tuple[str, ...]:
        """The distinct expressions of a source whose values are told apart; the position is the key column."""
        return self._named_keys.get(source, ())

    @cached_property
    def _named_values(self) -> Mapping[str, tuple[str, ...]]:
        return _by_source((want.source, want.value) for want in self.wants)

    @cached_property
    def _named_keys(self) -> Mapping[str, tuple[str, ...]]:
        return _by_source((want.source, want.key) for want in self.wants)

    def masks(self, slots: Iterable[Slot]) -> tuple[int, ...]:
        """One long per mask column with the bits of `slots` set."""
        masks = [0] * self.mask_count
        for slot in slots:
            column, bit = divmod(self.bits[slot], BITS_PER_MASK)
            masks[column] |= 1 << bit
        return tuple(masks)

    def codes_of(self, experiment: Experiment) -> tuple[int, ...]:
        """The codes of one experiment's metrics, in the run's order."""
        names = frozenset(metric_names(experiment))
        return tuple(code for code, metric in enumerate(self.metrics) if metric.name in names)

    def metrics_of(self, experiment: Experiment) -> tuple[Metric, ...]:
        """The metrics of one experiment, in the run's order."""
        return tuple(self.metrics[code] for code in self.codes_of(experiment))

    def slots_of(self, experiment: Experiment) -> tuple[Slot, ...]:
        """The distinct slots of one experiment's metrics."""
        plans = (self.plans[code] for code in self.codes_of(experiment))
        return tuple(dict.fromkeys(slot for plan in plans for slot in plan.slots))

    def sources_of(self, experiment: Experiment) -> tuple[str, ...]:
        """The event sources that one experiment's metrics read."""
        return tuple(dict.fromkeys(slot.want.source for slot in self.slots_of(experiment)))

    def complete_only(self, experiment: Experiment, code: int) -> bool:
        """Whether only units with a complete window enter this metric of this experiment."""
        return self.metrics[code].complete_only(experiment.analysis.method)


def _by_source(pairs: Iterable[tuple[str, str | None]]) -> dict[str, tuple[str, ...]]:
    """The distinct expressions of each source, in order."""
    found: dict[str, dict[str, None]] = {}
    for source, expression in pairs:
        if expression is not None:
            found.setdefault(source, {})[expression] = None
    return {source: tuple(expressions) for source, expressions in found.items()}


def make_study(
    project: Project,
    experiments: Sequence[Experiment],
    as_of: datetime,
    bots: tuple[tuple[int, int], ...] = (),
) -> Study:
    """The study of some experiments of a project, with the metrics and event sources that they use."""
    names = dict.fromkeys(name for experiment in experiments for name in metric_names(experiment))
    metrics = tuple(project.metrics[name] for name in names)
    events = tuple(project.events[name] for name in _sources(names, project.metrics))
    return Study(tuple(experiments), metrics, events, as_of, project.metrics, bots, project.pseudonym_key)


def metric_names(experiment: Experiment) -> tuple[str, ...]:
    """Primary, secondary and guardrail metrics of an experiment, in that order."""
    return experiment.metrics.names


def sources_of(experiment: Experiment, metrics: Mapping[str, Metric]) -> tuple[str, ...]:
    """The event sources that an experiment's metrics and their covariates read, each once."""
    return _sources(metric_names(experiment), metrics)


def _sources(names: Iterable[str], metrics: Mapping[str, Metric]) -> tuple[str, ...]:
    plans = (metric_plan(metrics[name], metrics) for name in names)
    return tuple(dict.fromkeys(slot.want.source for plan in plans for slot in plan.slots))
