"""Futility at the looks of group sequential experiments: the planned effect, beta spent and the boundary.

Non-binding (gsDesign calls it test.type 4): the boundaries for stopping do not know of it, so an experiment that goes
on after all keeps its level. Of the headline comparison for everyone, on primary metrics, in the metric's direction.
What was recorded at a look stands, and later looks spend on from there.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from abspark.analysis.comparisons import Batch, Comparison
from abspark.analysis.look_series import Key, LookSeries
from abspark.config.analysis import Futility as Settings
from abspark.stats.group_sequential import Looks
from abspark.stats.moments import Bools, Floats
from abspark.stats.sequential_design import FutileLooks, Futility, futility_at_looks
from abspark.stats.spending import Spending


def settings_of(pair: Comparison) -> Settings | None:
    """The futility that is configured for a comparison; None where there is none, or its metric is not primary."""
    plan = pair.experiment.analysis.group_sequential
    return None if plan is None or pair.role != "primary" else plan.futility


def planned_statistics(batch: Batch) -> Floats:
    """What effect / standard error is expected to be under the planned effect; NaN where none is planned.

    A relative effect is one of the raw control mean, and undefined where that is not positive.
    """
    planned = batch.each(_planned)
    base, variance = batch.effect.control.mean, batch.effect.variance
    share, amount = planned[:, 0], planned[:, 1]
    effect = np.where(np.isnan(amount), share * np.where(base > 0, base, np.nan), amount)
    error = np.sqrt(np.where(variance > 0, variance, np.nan))
    return np.asarray(batch.direction * effect / error)


def enter_futility(
    series: LookSeries, rows: NDArray[np.intp], fresh: Bools, looks: Looks, pairs: Mapping[Key, Comparison]
) -> None:
    """Enter what new looks of some rows spend of beta, and their boundary, into the series.

    `looks` are those of `rows`, `pairs` has a comparison of each row of the series.
    """
    by_row = list(pairs.values())
    chosen = np.array([place for place, row in enumerate(rows) if settings_of(by_row[row])], dtype=np.intp)
    if not len(chosen):
        return
    mine = rows[chosen]
    settings = settings_of(by_row[mine[0]])
    if settings is None:
        raise ValueError("only rows with futility were chosen")
    turn = np.array([by_row[row].direction for row in mine])[:, None]
    recorded = series.recorded[mine]
    beta = series.beta_spent[mine]
    found = futility_at_looks(
        looks.take(chosen),
        series.planned_statistic[mine] * turn,
        futility=Futility(Spending(settings.spending, settings.parameter), settings.beta),
        recorded=FutileLooks(
            np.where(recorded, np.where(np.isnan(beta), 0.0, beta), np.nan),
            series.futility_boundary[mine] * turn,
        ),
    )
    new = fresh[mine]
    series.beta_spent[mine] = np.where(new, found.beta_spent, beta)
    series.futility_boundary[mine] = np.where(new, found.boundary * turn, series.futility_boundary[mine])


def _planned(pair: Comparison) -> tuple[float, float]:
    """The planned effect, relative and absolute; NaN for the one that is not given."""
    settings = settings_of(pair)
    if settings is None:
        return np.nan, np.nan
    relative, absolute = settings.effect.relative, settings.effect.absolute
    return np.nan if relative is None else relative, np.nan if absolute is None else absolute
