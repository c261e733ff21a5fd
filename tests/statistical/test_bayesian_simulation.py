"""What stopping when a posterior convinces does to the error rate; the figures stand in the documentation."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from abspark.stats.bayesian import EffectPrior, compare_effect
from abspark.stats.beta import Beta, probability_greater

pytestmark = pytest.mark.statistical
EXPERIMENTS = 20_000
PAGE = Path(__file__).parents[2] / "docs" / "statistics-sequential.md"


def band(rate):
    return binom.ppf([0.0005, 0.9995], EXPERIMENTS, rate) / EXPERIMENTS


def stopped(better):
    """Share of experiments whose posterior at some look puts 97.5 % on the one variant or the other."""
    return np.mean(np.any((better > 0.975) | (better < 0.025), axis=1))


def relative_effects(seed, looks):
    """No effect: estimates (experiments, looks) and standard errors (looks,), 0.02 at the last look."""
    generator = np.random.default_rng(seed)
    information = np.arange(1, looks + 1) / looks
    score = np.cumsum(generator.normal(0, np.sqrt(1 / looks), (EXPERIMENTS, looks)), axis=1)
    return 0.02 * score / information, 0.02 / np.sqrt(information)


@pytest.mark.parametrize(
    ("looks", "prior_sd", "rate"),
    [(1, np.inf, 0.05), (10, np.inf, 0.193), (30, np.inf, 0.275), (10, 0.05, 0.087), (30, 0.05, 0.110)],
)
def test_optional_stopping_on_the_normal_model(looks, prior_sd, rate):
    estimate, error = relative_effects(1, looks)
    result = compare_effect(
        estimate, np.tile(error, (EXPERIMENTS, 1)), prior=EffectPrior(0.0, prior_sd), alpha=0.05
    )
    low, high = band(rate)
    share = stopped(result.prob_better)
    assert low <= share <= high, share
    assert (
        f"{looks} looks, prior sd {'flat' if np.isinf(prior_sd) else prior_sd}: {100 * rate:.1f} %"
        in PAGE.read_text()
    )


def test_optional_stopping_on_the_beta_binomial():
    generator = np.random.default_rng(1)
    won = np.cumsum(generator.binomial(1000, 0.05, (2, EXPERIMENTS, 10)), axis=2).astype(float)
    tried = 1000.0 * np.arange(1, 11)
    better = np.empty((EXPERIMENTS, 10))
    for look in range(10):
        for part in np.array_split(np.arange(EXPERIMENTS), 10):
            pair = [Beta(1 + won[arm, part, look], 1 + tried[look] - won[arm, part, look]) for arm in (1, 0)]
            better[part, look] = probability_greater(*pair)
    low, high = band(0.19)
    assert low <= stopped(better) <= high, stopped(better)
