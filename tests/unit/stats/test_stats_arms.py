"""Arms whose units are all alike, beside arms whose units are not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from abspark.stats import reasons
from abspark.stats.effects import Effect, cuped_mean_effect, mean_effect, ratio_effect
from abspark.stats.fixed import welch
from abspark.stats.moments import Moments

PAID = np.where(np.arange(4_000) % 20 == 0, 20.0 + np.arange(4_000) % 7, 0.0)
NOBODY = np.zeros(40)


def effect_of(control: np.ndarray, treatment: np.ndarray) -> Effect:
    return mean_effect(Moments.from_samples(control), Moments.from_samples(treatment))


@pytest.mark.parametrize("lost", ["treatment", "control"])
def test_few_units_all_alike_are_tested_with_the_variance_of_both_arms(lost: str) -> None:
    """Statistic and error are those of scipy's t-test of equal variances; Welch's alone would have |t| = 14."""
    arms = (PAID, NOBODY) if lost == "treatment" else (NOBODY, PAID)
    result = welch(effect_of(*arms))
    student = stats.ttest_ind(arms[1], arms[0])
    assert_allclose(result.statistic, student.statistic, rtol=1e-12)
    assert_allclose(result.std_error, abs(result.effect / student.statistic), rtol=1e-12)
    assert result.p_value[0] > 0.1
    assert result.low[0] < 0 < result.high[0]


def test_degrees_of_freedom_are_satterthwaites_of_the_pooled_variance() -> None:
    """From the definition: both arms with one variance, so it cancels."""
    n, m = len(PAID), len(NOBODY)
    expected = (1 / n + 1 / m) ** 2 / (1 / (n**2 * (n - 1)) + 1 / (m**2 * (m - 1)))
    assert_allclose(welch(effect_of(PAID, NOBODY)).dof, expected, rtol=1e-12)


def test_arms_of_one_size_keep_their_own_variances() -> None:
    few = PAID[:40]
    assert_allclose(effect_of(few, NOBODY).variance, few.var(ddof=1) / 40, rtol=1e-12)


def test_rounding_does_not_choose_the_variance_of_arms_of_one_size() -> None:
    """Both make the same error of the effect, so rounding could take either for the larger: one time in five."""
    values, before = np.random.default_rng(1).random((2, 200, 10))
    alike = np.full((200, 10), 0.3)
    control, treatment = (
        Moments.from_samples(values, pre_num=before),
        Moments.from_samples(alike, pre_num=before[::-1]),
    )
    effect = cuped_mean_effect(control, treatment)
    own = (effect.theta[:, None] * before[::-1]).var(axis=1, ddof=1) / 10
    assert_allclose(effect.treatment.variance, own, rtol=1e-9)


def test_beside_many_units_all_alike_the_few_keep_their_own_variance() -> None:
    """A control in which nobody can have the metric takes nothing off the error of those who can."""
    few = PAID[:40]
    effect = effect_of(np.zeros(4_000), few)
    assert_allclose(effect.variance, few.var(ddof=1) / 40, rtol=1e-12)
    assert_array_equal(effect.control.variance, [0.0])


def test_a_treatment_that_lost_all_has_no_relative_error() -> None:
    effect = effect_of(PAID, NOBODY)
    assert [effect.reason[0], effect.relative_reason[0]] == [reasons.NONE, reasons.NO_RELATIVE_ERROR]
    assert_array_equal([effect.relative[0], effect.relative_variance[0]], [-1.0, 0.0])


def test_a_control_all_alike_has_an_error_in_the_relative_effect() -> None:
    """By the delta method with one variance s^2 of both arms: s^2 (1 / m + (1 + r)^2 / n) / mean^2."""
    control, treatment = np.full(10, 2.0), PAID
    effect = effect_of(control, treatment)
    s2 = 3_999 * PAID.var(ddof=1) / (9 + 3_999)
    r = PAID.mean() / 2 - 1
    assert_allclose(effect.relative_variance, s2 * (1 / 4_000 + (1 + r) ** 2 / 10) / 4, rtol=1e-12)


def test_units_that_have_no_numerator_have_a_ratio_without_variance() -> None:
    """Linearised at each arm's own means; the variance of revenue per session where nobody paid is 0."""
    sessions = 1.0 + np.arange(4_000) % 3
    effect = ratio_effect(Moments.from_samples(PAID, sessions), Moments.from_samples(NOBODY, sessions[:40]))
    linear = (PAID - PAID.mean() / sessions.mean() * sessions) / sessions.mean()
    s2 = 3_999 * linear.var(ddof=1) / (3_999 + 39)
    assert_allclose(effect.variance, s2 * (1 / 4_000 + 1 / 40), rtol=1e-10)


def test_what_a_covariate_varies_is_no_variance_of_the_metric() -> None:
    """Nobody of the treatment paid; adjusted by what they paid before, they would vary as that does."""
    before = np.roll(PAID, 3) + 0.5 * PAID
    paid_before = before[:40]
    effect = cuped_mean_effect(
        Moments.from_samples(PAID, pre_num=before), Moments.from_samples(NOBODY, pre_num=paid_before)
    )
    theta = effect.theta[0]
    spread = [(PAID - theta * before).var(ddof=1), (theta * paid_before).var(ddof=1)]
    s2 = (3_999 * spread[0] + 39 * spread[1]) / (3_999 + 39)
    assert_allclose(effect.variance, s2 * (1 / 4_000 + 1 / 40), rtol=1e-10)
    raw = 3_999 * PAID.var(ddof=1) / (3_999 + 39) * (1 / 4_000 + 1 / 40)
    assert_allclose(effect.variance_reduction, 1 - effect.variance / raw, rtol=1e-10)
