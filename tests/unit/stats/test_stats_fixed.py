"""Fixed-horizon tests against scipy and statsmodels on random inputs, and where nothing is defined."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate, special, stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from abspark.stats import reasons
from abspark.stats.effects import (
    Effect,
    cuped_mean_effect,
    mean_effect,
    proportion_effect,
    ratio_effect,
)
from abspark.stats.fixed import FixedResult, proportion_z, welch
from abspark.stats.moments import Moments
from abspark.stats.tails import critical_value, level, log_survival, p_value, welch_dof


def random_moments(rng: np.random.Generator, rows: int) -> Moments:
    root = rng.normal(size=(rows, 4, 4))
    return Moments(rng.integers(2, 400, rows), rng.uniform(1, 3, (rows, 4)), root @ root.transpose(0, 2, 1))


def from_counts(x: np.ndarray, n: np.ndarray) -> Moments:
    p = x / n
    mean, cov = np.full((len(n), 4), np.nan), np.full((len(n), 4, 4), np.nan)
    mean[:, 0], cov[:, 0, 0] = p, p * (1 - p) * n / (n - 1)
    return Moments(n, mean, cov)


@pytest.mark.parametrize(
    ("sides", "direction", "alternative"), [(2, 1, "two-sided"), (1, 1, "greater"), (1, -1, "less")]
)
def test_welch_is_scipys(sides: int, direction: int, alternative: str) -> None:
    rng = np.random.default_rng(1)
    control, treatment = random_moments(rng, 300), random_moments(rng, 300)
    alpha = rng.uniform(0.001, 0.3, 300)
    result = welch(mean_effect(control, treatment), alpha=alpha, sides=sides, direction=direction)
    expected = stats.ttest_ind_from_stats(
        treatment.mean[:, 0], np.sqrt(treatment.cov[:, 0, 0]), treatment.n,
        control.mean[:, 0], np.sqrt(control.cov[:, 0, 0]), control.n,
        equal_var=False, alternative=alternative,
    )  # fmt: skip
    assert_allclose(result.statistic, expected.statistic, rtol=1e-12)
    assert_allclose(result.p_value, expected.pvalue, rtol=1e-10)
    # A t distribution around the effect, by scipy's own interval.
    frozen = stats.t(result.dof, loc=result.effect, scale=result.std_error)
    low, high = frozen.ppf(alpha / sides), frozen.isf(alpha / sides)
    assert_allclose(result.low, low if direction > 0 else np.full(300, -np.inf), rtol=1e-9)
    assert_allclose(result.high, high if direction < 0 or sides == 2 else np.full(300, np.inf), rtol=1e-9)
    assert_allclose(result.log_p, np.log(result.p_value), rtol=1e-12, atol=1e-14)
    assert set(result.reason) == {reasons.NONE}


@pytest.mark.parametrize("direction", [1, -1])
def test_proportions_are_statsmodels(direction: int) -> None:
    rng = np.random.default_rng(2)
    n_c, n_t = rng.integers(20, 500, 60), rng.integers(20, 500, 60)
    x_c, x_t = rng.integers(1, n_c), rng.integers(1, n_t)
    effect = proportion_effect(from_counts(x_c, n_c), from_counts(x_t, n_t))
    two, one = proportion_z(effect), proportion_z(effect, sides=1, direction=direction)
    for i in range(60):
        counts, sizes = [x_t[i], x_c[i]], [n_t[i], n_c[i]]
        assert_allclose([two.statistic[i], two.p_value[i]], proportions_ztest(counts, sizes), rtol=1e-9)
        alternative = "larger" if direction > 0 else "smaller"
        assert_allclose(
            one.p_value[i], proportions_ztest(counts, sizes, alternative=alternative)[1], rtol=1e-9
        )


@pytest.mark.parametrize(
    ("interval", "method"), [("wald", "wald"), ("newcombe", "newcomb"), ("agresti_caffo", "agresti-caffo")]
)
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_intervals_of_proportions_are_statsmodels(interval: str, method: str, alpha: float) -> None:
    rng = np.random.default_rng(3)
    n_c, n_t = rng.integers(5, 60, 40), rng.integers(5, 60, 40)
    x_c, x_t = rng.integers(1, n_c), rng.integers(1, n_t)
    effect = proportion_effect(from_counts(x_c, n_c), from_counts(x_t, n_t))
    result = proportion_z(effect, alpha=alpha, interval=interval)
    expected = [
        confint_proportions_2indep(x_t[i], n_t[i], x_c[i], n_c[i], method=method, compare="diff", alpha=alpha)
        for i in range(40)
    ]
    assert_allclose(
        np.column_stack([result.low, result.high]), np.clip(expected, -1, 1), rtol=1e-9, atol=1e-14
    )


def test_relative_interval_is_the_delta_method() -> None:
    control = Moments.from_samples([1.0, 2.0, 4.0, 5.0])
    treatment = Moments.from_samples([2.0, 6.0, 4.0])
    result = welch(mean_effect(control, treatment))
    relative = (treatment.mean[0, 0] / control.mean[0, 0]) - 1
    # var(T / C) = var(T) / C^2 + T^2 var(C) / C^4
    variance = (4 / 3) / 9 + 16 * (10 / 3 / 4) / 81
    half = stats.t.ppf(0.975, result.dof) * np.sqrt(variance)
    assert_allclose([result.relative, result.relative_low, result.relative_high],
                    [[relative], relative - half, relative + half], rtol=1e-12)  # fmt: skip


@pytest.mark.parametrize("estimator", [mean_effect, ratio_effect, cuped_mean_effect])
def test_fieller_ends_are_where_the_linear_test_is_just_significant(estimator: type[Effect]) -> None:
    rng = np.random.default_rng(4)
    parts = [rng.gamma(4, 1, (3, 50)) for _ in range(4)]
    others = [rng.gamma(4, 1, (3, 40)) for _ in range(4)]
    effect = estimator(
        *(Moments.from_samples(a, b, pre_num=c + a, pre_den=d) for a, b, c, d in (parts, others))
    )
    result = welch(effect, relative_interval="fieller", alpha=0.1)
    for end in (result.relative_low, result.relative_high):
        distance = effect.effect - end * effect.control.mean
        variance = effect.variance - 2 * end * effect.covariance + end**2 * effect.control.mean_variance
        assert_allclose(2 * stats.t.sf(abs(distance) / np.sqrt(variance), result.dof), 0.1, rtol=1e-9)
    assert (result.relative_low < effect.relative).all()
    assert (effect.relative < result.relative_high).all()


@pytest.mark.parametrize("unit", [1e-140, 1e-82, 1.0, 1e78, 1e140])
def test_fiellers_interval_is_the_same_in_any_unit(unit: float) -> None:
    """The roots of (r - rho)^2 = c^2 v (1 + (1 + rho)^2): 1 + rho = (R -+ c sqrt(v (1 + R^2) - (c v)^2)) / (1 - c^2 v).

    R = 1 + r = 1.05 is the ratio of the means, v = 9 / 1,000 / 10^2 their variance over the square of the control.
    """
    mean, cov = np.full((2, 1, 4), np.nan), np.full((1, 4, 4), np.nan)
    mean[:, 0, 0], cov[0, 0, 0] = [10 * unit, 10.5 * unit], 9 * unit * unit
    result = welch(mean_effect(*(Moments([1000], each, cov) for each in mean)), relative_interval="fieller")
    c, v, ratio = stats.t.ppf(0.975, 1998), 9e-5, 1.05
    half = c * np.sqrt(v * (1 + ratio**2) - (c * v) ** 2)
    expected = [(ratio + sign * half) / (1 - c**2 * v) - 1 for sign in (-1, 1)]
    assert_allclose(np.ravel([result.relative_low, result.relative_high]), expected, rtol=1e-9)


def test_fieller_is_unbounded_where_the_control_mean_may_be_zero() -> None:
    control, treatment = Moments.from_samples([-3.0, 4.0, 0.5, -1.0]), Moments.from_samples([2.0, 3.0, 2.5])
    result = welch(mean_effect(control, treatment), relative_interval="fieller")
    assert np.isnan([result.relative_low[0], result.relative_high[0]]).all()
    assert result.reason.tolist() == [reasons.FIELLER_UNBOUNDED]
    assert welch(mean_effect(control, treatment)).reason.tolist() == [reasons.NONE]


def test_the_delta_interval_may_disagree_with_p_in_both_directions() -> None:
    """Control 10, both variances of the means 1: p = 2 Phi(-|effect| / sqrt(2)), SE of r sqrt(1 + (1 + r)^2) / 10."""
    units, treated = 10**6, np.array([7.3, 12.8])
    cov = np.full((2, 4, 4), np.nan)
    cov[:, 0, 0] = units
    arms = [
        Moments(np.full(2, units), np.column_stack([mean, *np.full((3, 2), np.nan)]), cov)
        for mean in (np.full(2, 10.0), treated)
    ]
    result = welch(mean_effect(*arms))
    assert_allclose(result.p_value, [0.0562, 0.0477], atol=5e-5)
    assert_allclose(
        [result.relative_low, result.relative_high], [[-0.5127, -0.0384], [-0.0273, 0.5984]], atol=5e-5
    )


def test_one_sided_relative_intervals_are_open_on_the_good_side() -> None:
    effect = mean_effect(Moments.from_samples([1.0, 2.0, 4.0]), Moments.from_samples([2.0, 6.0, 4.0]))
    for method in ("delta", "fieller"):
        two = welch(effect, alpha=0.2, relative_interval=method)
        up = welch(effect, alpha=0.1, sides=1, relative_interval=method)
        down = welch(effect, alpha=0.1, sides=1, direction=-1, relative_interval=method)
        assert_allclose([up.relative_low, down.relative_high], [two.relative_low, two.relative_high])
        assert (up.relative_high == np.inf).all()
        assert (down.relative_low == -np.inf).all()


def test_rows_may_differ_in_level_sides_and_direction() -> None:
    rng = np.random.default_rng(5)
    effect = mean_effect(random_moments(rng, 3), random_moments(rng, 3))
    together = welch(effect, alpha=[0.1, 0.05, 0.01], sides=[1, 2, 1], direction=[1, 1, -1])
    for i, (alpha, sides, direction) in enumerate([(0.1, 1, 1), (0.05, 2, 1), (0.01, 1, -1)]):
        alone = welch(effect.take(np.array([i])), alpha=alpha, sides=sides, direction=direction)
        for name in FixedResult._fields:
            assert_array_equal(getattr(together, name)[i], getattr(alone, name)[0])


def test_undefined_rows_leave_the_others_alone() -> None:
    good = Moments.from_samples([1.0, 2.0, 4.0])
    flat, single, negative = (Moments.from_samples(x) for x in ([2.0, 2.0], [3.0], [-3.0, -4.0]))
    for control, reason, p_defined, relative_defined in (
        (good, reasons.NONE, True, True),
        (flat, reasons.NONE, True, True),
        (single, reasons.N_BELOW_2, False, False),
        (negative, reasons.CONTROL_MEAN_NOT_POSITIVE, True, False),
    ):
        result = welch(mean_effect(control, good))
        assert result.reason.tolist() == [reason]
        assert np.isfinite(result.p_value[0]) == p_defined
        assert np.isfinite(result.low[0]) == p_defined
        assert np.isfinite(result.relative_low[0]) == relative_defined
    result = welch(mean_effect(flat, flat))
    assert result.reason.tolist() == [reasons.ZERO_VARIANCE]
    assert_array_equal([result.effect[0], result.std_error[0]], [0.0, 0.0])
    assert np.isnan([result.statistic[0], result.p_value[0], result.low[0], result.relative_high[0]]).all()


def test_proportions_without_any_success() -> None:
    effect = proportion_effect(from_counts(np.array([0, 0, 100]), np.full(3, 100)),
                               from_counts(np.array([0, 5, 0]), np.full(3, 100)))  # fmt: skip
    wald, newcombe = proportion_z(effect), proportion_z(effect, interval="newcombe")
    assert wald.reason.tolist() == [
        reasons.ZERO_VARIANCE,
        reasons.CONTROL_MEAN_NOT_POSITIVE,
        reasons.NO_RELATIVE_ERROR,
    ]
    assert np.isnan(wald.p_value).tolist() == np.isnan(wald.low).tolist() == [True, False, False]
    # Wilson's interval of 0 of n is 0 to z^2 / (n + z^2).
    upper = special.ndtri(0.975) ** 2 / (100 + special.ndtri(0.975) ** 2)
    assert_allclose([newcombe.low[0], newcombe.high[0]], [-upper, upper])
    assert_allclose([newcombe.low[2], newcombe.high[2]], [-1, -1 + np.sqrt(2) * upper])
    assert np.isnan(newcombe.statistic[0])


@pytest.mark.parametrize("successes", [0, 100])
def test_an_arm_of_nothing_but_0_or_1_has_an_error(successes: int) -> None:
    """Beside 1 % or 99 % of 9,900 units p is 32 %, so the interval holds 0, and the standard error says as much."""
    control = np.arange(9900) < (99 if successes == 0 else 9801)
    effect = proportion_effect(
        Moments.from_samples(control.astype(float)), Moments.from_samples(np.full(100, successes / 100))
    )
    result = proportion_z(effect)
    assert_allclose(result.p_value, 0.32, atol=0.01)
    assert result.low[0] < 0 < result.high[0]
    assert_allclose(effect.effect / result.std_error, result.statistic, rtol=1e-12)


def test_beside_many_units_of_nothing_but_0_the_few_keep_their_own_error() -> None:
    """Pooled with 10,000 units of 0, p would be 0.0005, and 5 of 100 be known to half a percentage point."""
    effect = proportion_effect(
        from_counts(np.array([0, 5]), np.array([10_000, 100])),
        from_counts(np.array([5, 0]), np.array([100, 10_000])),
    )
    assert_allclose(effect.variance, 0.05 * 0.95 / 100, rtol=1e-12)


def test_one_unit_an_arm_is_too_few_whatever_its_value() -> None:
    effect = proportion_effect(Moments.from_samples([1.0]), Moments.from_samples([0.0]))
    assert proportion_z(effect).reason.tolist() == [reasons.N_BELOW_2]


def test_only_effects_of_proportions_are_taken() -> None:
    effect = mean_effect(Moments.from_samples([1.0, 0.0]), Moments.from_samples([1.0, 0.0]))
    with pytest.raises(ValueError, match="takes the effects of proportion_effect"):
        proportion_z(effect)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 0.0}, "alpha must lie strictly between 0 and 1"),
        ({"alpha": [0.05, 1.0]}, "alpha must lie strictly between 0 and 1"),
        ({"sides": 3}, "sides must be 1 or 2"),
        ({"direction": 0}, "direction must be"),
    ],
)
def test_settings_are_checked(settings: dict[str, object], message: str) -> None:
    rng = np.random.default_rng(6)
    with pytest.raises(ValueError, match=message):
        welch(mean_effect(random_moments(rng, 2), random_moments(rng, 2)), **settings)  # type: ignore[arg-type]


def test_tiny_p_is_not_zero() -> None:
    """40 standard errors: log P(Z > 40) = -804.608442, whose p is below the smallest double."""
    test = level(3, alpha=0.05, sides=2, direction=1)
    p, log_p = p_value(np.array([40.0, -40.0, 37.5]), np.full(3, np.inf), test)
    assert (p > 0).all()
    assert_allclose(log_p[:2], -804.6084420137538 + np.log(2), rtol=1e-13)
    assert_allclose(p[2], 2 * stats.norm.sf(37.5), rtol=1e-10)
    assert p[0] == p[1] == 5e-324


@pytest.mark.parametrize(
    ("statistic", "dof"), [(60.0, 1000.0), (45.0, 1e5), (41.0, 1e7), (1e4, 200.0), (1e30, 20.0)]
)
def test_log_tail_of_t_against_integration(statistic: float, dof: float) -> None:
    log_peak = stats.t.logpdf(statistic, dof)
    scale = (dof + statistic**2) / ((dof + 1) * statistic)
    integral, _ = integrate.quad(
        lambda u: np.exp(stats.t.logpdf(statistic + u * scale, dof) - log_peak), 0, np.inf, epsrel=1e-11
    )
    expected = log_peak + np.log(scale * integral)
    assert_allclose(log_survival(np.array([statistic]), np.array([dof])), expected, rtol=1e-9)


def test_critical_values_and_degrees_of_freedom() -> None:
    test = level(3, alpha=[0.05, 0.1, 0.02], sides=[2, 1, 2], direction=1)
    dof = np.array([7.5, np.inf, 1e9])
    quantiles = [stats.t.ppf(0.975, 7.5), stats.norm.ppf(0.9), stats.norm.ppf(0.99)]
    assert_allclose(critical_value(dof, test), quantiles, rtol=1e-8)
    combined = welch_dof((np.array([1.0, 1.0, 0.0]), np.array([4.0, np.inf, 4.0])),
                         (np.array([3.0, 2.0, 0.0]), np.array([9.0, np.inf, 9.0])))  # fmt: skip
    assert_allclose(combined, [16 / (1 / 4 + 9 / 9), np.inf, np.nan])
