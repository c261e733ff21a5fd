"""The least skewness that non-negative values can have, and what it does to a t-test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from abspark.stats.effects import mean_effect
from abspark.stats.fixed import welch
from abspark.stats.moments import Moments
from abspark.stats.skewness import SkewedTails, skewed_tails

VALUES = st.lists(st.floats(0, 1e3, allow_subnormal=False), min_size=3, max_size=30)


def moments_of(n: int, mean: float, variance: float) -> Moments:
    given = Moments.from_samples(np.zeros((1, 2)))
    given.n[:], given.mean[:, 0], given.cov[:, 0, 0] = n, mean, variance
    return given


def of_shares(share: float, control: int, treatment: int, tail: float = 0.025) -> SkewedTails:
    """Both arms with the same share of ones; the bound is exact for values of 0 and 1."""
    arms = (moments_of(n, share, share * (1 - share) * n / (n - 1)) for n in (control, treatment))
    return skewed_tails(*arms, np.array([tail]))


@pytest.mark.parametrize(("control", "treatment"), [(5_000, 100), (100, 5_000), (700, 300)])
def test_of_zeros_and_ones_the_skewness_is_that_of_the_difference(control: int, treatment: int) -> None:
    """Third cumulants of independent means add: scipy's skewness of a Bernoulli, k3 / n^2, over the error's cube."""
    share = 0.05
    third = float(stats.bernoulli.stats(share, moments="s")) * (share * (1 - share)) ** 1.5
    error = (share * (1 - share) * (1 / control + 1 / treatment)) ** 0.5
    expected = (third / treatment**2 - third / control**2) / error**3
    assert_allclose(of_shares(share, control, treatment).skewness, expected, rtol=2e-3)


@given(VALUES, VALUES)
def test_no_values_are_less_skewed_than_the_bound(few: list[float], many: list[float]) -> None:
    values = np.array([*few, *many])
    assume(np.ptp(values) >= 1e-3 * values.max() >= 1e-6)
    control, treatment = (Moments.from_samples(np.array(arm)) for arm in (many, few))
    found = skewed_tails(control, treatment, np.array([0.025])).skewness[0]
    n, m = len(few), len(many)
    scale = (1 / n**2 - 1 / m**2) / (1 / n + 1 / m) ** 1.5
    # the variance of a batch has the divisor n - 1, so the bound is of a little more spread than the sample's own
    ratio = values.std(ddof=1) / values.mean()
    assert_allclose(found, max(ratio - 1 / ratio, 0) * scale, rtol=1e-6, atol=1e-9)
    own = values.std() / values.mean()
    assert stats.skew(values) >= own - 1 / own - 1e-6


def test_with_many_units_the_expansion_is_what_is_simulated() -> None:
    """200,000 draws of both arms: standard error of a tail 0.0004; both tails together hardly change."""
    rng = np.random.default_rng(1)
    n, m, share = 60_000, 1_500, 0.05
    shares = [rng.binomial(size, share, 200_000) / size for size in (n, m)]
    errors = [p * (1 - p) / (size - 1) for p, size in zip(shares, (n, m), strict=True)]
    z = (shares[1] - shares[0]) / np.sqrt(errors[0] + errors[1])
    found = of_shares(share, n, m)
    assert_allclose(found.false_tail, np.mean(z < stats.norm.ppf(0.025)), atol=0.002)
    assert found.false_tail[0] > 0.033


def test_with_few_units_more_is_simulated_than_is_told() -> None:
    rng = np.random.default_rng(2)
    paid = [(rng.random((4_000, n)) < 0.05) * rng.lognormal(0, 1, (4_000, n)) for n in (1_800, 200)]
    control, treatment = map(Moments.from_samples, paid)
    result = welch(mean_effect(control, treatment))
    decreases = np.mean((result.p_value < 0.05) & (result.effect < 0))
    told = skewed_tails(control, treatment, np.full(4_000, 0.025)).false_tail
    assert decreases > 0.1 > np.quantile(told, 0.99) > told.min() > 0.05


def test_arms_of_one_size_lend_each_other_symmetry() -> None:
    found = of_shares(0.01, 300, 300)
    assert_allclose([found.skewness[0], found.false_tail[0]], [0.0, 0.025])


def test_a_smaller_level_errs_by_more_times_its_level() -> None:
    usual, strict = (of_shares(0.05, 5_000, 500, tail) for tail in (0.025, 0.0005))
    assert strict.false_tail[0] / 0.0005 > 1.5 * usual.false_tail[0] / 0.025


@pytest.mark.parametrize(
    ("mean", "variance", "n"), [(0.0, 0.0, 50), (-1.0, 4.0, 50), (1.0, 0.0, 50), (0.5, 0.25, 1)]
)
def test_what_cannot_be_said_is_nan(mean: float, variance: float, n: int) -> None:
    found = skewed_tails(moments_of(n, mean, variance), moments_of(100, mean, variance), np.array([0.025]))
    assert np.isnan(found.skewness).all()
    assert np.isnan(found.false_tail).all()
