"""Quantiles and caps that are quantiles, in plain Python: values counted one by one, ranks by exact fractions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from statistics import NormalDist
from typing import NamedTuple

from oracle_values import Case, UnitValue
from world import Metric

Bounds = Mapping[tuple[str, str], tuple[float | None, float | None]]
"""Lower and upper bound by experiment and metric, of the caps that are quantiles."""


class Quantile(NamedTuple):
    """A row of quantiles, without what it is keyed by."""

    q: float
    n: int
    n_clusters: int
    rank: int
    rank_low: int
    rank_high: int
    value: float | None
    value_low: float | None
    value_high: float | None
    ties: int | None


def bounds_of(metric: Metric, values: Sequence[UnitValue]) -> tuple[float | None, float | None]:
    """The bounds over the units of all variants together; those that are stated stay."""
    numbers = sorted(value.num for value in values if value.analysed and value.num is not None)
    mine = [number for number in numbers if metric.over == "all" or number != 0]
    low = metric.low if metric.low_quantile is None else _interpolated(mine, metric.low_quantile)
    high = metric.high if metric.high_quantile is None else _interpolated(mine, metric.high_quantile)
    if low is not None and high is not None and low > high:
        return (high, high) if metric.high_quantile is None else (low, low)
    return low, high


def resolved(metric: Metric, experiment: str, bounds: Bounds) -> Metric:
    """The metric with its bounds as numbers."""
    low, high = bounds.get((experiment, metric.name), (metric.low, metric.high))
    return replace(metric, low=low, high=high)


def _interpolated(numbers: Sequence[float], q: float) -> float | None:
    """Between the two numbers around the position q (n - 1): Hyndman & Fan's type 7."""
    if not numbers:
        return None
    position = q * (len(numbers) - 1)
    below, above = math.floor(position), math.ceil(position)
    if numbers[below] == numbers[above]:
        return numbers[below]
    return (above - position) * numbers[below] + (position - below) * numbers[above]


def quantile(metric: Metric, cases: Sequence[Case], values: Sequence[UnitValue]) -> Quantile | None:
    """The row of one unit or more; None: they have no row. `values` are what the units bring, in the same order."""
    q, alpha = metric.quantile or 0.5, cases[0].experiment.alpha
    analysed = [case for case, value in zip(cases, values, strict=True) if value.analysed]
    if metric.of == "events":
        each = [events for case in analysed if (events := case.event_values)]
        return _of_events(q, each, alpha) if each else None
    numbers = sorted(value.num for value in values if value.analysed and value.num is not None)
    return _of_units(q, numbers, alpha)


def _of_units(q: float, numbers: Sequence[float], alpha: float) -> Quantile:
    n, tail = len(numbers), Fraction(alpha) / 2
    return _row(q, numbers, n, (_binomial(n, q, tail), _binomial(n, q, 1 - tail) + 1))


def _binomial(n: int, q: float, level: Fraction) -> int:
    """The smallest k with P(X <= k) >= level, of X ~ Bin(n, q)."""
    p, total = Fraction(q), Fraction(0)
    for k in range(n + 1):
        total += math.comb(n, k) * p**k * (1 - p) ** (n - k)
        if total >= level:
            return k
    raise AssertionError("the probabilities of a binomial distribution sum to 1")


def _of_events(q: float, units: Sequence[Sequence[float]], alpha: float) -> Quantile:
    """Spread by clusters over spread by independent events, as a factor of the standard deviation."""
    numbers = sorted(value for events in units for value in events)
    n, clusters = len(numbers), len(units)
    value = numbers[_rank(q, n) - 1]
    half = NormalDist().inv_cdf(1 - alpha / 2) * math.sqrt(n * q * (1 - q)) * _inflation(units, value)
    ends = max(math.floor(n * q - half), 0), min(math.ceil(n * q + half) + 1, n + 1)
    return _row(q, numbers, clusters, ends)


def _inflation(units: Sequence[Sequence[float]], value: float) -> float:
    below = [sum(event <= value for event in events) for events in units]
    sizes = [len(events) for events in units]
    clusters, n = len(units), sum(sizes)
    if clusters == 1:
        return 1.0
    share = sum(below) / n
    if share == 1:
        return math.sqrt(sum(size**2 for size in sizes) / n)
    residuals = [part - share * size for part, size in zip(below, sizes, strict=True)]
    centre = math.fsum(residuals) / clusters
    spread = math.fsum((residual - centre) ** 2 for residual in residuals) / (clusters - 1)
    return math.sqrt(spread / (n / clusters) ** 2 / clusters / (share * (1 - share) / n))


def _rank(q: float, n: int) -> int:
    """Of the smallest value with at least a share q at or below it, q being the decimal that was written."""
    return max(math.ceil(Fraction(str(q)) * n), 1)


def _row(q: float, numbers: Sequence[float], clusters: int, ends: tuple[int, int]) -> Quantile:
    rank = _rank(q, len(numbers))

    def at(place: int) -> float | None:
        return numbers[place - 1] if 1 <= place <= len(numbers) else None

    within = numbers[max(ends[0], 1) - 1 : ends[1]]
    ties = max((within.count(number) for number in within), default=0) if numbers else None
    return Quantile(q, len(numbers), clusters, rank, *ends, at(rank), at(ends[0]), at(ends[1]), ties)
