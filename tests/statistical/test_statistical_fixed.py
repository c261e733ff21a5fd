"""Coverage and false-positive rates of the fixed-horizon methods over 20,000 experiments a seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from simulated_moments import EXPERIMENTS, MEAN, RATIO, activity_arm, band, within

from abspark.stats.effects import (
    Effect,
    cuped_mean_effect,
    cuped_ratio_effect,
    mean_effect,
    proportion_effect,
    ratio_effect,
)
from abspark.stats.fixed import proportion_z, welch
from abspark.stats.guardrails import guardrail
from abspark.stats.moments import Moments

pytestmark = pytest.mark.statistical

LIFT = 0.1
SEEDS = (1, 2, 3)
ESTIMATORS = {
    mean_effect: MEAN,
    cuped_mean_effect: MEAN,
    ratio_effect: RATIO,
    cuped_ratio_effect: RATIO,
}


@pytest.fixture(scope="module", params=SEEDS)
def arms(request: pytest.FixtureRequest) -> dict[str, Moments]:
    rng = np.random.default_rng(request.param)
    return {
        "control": activity_arm(rng, 400, 0.0),
        "same": activity_arm(rng, 300, 0.0),
        "lifted": activity_arm(rng, 300, LIFT),
    }


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_false_positives(arms: dict[str, Moments], estimator: Callable[..., Effect]) -> None:
    effect = estimator(arms["control"], arms["same"])
    for alpha in (0.05, 0.01):
        assert within((welch(effect).p_value < alpha).mean(), alpha)
    for direction in (1, -1):
        assert within((welch(effect, sides=1, direction=direction).p_value < 0.05).mean(), 0.05)


@pytest.mark.parametrize("estimator", [ratio_effect, cuped_ratio_effect])
def test_skewness_with_unequal_arms_moves_the_one_sided_tail(
    arms: dict[str, Moments], estimator: Callable[..., Effect]
) -> None:
    """At 1 % one-sided, 400 and 300 units: a little off, by less than half of the level."""
    effect = estimator(arms["control"], arms["same"])
    for direction in (1, -1):
        rate = (welch(effect, sides=1, direction=direction).p_value < 0.01).mean()
        assert 0.005 < rate < 0.015


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_coverage(arms: dict[str, Moments], estimator: Callable[..., Effect]) -> None:
    effect = estimator(arms["control"], arms["lifted"])
    truth = LIFT * ESTIMATORS[estimator]
    result = welch(effect)
    assert within(((result.low < truth) & (truth < result.high)).mean(), 0.95)
    assert within(((result.relative_low < LIFT) & (result.relative_high > LIFT)).mean(), 0.95)
    fieller = welch(effect, relative_interval="fieller")
    assert within(((fieller.relative_low < LIFT) & (fieller.relative_high > LIFT)).mean(), 0.95)


@pytest.mark.parametrize("estimator", [cuped_mean_effect, cuped_ratio_effect])
def test_relative_interval_without_the_covariance_misses(
    arms: dict[str, Moments], estimator: Callable[..., Effect]
) -> None:
    """What goes wrong when the control mean is taken as known, shown where the treatment doubles the mean."""
    doubled = Moments(arms["lifted"].n, arms["lifted"].mean.copy(), arms["lifted"].cov.copy())
    factor = np.array([2 / (1 + LIFT), 1, 1, 1])
    doubled = Moments(doubled.n, doubled.mean * factor, doubled.cov * factor[:, None] * factor)
    effect = estimator(arms["control"], doubled)
    result = welch(effect)
    assert within(((result.relative_low < 1) & (result.relative_high > 1)).mean(), 0.95)
    half = 1.959964 * np.sqrt(effect.variance) / effect.control.mean
    naive = (np.abs(effect.relative - 1) < half).mean()
    assert naive < 0.93


@pytest.mark.parametrize("estimator", [mean_effect, cuped_mean_effect, ratio_effect])
@pytest.mark.parametrize("direction", [1, -1])
def test_guardrails_at_the_edge_of_the_margin(
    arms: dict[str, Moments], estimator: Callable[..., Effect], direction: int
) -> None:
    """The truth is exactly the margin: both verdicts are wrong, each with a probability of alpha / 2."""
    control, treatment = arms["same"], arms["control"]
    factor = np.array([1 - direction * 0.05, 1, 1, 1])
    moved = Moments(treatment.n, treatment.mean * factor, treatment.cov * factor[:, None] * factor)
    result = guardrail(estimator(control, moved), margin=0.05, direction=direction, alpha=0.1)
    assert within(result.non_inferior.mean(), 0.05)
    assert within(result.harmed.mean(), 0.05)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("p", "q", "n"), [(0.1, 0.12, 4000), (0.5, 0.45, 1000)])
def test_proportions(seed: int, p: float, q: float, n: int) -> None:
    rng = np.random.default_rng(seed)

    def arm(rate: float, size: int) -> Moments:
        share = rng.binomial(size, rate, EXPERIMENTS) / size
        mean, cov = np.full((EXPERIMENTS, 4), np.nan), np.full((EXPERIMENTS, 4, 4), np.nan)
        mean[:, 0], cov[:, 0, 0] = share, share * (1 - share) * size / (size - 1)
        return Moments(np.full(EXPERIMENTS, float(size)), mean, cov)

    control = arm(p, n)
    null = proportion_z(proportion_effect(control, arm(p, n // 2)))
    assert within((null.p_value < 0.05).mean(), 0.05)
    effect = proportion_effect(control, arm(q, n // 2))
    for interval in ("wald", "newcombe", "agresti_caffo"):
        result = proportion_z(effect, interval=interval)
        assert within(((result.low < q - p) & (q - p < result.high)).mean(), 0.95)
    assert within(((result.relative_low < q / p - 1) & (q / p - 1 < result.relative_high)).mean(), 0.95)


@pytest.mark.parametrize("seed", SEEDS)
def test_small_counts_want_newcombe_or_agresti_caffo(seed: int) -> None:
    """At 15 and 25 units with rates of 5 % and 10 %, Wald's interval misses too often; the others do not."""
    rng = np.random.default_rng(seed)
    shares = [rng.binomial(n, p, EXPERIMENTS) / n for n, p in ((25, 0.05), (15, 0.10))]
    arms = []
    for share, n in zip(shares, (25, 15), strict=True):
        mean = np.full((EXPERIMENTS, 4), np.nan)
        mean[:, 0] = share
        arms.append(Moments(np.full(EXPERIMENTS, float(n)), mean, np.full((EXPERIMENTS, 4, 4), np.nan)))
    effect = proportion_effect(*arms)
    coverage = {}
    for interval in ("wald", "newcombe", "agresti_caffo"):
        result = proportion_z(effect, interval=interval)
        coverage[interval] = ((result.low <= 0.05) & (result.high >= 0.05)).mean()
    low, _ = band(0.95)
    assert coverage["wald"] < low
    assert coverage["newcombe"] > low
    assert coverage["agresti_caffo"] > low
