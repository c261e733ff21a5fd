"""A small experiment world in plain Python: what was logged, and what the experiments and metrics want of it.

Rows are dictionaries by canonical name (unit, time, experiment, variant, event, event_id, value, and any property or
attribute); times are whole microseconds since 1970. Conditions and values stand in two forms side by side: the Spark
SQL text that the program is given, and a Python callable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

RawRow = Mapping[str, Any]


class Rule(NamedTuple):
    """A condition or value: the Spark SQL text, and what it means."""

    sql: str
    of: Callable[[RawRow], Any]


class Window(NamedTuple):
    """[start, end) after the anchor; an end of None stays open until as_of."""

    start: int
    end: int | None
    anchor: str = "exposure"


@dataclass(frozen=True)
class Feed:
    """Which events of a log a number is made of: each counts one, has a value, or has a key that is told from others.

    `window`: that of a ratio's side, where it has its own.
    """

    source: str
    where: Rule | None = None
    value: Rule | None = None
    key: Rule | None = None
    window: Window | None = None

    def claims(self, row: RawRow) -> bool:
        return self.where is None or self.where.of(row) is True

    def amount(self, row: RawRow) -> Any:
        """What the row brings; None where that is of no use."""
        if self.key is not None:
            key = self.key.of(row)
            return None if isinstance(key, float) and not math.isfinite(key) else key
        if self.value is None:
            return 1.0
        value = self.value.of(row)
        return float(value) if value is not None and abs(value) < 1e150 else None

    def counts(self, row: RawRow) -> bool:
        return self.claims(row) and self.amount(row) is not None


class Trigger(NamedTuple):
    feed: Feed
    within: int | None = None


@dataclass(frozen=True)
class Metric:
    """A metric; without `kind` a proportion where `binary`, a mean where there is a value, else a count.

    `lookback` makes a covariate of the metric itself, or of the one named `covariate`; `attribute` one of that. A cap's
    bounds are `low` and `high`, or quantiles of the numbers of units `over`.
    """

    name: str
    source: str
    start: int
    end: int | None
    where: Rule | None = None
    value: Rule | None = None
    binary: bool = False
    complete_only: bool = False
    kind: str | None = None
    anchor: str = "exposure"
    numerator: Feed | None = None
    denominator: Feed | None = None
    steps: tuple[Feed, ...] = ()
    low: float | None = None
    high: float | None = None
    lookback: int | None = None
    covariate: str | None = None
    attribute: str | None = None
    trigger: Trigger | None = None
    quantile: float | None = None
    of: str = "units"
    low_quantile: float | None = None
    high_quantile: float | None = None
    over: str = "nonzero"

    @property
    def window(self) -> Window:
        return Window(self.start, self.end, self.anchor)

    @property
    def is_a(self) -> str:
        if self.kind is not None:
            return self.kind
        return "proportion" if self.binary else "mean" if self.value else "count"

    @property
    def own(self) -> Feed:
        """The feed of a metric that has one alone."""
        if self.is_a == "distinct":
            return Feed(self.source, self.where, key=self.value)
        return Feed(self.source, self.where, self.value)

    @property
    def feeds(self) -> tuple[Feed, ...]:
        """The sides of a ratio, the steps of a funnel, else the one of its own."""
        if self.numerator is not None and self.denominator is not None:
            return self.numerator, self.denominator
        return self.steps or (self.own,)

    def window_of(self, feed: Feed) -> Window:
        return feed.window or self.window


@dataclass(frozen=True)
class Experiment:
    id: str
    variants: tuple[str, ...]
    start: int
    end: int
    metrics: tuple[str, ...]
    exposures: str
    first_wins: bool = False
    segments: tuple[str, ...] = ()
    segment_values: int = 50
    time_zone: str = "UTC"
    series: bool = True
    since_exposure: bool = False
    alpha: float = 0.05


@dataclass(frozen=True)
class Log:
    """A log of either kind.

    Only for events: it is complete until an instant, `complete_until`, or until `lag` before as_of, or else until its
    newest event. Copies of an event are said to be at most `copies_within` apart.
    """

    name: str
    rows: Sequence[RawRow]
    passes: Rule | None = None
    has_event_id: bool = False
    carries_experiment: bool = False
    carries_variant: bool = False
    attributes: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    complete_until: int | None = None
    lag: int | None = None
    copies_within: int | None = None

    def reads(self, row: RawRow, as_of: int) -> str | None:
        """The reasons that both kinds of log share, but for an exposure's own in between."""
        if row["unit"] in (None, ""):
            return "null_id"
        if row["time"] is None:
            return "bad_time"
        if self.passes is not None and self.passes.of(row) is not True:
            return "filtered"
        return "after_as_of" if row["time"] >= as_of else None


@dataclass(frozen=True)
class World:
    """`others`: metrics that no experiment has, for covariates."""

    experiments: tuple[Experiment, ...]
    metrics: tuple[Metric, ...]
    exposures: tuple[Log, ...]
    events: tuple[Log, ...]
    as_of: int
    others: tuple[Metric, ...] = ()

    def metrics_of(self, experiment: Experiment) -> list[Metric]:
        return [metric for metric in self.metrics if metric.name in experiment.metrics]

    def covariate_of(self, metric: Metric) -> Metric | None:
        """The metric whose value before exposure is the covariate."""
        if metric.lookback is None:
            return None
        named = {m.name: m for m in (*self.metrics, *self.others)}
        return metric if metric.covariate is None else named[metric.covariate]

    def feeds_of(self, metric: Metric) -> list[Feed]:
        """All that the metric reads: its own feeds, its covariate's, its trigger."""
        before = self.covariate_of(metric)
        trigger = [] if metric.trigger is None else [metric.trigger.feed]
        return [*metric.feeds, *([] if before is None else before.feeds), *trigger]
