"""Bayesian comparisons against exact sums, two-dimensional integration and closed forms."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy.special import beta as beta_function
from scipy.special import betainc, betaln
from scipy.stats import beta as beta_distribution
from scipy.stats import norm

from abspark.stats.arms import Arm
from abspark.stats.bayesian import (
    BetaPrior,
    EffectPrior,
    compare_effect,
    compare_proportions,
    relative_posterior,
)
from abspark.stats.beta import Beta, probability_greater
from abspark.stats.effects import compare

UNIFORM, JEFFREYS = BetaPrior(), BetaPrior(0.5, 0.5)


def exact_greater(a1, b1, a0, b0):
    """P(X1 > X0) for integer a1 by the finite sum of Evan Miller (2010), "Formulas for Bayesian A/B testing"."""
    i = np.arange(a1)
    return np.sum(np.exp(betaln(a0 + i, b1 + b0) - np.log(b1 + i) - betaln(1 + i, b1) - betaln(a0, b0)))


COUNTS = [
    (0, 0),
    (0, 3),
    (1, 1),
    (3, 3),
    (1, 20),
    (5, 10),
    (40, 50),
    (500, 10_000),
    (530, 10_000),
    (0, 100_000),
    (2000, 2003),
]


def test_probability_and_losses_against_exact_sums():
    pairs = [(control, treatment) for control in COUNTS for treatment in COUNTS]
    won = np.array([[control[0], treatment[0]] for control, treatment in pairs])
    tried = np.array([[control[1], treatment[1]] for control, treatment in pairs])
    result = compare_proportions(won, tried, prior=UNIFORM, alpha=0.05)
    for row, (w, t) in enumerate(zip(won, tried, strict=True)):
        (a0, a1), (b0, b1) = 1 + w, 1 + t - w
        better = exact_greater(a1, b1, a0, b0)
        lost = a0 / (a0 + b0) * exact_greater(a0 + 1, b0, a1, b1) - a1 / (a1 + b1) * exact_greater(
            a0, b0, a1 + 1, b1
        )
        effect = a1 / (a1 + b1) - a0 / (a0 + b0)
        assert result.prob_better[row] == pytest.approx(better, abs=2e-10)  # the sums' own accuracy
        assert result.expected_loss_treatment[row] == pytest.approx(lost, abs=2e-10)
        assert result.expected_loss_control[row] == pytest.approx(lost + effect, abs=2e-10)
        assert result.effect[row] == pytest.approx(effect, abs=1e-15)


@pytest.mark.parametrize(
    ("won", "tried"), [((3, 5), (20, 25)), ((0, 2), (7, 4)), ((30, 45), (300, 250)), ((9, 3), (9, 40))]
)
def test_intervals_and_means_against_two_dimensional_integration(won, tried):
    alpha = 0.1
    result = compare_proportions([won], [tried], prior=JEFFREYS, alpha=alpha)
    (a0, a1), (b0, b1) = np.array(won) + 0.5, np.array(tried) - won + 0.5

    def held(bound):
        """P(X1 <= bound(X0)) over angles t, X0 = sin(t)^2, in which the density of X0 is bounded."""

        def below(t):
            x = np.sin(t) ** 2
            density = 2 * np.sin(t) ** (2 * a0 - 1) * np.cos(t) ** (2 * b0 - 1) / beta_function(a0, b0)
            return density * betainc(a1, b1, np.clip(bound(x), 0, 1))

        parts = np.arcsin(
            np.sqrt(beta_distribution.ppf([0, 0.001, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999, 1], a0, b0))
        )
        return sum(integrate.quad(below, *ends, limit=400, epsabs=1e-12)[0] for ends in pairwise(parts))

    for end, tail in ((result.low[0], alpha / 2), (result.high[0], 1 - alpha / 2)):
        assert held(lambda x, end=end: x + end) == pytest.approx(tail, abs=1e-8)
    for end, tail in ((result.relative_low[0], alpha / 2), (result.relative_high[0], 1 - alpha / 2)):
        assert held(lambda x, end=end: x * (1 + end)) == pytest.approx(tail, abs=1e-8)
    if a0 > 1:
        mean = integrate.quad(lambda u: 1 / beta_distribution.ppf(u, a0, b0), 0, 1, epsabs=1e-9, limit=500)[0]
        assert result.relative_effect[0] == pytest.approx(a1 / (a1 + b1) * mean - 1, rel=1e-5)


def test_loss_against_dblquad():
    (a0, b0), (a1, b1) = (4.5, 16.5), (6.5, 20.5)
    result = compare_proportions([[4, 6]], [[20, 26]], prior=JEFFREYS, alpha=0.05)

    def lost(y, x):
        return (x - y) * beta_distribution.pdf(x, a0, b0) * beta_distribution.pdf(y, a1, b1)

    expected = integrate.dblquad(lost, 0, 1, 0, lambda x: x, epsabs=1e-11)[0]
    assert result.expected_loss_treatment[0] == pytest.approx(expected, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(counts=st.tuples(*[st.integers(0, 400)] * 4), alpha=st.sampled_from([0.01, 0.05, 0.3]))
def test_laws_of_two_proportions(counts, alpha):
    won = np.array([[counts[0], counts[1]]])
    tried = won + np.array([[counts[2], counts[3]]])
    here = compare_proportions(won, tried, prior=UNIFORM, alpha=alpha)
    swapped = compare_proportions(won[:, ::-1], tried[:, ::-1], prior=UNIFORM, alpha=alpha)
    failures = compare_proportions((tried - won)[:, ::-1], tried[:, ::-1], prior=UNIFORM, alpha=alpha)
    assert swapped.prob_better[0] == pytest.approx(1 - here.prob_better[0], abs=1e-10)
    assert [swapped.low[0], swapped.high[0]] == pytest.approx([-here.high[0], -here.low[0]], abs=1e-9)
    assert swapped.expected_loss_control[0] == pytest.approx(here.expected_loss_treatment[0], abs=1e-11)
    assert 1 + swapped.relative_low[0] == pytest.approx(1 / (1 + here.relative_high[0]), rel=1e-7)
    assert failures.prob_better[0] == pytest.approx(here.prob_better[0], abs=1e-10)
    assert [failures.low[0], failures.high[0]] == pytest.approx([here.low[0], here.high[0]], abs=1e-9)
    lost = here.expected_loss_control[0] - here.expected_loss_treatment[0]
    assert lost == pytest.approx(here.effect[0], abs=1e-11)
    narrower = compare_proportions(won, tried, prior=UNIFORM, alpha=alpha * 2)
    assert here.low[0] < narrower.low[0] < narrower.high[0] < here.high[0]


def test_arms_of_very_different_sizes():
    tiny, huge = Beta(np.array([2.0]), np.array([3.0])), Beta(np.array([4e8]), np.array([6e8]))
    assert probability_greater(tiny, huge)[0] == pytest.approx(1 - betainc(2, 3, 0.4), abs=1e-8)
    assert probability_greater(huge, tiny)[0] == pytest.approx(betainc(2, 3, 0.4), abs=1e-8)


@pytest.mark.parametrize("arms", [((500_000, 1_000_000), (20, 40)), ((20, 40), (500_000, 1_000_000))])
def test_the_interval_of_arms_of_very_different_sizes(arms):
    (w0, t0), (w1, t1) = arms
    result = compare_proportions([[w0, w1]], [[t0, t1]], prior=UNIFORM, alpha=0.1)
    control, treatment = (beta_distribution(1 + w, 1 + t - w) for w, t in arms)
    large = control if t0 > t1 else treatment
    around = large.mean() + np.linspace(-9, 9, 7) * large.std()
    for end, tail in ((result.low[0], 0.05), (result.high[0], 0.95)):
        if large is control:
            held = integrate.quad(
                lambda x, end=end: control.pdf(x) * treatment.cdf(x + end),
                around[0],
                around[-1],
                points=around[1:-1],
                epsabs=1e-12,
            )[0]
        else:
            held = integrate.quad(
                lambda x, end=end: treatment.pdf(x) * control.sf(x - end),
                around[0],
                around[-1],
                points=around[1:-1],
                epsabs=1e-12,
            )[0]
        assert held == pytest.approx(tail, abs=1e-8)


def test_large_counts_approach_the_normal():
    won, tried = np.array([[5_000_000, 5_004_000]]), np.array([[100_000_000, 100_000_000]])
    result = compare_proportions(won, tried, prior=UNIFORM, alpha=0.05)
    rates = won / tried
    error = np.sqrt(np.sum(rates * (1 - rates) / tried))
    assert result.prob_better[0] == pytest.approx(norm.cdf(4e-5 / error), abs=1e-5)
    assert result.low[0] == pytest.approx(4e-5 - norm.isf(0.025) * error, abs=1e-3 * error)


def test_an_interval_that_ends_next_to_1_has_its_end() -> None:
    """Of Beta(0.1, n + 0.1) against Beta(n + 0.1, 0.1) the upper end is 1 to the last digit."""
    result = compare_proportions([[0, 1], [3, 0]], [[1, 1], [3, 3]], prior=BetaPrior(0.1, 0.1), alpha=0.05)
    np.testing.assert_allclose([result.high[0], result.low[1]], [1, -1], rtol=1e-7)
    assert (result.low < result.effect).all()
    assert (result.effect < result.high).all()


def test_the_prior_counts():
    strong = compare_proportions([[5, 9]], [[50, 50]], prior=BetaPrior(50, 450), alpha=0.05)
    weak = compare_proportions([[5, 9]], [[50, 50]], prior=UNIFORM, alpha=0.05)
    assert 0.5 < strong.prob_better[0] < weak.prob_better[0]
    assert strong.effect[0] == pytest.approx(59 / 550 - 55 / 550)


def test_bad_counts_and_infinite_means_say_why():
    won, tried = [[5, 6], [5, 11], [-1, 2], [np.nan, 2], [0, 3]], [[10, 10]] * 5
    result = compare_proportions(won, tried, prior=JEFFREYS, alpha=0.05)
    assert result.reason.tolist() == ["", *["bad_counts"] * 3, "relative_mean_undefined"]
    assert np.isnan(result.prob_better).tolist() == [False, True, True, True, False]
    assert np.isnan(result.relative_effect).tolist() == [False, True, True, True, True]
    assert np.isfinite(result.relative_high[4])


def test_normal_model_against_integration():
    prior = EffectPrior(0.02, 0.05)
    result = compare_effect([0.06], [0.04], prior=prior, alpha=0.1)

    def joint(effect):
        return norm.pdf(0.06, effect, 0.04) * norm.pdf(effect, prior.mean, prior.sd)

    total = integrate.quad(joint, -1, 1, points=[0.05])[0]
    better = integrate.quad(joint, 0, 1, points=[0.05])[0] / total
    lost = integrate.quad(lambda effect: -effect * joint(effect), -1, 0, points=[-0.02])[0] / total
    won = integrate.quad(lambda effect: effect * joint(effect), 0, 1, points=[0.05])[0] / total
    found = [result.prob_better, result.expected_loss_treatment, result.expected_loss_control]
    assert [field[0] for field in found] == pytest.approx([better, lost, won], abs=1e-9)
    inside = integrate.quad(joint, result.low[0], result.high[0])[0] / total
    assert inside == pytest.approx(0.9, abs=1e-8)
    assert result.effect[0] == pytest.approx(won - lost, abs=1e-9)


def test_a_flat_prior_repeats_the_estimate():
    flat = EffectPrior(0.0, np.inf)
    result = compare_effect([0.06, np.nan, 0.1], [0.04, 1.0, 0.0], prior=flat, alpha=0.05)
    assert result.prob_better[0] == pytest.approx(norm.cdf(1.5))
    assert result.low[0] == pytest.approx(0.06 - norm.isf(0.025) * 0.04)
    assert result.reason.tolist() == ["", "estimate_undefined", "zero_std_error"]
    assert np.isnan(np.array(result[:6])).tolist() == [[False, True, True]] * 6


def independent(control, treatment):
    """The comparison of two independent normal estimates, (mean, variance) each, in as many rows as given."""

    def arm(mean, variance):
        mean, variance = np.atleast_1d(mean).astype(float), np.atleast_1d(variance).astype(float)
        many = np.full(len(mean), np.inf)
        return Arm(np.full(len(mean), 1000.0), mean, mean, variance, variance, variance, many)

    return compare(arm(*control), arm(*treatment))


@pytest.mark.parametrize("treated", [7.3, 9.9, 12.8])
def test_a_flat_relative_interval_is_that_of_the_ratio_of_two_normals(treated):
    """Quantiles of the ratio by integration over the control's mean, 10 standard errors from 0."""
    _, low, high, reason = relative_posterior(
        independent((10, 1), (treated, 1.5)), prior=EffectPrior(0.0, np.inf), alpha=0.1
    )
    for end, tail in ((low[0], 0.05), (high[0], 0.95)):
        below = integrate.quad(
            lambda m, end=end: norm.pdf(m, 10, 1) * norm.cdf((1 + end) * m, treated, 1.5**0.5),
            1,
            19,
            epsabs=1e-12,
        )
        assert below[0] == pytest.approx(tail, abs=1e-9)
    assert reason.tolist() == [""]


