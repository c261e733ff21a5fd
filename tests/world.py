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


@dataclass(frozen=True)
class Metric:
    name: str
    source: str
    start: int
    end: int
    where: Rule | None = None
    value: Rule | None = None
    binary: bool = False
    complete_only: bool = False

    def claims(self, row: RawRow) -> bool:
        return self.where is None or self.where.of(row) is True

    def amount(self, row: RawRow) -> float | None:
        """What the row adds; None where its value is of no use."""
        if self.value is None:
            return 1.0
        value = self.value.of(row)
        return float(value) if value is not None and math.isfinite(value) else None


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


@dataclass(frozen=True)
class Log:
    """A log of either kind. `complete_until` only for events: an instant, or None for the newest event."""

    name: str
    rows: Sequence[RawRow]
    passes: Rule | None = None
    has_event_id: bool = False
    carries_experiment: bool = False
    carries_variant: bool = False
    attributes: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    complete_until: int | None = None

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
    experiments: tuple[Experiment, ...]
    metrics: tuple[Metric, ...]
    exposures: tuple[Log, ...]
    events: tuple[Log, ...]
    as_of: int

    def metrics_of(self, experiment: Experiment) -> list[Metric]:
        return [metric for metric in self.metrics if metric.name in experiment.metrics]
