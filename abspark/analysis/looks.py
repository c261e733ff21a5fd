"""The looks of sequential experiments: which days are looks, and what each may spend.

A look is the end of a configured day, over complete units, of the headline comparison for everyone. Looks that an
earlier committed run recorded stand as they are: what they spent is never revised, their days are not looked at
again, and no look is put before them. New looks go on from what was recorded. A day that is no look says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abspark.analysis.by_experiment import rows_by_experiment
from abspark.analysis.clock import Clock, zone_of
from abspark.analysis.comparisons import Batch, Comparison, Row
from abspark.analysis.futility import enter_futility, planned_statistics
from abspark.analysis.look_levels import (
    ALL_SPENT,
    alpha_left,
    anytime_scale,
    look_information,
    look_level,
    planned_fraction,
)
from abspark.analysis.look_record import recorded_series
from abspark.analysis.look_series import NOT_A_LOOK, Key, LookSeries, key_of, statistics
from abspark.stats.anytime import confidence_sequence
from abspark.stats.group_sequential import Looks, Plan, look_boundaries
from abspark.stats.moments import Bools
from abspark.stats.sequential_reasons import NO_ALPHA_TO_SPEND
from abspark.stats.spending import Spending

DAY_NOT_OVER: Final = "day_not_over"
TOO_FEW_UNITS: Final = "below_min_sample_size"
LOGS_BEHIND: Final = "logs_behind"


def all_looks(batch: Batch, earlier: Sequence[Row], now: Clock) -> dict[str, LookSeries]:
    """The looks of each sequential experiment in the batch, earlier and new ones, by experiment.

    `earlier` are rows of the table looks, each experiment's of its committed run.
    """
    past = rows_by_experiment(earlier)
    return {
        id_: _series(batch.take(mine), past.get(id_, []), now) for id_, mine in by_experiment(batch).items()
    }


def by_experiment(batch: Batch) -> dict[str, NDArray[np.intp]]:
    """The places of the comparisons of each sequential experiment, from one pass over all of them."""
    places: dict[str, list[int]] = {}
    for place, pair in enumerate(batch.pairs):
        if pair.experiment.analysis.sequential:
            places.setdefault(pair.experiment.id, []).append(place)
    return {id_: np.array(mine, dtype=np.intp) for id_, mine in places.items()}


def _series(batch: Batch, earlier: Sequence[Row], now: Clock) -> LookSeries:
    """The looks of one experiment, of which the batch is."""
    series = recorded_series(batch, earlier, now)
    fresh = _entered(series, batch, now)
    first = {key_of(pair): pair for pair in batch.pairs}
    ended = now.over(batch.pairs[0].experiment)
    if batch.pairs[0].experiment.analysis.method == "anytime":
        _open_intervals(series, fresh, first)
        return series
    designs = []
    levels = np.array([(alpha_left(first[key], series), look_level(first[key])[1]) for key in series.keys])
    closed = series.recorded[:, -1] & (series.alpha_spent[:, -1] >= levels[:, 0] * ALL_SPENT)
    ending = (fresh[:, -1] | closed) & ended
    for sides in (1, 2):
        rows = np.flatnonzero(levels[:, 1] == sides)
        if len(rows):
            plan = Plan(_spending(first), levels[rows, 0], sides)
            looks = _spent(series, rows, fresh, ending, plan)
            enter_futility(series, rows, fresh, looks, first)
            designs.append((rows, looks))
    return replace(series, designs=designs)


def _entered(series: LookSeries, batch: Batch, now: Clock) -> Bools:
    """Enter the days that are looks now into the series; (s, k), which they are."""
    fresh = np.zeros(series.recorded.shape, dtype=np.bool_)
    information, fraction = look_information(batch), planned_fraction(batch)
    statistic, planned, smaller = statistics(batch), planned_statistics(batch), batch.smaller
    for index, pair in enumerate(batch.pairs):
        s, k = series.keys[key_of(pair)], series.days.index(pair.day)
        if series.recorded[s, k]:
            series.reason[s, k] = ""
        if series.recorded[s, k] or not (pair.headline and pair.everyone):
            continue
        undefined = "" if np.isfinite(statistic[index]) else str(batch.effect.reason[index])
        series.reason[s, k] = undefined or _no_look(pair, smaller[index], now) or _closed(series, s, k, pair)
        if series.reason[s, k] == "":
            fresh[s, k] = True
            series.information[s, k], series.fraction[s, k] = information[index], fraction[index]
            series.statistic[s, k], series.planned_statistic[s, k] = statistic[index], planned[index]
    return fresh


def _no_look(pair: Comparison, smaller: float, now: Clock) -> str:
    """Why the comparison's day is no look; empty where it is one."""
    if not now.day_over(pair):
        return DAY_NOT_OVER
    last = pair.day == now.last_day(pair.experiment)
    if last and (pair.experiment.id, pair.metric.name) in now.behind:
        return LOGS_BEHIND
    if smaller < pair.experiment.min_sample_size:
        return TOO_FEW_UNITS
    plan = pair.experiment.analysis.group_sequential
    if plan is None or plan.looks == "daily" or last:
        return ""
    number = (pair.day - pair.experiment.start.astimezone(zone_of(pair.experiment)).date()).days + 1
    due = number % 7 == 0 if plan.looks == "weekly" else number in plan.looks
    return "" if due else NOT_A_LOOK


