"""The looks of an experiment as arrays: metrics x treatments by days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abspark.analysis.comparisons import Batch, Comparison
from abspark.config import Experiment
from abspark.stats.group_sequential import Looks
from abspark.stats.moments import Bools, Floats

NOT_A_LOOK: Final = "not_a_look"
"""The reason of a day on which no look is made."""
HARMONIC_UNITS: Final = "harmonic_units"
RELATIVE_PRECISION: Final = "relative_precision"
RECORDED: Final = (
    "information", "alpha_spent", "boundary", "statistic", "planned_statistic", "beta_spent", "futility_boundary",
)  # fmt: skip
"""Numbers of a look that go on record."""

Key = tuple[str, str]
"""Metric and treatment."""


@dataclass(frozen=True)
class LookSeries:
    """The looks of one experiment: rows s are its metrics x treatments, columns k the days of `days`.

    Numbers are (s, k), NaN where a row has no look that day; `reason` says why not. `statistic` is effect / standard
    error, `boundary` positive; `planned_statistic` and `futility_boundary` have the sign of `statistic`, and are NaN
    with `beta_spent` where no futility is configured. `recorded` are looks of an earlier run, `newest` is the last day
    that is over. `used` (s,) is the alpha that other looks on record have used: those of another method, or with
    information of another scale. No look is made up to the day `barred` (s,) of the last of another scale.
    `designs` are the group sequential designs, each with the rows it is of; empty for method anytime.
    """

    keys: Mapping[Key, int]
    days: tuple[date, ...]
    information: Floats
    statistic: Floats
    alpha_spent: Floats
    boundary: Floats
    planned_statistic: Floats
    beta_spent: Floats
    futility_boundary: Floats
    recorded: Bools
    fraction: Floats
    reason: NDArray[np.object_]
    newest: date
    used: Floats
    barred: tuple[date, ...]
    designs: Sequence[tuple[NDArray[np.intp], Looks]]


def scale_of(experiment: Experiment) -> str:
    """What the information of an experiment's looks is counted in; numbers of two scales can't be compared.

    In harmonic units increments are independent whatever the split was over time, in units only where it stayed.
    """
    settings = experiment.analysis
    by_tau = settings.method == "anytime" and settings.anytime.tau is not None
    return RELATIVE_PRECISION if by_tau else HARMONIC_UNITS


def statistics(batch: Batch) -> Floats:
    """Effect / standard error; NaN where there is none."""
    variance = batch.effect.variance
    error = np.sqrt(np.where(variance > 0, variance, np.nan))
    return np.asarray(batch.effect.effect / error)


def key_of(pair: Comparison) -> Key:
    """The series of looks that the comparison belongs to."""
    return pair.metric.name, pair.treatment
