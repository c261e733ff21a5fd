"""Heterogeneity against Welch's analysis of variance, trends against weighted least squares."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from statsmodels.stats.oneway import anova_oneway

from abspark.stats import reasons
from abspark.stats.effects import mean_effect
from abspark.stats.heterogeneity import heterogeneity
from abspark.stats.moments import Moments, merge
from abspark.stats.trend import daily_increments, trend


def test_known_variances_give_cochrans_q() -> None:
    effect, variance = np.array([1.0, 2.0, 4.0, 5.0, 5.5]), np.array([0.5, 1.0, 0.25, 2.0, 2.0])
    group = np.array([3, 3, 3, -1, -1])
    result = heterogeneity(effect, variance, group=group)
    weight = 1 / variance[:3]
    pooled = (weight * effect[:3]).sum() / weight.sum()
    q = (weight * (effect[:3] - pooled) ** 2).sum()
    assert_array_equal(result.group, [-1, 3])
    assert_array_equal(result.estimates, [2, 3])
    assert_allclose(result.pooled, [5.25, pooled])
    assert_allclose(result.q, [0.0625, q])
    assert_allclose(result.statistic, result.q / [1, 2])
    assert_allclose(result.p_value, stats.chi2.sf(result.q, [1, 2]), rtol=1e-10)
    assert_allclose(result.i_squared, [0, 1 - 2 / q])
    assert_array_equal(result.dof, [1, 2])
    assert_array_equal(result.dof_error, [np.inf, np.inf])


@pytest.mark.parametrize("sizes", [(5, 9), (4, 12, 7), (30, 6, 11, 8)])
def test_estimated_variances_give_welchs_anova(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(sizes))
    samples = [rng.normal(i * 0.4, 1 + i, n) for i, n in enumerate(sizes)]
    expected = anova_oneway(samples, use_var="unequal", welch_correction=True)
    result = heterogeneity(
        [x.mean() for x in samples],
        [x.var(ddof=1) / len(x) for x in samples],
        group=np.zeros(len(sizes)),
        dof=[len(x) - 1 for x in samples],
    )
    assert_allclose(result.statistic[0], expected.statistic, rtol=1e-10)
    assert_allclose(result.dof_error[0], expected.df_denom, rtol=1e-10)
    assert_allclose(result.p_value[0], expected.pvalue, rtol=1e-9)


def test_estimates_without_variance_are_left_out() -> None:
    effect = [1.0, 2.0, 3.0, np.nan, 7.0]
    result = heterogeneity(effect, [1.0, 1.0, np.nan, 1.0, 0.0], group=[1, 1, 1, 2, 2])
    assert_array_equal(result.estimates, [2, 0])
    assert_allclose(result.q, [0.5, np.nan])
    assert_allclose(result.pooled, [1.5, np.nan])
    assert result.reason.tolist() == [reasons.NONE, reasons.FEWER_THAN_2_ESTIMATES]
    assert np.isnan([result.p_value[1], result.statistic[1], result.dof[1], result.i_squared[1]]).all()


def test_trend_is_weighted_least_squares() -> None:
    rng = np.random.default_rng(2)
    day = np.array([0.0, 1, 2, 4, 5, 9])
    effect, variance = rng.normal(1, 1, (2, 6)) + day * 0.3, rng.uniform(0.2, 2, (2, 6))
    effect[1, 2] = np.nan
    result = trend(effect, variance, day=day)
    for row in (0, 1):
        used = ~np.isnan(effect[row])
        line = sm.WLS(effect[row, used], sm.add_constant(day[used]), weights=1 / variance[row, used]).fit(
            cov_type="fixed scale"
        )
        assert_allclose([result.slope[row], result.std_error[row]], [line.params[1], line.bse[1]], rtol=1e-10)
        assert_allclose(result.p_value[row], line.pvalues[1], rtol=1e-9)
        assert_allclose([result.first[row], result.last[row]], line.params @ [[1, 1], [0, 9]], rtol=1e-10)


def test_patterns_say_what_a_trend_does_to_the_effect() -> None:
    day = np.arange(8.0)
    effect = np.array([4 - 0.4 * day, 1 + 0.4 * day, -4 + 0.4 * day, -1 - 0.4 * day, 2 + 0 * day])
    result = trend(effect, np.full((5, 8), 0.01), day=day)
    assert result.pattern.tolist() == ["novelty", "primacy", "novelty", "primacy", ""]
    p = trend(effect, np.full((5, 8), 1.0), day=day).p_value[0]
    for alpha, pattern in ((p * 1.01, "novelty"), (p * 0.99, "")):
        assert trend(effect, np.full((5, 8), 1.0), day=day, alpha=alpha).pattern[0] == pattern


def test_a_trend_needs_three_days() -> None:
    result = trend([[1.0, 2.0, np.nan]], [[1.0, 1.0, 1.0]], day=[1, 2, 3])
    assert result.reason.tolist() == [reasons.FEWER_THAN_3_DAYS]
    assert np.isnan([result.slope[0], result.p_value[0], result.first[0], result.last[0]]).all()
    assert result.pattern.tolist() == [""]


def test_increments_are_the_effects_of_the_new_units() -> None:
    """With equal variances within days the cumulative effect is the weighted mean of the days' effects."""
    daily, variance = np.array([[1.0, 3.0, 2.0]]), np.array([[0.5, 0.25, 1.0]])
    weight = 1 / variance
    cumulative = np.cumsum(weight * daily, axis=1) / np.cumsum(weight, axis=1)
    effect, spread = daily_increments(cumulative, 1 / np.cumsum(weight, axis=1))
    assert_allclose(effect, daily)
    assert_allclose(spread, variance)
    effect, spread = daily_increments([[1.0, 1.0, np.nan]], [[0.5, 0.5, np.nan]])
    assert_array_equal(np.isnan(effect), [[False, True, True]])
    assert_array_equal(np.isnan(spread), [[False, True, True]])


def test_a_day_without_an_estimate_is_passed_over() -> None:
    """What is new on day 3 is what days 2 and 3 have: nothing of day 1 again."""
    daily, weight = np.array([1.0, 3.0, 2.0]), np.array([2.0, 4.0, 1.0])
    cumulative = np.cumsum(weight * daily) / np.cumsum(weight)
    variance = 1 / np.cumsum(weight)
    for undefined in ((np.nan, np.nan), (cumulative[1], np.nan), (np.nan, variance[1]), (cumulative[1], 0.0)):
        given = [[cumulative[0], undefined[0], cumulative[2]]], [[variance[0], undefined[1], variance[2]]]
        effect, spread = daily_increments(*given)
        assert_allclose(effect, [[1.0, np.nan, 14 / 5]])
        assert_allclose(spread, [[1 / 2, np.nan, 1 / 5]])


def test_increments_of_merged_moments_come_near_the_days_own_effects() -> None:
    rng = np.random.default_rng(3)
    days = [
        (Moments.from_samples(rng.normal(5, 1, 4000)), Moments.from_samples(rng.normal(5.5, 1, 3000)))
        for _ in range(3)
    ]
    own, cumulative, so_far = [], [], None
    for control, treatment in days:
        so_far = (
            (control, treatment)
            if so_far is None
            else (merge(so_far[0], control), merge(so_far[1], treatment))
        )
        own.append(mean_effect(control, treatment).effect[0])
        cumulative.append(mean_effect(*so_far))
    effect, _ = daily_increments([[c.effect[0] for c in cumulative]], [[c.variance[0] for c in cumulative]])
    assert_allclose(effect[0], own, atol=0.005)
