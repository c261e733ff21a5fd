"""Skewed revenue: from which sample size on the intervals cover as they say."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_moments import band, revenue_arm, within

from abspark.stats.balance import equal_means
from abspark.stats.effects import mean_effect
from abspark.stats.fixed import FixedResult, welch

pytestmark = pytest.mark.statistical

LIFT = 0.2
MEAN = 0.05 * np.exp(0.5)


def simulate(seed: int, n_control: int, n_treatment: int) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    result = welch(mean_effect(revenue_arm(rng, n_control, 0.0), revenue_arm(rng, n_treatment, LIFT)))
    return coverage(result)


def coverage(result: FixedResult) -> tuple[float, float]:
    truth = LIFT * MEAN
    absolute = ((result.low < truth) & (truth < result.high)).mean()
    relative = ((result.relative_low < LIFT) & (result.relative_high > LIFT)).mean()
    return float(absolute), float(relative)


@pytest.mark.parametrize("seed", [1, 2])
def test_equal_arms_reach_their_coverage_at_16000_units_an_arm(seed: int) -> None:
    """The difference has it from about 1,000 on, because the arms' skewness cancels; the relative effect has not."""
    absolute, relative = simulate(seed, 1_000, 1_000)
    assert within(absolute, 0.95)
    assert relative < 0.93
    assert all(within(share, 0.95) for share in simulate(seed, 16_000, 16_000))


@pytest.mark.parametrize("seed", [1, 2])
def test_one_treated_in_ten_reaches_its_coverage_at_20000_treated(seed: int) -> None:
    assert simulate(seed, 1_800, 200)[0] < 0.87
    assert simulate(seed, 28_800, 3_200)[0] < band(0.95)[0]
    assert all(within(share, 0.95) for share in simulate(seed, 180_000, 20_000))


def test_the_balance_of_revenue_before_exposure_alarms_less_often_than_welch() -> None:
    """One treated in ten, at the default level of 0.1 %."""
    rng = np.random.default_rng(1)
    arms = revenue_arm(rng, 9_000, 0.0), revenue_arm(rng, 1_000, 0.0)
    assert (equal_means(*arms).p_value < 0.001).mean() < 0.004
    assert (welch(mean_effect(*arms)).p_value < 0.001).mean() > 0.006
