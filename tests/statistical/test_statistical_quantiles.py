"""Coverage and false-positive rates of quantile effects over 20,000 experiments a seed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from simulated_moments import EXPERIMENTS, within

from abspark.stats.fixed import welch
from abspark.stats.moments import Moments
from abspark.stats.quantiles import (
    QuantileEstimate,
    cluster_inflation,
    clustered_ranks,
    quantile_effect,
    quantile_ranks,
)

pytestmark = pytest.mark.statistical


def order_statistics(rng: np.random.Generator, n: int, ranks: list[int]) -> np.ndarray:
    """Joint order statistics of n uniform values: partial sums of n + 1 exponential gaps, drawn as gammas."""
    gaps = [rng.standard_gamma(width, EXPERIMENTS) for width in np.diff([0, *ranks, n + 1])]
    return np.cumsum(gaps, axis=0)[:-1] / np.sum(gaps, axis=0)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("q", [0.5, 0.9, 0.99])
@pytest.mark.parametrize(
    "distribution", [stats.lognorm(1.0), stats.expon()], ids=["log-normal", "exponential"]
)
def test_quantiles_of_units(seed: int, q: float, distribution: stats.rv_continuous) -> None:
    rng = np.random.default_rng(seed)

    def arm(n: int, lift: float) -> QuantileEstimate:
        ranks = quantile_ranks(n, q)
        low, value, high = order_statistics(rng, n, [int(ranks.low), int(ranks.rank), int(ranks.high)])
        values = (distribution.ppf(x) * (1 + lift) for x in (value, low, high))
        return QuantileEstimate(np.full(EXPERIMENTS, float(n)), *values)

    control = arm(40_000, 0.0)
    null = welch(quantile_effect(control, arm(30_000, 0.0)))
    assert within((null.p_value < 0.05).mean(), 0.05)
    result = welch(quantile_effect(control, arm(30_000, 0.3)))
    truth = 0.3 * distribution.ppf(q)
    assert within(((result.low < truth) & (truth < result.high)).mean(), 0.95)
    assert within(((result.relative_low < 0.3) & (result.relative_high > 0.3)).mean(), 0.95)


def clustered_arm(
    rng: np.random.Generator, units: int, q: float
) -> tuple[QuantileEstimate, QuantileEstimate]:
    """Up to 6 events a unit, events of a unit alike: estimates with and without the cluster correction."""
    estimates = []
    for _ in range(EXPERIMENTS // 500):
        count = rng.integers(1, 7, (500, units))
        value = rng.standard_normal((500, units, 1)) + 0.7 * rng.standard_normal((500, units, 6))
        value[np.arange(6) >= count[:, :, None]] = np.inf
        flat = np.sort(value.reshape(500, -1).astype(np.float32), axis=1)
        n = count.sum(axis=1)
        rows = np.arange(500)
        point = flat[rows, quantile_ranks(n, q).rank - 1]
        below = (value <= point[:, None, None]).sum(axis=2)
        inflation = cluster_inflation(Moments.from_samples(below, count))
        pair = []
        for factor in (inflation, np.ones(500)):
            ranks = clustered_ranks(n, q, inflation=factor)
            pair.append(
                (np.full(500, float(units)), point, flat[rows, ranks.low - 1], flat[rows, ranks.high - 1])
            )
        estimates.append(pair)
    with_, without = (
        QuantileEstimate(*(np.concatenate(column).astype(float) for column in zip(*side, strict=True)))
        for side in zip(*estimates, strict=True)
    )
    return with_, without


def test_quantiles_of_events_need_the_cluster_correction() -> None:
    rng = np.random.default_rng(1)
    control, treatment = clustered_arm(rng, 500, 0.75), clustered_arm(rng, 400, 0.75)
    corrected = welch(quantile_effect(control[0], treatment[0]))
    assert within((corrected.p_value < 0.05).mean(), 0.05)
    naive = welch(quantile_effect(control[1], treatment[1]))
    assert (naive.p_value < 0.05).mean() > 0.15
