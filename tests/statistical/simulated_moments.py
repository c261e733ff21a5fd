"""Simulated experiments as moments, and the band that a simulated rate must lie in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import stats

from abspark.stats.moments import Moments, concat

EXPERIMENTS = 20_000
BLOCK = 2_000
RATIO = 2.75
"""Mean of num / mean of den in `activity_moments`: (2 * 4 + 3) / 4."""
MEAN = 11.0


def band(rate: float, experiments: int = EXPERIMENTS) -> tuple[float, float]:
    """The 99.9 % binomial band around a rate."""
    low, high = stats.binom.ppf([0.0005, 0.9995], experiments, rate) / experiments
    return float(low), float(high)


def within(share: float, rate: float) -> bool:
    low, high = band(rate)
    return low <= share <= high


def activity_moments(rng: np.random.Generator, units: int, lift: float) -> Iterator[Moments]:
    """Blocks of arms: sessions and revenue of units whose activity is correlated before and after exposure.

    `lift` multiplies the numerator. Numerator and denominator are correlated, revenue is skewed.
    """
    for _ in range(EXPERIMENTS // BLOCK):
        activity = rng.standard_gamma(3, (BLOCK, units))
        den = rng.poisson(activity) + 1.0
        num = (2 * den + activity * rng.standard_exponential((BLOCK, units))) * (1 + lift)
        pre_den = rng.poisson(activity) + 1.0
        pre_num = 2 * pre_den + activity * rng.standard_exponential((BLOCK, units))
        yield Moments.from_samples(num, den, pre_num=pre_num, pre_den=pre_den)


def activity_arm(rng: np.random.Generator, units: int, lift: float) -> Moments:
    return concat(list(activity_moments(rng, units, lift)))


def revenue_arm(rng: np.random.Generator, units: int, lift: float) -> Moments:
    """20,000 arms of revenue: one unit in twenty pays, log-normally with sigma 1 (skewness of a unit about 20).

    Only payers are drawn; the others add zeros, so the moments are those of all units.
    """
    parts = []
    for _ in range(EXPERIMENTS // BLOCK):
        payers = np.maximum(rng.binomial(units, 0.05, BLOCK), 1)
        paid = np.exp(rng.standard_normal(payers.sum())) * (1 + lift)
        starts = np.r_[0, np.cumsum(payers)[:-1]]
        mean = np.add.reduceat(paid, starts) / units
        squares = np.add.reduceat((paid - np.repeat(mean, payers)) ** 2, starts) + (units - payers) * mean**2
        means, cov = np.full((BLOCK, 4), np.nan), np.full((BLOCK, 4, 4), np.nan)
        means[:, 0], cov[:, 0, 0] = mean, squares / (units - 1)
        parts.append(Moments(np.full(BLOCK, float(units)), means, cov))
    return concat(parts)