@pytest.mark.parametrize("sd", [0.002, 0.05, 0.3])
def test_the_relative_interval_is_near_the_exact_posteriors(sd):
    """Posterior on a grid: the control's true mean flat, given it the relative effect by its prior.

    The control's mean is 20 standard errors from 0; ends are compared in lengths of the interval.
    """
    prior = EffectPrior(0.02, sd)
    for treated in (17.0, 20.5, 24.0):
        median, low, high, _ = relative_posterior(
            independent((20, 1), (treated, 1.2)), prior=prior, alpha=0.05
        )
        mean = np.linspace(14, 26, 201)[:, None]
        effect = np.linspace(2 * low - high, 2 * high - low, 2001).reshape(1, -1)
        likelihood = np.exp(-0.5 * (20 - mean) ** 2 - (treated - mean * (1 + effect)) ** 2 / 2.4)
        density = likelihood.sum(axis=0) * norm.pdf(effect[0], prior.mean, sd)
        exact = np.interp([0.5, 0.025, 0.975], np.cumsum(density) / density.sum(), effect[0])
        assert [median[0], low[0], high[0]] == pytest.approx(exact, abs=0.015 * (exact[2] - exact[1]))


def test_a_large_decrease_against_the_prior_has_its_median_within_the_interval():
    """-80 % where -10 % were likely: by numerical integration -0.811, -0.781 and -0.747 are the exact quantiles."""
    found = relative_posterior(independent((20, 1), (4, 0.04)), prior=EffectPrior(0.0, 0.1), alpha=0.05)
    assert [found.low[0], found.effect[0], found.high[0]] == pytest.approx(
        [-0.811, -0.781, -0.747], abs=0.003
    )


