"""Effects against raw values; simulation and jackknife are other routes to the variances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from abspark.stats import reasons
from abspark.stats.effects import (
    Effect,
    cuped_mean_effect,
    cuped_ratio_effect,
    linearised_variance,
    mean_effect,
    proportion_effect,
    ratio_effect,
)
from abspark.stats.fixed import welch
from abspark.stats.moments import Moments

Sample = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
ESTIMATORS = [mean_effect, ratio_effect, cuped_mean_effect, cuped_ratio_effect]


def draw(rng: np.random.Generator, shape: tuple[int, int], lift: float) -> Sample:
    """Sessions and revenue of units whose activity is correlated before and after exposure."""
    activity = rng.gamma(3, 1, shape)
    den = rng.poisson(activity) + 1.0
    num = den * (2 + lift) + activity * rng.normal(1, 1, shape)
    pre_den = rng.poisson(activity) + 1.0
    pre_num = pre_den * 2 + activity * rng.normal(1, 1, shape)
    return num, den, pre_num, pre_den


def moments_of(sample: Sample) -> Moments:
    num, den, pre_num, pre_den = sample
    return Moments.from_samples(num, den, pre_num=pre_num, pre_den=pre_den)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_variances_agree_with_simulation(estimator: Callable[..., Effect]) -> None:
    rng = np.random.default_rng(1)
    control = moments_of(draw(rng, (4000, 400), 0.0))
    treatment = moments_of(draw(rng, (4000, 300), 0.3))
    effect = estimator(control, treatment)
    # The relative error of a variance from 4,000 draws has a standard deviation of 2.2 %.
    assert_allclose(effect.variance.mean(), effect.effect.var(ddof=1), rtol=0.08)
    assert_allclose(effect.relative_variance.mean(), effect.relative.var(ddof=1), rtol=0.08)
    shared = np.cov(effect.effect, effect.control.mean)[0, 1]
    assert_allclose(effect.covariance.mean(), shared, rtol=0.12)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_variances_agree_with_the_jackknife(estimator: Callable[..., Effect]) -> None:
    rng = np.random.default_rng(2)
    control, treatment = draw(rng, (1, 500), 0.0), draw(rng, (1, 350), 0.2)
    full = estimator(moments_of(control), moments_of(treatment))
    totals = {"effect": np.zeros(1), "relative": np.zeros(1)}
    for arm, n in enumerate((500, 350)):
        keep = ~np.eye(n, dtype=bool)
        arms = [control, treatment]
        arms[1 - arm] = tuple(np.repeat(column, n, axis=0) for column in arms[1 - arm])
        arms[arm] = tuple(np.broadcast_to(column, (n, n))[keep].reshape(n, n - 1) for column in arms[arm])
        without_one = estimator(moments_of(arms[0]), moments_of(arms[1]))
        for name, total in totals.items():
            total += (n - 1) ** 2 / n * getattr(without_one, name).var(ddof=1)
    assert_allclose(full.variance, totals["effect"], rtol=0.02)
    assert_allclose(full.relative_variance, totals["relative"], rtol=0.02)


def test_cuped_is_welch_on_adjusted_values() -> None:
    rng = np.random.default_rng(3)
    (y_c, _, x_c, _), (y_t, _, x_t, _) = draw(rng, (1, 80), 0.0), draw(rng, (1, 60), 0.5)
    y, x = np.r_[y_c[0], y_t[0]], np.r_[x_c[0], x_t[0]]
    theta = np.cov(y, x)[0, 1] / np.var(x, ddof=1)
    adjusted = y - theta * (x - x.mean())
    effect = cuped_mean_effect(Moments.from_samples(y_c, pre_num=x_c), Moments.from_samples(y_t, pre_num=x_t))
    expected = stats.ttest_ind(adjusted[80:], adjusted[:80], equal_var=False)
    interval = expected.confidence_interval()
    result = welch(effect)
    assert_allclose(effect.theta, theta, rtol=1e-12)
    assert_allclose(effect.control.adjusted, adjusted[:80].mean(), rtol=1e-12)
    assert_allclose(effect.treatment.adjusted, adjusted[80:].mean(), rtol=1e-12)
    assert_allclose(effect.control.mean, y_c.mean(), rtol=1e-13)
    assert_allclose([result.statistic[0], result.p_value[0], result.dof[0]],
                    [expected.statistic, expected.pvalue, expected.df], rtol=1e-10)  # fmt: skip
    assert_allclose([result.low[0], result.high[0]], interval, rtol=1e-10)
    raw = y_t.var(ddof=1) / 60 + y_c.var(ddof=1) / 80
    assert_allclose(effect.variance_reduction, 1 - effect.variance / raw, rtol=1e-12)
    assert effect.variance_reduction[0] > 0.1


def test_ratio_is_the_mean_of_linearised_values() -> None:
    rng = np.random.default_rng(4)
    control, treatment = draw(rng, (1, 90), 0.0), draw(rng, (1, 70), 0.5)
    variance, ratios = 0.0, []
    for num, den, _, _ in (control, treatment):
        ratio = num.sum() / den.sum()
        variance += ((num - ratio * den) / den.mean()).var(ddof=1) / num.size
        ratios.append(ratio)
    effect = ratio_effect(moments_of(control), moments_of(treatment))
    assert_allclose([effect.control.mean[0], effect.treatment.mean[0]], ratios, rtol=1e-12)
    assert_allclose(effect.effect, ratios[1] - ratios[0], rtol=1e-10)
    assert_allclose(effect.variance, variance, rtol=1e-11)
    assert_allclose(effect.relative, ratios[1] / ratios[0] - 1, rtol=1e-10)


def test_cuped_ratio_takes_theta_at_the_means_of_both_arms() -> None:
    rng = np.random.default_rng(5)
    control, treatment = draw(rng, (1, 90), 0.0), draw(rng, (1, 70), 0.5)
    num, den, pre_num, pre_den = (np.r_[c[0], t[0]] for c, t in zip(control, treatment, strict=True))
    outcome = (num - num.sum() / den.sum() * den) / den.mean()
    covariate = (pre_num - pre_num.sum() / pre_den.sum() * pre_den) / pre_den.mean()
    theta = np.cov(outcome, covariate)[0, 1] / covariate.var(ddof=1)
    effect = cuped_ratio_effect(moments_of(control), moments_of(treatment))
    assert_allclose(effect.theta, theta, rtol=1e-11)
    before = treatment[2].sum() / treatment[3].sum() - control[2].sum() / control[3].sum()
    after = treatment[0].sum() / treatment[1].sum() - control[0].sum() / control[1].sum()
    assert_allclose(effect.effect, after - theta * before, rtol=1e-10)
    assert_allclose(
        effect.relative, (after - theta * before) / (control[0].sum() / control[1].sum()), rtol=1e-10
    )


def test_proportions_have_variance_without_ddof() -> None:
    control, treatment = np.r_[np.ones(3), np.zeros(7)], np.r_[np.ones(5), np.zeros(3)]
    effect = proportion_effect(Moments.from_samples(control), Moments.from_samples(treatment))
    assert_allclose(effect.control.variance, 0.3 * 0.7 / 10)
    assert_allclose(effect.treatment.variance, 0.625 * 0.375 / 8)
    assert_allclose(effect.effect, 0.325)
    assert np.isinf(effect.control.dof).all()


def test_linearised_variance_is_per_unit() -> None:
    num, den, *_ = draw(np.random.default_rng(6), (1, 50), 0.0)
    ratio = num.sum() / den.sum()
    mean, variance = linearised_variance(Moments.from_samples(num, den), "ratio")
    assert_allclose(mean, ratio)
    assert_allclose(variance, ((num - ratio * den) / den.mean()).var(ddof=1))
    assert_allclose(linearised_variance(Moments.from_samples(num), "mean"), [[num.mean()], [num.var(ddof=1)]])


def test_take_picks_the_same_rows_of_everything() -> None:
    rng = np.random.default_rng(7)
    effect = cuped_mean_effect(moments_of(draw(rng, (4, 30), 0.0)), moments_of(draw(rng, (4, 20), 0.0)))
    picked = effect.take(np.array([2, 0]))
    assert len(picked) == 2
    assert_array_equal(picked.control.adjusted, effect.control.adjusted[[2, 0]])
    assert_array_equal(picked.relative_variance, effect.relative_variance[[2, 0]])


@pytest.mark.parametrize(
    ("estimator", "control", "treatment", "reason", "relative_reason"),
    [
        (mean_effect, ([1.0],), ([1.0, 2.0],), reasons.N_BELOW_2, reasons.N_BELOW_2),
        (mean_effect, ([],), ([1.0, 2.0],), reasons.N_BELOW_2, reasons.N_BELOW_2),
        (mean_effect, ([2.0, 2.0],), ([3.0, 3.0],), reasons.ZERO_VARIANCE, reasons.ZERO_VARIANCE),
        (mean_effect, ([0.1] * 7,), ([0.3] * 7,), reasons.ZERO_VARIANCE, reasons.ZERO_VARIANCE),
        (mean_effect, ([-1.0, 1.0],), ([1.0, 2.0],), reasons.NONE, reasons.CONTROL_MEAN_NOT_POSITIVE),
        (mean_effect, ([-1.0, -3.0],), ([1.0, 2.0],), reasons.NONE, reasons.CONTROL_MEAN_NOT_POSITIVE),
        (mean_effect, ([1.0, 3.0],), ([0.0, 0.0],), reasons.NONE, reasons.NO_RELATIVE_ERROR),
        (ratio_effect, ([1.0, 2.0], [0.0, 0.0]), ([1.0, 2.0], [1.0, 1.0]), reasons.ZERO_DENOMINATOR,
         reasons.ZERO_DENOMINATOR),
        (ratio_effect, ([1.0, 2.0], [1.0, 1.0]), ([1.0, 2.0], [0.0, 0.0]), reasons.ZERO_DENOMINATOR,
         reasons.ZERO_DENOMINATOR),
        (ratio_effect, ([1.0, 2.0],), ([1.0, 2.0],), reasons.MISSING_MOMENTS, reasons.MISSING_MOMENTS),
        (ratio_effect, ([0.1, 0.7], [0.1, 0.7]), ([0.3, 0.9], [0.3, 0.9]), reasons.ZERO_VARIANCE,
         reasons.ZERO_VARIANCE),
        (cuped_mean_effect, ([1.0, 2.0],), ([1.0, 2.0],), reasons.COVARIATE_MISSING,
         reasons.COVARIATE_MISSING),
        (cuped_ratio_effect, ([1.0, 2.0], [1.0, 2.0], [1.0, 3.0], [0.0, 0.0]),
         ([1.0, 2.0], [1.0, 2.0], [1.0, 3.0], [0.0, 1.0]), reasons.COVARIATE_ZERO_DENOMINATOR,
         reasons.COVARIATE_ZERO_DENOMINATOR),
        (proportion_effect, ([0.0, 2.0, 3.0],), ([1.0, 0.0],), reasons.NOT_A_PROPORTION,
         reasons.NOT_A_PROPORTION),
        (proportion_effect, ([1.0, 1.0],), ([1.0, 1.0],), reasons.ZERO_VARIANCE, reasons.ZERO_VARIANCE),
        (proportion_effect, ([0.0, 0.0],), ([0.0, 1.0],), reasons.NONE, reasons.CONTROL_MEAN_NOT_POSITIVE),
    ],
)  # fmt: skip
def test_reasons(
    estimator: Callable[..., Effect],
    control: tuple[list[float], ...],
    treatment: tuple[list[float], ...],
    reason: str,
    relative_reason: str,
) -> None:
    names = ("num", "den", "pre_num", "pre_den")
    effect = estimator(
        *(
            Moments.from_samples(**dict(zip(names, map(np.array, arm), strict=False)))
            for arm in (control, treatment)
        )
    )
    assert effect.reason.tolist() == [reason]
    assert effect.relative_reason.tolist() == [relative_reason]
    undefined = relative_reason not in (reasons.NONE, reasons.ZERO_VARIANCE, reasons.NO_RELATIVE_ERROR)
    assert np.isnan(effect.relative_variance[0]) == undefined
    assert np.isnan(effect.variance[0]) == (reason not in (reasons.NONE, reasons.ZERO_VARIANCE))


def test_a_covariate_constant_up_to_rounding_adjusts_nothing() -> None:
    rng = np.random.default_rng(8)
    y_c, y_t = rng.normal(5, 1, (1, 40)), rng.normal(5, 1, (1, 30))
    tiny = 1e-17
    control = Moments.from_samples(y_c, pre_num=np.full((1, 40), 0.1))
    treatment = Moments.from_samples(y_t, pre_num=np.full((1, 30), 0.1 + tiny))
    control.cov[0, 2, 2], control.cov[0, 0, 2], control.cov[0, 2, 0] = tiny**2, tiny, tiny
    control.mean[0, 2] += 4 * tiny
    effect = cuped_mean_effect(control, treatment)
    assert_array_equal(effect.theta, [0.0])
    assert_array_equal(effect.effect, mean_effect(control, treatment).effect)
    assert_array_equal(effect.variance_reduction, [0.0])


def test_a_covariate_constant_within_the_arms_adjusts_nothing() -> None:
    """Else theta would be the difference of outcomes over that of covariates, and every effect 0."""
    control = Moments.from_samples([1.0, 2.0, 6.0], pre_num=[1.0, 1.0, 1.0])
    treatment = Moments.from_samples([4.0, 9.0, 8.0], pre_num=[2.0, 2.0, 2.0])
    effect = cuped_mean_effect(control, treatment)
    assert_array_equal([effect.theta[0], effect.effect[0], effect.variance_reduction[0]], [0.0, 4.0, 0.0])


@pytest.mark.parametrize("seed", range(5))
def test_variance_that_is_nothing_but_rounding_is_zero(seed: int) -> None:
    rng = np.random.default_rng(seed)
    (den_c, den_t), scale = rng.gamma(3, 1, (2, 50)), rng.uniform(0.1, 0.9)
    ratio = ratio_effect(
        Moments.from_samples(scale * den_c, den_c), Moments.from_samples(scale * den_t, den_t)
    )
    perfect = cuped_mean_effect(
        Moments.from_samples(scale * den_c, pre_num=den_c), Moments.from_samples(scale * den_t, pre_num=den_t)
    )
    assert [ratio.reason[0], perfect.reason[0]] == [reasons.ZERO_VARIANCE] * 2
    assert_array_equal([ratio.variance[0], perfect.variance[0]], [0.0, 0.0])


@pytest.mark.parametrize("interval", ["delta", "fieller"])
def test_a_treatment_of_zeros_has_a_relative_effect_without_error(
    interval: Literal["delta", "fieller"],
) -> None:
    """-100 % whatever control's mean is: there is an interval of the effect, and none of the relative effect."""
    control = Moments.from_samples(np.random.default_rng(1).exponential(2, 400))
    effect = mean_effect(control, Moments.from_samples(np.zeros(300)))
    found = welch(effect, relative_interval=interval)
    assert found.relative.tolist() == [-1.0]
    assert found.reason.tolist() == [reasons.NO_RELATIVE_ERROR]
    assert np.isnan([found.relative_low[0], found.relative_high[0]]).all()
    assert effect.reason.tolist() == [""]
    assert found.high[0] < 0
    assert found.p_value[0] < 1e-9


def test_every_reason_has_a_sentence() -> None:
    codes = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}
    assert codes == set(reasons.SENTENCES)


def test_the_first_reason_wins() -> None:
    masks = [(np.array([False, True]), reasons.ZERO_VARIANCE), (np.array([True, True]), reasons.NO_UNITS)]
    assert reasons.first_reason(2, masks).tolist() == [reasons.NO_UNITS, reasons.ZERO_VARIANCE]
