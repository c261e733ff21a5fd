"""Anytime-valid methods looked at daily: the error rate stays below its bound, 20,000 experiments each."""

import numpy as np
import pytest
from scipy.stats import binom

from abspark.stats.anytime import confidence_sequence, msprt, tuned_rho
from abspark.stats.eprocess import sample_ratio_process
from abspark.stats.running import running_interval, running_minimum

pytestmark = pytest.mark.statistical
EXPERIMENTS, DAYS, UNITS_A_DAY = 20_000, 30, 2000
UPPER = binom.ppf(0.9995, EXPERIMENTS, 0.05) / EXPERIMENTS


def daily(seed, skewed, effect=0.0):
    """Estimate, standard error and units of both arms per day, (experiments, days); per-day sums of unit values."""
    generator = np.random.default_rng(seed)
    half = UNITS_A_DAY // 2
    shape = (2, EXPERIMENTS, DAYS)
    # Sums of `half` exponential (skewed) or normal values with mean 1 and variance 1.
    sums = generator.gamma(half, 1.0, shape) if skewed else generator.normal(half, np.sqrt(half), shape)
    units = UNITS_A_DAY * np.arange(1, DAYS + 1.0)
    means = np.cumsum(sums, axis=2) / (units / 2)
    error = np.sqrt(2 / (units / 2)) * np.ones((EXPERIMENTS, 1))
    return means[1] - means[0] + effect, error, units


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize(("seed", "skewed"), [(1, False), (2, True)])
def test_confidence_sequence(seed, skewed, sides):
    estimate, error, units = daily(seed, skewed, effect=0.01)
    rho = tuned_rho(20_000, alpha=0.05, sides=sides)
    result = confidence_sequence(estimate, error, units=units, rho=rho, alpha=0.05, sides=sides)
    low, high = running_interval(result.low, result.high)
    missed = np.mean((low[:, -1] > 0.01) | (high[:, -1] < 0.01))
    null = confidence_sequence(estimate - 0.01, error, units=units, rho=rho, alpha=0.05, sides=sides)
    rejected = np.mean(running_minimum(null.p_value)[:, -1] < 0.05)
    assert missed == pytest.approx(rejected, abs=1e-12)
    assert 0.005 < rejected <= UPPER


@pytest.mark.parametrize("sides", [1, 2])
def test_msprt(sides):
    estimate, error, _ = daily(3, skewed=False)
    p_value = msprt(estimate, error, tau=0.03, alpha=0.05, sides=sides).p_value
    assert 0.005 < np.mean(running_minimum(p_value)[:, -1] < 0.05) <= UPPER


@pytest.mark.parametrize("seed", [1, 2])
def test_sample_ratio_process(seed):
    generator = np.random.default_rng(seed)
    shares = np.array([0.5, 0.3, 0.2])
    counts = generator.multinomial(UNITS_A_DAY, shares, (EXPERIMENTS, DAYS)).astype(float)
    right = sample_ratio_process(counts, np.tile(shares, (EXPERIMENTS, 1)))
    assert 0.002 < np.mean(right.p_value[:, -1] < 0.05) <= UPPER
    wrong = sample_ratio_process(counts[:1000], np.tile([0.52, 0.3, 0.18], (1000, 1)))
    assert np.mean(wrong.p_value[:, -1] < 0.05) > 0.95
