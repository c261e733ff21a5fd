"""Error rates of the remaining tests over 20,000 experiments a seed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from simulated_moments import EXPERIMENTS, band, within

from abspark.stats.effects import mean_effect
from abspark.stats.fixed import welch
from abspark.stats.heterogeneity import heterogeneity
from abspark.stats.moments import Moments
from abspark.stats.multiplicity import METHODS
from abspark.stats.srm import srm
from abspark.stats.trend import daily_increments, trend

pytestmark = pytest.mark.statistical
SEEDS = [1, 2, 3]


def normal_arm(rng: np.random.Generator, units: int, sd: float) -> Moments:
    return Moments.from_samples(rng.normal(5, sd, (EXPERIMENTS, units)))


@pytest.mark.parametrize("seed", SEEDS)
def test_heterogeneity_of_small_segments(seed: int) -> None:
    """Four segments with 15 to 40 units an arm and different spreads: Q alone rejects too often, corrected not."""
    rng = np.random.default_rng(seed)
    effects, variances, dofs = [], [], []
    for n_control, n_treatment, sd in ((15, 20, 1.0), (40, 30, 2.0), (25, 15, 0.5), (20, 20, 3.0)):
        effect = mean_effect(normal_arm(rng, n_control, sd), normal_arm(rng, n_treatment, sd))
        effects.append(effect.effect)
        variances.append(effect.variance)
        dofs.append(welch(effect).dof)
    group = np.tile(np.arange(EXPERIMENTS), 4)
    known = heterogeneity(np.concatenate(effects), np.concatenate(variances), group=group)
    result = heterogeneity(
        np.concatenate(effects), np.concatenate(variances), group=group, dof=np.concatenate(dofs)
    )
    assert within((result.p_value < 0.05).mean(), 0.05)
    assert (known.p_value < 0.05).mean() > band(0.05)[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_trend_of_the_increments_of_cumulative_effects(seed: int) -> None:
    rng = np.random.default_rng(seed)
    variance = np.array([1.0, 0.7, 1.2, 0.4, 2.0, 1.0, 0.9, 0.5])
    daily = rng.normal(0.3, np.sqrt(variance), (EXPERIMENTS, 8))
    weight = np.cumsum(1 / variance)
    cumulative = np.cumsum(daily / variance, axis=1) / weight
    spread = np.broadcast_to(1 / weight, cumulative.shape)
    effect, new_variance = daily_increments(cumulative, spread)
    assert within((trend(effect, new_variance, day=np.arange(8)).p_value < 0.05).mean(), 0.05)


@pytest.mark.parametrize("seed", SEEDS)
def test_sample_ratio_mismatch(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shares = np.array([0.5, 0.3, 0.2])
    large = srm(rng.multinomial(20_000, shares, EXPERIMENTS), np.tile(shares, (EXPERIMENTS, 1)))
    assert within((large.p_value < 0.01).mean(), 0.01)
    small = srm(rng.multinomial(15, shares, EXPERIMENTS), np.tile(shares, (EXPERIMENTS, 1)))
    assert small.exact.all()
    assert (small.p_value < 0.05).mean() < band(0.05)[1]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", METHODS)
def test_family_wise_error_without_any_effect(seed: int, name: str) -> None:
    """Five positively dependent metrics and no effect: a false discovery is any rejection, for all methods."""
    rng = np.random.default_rng(seed)
    z = 0.6 * rng.standard_normal((EXPERIMENTS, 1)) + 0.8 * rng.standard_normal((EXPERIMENTS, 5))
    p = 2 * stats.norm.sf(np.abs(z)).ravel()
    adjusted = METHODS[name](p, np.repeat(np.arange(EXPERIMENTS), 5)).reshape(-1, 5)
    rate = (adjusted < 0.05).any(axis=1).mean()
    assert 0.015 < rate < band(0.05)[1]
