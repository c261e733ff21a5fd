"""What `make bench` times against each other gives the same numbers: tea-tasting as an independent implementation.

Its relative interval is exp of a normal interval of the logarithm, so half its logarithm's width times the ratio is the
delta method's standard error. With a covariate it divides by the adjusted control mean, not the raw one as here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from abspark.stats.effects import Effect, cuped_mean_effect, cuped_ratio_effect, mean_effect, ratio_effect
from abspark.stats.fixed import welch
from abspark.stats.moments import Moments
from tests.perf.bench_stats import batch
from tests.perf.tea import metric, pairs

ROWS = 40
ESTIMATORS = {
    ("mean", False): mean_effect,
    ("ratio", False): ratio_effect,
    ("mean", True): cuped_mean_effect,
    ("ratio", True): cuped_ratio_effect,
}


@pytest.fixture(scope="module")
def arms() -> tuple[Moments, Moments]:
    return batch(np.random.default_rng(3), ROWS)


@pytest.mark.parametrize(("kind", "adjusted"), ESTIMATORS)
@pytest.mark.parametrize(("alternative", "direction"), [("two-sided", 1), ("greater", 1), ("less", -1)])
def test_tests_and_intervals_agree(
    arms: tuple[Moments, Moments], kind: str, adjusted: bool, alternative: str, direction: int
) -> None:
    sides = 2 if alternative == "two-sided" else 1
    estimator: Callable[..., Effect] = ESTIMATORS[kind, adjusted]
    ours = welch(estimator(*arms), alpha=0.1, sides=sides, direction=direction)
    asked = metric(kind, adjusted=adjusted, alternative=alternative, confidence_level=0.9)
    theirs = [asked.analyze_aggregates(*pair) for pair in pairs(*arms, range(ROWS))]
    expected = np.array(
        [
            (one.effect_size, one.statistic, one.pvalue, one.effect_size_ci_lower, one.effect_size_ci_upper)
            for one in theirs
        ]
    )
    found = np.column_stack([ours.effect, ours.statistic, ours.p_value, ours.low, ours.high])
    np.testing.assert_allclose(found, expected, rtol=1e-7)


@pytest.mark.parametrize("kind", ["mean", "ratio"])
def test_relative_effects_and_their_errors_agree(arms: tuple[Moments, Moments], kind: str) -> None:
    effect = ESTIMATORS[kind, False](*arms)
    asked = metric(kind, adjusted=False, use_t=False, confidence_level=0.9)
    theirs = [asked.analyze_aggregates(*pair) for pair in pairs(*arms, range(ROWS))]
    low, high = (
        np.array([getattr(one, f"rel_effect_size_ci_{end}") for one in theirs]) for end in ("lower", "upper")
    )
    relative = np.array([one.rel_effect_size for one in theirs])
    error = (1 + relative) * np.log((1 + high) / (1 + low)) / 2 / stats.norm.isf(0.05)
    np.testing.assert_allclose(effect.relative, relative, rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(effect.relative_variance), error, rtol=1e-9)
