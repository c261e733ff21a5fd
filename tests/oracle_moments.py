"""Moments of the units of a variant, and the days of a series, in plain Python."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import combinations_with_replacement
from typing import NamedTuple
from zoneinfo import ZoneInfo

from oracle_values import UnitValue, has_days
from world import Experiment, Metric, World

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moments(NamedTuple):
    """A row of moments: counts, and means and sample covariances by column name (absent: NULL)."""

    n: int
    n_complete: int
    n_units: int
    n_history: int | None
    n_capped: int | None
    cap_lower: float | None
    cap_upper: float | None
    columns: Mapping[str, float]

    @property
    def mean(self) -> float | None:
        return self.columns.get("mean_num")

    @property
    def var(self) -> float | None:
        return self.columns.get("var_num")


def moments(values: Sequence[UnitValue], metric: Metric, names: Sequence[str], *, last: bool) -> Moments:
    """The moments of units; how many of them a cap changed is only told for the last day."""
    mine = [value for value in values if value.analysed]
    is_capped = metric.low is not None or metric.high is not None
    return Moments(
        n=len(mine),
        n_complete=sum(value.complete for value in mine),
        n_units=sum(value.admitted for value in values),
        n_history=sum(value.history for value in mine) if "pre_num" in names else None,
        n_capped=sum(value.capped for value in mine) if is_capped and last else None,
        cap_lower=metric.low,
        cap_upper=metric.high,
        columns=_columns({name: [getattr(value, name) for value in mine] for name in names}),
    )


def _columns(values: Mapping[str, Sequence[float]]) -> dict[str, float]:
    n = len(values["num"])
    if n == 0:
        return {}
    means = {name: math.fsum(numbers) / n for name, numbers in values.items()}
    found = {f"mean_{name}": mean for name, mean in means.items()}
    if n == 1:
        return found
    for a, b in combinations_with_replacement(values, 2):
        products = [(x - means[a]) * (y - means[b]) for x, y in zip(values[a], values[b], strict=True)]
        found[f"var_{a}" if a == b else f"cov_{a}_{b}"] = math.fsum(products) / (n - 1)
    return found


def segments(values: Mapping[str, str | None], most: int) -> dict[str, set[str]]:
    """Units by label of their value: the most frequent values, the others, the missing."""
    counts = Counter(value for value in values.values() if value is not None)
    kept = sorted(counts, key=lambda value: (-counts[value], value))[:most]
    members: dict[str, set[str]] = defaultdict(set)
    for unit, value in values.items():
        label = "(missing)" if value is None else value if value in kept else "(other)"
        members[label].add(unit)
    return members


def days(world: World, experiment: Experiment) -> list[tuple[date, int]]:
    """Each day of the series with its end; the last day ends with as_of."""
    zone = ZoneInfo(experiment.time_zone)
    last = _local_date(min(world.as_of, _closing(world, experiment)) - 1, zone)
    first = min(_local_date(experiment.start, zone), last) if experiment.series else last
    dates = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [(day, _end_of(day, zone)) for day in dates[:-1]] + [(last, world.as_of)]


def days_of(world: World, experiment: Experiment, metric: Metric) -> list[tuple[date, int]]:
    """The days on which a metric has a row: all where it has a series, else the last."""
    every = days(world, experiment)
    return every if has_days(metric) else every[-1:]


def _closing(world: World, experiment: Experiment) -> int:
    """When the last window is over of those that close."""
    ends = [experiment.end]
    for metric in world.metrics_of(experiment):
        wait = (metric.trigger.within or 0) if metric.trigger is not None else 0
        ends.append(experiment.end + wait)
        for window in (metric.window_of(feed) for feed in metric.feeds):
            begin = experiment.start if window.anchor == "experiment_start" else experiment.end + wait
            ends.append(begin + (window.end or 0))
    return max(ends)


def _local_date(instant: int, zone: ZoneInfo) -> date:
    return (EPOCH + timedelta(microseconds=instant)).astimezone(zone).date()


def _end_of(day: date, zone: ZoneInfo) -> int:
    """The first microsecond whose local date is a later one, by bisection."""
    noon = (datetime(day.year, day.month, day.day, 12, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
    low, high = noon - 86_400_000_000, noon + 2 * 86_400_000_000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _local_date(middle, zone) > day else (middle, high)
    return high
