"""The probability to be the best of several variants."""

import numpy as np
import pytest
from scipy import integrate
from scipy.stats import beta as beta_distribution
from scipy.stats import norm

from abspark.stats.bayesian import BetaPrior, EffectPrior, compare_effect, compare_proportions
from abspark.stats.best_variant import best_effect, best_mean, best_proportion

FLAT = EffectPrior(0.0, np.inf)


def test_two_proportions_are_the_comparison_of_two():
    won, tried = np.array([[50, 61], [0, 1], [900, 3]]), np.array([[1000, 990], [5, 300_000], [1000, 4]])
    best, reason = best_proportion(won, tried, prior=BetaPrior())
    expected = compare_proportions(won, tried, prior=BetaPrior(), alpha=0.05).prob_better
    np.testing.assert_allclose(best, np.stack([1 - expected, expected], axis=1), atol=1e-10)
    assert reason.tolist() == ["", "", ""]


def test_three_proportions_of_different_sizes_by_independent_integration():
    won, tried = np.array([[12, 160, 9]]), np.array([[100, 1000, 60]])
    best = best_proportion(won, tried, prior=BetaPrior(2, 3))[0][0]
    arms = [beta_distribution(2 + w, 3 + t - w) for w, t in zip(won[0], tried[0], strict=True)]
    for arm in range(3):
        others = [arms[other] for other in range(3) if other != arm]
        expected = integrate.quad(
            lambda x, arm=arm, others=others: arms[arm].pdf(x) * others[0].cdf(x) * others[1].cdf(x),
            0, 1, points=[0.1, 0.15, 0.2, 0.25], epsabs=1e-12, limit=300,
        )[0]  # fmt: skip
        assert best[arm] == pytest.approx(expected, abs=1e-9)
    assert best.sum() == pytest.approx(1.0, abs=1e-12)


def test_no_probability_is_above_1():
    won, tried = np.array([[174, 25, 16], [38, 149, 34]]), np.array([[292, 253, 217], [288, 238, 202]])
    best = best_proportion(won, tried, prior=BetaPrior(2, 30))[0]
    assert best.max() == 1.0
    rows = ([23, -18], [0.7, 2.2], 2.5), ([20, 49], [1.8, 0.4], 0.9), ([-62, 31], [0.6, 1.6], 2.2)
    for effect, own, shared in rows:
        best = best_effect([effect], [own], [[shared, shared]], prior=FLAT)[0]
        assert best.max() <= 1.0


def test_order_of_variants_and_bad_rows():
    won, tried = np.array([[5, 9, 7, 2], [1, 9, 1, 1]]), np.array([[50, 50, 60, 20], [5, 5, 5, 5]])
    best, reason = best_proportion(won, tried, prior=BetaPrior())
    turned = best_proportion(won[:, ::-1], tried[:, ::-1], prior=BetaPrior())[0]
    np.testing.assert_allclose(best[0], turned[0, ::-1], atol=1e-12)
    assert reason.tolist() == ["", "bad_counts"]
    assert np.isnan(best[1]).all()


def test_means_with_a_flat_prior_are_independent_arms():
    mean, error = (
        np.array([[10.0, 10.1, 10.2], [10.0, 10.3, 9.9]]),
        np.array([[0.1, 0.1, 0.1], [0.3, 0.05, 0.06]]),
    )
    best = best_mean(mean, error, prior=FLAT)[0]
    for row in range(2):
        for arm in range(3):
            others = [other for other in range(3) if other != arm]
            expected = integrate.quad(
                lambda x, row=row, arm=arm, others=others: norm.pdf(x, mean[row, arm], error[row, arm])
                * np.prod(norm.cdf(x, mean[row, others], error[row, others])),
                8, 12, points=[9.9, 10.1, 10.3], epsabs=1e-12, limit=300,
            )[0]  # fmt: skip
            assert best[row, arm] == pytest.approx(expected, abs=1e-8)


def test_a_wide_treatment_against_a_narrow_one():
    mean, error = np.array([10.0, 10.3, 10.25]), np.array([0.002, 1.0, 0.01])
    best = best_mean([mean], [error], prior=FLAT)[0][0]
    expected = integrate.quad(
        lambda x: norm.pdf(x, mean[1], error[1]) * norm.cdf(x, mean[0], error[0]) * norm.cdf(x, mean[2], error[2]),
        9, 20, points=[10.2, 10.22, 10.25, 10.28, 10.3, 11.0], epsabs=1e-12, limit=300,
    )[0]  # fmt: skip
    assert best[1] == pytest.approx(expected, abs=1e-8)


def test_two_means_with_a_prior_are_the_normal_model():
    prior = EffectPrior(0.01, 0.03)
    best = best_mean([[10.0, 10.4]], [[0.2, 0.3]], prior=prior)[0][0]
    error = np.hypot(0.2, 0.3) / 10
    expected = compare_effect([0.04], [error], prior=prior, alpha=0.05).prob_better[0]
    assert best == pytest.approx([1 - expected, expected], abs=1e-9)


