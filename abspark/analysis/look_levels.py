"""What looks are measured by: the level of a comparison's looks, and the information that each of them has."""

from __future__ import annotations

from typing import Final

import numpy as np

from abspark.analysis.comparisons import Batch, Comparison
from abspark.analysis.look_series import RELATIVE_PRECISION, LookSeries, key_of, scale_of
from abspark.stats.anytime import tuned_rho
from abspark.stats.group_sequential import information_fraction
from abspark.stats.moments import Floats

ALL_SPENT: Final = 1 - 1e-9
"""The share of alpha that counts as all of it."""


def look_level(pair: Comparison) -> tuple[float, int]:
    """Alpha and sides of a comparison's looks.

    Group sequential families split alpha evenly over primary metrics x treatments. A guardrail is looked at from both
    sides, whatever the others are: each side has alpha / 2.
    """
    settings = pair.experiment.analysis
    split = settings.method == "group_sequential" and settings.correction != "none" and pair.role == "primary"
    family = len(pair.experiment.metrics.primary) * len(pair.experiment.treatments) if split else 1
    return settings.alpha / family, settings.sides_of(pair.role)


def alpha_left(pair: Comparison, series: LookSeries) -> float:
    """The level of a comparison's looks less what looks of another kind on record have used of it.

    Never 0, which no test can have; what is left then is half of the share that counts as nothing. Nor less than a
    group sequential test has spent, as where its level was larger before: what its looks decided, they decided at that.
    """
    alpha, s = look_level(pair)[0], series.keys[key_of(pair)]
    left = max(alpha - float(series.used[s]), alpha * (1 - ALL_SPENT) / 2)
    if pair.experiment.analysis.method != "group_sequential":
        return left
    spent = float(np.fmax.reduce(series.alpha_spent[s, series.recorded[s]], initial=0.0))
    return spent if spent * ALL_SPENT > left else left


def planned_fraction(batch: Batch) -> Floats:
    """Information fraction of each group sequential comparison: its harmonic units / those planned; else NaN.

    Planned are those of `planned_units` times the weights of its arms, if split by these weights.
    """

    def planned(pair: Comparison) -> float:
        plan = pair.experiment.analysis.group_sequential
        if plan is None:
            return np.nan
        weight = sum(pair.experiment.weights_beside_control(pair.treatment))
        return plan.planned_units * weight * pair.experiment.evenness(pair.treatment)

    return information_fraction(batch.harmonic_units, batch.each(planned))


def look_information(batch: Batch) -> Floats:
    """The information of looks, which the width of an anytime-valid interval goes by too.

    Harmonic units, or with `tau` the relative precision. With `anytime_scale` squared it makes the mixing variance in
    units of the squared standard error: a variance in the unit of the effect that is the same at all looks.
    """
    by_tau = batch.each(lambda pair: scale_of(pair.experiment) == RELATIVE_PRECISION)
    base, variance = batch.effect.control.mean, batch.effect.variance
    relative = np.divide(
        base**2, variance, out=np.full(len(batch), np.nan), where=(base > 0) & (variance > 0)
    )
    return np.where(by_tau, relative, batch.harmonic_units)


def anytime_scale(pair: Comparison) -> float:
    """Rho of a confidence sequence over harmonic units, or the configured tau."""
    settings = pair.experiment.analysis.anytime
    alpha, sides = look_level(pair)
    if settings.tau is not None:
        return settings.tau
    tuned_at = settings.tuned_at * pair.experiment.evenness(pair.treatment)
    return float(tuned_rho(tuned_at, alpha=alpha, sides=sides))