def _closed(series: LookSeries, s: int, k: int, pair: Comparison) -> str:
    """Why no look may be added here to those that stand: a later one does, or all of alpha is spent."""
    stands = series.recorded[s]
    if stands[k:].any() or series.days[k] <= series.barred[s]:
        return NOT_A_LOOK
    left = alpha_left(pair, series)
    if left <= look_level(pair)[0] * (1 - ALL_SPENT):
        return NO_ALPHA_TO_SPEND
    by_looks = pair.experiment.analysis.method == "group_sequential"
    spent = np.fmax.reduce(series.alpha_spent[s, stands], initial=0.0) if by_looks else 0.0
    return NO_ALPHA_TO_SPEND if spent >= left * ALL_SPENT else ""


def _spending(pairs: Mapping[Key, Comparison]) -> Spending:
    plan = next(iter(pairs.values())).experiment.analysis.group_sequential
    if plan is None:
        raise ValueError("a group sequential experiment has a plan")
    return Spending(plan.spending, plan.parameter)


def _spent(series: LookSeries, rows: NDArray[np.intp], fresh: Bools, ending: Bools, plan: Plan) -> Looks:
    """Boundaries of the new looks of some rows, entered into the series; recorded ones stay as they are.

    So they do in the design that is returned, whose own would be others where the sides have changed since.
    """
    standing = np.where(series.recorded, series.alpha_spent, np.nan)[rows]
    looks = look_boundaries(
        series.information[rows], np.where(series.recorded, 0.0, series.fraction)[rows],
        plan=plan, final=ending[rows], recorded=standing,
    )  # fmt: skip
    new = fresh[rows]
    series.boundary[rows] = np.where(new, looks.boundary, series.boundary[rows])
    series.alpha_spent[rows] = np.where(new, looks.alpha_spent, series.alpha_spent[rows])
    series.reason[rows] = np.where(new, looks.reason, series.reason[rows])
    stands = series.recorded[rows] & np.isfinite(series.boundary[rows])
    return looks._replace(boundary=np.where(stands, series.boundary[rows], looks.boundary))


def _open_intervals(series: LookSeries, fresh: Bools, pairs: Mapping[Key, Comparison]) -> None:
    """Half-widths of anytime-valid intervals in standard errors, entered as boundaries of the new looks."""
    for key, s in series.keys.items():
        alpha, sides = alpha_left(pairs[key], series), look_level(pairs[key])[1]
        width = confidence_sequence(
            0.0, 1.0, units=series.information[s], rho=anytime_scale(pairs[key]), alpha=alpha, sides=sides
        )
        series.boundary[s] = np.where(fresh[s], -width.low, series.boundary[s])
