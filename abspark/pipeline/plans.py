"""Metrics as parts: which events count for which of the four variables, and what is done with their values.

A metric has up to four variables: num and den, and the same two before exposure. A *part* feeds one variable from one
slot by one operation; a ratio has two parts, a covariate adds one or two, a funnel has one for each step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Final, Literal

from abspark.config import Metric
from abspark.config.metric import PRESENT_ONLY, Side, Window
from abspark.pipeline.time import micros

NUM: Final = 0
DEN: Final = 1
PRE_NUM: Final = 2
PRE_DEN: Final = 3
FOREVER: Final = 2**62
"""End of a window that stays open, in microseconds."""

Anchor = Literal["exposure", "experiment_start", "trigger"]


class Operation(IntEnum):
    """What becomes of the events of a unit that count for a part."""

    count = 0
    sum = 1
    min = 2
    max = 3
    latest = 4
    first = 5
    distinct = 6
    step = 7
    values = 8
    present = 9


@dataclass(frozen=True)
class Want:
    """What makes an event count: `where` holds (None: always), and what it wants is there.

    `value` is an expression whose number has to be finite, `key` one whose value must not be NULL; at most one is
    given.
    """

    source: str
    where: str | None
    value: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Slot:
    """A want within a window: half-open, in microseconds after the anchor.

    `trigger` is the want and window whose first event is the anchor, where that is neither the first exposure nor the
    start of the experiment.
    """

    want: Want
    start: int
    end: int
    anchor: Anchor = "exposure"
    trigger: Slot | None = None


@dataclass(frozen=True)
class Part:
    """One slot feeding one variable (NUM ... PRE_DEN) of a metric; `step` is the position among a funnel's steps."""

    variable: int
    slot: Slot
    operation: Operation
    step: int = 0


@dataclass(frozen=True)
class MetricPlan:
    """A metric compiled.

    Attributes:
        parts: What feeds it.
        binary: Whether num counts as 1 or 0; pre_binary the same of the covariate.
        needs_value: Whether units without events have no value.
        shift: What a unit without events has as num: the length of the window, in days, for time_to; else 0.
        trigger: The slot whose first event makes a unit enter, if there is one.
        steps: How many steps a funnel has; 0 for all else.
        attribute: The attribute of the unit, as of its first exposure, that is the covariate, if one is.
    """

    parts: tuple[Part, ...]
    binary: bool
    pre_binary: bool
    needs_value: bool
    shift: float
    trigger: Slot | None
    steps: int
    attribute: str | None

    @property
    def present_only(self) -> bool:
        """Whether some units leave n: those without a value, or without the trigger's event."""
        return self.needs_value or self.trigger is not None

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """The distinct slots, a trigger's first."""
        trigger = () if self.trigger is None else (self.trigger,)
        return tuple(dict.fromkeys((*trigger, *(part.slot for part in self.parts))))

    @cached_property
    def variables(self) -> tuple[int, ...]:
        """The variables that have a value, in order; num always."""
        given = {NUM} if self.attribute is None else {NUM, PRE_NUM}
        return tuple(sorted({part.variable for part in self.parts} | given))

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The pairs of variables, each with itself included, whose covariance is needed."""
        return tuple(combinations_with_replacement(self.variables, 2))

    @property
    def closing_slots(self) -> tuple[Slot, ...]:
        """The slots whose windows have to be over for a unit to be complete; a trigger's wait is none."""
        own = (p for p in self.parts if p.variable in (NUM, DEN) and p.operation is not Operation.present)
        return tuple(dict.fromkeys(part.slot for part in own))


_OPERATIONS: Final[Mapping[str, Operation]] = {
    "mean": Operation.sum,
    "min": Operation.min,
    "max": Operation.max,
    "latest": Operation.latest,
    "time_to": Operation.first,
    "distinct": Operation.distinct,
}