@given(
    treated=st.floats(5, 15), spread=st.floats(0.1, 4), mean=st.floats(-0.2, 0.2),
    sd=st.one_of(st.floats(0.001, 1e4), st.just(np.inf)), alpha=st.sampled_from([0.01, 0.05, 0.3]),
)  # fmt: skip
def test_zero_is_outside_both_intervals_exactly_where_the_probability_is_extreme(
    treated, spread, mean, sd, alpha
):
    effect, prior = independent((10, 1), (treated, spread)), EffectPrior(mean, sd)
    better = compare_effect(effect.effect / 10, np.sqrt(effect.variance) / 10, prior=prior, alpha=alpha)
    _, low, high, _ = relative_posterior(effect, prior=prior, alpha=alpha)
    if np.abs(better.prob_better[0] - [alpha / 2, 1 - alpha / 2]).min() > 1e-9:
        assert (better.low[0] > 0) == (low[0] > 0) == (better.prob_better[0] > 1 - alpha / 2)
        assert (better.high[0] < 0) == (high[0] < 0) == (better.prob_better[0] < alpha / 2)


def test_relative_intervals_without_a_number_say_why():
    effect = independent(([10, -1, 1, 10], [1, 1, 1, 1]), ([0, 1, 1, 10], [0, 1, 1, 0]))
    _, low, high, reason = relative_posterior(effect, prior=EffectPrior(0.0, np.inf), alpha=0.05)
    assert reason.tolist() == ["no_relative_error", "control_mean_not_positive", "fieller_unbounded", ""]
    assert np.isnan([low, high]).tolist() == [[True, True, True, False]] * 2
    _, low, high, reason = relative_posterior(effect, prior=EffectPrior(0.0, 0.1), alpha=0.05)
    assert reason.tolist() == ["no_relative_error", "control_mean_not_positive", "", ""]
    assert np.isnan([low, high]).tolist() == [[True, True, False, False]] * 2


def test_refusals():
    with pytest.raises(ValueError, match=r"falls below 0\.1"):
        BetaPrior(0.05, 1)
    with pytest.raises(ValueError, match="finite mean and sd > 0"):
        EffectPrior(0.0, 0.0)
    with pytest.raises(ValueError, match="finite mean and sd > 0"):
        EffectPrior(np.inf, 1.0)
