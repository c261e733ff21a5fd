"""Planning against statsmodels, simulation and inversion of one question by another."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate, optimize, stats
from statsmodels.stats.power import TTestIndPower

from abspark.stats.power import (
    Design,
    MeanQuestion,
    ProportionQuestion,
    days_needed,
    detectable_mean,
    detectable_proportion,
    non_inferior_mean,
    non_inferior_proportion,
    non_inferior_relative,
    power,
    units_needed,
)

EVEN = Design()


@pytest.mark.parametrize("ratio", [1.0, 3.0])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_means_are_statsmodels(ratio: float, alpha: float) -> None:
    """With unequal arms Welch's degrees of freedom differ from the pooled test's, hence large samples."""
    design = Design(alpha=alpha, sides=1, share_control=1 / (1 + ratio), share_treatment=ratio / (1 + ratio))
    n_control = 5000
    expected = TTestIndPower().power(0.05, n_control, alpha, ratio=ratio, alternative="larger")
    ours = power(MeanQuestion(0.1, 2.0, 2.0), n_control * (1 + ratio), design=design)
    assert_allclose(ours, expected, rtol=2e-4 if ratio > 1 else 1e-9)


def test_power_is_the_share_of_significant_simulations() -> None:
    rng = np.random.default_rng(1)
    sizes, sds = (30, 60), (1.0, 2.0)
    control, treatment = (rng.normal(m, s, (20_000, n)) for m, s, n in zip((0, 0.9), sds, sizes, strict=True))
    p = stats.ttest_ind(treatment, control, axis=1, equal_var=False)
    share = ((p.pvalue < 0.05) & (p.statistic > 0)).mean()
    design = Design(share_control=1 / 3, share_treatment=2 / 3)
    # Standard error of the share: 0.0033.
    assert_allclose(power(MeanQuestion(0.9, *sds), 90, design=design), share, atol=0.011)


def test_each_answer_inverts_the_others() -> None:
    design = Design(alpha=0.1, share_control=0.3, share_treatment=0.2, comparisons=3, inflation=1.2,
                    variance_reduction=0.4)  # fmt: skip
    effect = np.array([0.05, 0.2])
    units = units_needed(MeanQuestion(effect, 1.0, 1.5), 0.85, design=design)
    assert_allclose(power(MeanQuestion(effect, 1.0, 1.5), units, design=design), 0.85, rtol=1e-9)
    assert_allclose(
        detectable_mean(units, 0.85, sd_control=1.0, sd_treatment=1.5, design=design), effect, rtol=1e-8
    )
    units = units_needed(ProportionQuestion(0.2, [0.25, 0.17]), 0.7, design=design)
    for i, direction in enumerate((1, -1)):
        change = detectable_proportion(units[i], 0.7, control=0.2, direction=direction, design=design)
        assert_allclose(change, (0.05, -0.03)[i], rtol=1e-8)


def test_what_each_part_of_a_design_does() -> None:
    question = MeanQuestion(0.1, 1.0, 1.0, normal=True)
    base = units_needed(question, 0.8, design=EVEN)
    # 2 (z_0.975 + z_0.8)^2 sd^2 / effect^2 per arm.
    per_arm = 2 * (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) ** 2 * 100
    assert_allclose(base, 2 * per_arm, rtol=1e-9)
    assert_allclose(units_needed(question, 0.8, design=Design(inflation=1.3)), 1.3 * base, rtol=1e-9)
    assert_allclose(
        units_needed(question, 0.8, design=Design(variance_reduction=0.36)), 0.64 * base, rtol=1e-9
    )
    shares = Design(share_control=0.25, share_treatment=0.25)
    assert_allclose(units_needed(question, 0.8, design=shares), 2 * base, rtol=1e-9)
    uneven = Design(share_control=0.9, share_treatment=0.1)
    assert_allclose(units_needed(question, 0.8, design=uneven), base * (1 / 0.9 + 1 / 0.1) / 4, rtol=1e-9)
    for design in (Design(alpha=0.05 / 4), Design(comparisons=4), Design(alpha=0.05 / 8, sides=1)):
        expected = 4 * (stats.norm.ppf(1 - 0.05 / 8) + stats.norm.ppf(0.8)) ** 2 * 100
        assert_allclose(units_needed(question, 0.8, design=design), expected, rtol=1e-9)


def test_proportions_pool_by_the_shares() -> None:
    design = Design(share_control=0.75, share_treatment=0.25, variance_reduction=0.19)
    p, q, units = 0.1, 0.16, 1000
    pooled = 0.75 * p + 0.25 * q
    null = np.sqrt(pooled * (1 - pooled) * (1 / 750 + 1 / 250)) * 0.9
    error = np.sqrt(p * (1 - p) / 750 + q * (1 - q) / 250) * 0.9
    expected = stats.norm.cdf((0.06 - stats.norm.ppf(0.975) * null) / error)
    assert_allclose(power(ProportionQuestion(p, q), units, design=design), expected)


def test_non_inferiority() -> None:
    one_sided = Design(alpha=0.025, sides=1)
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.9)
    rate = units_needed(non_inferior_proportion(0.02, control=0.1, treatment=0.1), 0.9, design=one_sided)
    assert_allclose(rate, 2 * z**2 * 2 * 0.09 / 0.02**2, rtol=1e-9)
    higher = non_inferior_proportion(0.02, control=0.1, treatment=0.13)
    assert_allclose(higher.distance, 0.05)
    better = non_inferior_mean(0.1, sd_control=1.0, sd_treatment=2.0, effect=0.05)
    assert (better.distance, better.sd_control, better.sd_treatment) == (pytest.approx(0.15), 1.0, 2.0)
    for direction, weight in ((1, 0.98), (-1, 1.02)):
        question = non_inferior_relative(
            0.02, mean=50.0, sd_control=10.0, sd_treatment=11.0, direction=direction
        )
        assert_allclose(
            [question.distance, question.sd_control, question.sd_treatment], [1.0, 10 * weight, 11.0]
        )


def test_thirty_thousand_per_arm_do_not_detect_one_per_cent_of_five_per_cent() -> None:
    """The figures that docs/statistics.md works through."""
    claim = ProportionQuestion(0.05, 0.0505)
    assert_allclose(power(claim, 60_000, design=EVEN), 0.0465, atol=5e-5)
    assert_allclose(units_needed(claim, 0.8, design=EVEN) / 2, 2_996_697, atol=1)
    change = detectable_proportion(60_000, 0.8, control=0.05, direction=1, design=EVEN)
    assert_allclose(change / 0.05, 0.1021, atol=5e-5)


def test_answers_that_do_not_exist_are_nan() -> None:
    assert np.isnan(units_needed(MeanQuestion(0.0, 1.0, 1.0), 0.8, design=EVEN))
    assert np.isnan(detectable_proportion(10, 0.8, control=0.5, direction=1, design=EVEN))


def test_three_units_an_arm_detect_ten_standard_errors_at_a_strict_level() -> None:
    """Of means with 4 degrees of freedom, as statsmodels has them; its test in one direction is at alpha / 2."""
    size = detectable_mean(6, 0.8, sd_control=1.0, sd_treatment=1.0, design=Design(alpha=0.001))
    assert size / np.sqrt(2 / 3) > 10
    assert_allclose(TTestIndPower().power(size, 3, 0.0005, ratio=1.0, alternative="larger"), 0.8, rtol=1e-9)


def integrated_power(size: float, units: float, alpha: float) -> float:
    """Of even arms of standard deviation 1: P(chi-square < dof ((shift + z) / critical)^2), integrated over z."""
    dof, shift = units - 2, size * units**0.5 / 2
    critical = stats.t.isf(alpha / 2, dof)
    below = lambda z: stats.chi2.cdf(dof * (max(shift + z, 0) / critical) ** 2, dof)  # noqa: E731
    return float(integrate.quad(lambda z: stats.norm.pdf(z) * below(z), -9, 9, epsabs=1e-12)[0])


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("size", [200.0, 500.0, 1e4])
def test_few_units_do_for_effects_of_hundreds_of_standard_deviations(size: float) -> None:
    """At usual levels those that are tried first, just above two an arm; at a strict one the root of the integral."""
    question = MeanQuestion(size, 1.0, 1.0)
    assert_allclose(units_needed(question, 0.8, design=EVEN), 2 * 2.0001)
    assert integrated_power(size, 4.0002, 0.05) > 0.8
    expected = optimize.brentq(lambda units: integrated_power(size, units, 1e-12) - 0.8, 4.1, 20.0)
    assert_allclose(units_needed(question, 0.8, design=Design(alpha=1e-12)), expected, rtol=1e-8)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("alpha", [0.05, 1e-3, 1e-12])
def test_power_does_not_fall_as_units_grow(alpha: float) -> None:
    """From two units an arm to the most that are tried, for effects from a millionth of a standard deviation on."""
    sizes = np.geomspace(1e-6, 1e200, 60)[:, None]
    found = power(MeanQuestion(sizes, 1.0, 1.0), np.geomspace(4.0002, 1e15, 400), design=Design(alpha=alpha))
    assert ((found >= 0) & (found <= 1)).all()
    # The noncentral t of scipy has about nine digits at large shifts.
    assert np.diff(found, axis=1).min() > -1e-8
    assert_array_equal(found[sizes[:, 0] > 1e-5, -1], 1.0)


def test_days() -> None:
    days = days_needed([1000, 1001, 999], units_per_day=100, window_days=[0, 7, 2.5])
    assert_array_equal(days, [10, 18, 13])


def test_the_last_window_begins_when_a_whole_day_is_over() -> None:
    """150 units take two days at 100 a day; the window of 12 hours ends on the third."""
    assert_array_equal(days_needed([150], units_per_day=100, window_days=0.5), [3])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"alpha": 0.0}, "alpha must be above 0 and below 0.5"),
        ({"alpha": 0.5}, "alpha must be above 0 and below 0.5"),
        ({"sides": 3}, "sides"),
        ({"share_control": 0.7}, "shares"),
        ({"share_treatment": 0.0}, "shares"),
        ({"comparisons": 0}, "comparisons"),
        ({"variance_reduction": 1.0}, "variance_reduction"),
        ({"inflation": 0.9}, "inflation"),
    ],
)
def test_designs_are_checked(values: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Design(**values)  # type: ignore[arg-type]