def metric_plan(metric: Metric, known: Mapping[str, Metric]) -> MetricPlan:
    """The plan of a metric; `known` holds the metric that its covariate names, if any."""
    trigger = _trigger(metric)
    parts = [*_own_parts(metric, trigger)]
    covariate = metric.covariate
    pre_binary = False
    if trigger is not None:
        parts.append(Part(NUM, trigger, Operation.present))
    if covariate is not None and covariate.lookback is not None:
        other = known[covariate.metric] if covariate.metric is not None else metric
        parts += _before(other, covariate.lookback)
        pre_binary = other.form == "proportion"
    return MetricPlan(
        parts=tuple(parts),
        binary=metric.form == "proportion",
        pre_binary=pre_binary,
        needs_value=metric.kind in PRESENT_ONLY,
        shift=_length_in_days(metric.window) if metric.kind == "time_to" else 0.0,
        trigger=trigger,
        steps=len(metric.steps),
        attribute=None if covariate is None else covariate.attribute,
    )


def _trigger(metric: Metric) -> Slot | None:
    if metric.trigger is None:
        return None
    end = FOREVER if metric.trigger.within is None else micros(metric.trigger.within)
    return Slot(Want(metric.trigger.source, metric.trigger.where), 0, end)


def _own_parts(metric: Metric, trigger: Slot | None) -> list[Part]:
    if metric.steps:
        return [
            Part(
                NUM,
                _slot(Want(_named(step.source, metric), step.where), metric.window, trigger),
                Operation.step,
                i,
            )
            for i, step in enumerate(metric.steps)
        ]
    if metric.numerator is not None and metric.denominator is not None:
        sides = ((NUM, metric.numerator), (DEN, metric.denominator))
        return [_side(metric, variable, side, trigger) for variable, side in sides]
    want = _want(metric)
    slot = _slot(want, metric.window, trigger)
    operation = _OPERATIONS.get(metric.kind, Operation.count)
    if metric.kind == "quantile" and metric.value is not None:
        operation = Operation.sum
    # the values of events have their own table; their moments are those of the units' sums
    values = [Part(NUM, slot, Operation.values)] if metric.of == "events" else []
    return [*values, Part(NUM, slot, operation)]


def _side(metric: Metric, variable: int, side: Side, trigger: Slot | None) -> Part:
    want, operation = _side_want(metric, side)
    return Part(variable, _slot(want, side.window or metric.window, trigger), operation)


def _side_want(metric: Metric, side: Side) -> tuple[Want, Operation]:
    source = _named(side.source, metric)
    if side.distinct is not None:
        return Want(source, side.where, key=side.distinct), Operation.distinct
    return Want(source, side.where, side.value), Operation.count if side.value is None else Operation.sum


def _want(metric: Metric) -> Want:
    source = _named(None, metric)
    if metric.kind == "distinct":
        return Want(source, metric.where, key=metric.value)
    return Want(source, metric.where, metric.value)


def _before(metric: Metric, lookback: timedelta) -> list[Part]:
    """The parts of a metric over a time before the first exposure, as those of a covariate."""
    window = (-micros(lookback), 0)
    if metric.numerator is not None and metric.denominator is not None:
        sides = ((PRE_NUM, metric.numerator), (PRE_DEN, metric.denominator))
        wants = [(variable, *_side_want(metric, side)) for variable, side in sides]
    else:
        wants = [(PRE_NUM, _want(metric), _OPERATIONS.get(metric.kind, Operation.count))]
    return [Part(variable, Slot(want, *window), operation) for variable, want, operation in wants]


def _slot(want: Want, window: Window, trigger: Slot | None) -> Slot:
    end = FOREVER if window.closes is None else micros(window.closes)
    if trigger is not None:
        return Slot(want, micros(window.start), end, "trigger", trigger)
    return Slot(want, micros(window.start), end, window.anchor)


def _named(source: str | None, metric: Metric) -> str:
    name = source or metric.source
    if name is None:
        raise ValueError(f"metric {metric.name} names no source")
    return name


def _length_in_days(window: Window) -> float:
    closes = window.closes
    return 0.0 if closes is None else (closes - window.start) / timedelta(days=1)
