"""Checks of effects rather than of data: do they differ between segment values, do they change over time?

Headline rows of primary metrics, Holm over all tests of a kind in an experiment. They only ever warn: such an effect is
real, but its average may not be what ships. A test that can't be made has no row: days can be told apart only where the
units of a day have all of their window.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from abspark.analysis.by_experiment import rows_by_experiment
from abspark.analysis.health_row import HealthRow, Row, tested
from abspark.config import Experiment, Metric
from abspark.config.health import WarningLevelCheck
from abspark.segment_effects import segment_heterogeneity
from abspark.stats.moments import Floats
from abspark.stats.multiplicity import holm
from abspark.stats.running import latest
from abspark.stats.trend import daily_increments, trend

LEVEL: Final = WarningLevelCheck(threshold=0.01)
_SEGMENT_ADVICE: Final = (
    "Look at the segment's own rows before shipping to everyone; each needs its own experiment."
)
_TREND_ADVICE: Final = "Run longer, or look at the units that came first: the average is not what will last."

Groups = dict[tuple[Any, ...], list[Row]]


def effect_checks(
    results: Sequence[Row], experiments: Sequence[Experiment], metrics: Mapping[str, Metric]
) -> list[HealthRow]:
    """Health rows (all columns but run_id): `heterogeneity` by segment, and `novelty`."""
    usable = rows_by_experiment(row for row in results if _usable(row))
    rows: list[HealthRow] = []
    for experiment in experiments:
        mine = usable.get(experiment.id, [])
        rows += _heterogeneity(mine, experiment, metrics)
        method = experiment.analysis.method
        complete = [row for row in mine if metrics[row["metric"]].complete_only(method)]
        rows += _novelty(complete, experiment)
    return rows


def _usable(row: Row) -> bool:
    return bool(row["role"] == "primary" and row["headline"] and row["std_error"])


def _heterogeneity(
    rows: Sequence[Row], experiment: Experiment, metrics: Mapping[str, Metric]
) -> list[HealthRow]:
    last = max((row["day"] for row in rows), default=None)
    sliced = [row for row in rows if row["segment_name"] is not None and row["day"] == last]
    groups = _grouped(sliced, lambda row: (row["segment_name"], row["metric"], row["treatment"]))
    label = np.repeat(np.arange(len(groups)), [len(members) for members in groups.values()])
    found = segment_heterogeneity([row for group in groups.values() for row in group], metrics, group=label)
    numbers = zip(
        groups.items(),
        found.statistic,
        _adjusted(found.p_value),
        found.i_squared,
        found.estimates,
        strict=True,
    )
    return [
        tested(
            experiment, "heterogeneity", LEVEL, float(p), advice=_SEGMENT_ADVICE,
            slice_name=segment, slice_value=f"{metric}, {treatment}", statistic=float(statistic),
            observed=", ".join(f"{row['segment_value']} {row['effect']:+.4g}" for row in members),
            expected="equal effects",
            message=f"Effects of {treatment} on {metric} between values of {segment}: {_verdict(p)}"
            f" (adjusted p = {p:.3g}, I squared {share:.0%}{_left_out(len(members) - int(compared))}).",
        )
        for ((segment, metric, treatment), members), statistic, p, share, compared in numbers
        if not np.isnan(p)
    ]  # fmt: skip


def _novelty(rows: Sequence[Row], experiment: Experiment) -> list[HealthRow]:
    everyone = [row for row in rows if row["segment_name"] is None]
    groups = _grouped(everyone, lambda row: (row["metric"], row["treatment"]))
    days = sorted({row["day"] for row in everyone})
    place = {day: column for column, day in enumerate(days)}
    effect, variance, units = (np.full((len(groups), len(days)), np.nan) for _ in range(3))
    for index, members in enumerate(groups.values()):
        for row in members:
            at = index, place[row["day"]]
            effect[at], variance[at] = row["effect"], row["std_error"] ** 2
            units[at] = 1 / (1 / row["n_control"] + 1 / row["n_treatment"])
    number = np.array([(day - days[0]).days for day in days], dtype=np.float64)
    found = trend(*daily_increments(effect, _of_one_spread(variance, units)), day=number)
    known = ~np.isnan(found.p_value)
    adjusted = _adjusted(found.p_value)
    pattern = np.where(adjusted < LEVEL.threshold, found.pattern, "no trend shown")
    return [
        tested(
            experiment, "novelty", LEVEL, float(adjusted[index]), advice=_TREND_ADVICE,
            slice_name="metric", slice_value=f"{metric}, {treatment}", statistic=float(found.statistic[index]),
            observed=f"{found.first[index]:+.4g} on the first day, {found.last[index]:+.4g} on the last, fitted",
            expected="an effect that does not change",
            message=f"Effect of {treatment} on {metric} by day of entry: {pattern[index]}"
            f" (adjusted p = {adjusted[index]:.3g}).",
        )
        for index, (metric, treatment) in enumerate(groups)
        if known[index]
    ]  # fmt: skip


def _of_one_spread(variance: Floats, units: Floats) -> Floats:
    """Variances (series, days) of effects of harmonic units that all spread as those up to the last day do.

    A day's own variance errs together with its effect where few units of one arm are skewed: a ramp, which begins with
    few, would seem to have an effect that wears off.
    """
    return np.asarray(latest(variance * units)[:, -1:] / units)


def _grouped(rows: Sequence[Row], key: Callable[[Row], tuple[Any, ...]]) -> Groups:
    groups: Groups = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def _adjusted(p: Floats) -> Floats:
    return holm(p, np.zeros(len(p), dtype=np.int64))


def _left_out(count: int) -> str:
    return f"; too few units to compare: {count}" if count else ""


def _verdict(p: float) -> str:
    return "they differ" if p < LEVEL.threshold else "no difference shown"
