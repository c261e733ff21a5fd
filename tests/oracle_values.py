"""The number of one unit by each kind of metric, from the events that count for it, in plain Python."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from world import Experiment, Feed, Metric, RawRow, Window, World

DAY = 86_400_000_000
BINARY = ("proportion", "retention", "funnel")
OF_UNITS_WITH_A_VALUE = ("min", "max", "latest")
OF_COMPLETE_UNITS = ("retention", "time_to")
SUMS = ("proportion", "retention", "count", "mean", "ratio")

Events = Mapping[str, Sequence[RawRow]]
"""The events of one unit that are those of one experiment, by log."""


class Assigned(NamedTuple):
    variant: str
    first: int
    second: int | None
    exposures: int
    seen: tuple[str, ...]
    excluded: str | None
    attributes: tuple[str | None, ...]


class UnitValue(NamedTuple):
    """What one unit brings to one metric; the last three None where the metric has none of the kind.

    `admitted`: whether the window policy lets the unit in; `analysed`: whether it is among n.
    """

    num: float | None
    den: float | None
    pre_num: float | None
    pre_den: float | None
    complete: bool
    admitted: bool
    analysed: bool
    history: bool
    capped: bool


class Span(NamedTuple):
    """Instants [low, high) in which events count for a feed."""

    feed: Feed
    low: int
    high: float


class Case(NamedTuple):
    """One unit before one metric: all that its number depends on. `known` by log: until when it is complete."""

    world: World
    experiment: Experiment
    metric: Metric
    unit: Assigned
    events: Events
    known: Mapping[str, int]

    def hits(self, span: Span) -> list[RawRow]:
        rows = self.events.get(span.feed.source, ())
        return [row for row in rows if span.feed.counts(row) and span.low <= row["time"] < span.high]

    @property
    def triggered_at(self) -> int | None:
        """The first event of the trigger at or after the first exposure."""
        span = self.trigger_span
        return None if span is None else min((row["time"] for row in self.hits(span)), default=None)

    @property
    def trigger_span(self) -> Span | None:
        if self.metric.trigger is None:
            return None
        feed, within = self.metric.trigger
        return Span(feed, self.unit.first, math.inf if within is None else self.unit.first + within)

    def own_spans(self, anchor: int) -> list[Span]:
        """The windows of the metric's feeds, counted from an anchor or from the experiment's start."""
        return [self._span(feed, self.metric.window_of(feed), anchor) for feed in self.metric.feeds]

    def _span(self, feed: Feed, window: Window, anchor: int) -> Span:
        base = self.experiment.start if window.anchor == "experiment_start" else anchor
        return Span(feed, base + window.start, self.world.as_of if window.end is None else base + window.end)

    @property
    def spans_before(self) -> list[Span]:
        """Those of the covariate: the lookback before the first exposure."""
        other = self.world.covariate_of(self.metric)
        if other is None or self.metric.lookback is None:
            return []
        first = self.unit.first
        return [Span(feed, first - self.metric.lookback, first) for feed in other.feeds]

    @property
    def event_values(self) -> list[float]:
        """The values of the events that count."""
        anchor = self.unit.first if self.metric.trigger is None else self.triggered_at
        spans = [] if anchor is None else self.own_spans(anchor)
        return [float(span.feed.amount(row)) for span in spans for row in self.hits(span)]

    def over(self, anchor: int) -> bool:
        """Whether all windows that count from the anchor are over, as far as each log is complete."""
        return all(
            span.high <= min(self.world.as_of, self.known[span.feed.source])
            for span in self.own_spans(anchor)
        )


def all_spans(case: Case) -> Iterator[Span]:
    """Every stretch of time in which an event of the unit counts for anything of the metric."""
    yield from case.spans_before
    if case.trigger_span is not None:
        yield case.trigger_span
    anchor = case.unit.first if case.metric.trigger is None else case.triggered_at
    if anchor is not None:
        yield from case.own_spans(anchor)


def unit_value(case: Case) -> UnitValue:
    metric, strict = case.metric, complete_only(case.metric)
    admitted = not strict or case.over(case.unit.first)
    anchor = case.unit.first if metric.trigger is None else case.triggered_at
    if anchor is None:
        return UnitValue(None, None, None, None, False, admitted, False, False, False)
    complete = case.over(anchor)
    num, den = _sides(case, case.own_spans(anchor))
    low, high = (
        -math.inf if metric.low is None else metric.low,
        math.inf if metric.high is None else metric.high,
    )
    pre_num, pre_den, history = _before(case)
    return UnitValue(
        num=None if num is None else min(max(num, low), high),
        den=den,
        pre_num=pre_num,
        pre_den=pre_den,
        complete=complete,
        admitted=admitted,
        analysed=num is not None and (complete or not strict),
        history=history,
        capped=num is not None and not low <= num <= high,
    )


def complete_only(metric: Metric) -> bool:
    return metric.complete_only or metric.is_a in OF_COMPLETE_UNITS


def has_days(metric: Metric) -> bool:
    """Whether the metric has a series: its units come in complete, or its numbers are sums of what days bring."""
    if complete_only(metric):
        return all(metric.window_of(feed).end is not None for feed in metric.feeds)
    return metric.is_a in SUMS and all(feed.key is None for feed in metric.feeds)


def exposure_days(world: World, experiment: Experiment, metric: Metric) -> list[int]:
    """The days since exposure k of which the metric has a row: those in which a window is open for some unit."""
    windows = [metric.window_of(feed) for feed in metric.feeds]
    sums = metric.is_a in SUMS and all(feed.key is None for feed in metric.feeds)
    from_exposure = metric.trigger is None and all(window.anchor == "exposure" for window in windows)
    if not (experiment.since_exposure and sums and from_exposure):
        return []
    oldest = world.as_of - experiment.start
    ends = [oldest if window.end is None else min(window.end, oldest) for window in windows]
    begun = [k for k in range(1000) if any(window.start < (k + 1) * DAY for window in windows)]
    return [k for k in begun if any(k * DAY < end for end in ends)]


def cut_after(metric: Metric, length: int) -> Metric:
    """The metric with windows that end by then after the exposure."""

    def cut(feed: Feed | None) -> Feed | None:
        if feed is None or feed.window is None:
            return feed
        end = feed.window.end
        window = feed.window._replace(end=length if end is None else min(end, length))
        return replace(feed, window=window)

    return replace(
        metric,
        end=length if metric.end is None else min(metric.end, length),
        numerator=cut(metric.numerator),
        denominator=cut(metric.denominator),
    )


def variables(world: World, metric: Metric) -> tuple[str, ...]:
    """The variables that the metric has."""
    other = world.covariate_of(metric)
    names = ["num", "den"] if metric.is_a == "ratio" else ["num"]
    if metric.attribute is not None:
        names.append("pre_num")
    if other is not None:
        names += ["pre_num", "pre_den"] if other.is_a == "ratio" else ["pre_num"]
    return tuple(names)


def _sides(case: Case, spans: Sequence[Span]) -> tuple[float | None, float | None]:
    """Numerator and denominator; no numerator: the unit has no value."""
    if case.metric.is_a == "ratio":
        num, den = (_number(span.feed, case.hits(span)) for span in spans)
        return num, den
    return _one_number(case, spans), None


def _one_number(case: Case, spans: Sequence[Span]) -> float | None:
    kind, rows = case.metric.is_a, case.hits(spans[0])
    if kind == "funnel":
        return 1.0 if _all_in_order(case, spans) else 0.0
    if kind in BINARY:
        return 1.0 if rows else 0.0
    if kind == "time_to":
        end = spans[0].high
        return (min([row["time"] for row in rows] or [end]) - spans[0].low) / DAY
    amounts = [(row["time"], spans[0].feed.amount(row)) for row in rows]
    if kind in OF_UNITS_WITH_A_VALUE and not amounts:
        return None
    if kind == "latest":
        return float(max(amounts)[1])
    if kind in OF_UNITS_WITH_A_VALUE:
        values = [amount for _, amount in amounts]
        return float(min(values) if kind == "min" else max(values))
    return _number(spans[0].feed, rows)


def _number(feed: Feed, rows: Sequence[RawRow]) -> float:
    """How many distinct keys, or the sum of the values, or how many events."""
    if feed.key is not None:
        return float(len({feed.key.of(row) for row in rows}))
    return math.fsum(feed.amount(row) for row in rows)


def _all_in_order(case: Case, spans: Sequence[Span]) -> bool:
    """Whether there are events, one per step, each at or after the one before it; try every one."""
    reached: list[Any] = [-math.inf]
    for span in spans:
        reached = [row["time"] for row in case.hits(span) if any(row["time"] >= at for at in reached)]
    return bool(reached)


def _before(case: Case) -> tuple[float | None, float | None, bool]:
    """The covariate's numerator and denominator, and whether the unit has any history; without one it has 0."""
    if case.metric.attribute is not None:
        value = _attribute(case, case.metric.attribute)
        return value or 0.0, None, value is not None
    other, spans = case.world.covariate_of(case.metric), case.spans_before
    if other is None:
        return None, None, False
    history = any(case.hits(span) for span in spans)
    if other.is_a in BINARY:
        return float(history), None, history
    num, *den = (_number(span.feed, case.hits(span)) for span in spans)
    return num, den[0] if den else None, history


def _attribute(case: Case, name: str) -> float | None:
    """An attribute of the unit as a number; None where it is none whose square is one, too."""
    log = next(log for log in case.world.exposures if log.name == case.experiment.exposures)
    try:
        value = float(case.unit.attributes[log.attributes.index(name)] or "")
    except ValueError:
        return None
    return value if abs(value) < 1e150 else None
