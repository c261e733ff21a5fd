"""Intervals and p-values that hold at every sample size at once, so that looking costs nothing but width.

Rows, or rows x looks: every function works elementwise on arrays of one shape. One-sided versions look for a
positive effect (negate a metric for which less is better). Both methods mix a normal distribution over
effects; they differ in how its width is given: `confidence_sequence` fixes it in standard deviations of the
data, through the sample size at which the interval shall be narrowest, `msprt` in the unit of the effect.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import lambertw

from abspark.stats.recursion import Floats
from abspark.stats.sequential_reasons import (
    ESTIMATE_UNDEFINED,
    NONE,
    Reasons,
    reasons_where,
    spread_problem,
)
from abspark.stats.tails import SMALLEST

_SIDES: Final = (1, 2)


class AnytimeResult(NamedTuple):
    """One interval and p-value per estimate, all of the estimate's shape.

    low, high: confidence limits in the effect's unit (one-sided: high = inf). p_value: always valid, p <
    alpha exactly where the interval excludes 0; never 0, as in `FixedResult`. reason: why they are NaN.
    """

    low: Floats
    high: Floats
    p_value: Floats
    reason: Reasons


def tuned_rho(tuned_at: ArrayLike, *, alpha: ArrayLike, sides: int) -> Floats:
    """The rho for which a confidence sequence is narrowest at `tuned_at` units.

    sqrt((-W(-alpha^2 / e) - 1) / t), W the lower branch of Lambert's function (Waudby-Smith et al.,
    arXiv:2103.06476, sec. 2.3 with its appendix on tuning; Howard et al. 2021, Annals of Statistics 49, eq.
    3.4). One-sided sequences use 2 alpha there, as the paper proposes.
    """
    _check(sides)
    level = np.asarray(alpha, dtype=float) * (2 if sides == 1 else 1)
    level = np.minimum(level, 0.999)
    spread = -np.real(lambertw(-(level**2) / np.e, k=-1)) - 1
    return np.asarray(np.sqrt(spread / np.asarray(tuned_at, dtype=float)))


def confidence_sequence(
    estimate: ArrayLike,
    std_error: ArrayLike,
    *,
    units: ArrayLike,
    rho: ArrayLike,
    alpha: ArrayLike,
    sides: int,
) -> AnytimeResult:
    """Asymptotic confidence sequence and its always-valid p-value (Waudby-Smith et al., arXiv:2103.06476).

    Two-sided Theorem 2.2, one-sided the appendix's: with g = units rho^2 the half-width is standard error x
    sqrt(2 (g + 1) / g log(sqrt(g + 1) / alpha)), with log(1 + sqrt(g + 1) / (2 alpha)) where one-sided.
    `units` are all units behind the estimate, both arms together, the same count that rho was tuned at. Where the
    split of units changes over time they must be harmonic ones (product of the arms' units / their sum), as units
    rho^2 standard error^2 has to stay the same.
    """
    count = np.asarray(units, dtype=float)
    spread = np.where(count > 0, count, np.nan) * np.asarray(rho, dtype=float) ** 2
    return _mixture(estimate, std_error, spread=spread, alpha=alpha, sides=sides)


def msprt(
    estimate: ArrayLike, std_error: ArrayLike, *, tau: ArrayLike, alpha: ArrayLike, sides: int
) -> AnytimeResult:
    """Mixture sequential probability ratio test with effects mixed over N(0, tau^2).

    Johari, Koomen, Pekelis & Walsh (2017), KDD, eq. 5 and sec. 4; arXiv:1512.04922. `tau` is in the effect's
    unit. With v = standard error^2 the ratio is sqrt(v / (v + tau^2)) exp(tau^2 effect^2 / (2 v (v + tau^2)))
    and p = 1 / ratio, at most 1. One-sided: over the positive half, as in `confidence_sequence`.
    """
    error = np.asarray(std_error, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.asarray(tau, dtype=float) ** 2 / error**2
    return _mixture(estimate, std_error, spread=spread, alpha=alpha, sides=sides)


def _mixture(
    estimate: ArrayLike, std_error: ArrayLike, *, spread: Floats, alpha: ArrayLike, sides: int
) -> AnytimeResult:
    """The normal mixture; `spread` is the mixing variance in units of the squared standard error."""
    _check(sides)
    centre, error, g = np.broadcast_arrays(
        np.asarray(estimate, dtype=float), np.asarray(std_error, dtype=float), spread
    )
    reason = spread_problem(centre, error)
    unclear = (reason == NONE) & ~(np.isfinite(g) & (g > 0))
    reason = np.where(unclear, reasons_where(reason.shape, [(unclear, ESTIMATE_UNDEFINED)]), reason)
    defined = reason == NONE
    error, g = np.where(defined, error, np.nan), np.where(defined, g, np.nan)
    level = np.asarray(alpha, dtype=float)
    root = np.sqrt(g + 1)
    threshold = np.log(root / level) if sides == 2 else np.log1p(root / (2 * level))
    half = error * np.sqrt(2 * (g + 1) / g * threshold)
    distance = centre / error
    exponent = distance**2 * g / (2 * (g + 1))
    if sides == 2:
        p_value = np.maximum(np.exp(np.minimum(np.log(root) - exponent, 0.0)), SMALLEST)
        return AnytimeResult(centre - half, centre + half, p_value, reason)
    with np.errstate(divide="ignore"):
        rest = np.log(-np.expm1(-np.where(distance > 0, exponent, 0.0)))
    p_value = np.maximum(np.exp(np.minimum(np.log(root / 2) - exponent - rest, 0.0)), SMALLEST)
    p_value = np.where(distance > 0, p_value, np.where(defined, 1.0, np.nan))
    return AnytimeResult(centre - half, np.where(defined, np.inf, np.nan), p_value, reason)


def _check(sides: int) -> None:
    if sides not in _SIDES:
        raise ValueError(f"sides must be 1 or 2, got {sides}")