def test_three_means_with_a_prior_by_simulation_of_the_joint_posterior():
    mean, error, prior = np.array([10.0, 10.3, 9.9]), np.array([0.3, 0.05, 0.2]), EffectPrior(0.01, 0.02)
    precision, shift = np.zeros((3, 3)), np.zeros(3)  # of (control mean, effect, effect)
    for arm in range(3):
        row = np.array([1.0, arm == 1, arm == 2])
        precision += np.outer(row, row) / error[arm] ** 2
        shift += row * mean[arm] / error[arm] ** 2
    for arm in (1, 2):
        precision[arm, arm] += 1 / 0.2**2
        shift[arm] += 0.1 / 0.2**2
    cov = np.linalg.inv(precision)
    draws = np.random.default_rng(1).multivariate_normal(cov @ shift, cov, size=400_000)
    draws[:, 0] = 0.0
    seen = np.bincount(draws.argmax(axis=1), minlength=3) / len(draws)
    best = best_mean([mean], [error], prior=prior)[0][0]
    assert best == pytest.approx(seen, abs=3.5 * np.sqrt(0.25 / len(draws)))
    assert best.sum() == pytest.approx(1.0, abs=1e-9)


def test_undefined_means_say_why():
    mean, error = [[1.0, np.nan], [1.0, 2.0], [-1.0, 2.0]], [[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]]
    best, reason = best_mean(mean, error, prior=EffectPrior(0.0, 0.1))
    assert reason.tolist() == ["estimate_undefined", "zero_std_error", "control_mean_not_positive"]
    assert np.isnan(best).all()
    assert best_mean(mean, error, prior=FLAT)[1].tolist()[2] == ""


@pytest.mark.parametrize("prior", [FLAT, EffectPrior(0.01, 0.03)])
def test_one_effect_is_the_comparison_of_two(prior):
    effect, own, shared = (
        np.array([0.03, -0.2, 0.001]),
        np.array([0.02, 0.1, 3.0]),
        np.array([0.03, 0.0, 0.1]),
    )
    best = best_effect(effect[:, None], own[:, None], shared[:, None], prior=prior)[0]
    expected = compare_effect(effect, np.hypot(own, shared), prior=prior, alpha=0.05).prob_better
    np.testing.assert_allclose(best, np.stack([1 - expected, expected], axis=1), atol=1e-10)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("unit", [1e-140, 1e-82, 1e-3, 1e78, 1e140])
def test_with_a_flat_prior_the_best_is_the_same_in_any_unit(unit):
    effect, own, shared = (np.array([values]) for values in ([0.1, 0.2], [0.1, 0.2], [0.1, 0.1]))
    best = best_effect(effect * unit, own * unit, shared * unit, prior=FLAT)[0]
    np.testing.assert_allclose(best, best_effect(effect, own, shared, prior=FLAT)[0], rtol=1e-9)


def test_effects_with_one_error_in_common_are_means_against_one_control():
    mean, error, prior = np.array([10.0, 10.3, 9.9]), np.array([0.3, 0.05, 0.2]), EffectPrior(0.01, 0.02)
    effects = best_effect([mean[1:] / 10 - 1], [error[1:] / 10], [[0.03, 0.03]], prior=prior)[0]
    np.testing.assert_allclose(effects, best_mean([mean], [error], prior=prior)[0], atol=1e-12)


@pytest.mark.parametrize("prior", [FLAT, EffectPrior(0.01, 0.03)])
def test_effects_of_unequal_share_in_the_controls_error(prior):
    """By the joint posterior: precision of the estimates plus that of the prior, drawn 400,000 times."""
    effect, own, shared = (
        np.array([0.03, 0.025, -0.01]),
        np.array([0.02, 0.03, 0.01]),
        np.array([0.01, 0.02, 0.04]),
    )
    likelihood = np.linalg.inv(np.diag(own**2) + np.outer(shared, shared))
    trust = 0.0 if np.isinf(prior.sd) else 1 / prior.sd**2
    cov = np.linalg.inv(likelihood + trust * np.eye(3))
    centre = cov @ (likelihood @ effect + trust * prior.mean)
    draws = np.random.default_rng(3).multivariate_normal(centre, cov, size=400_000)
    winner = np.where(draws.max(axis=1) > 0, draws.argmax(axis=1) + 1, 0)
    best = best_effect([effect], [own], [shared], prior=prior)[0][0]
    seen = np.bincount(winner, minlength=4) / len(draws)
    assert best == pytest.approx(seen, abs=3.5 * np.sqrt(0.25 / len(draws)))
    assert best.sum() == pytest.approx(1.0, abs=1e-10)


def test_undefined_effects_say_why():
    best, reason = best_effect(
        [[0.1, np.nan], [0.1, 0.2], [0.1, 0.2]],
        [[1, 1], [0, 1], [1, 1]],
        [[1, 1], [1, 1], [1, 0]],
        prior=FLAT,
    )
    assert reason.tolist() == ["estimate_undefined", "zero_std_error", ""]
    assert np.isnan(best[:2]).all()
    assert best[2].sum() == pytest.approx(1.0, abs=1e-10)


def test_probabilities_stay_near_where_errors_differ_a_millionfold():
    """Up to a millionfold: nothing but the order of the certain ones is left of it."""
    effect = np.tile([0.1, 0.3, -0.2], (8, 1))
    own = np.tile([1e-6, 1e-3, 1.0], (8, 1))
    shared = np.tile([1e-2, 1e-2, 1e-2], (8, 1))
    best = best_effect(effect, own, shared, prior=FLAT)[0]
    third = norm.sf(0.3, -0.2, np.hypot(1.0, 0.01))
    np.testing.assert_allclose(best, np.tile([0.0, 0.0, 1 - third, third], (8, 1)), atol=0.01)
    alone = best_effect(effect[:1], own[:1], shared[:1], prior=FLAT)[0]
    np.testing.assert_allclose(best[:1], alone, atol=1e-12)
