"""Confidence sequences, mSPRT and their always-valid p-values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize
from scipy.stats import norm

from abspark.stats.anytime import confidence_sequence, msprt, tuned_rho

LEVELS = st.sampled_from([0.01, 0.05, 0.2])
SIDES = st.sampled_from([1, 2])


def sequence(estimate, error, units=1000.0, rho=0.05, alpha=0.05, sides=2):
    return confidence_sequence(estimate, error, units=units, rho=rho, alpha=alpha, sides=sides)


def test_two_sided_half_width_as_the_paper_prints_it():
    """arXiv:2103.06476, Theorem 2.2, with sigma_t^2 = 1000 x 0.03^2."""
    t, rho, alpha, sigma = 1000.0, 0.05, 0.05, 0.03 * np.sqrt(1000.0)
    half = sigma * np.sqrt(2 * (t * rho**2 + 1) / (t**2 * rho**2) * np.log(np.sqrt(t * rho**2 + 1) / alpha))
    result = sequence([0.4], [0.03])
    np.testing.assert_allclose([result.low[0], result.high[0]], [0.4 - half, 0.4 + half], rtol=1e-12)


def test_one_sided_half_width_as_the_paper_prints_it():
    t, rho, alpha, sigma = 1000.0, 0.05, 0.05, 0.03 * np.sqrt(1000.0)
    half = sigma * np.sqrt(
        2 * (t * rho**2 + 1) / (t**2 * rho**2) * np.log(1 + np.sqrt(t * rho**2 + 1) / (2 * alpha))
    )
    result = sequence([0.4], [0.03], sides=1)
    assert result.low[0] == pytest.approx(0.4 - half, rel=1e-12)
    assert result.high[0] == np.inf


@given(alpha=LEVELS, tuned_at=st.floats(10, 1e8))
def test_tuned_rho_makes_the_interval_narrowest_where_it_is_tuned(alpha, tuned_at):
    def width(log_rho):
        return sequence([0.0], [1.0], units=tuned_at, rho=np.exp(log_rho), alpha=alpha).high[0]

    best = optimize.minimize_scalar(width, bracket=(-0.5 * np.log(tuned_at) - 2, -0.5 * np.log(tuned_at) + 3))
    assert tuned_rho(tuned_at, alpha=alpha, sides=2) == pytest.approx(np.exp(best.x), rel=1e-3)
    assert tuned_rho(tuned_at, alpha=alpha, sides=1) == tuned_rho(tuned_at, alpha=2 * alpha, sides=2)


def test_msprt_against_the_likelihood_ratio_integrated_numerically():
    effect, error, tau = 0.21, 0.08, 0.15

    def weighed(theta):
        return norm.pdf(effect, theta, error) / norm.pdf(effect, 0, error) * norm.pdf(theta, 0, tau)

    ratio = integrate.quad(weighed, -3, 3, points=[effect], epsabs=1e-13)[0]
    assert msprt([effect], [error], tau=tau, alpha=0.05, sides=2).p_value[0] == pytest.approx(
        1 / ratio, rel=1e-9
    )


def test_one_sided_p_is_not_below_that_of_the_exact_half_normal_mixture():
    effect, error, tau = np.array([0.05, 0.21, 0.5]), 0.08, 0.15
    scale = np.sqrt(error**2 + tau**2)
    drift = effect * tau / (error * scale)
    exact = scale / error / (2 * np.exp(drift**2 / 2) * norm.cdf(drift))
    p_value = msprt(effect, error, tau=tau, alpha=0.05, sides=1).p_value
    assert np.all(p_value >= np.minimum(exact, 1))
    assert p_value[-1] == pytest.approx(exact[-1], rel=0.01)


def test_both_methods_are_one_mixture():
    units, rho, error = 5000.0, 0.03, 0.2
    tau = error * np.sqrt(units) * rho
    there, here = sequence([0.6], [error], units, rho), msprt([0.6], [error], tau=tau, alpha=0.05, sides=2)
    np.testing.assert_allclose(np.array(here[:3]), np.array(there[:3]), rtol=1e-12)


@given(
    estimate=st.floats(-1, 1),
    error=st.floats(0.01, 1),
    alpha=LEVELS,
    sides=SIDES,
    spread=st.floats(0.001, 100),
)
def test_p_is_below_alpha_exactly_where_the_interval_excludes_0(estimate, error, alpha, sides, spread):
    for result in (
        sequence([estimate], [error], 1.0, np.sqrt(spread), alpha, sides),
        msprt([estimate], [error], tau=spread, alpha=alpha, sides=sides),
    ):
        if min(abs(result.low[0]), abs(result.high[0])) > 1e-9:
            assert (result.p_value[0] < alpha) == (result.low[0] > 0 or result.high[0] < 0)


@given(estimate=st.floats(-1, 1), error=st.floats(0.01, 1), sides=SIDES)
def test_swap_scale_and_nesting(estimate, error, sides):
    one, ten = (
        sequence([estimate], [error], sides=sides),
        sequence([10 * estimate], [10 * error], sides=sides),
    )
    np.testing.assert_allclose(ten.low, 10 * one.low, atol=1e-9)
    np.testing.assert_allclose(ten.p_value, one.p_value, rtol=1e-9)
    assert sequence([estimate], [error], alpha=0.01, sides=sides).low[0] < one.low[0]
    if sides == 2:
        swapped = sequence([-estimate], [error])
        np.testing.assert_allclose([swapped.low, swapped.high], [-one.high, -one.low])
        assert swapped.p_value[0] == one.p_value[0]


def test_tiny_p_is_not_lost():
    assert 0 < sequence([30.0], [1.0]).p_value[0] < 1e-100
    assert 0 < sequence([30.0], [1.0], sides=1).p_value[0] < 1e-100
    assert sequence([-5.0, 0.0], [1.0, 1.0], sides=1).p_value.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("sides", [1, 2])
def test_p_is_never_0(sides):
    p = confidence_sequence(50.0, 1.0, units=1000, rho=0.1, alpha=0.05, sides=sides).p_value
    assert p == 5e-324


@pytest.mark.parametrize("sides", [1, 2])
def test_what_is_undefined_says_why(sides):
    result = sequence(
        [np.nan, 1.0, 1.0, 1.0], [1.0, 0.0, -1.0, 1.0], units=[10.0, 10.0, 10.0, 0.0], sides=sides
    )
    missing = "estimate_undefined"
    assert result.reason.tolist() == [missing, "zero_std_error", missing, missing]
    assert np.isnan(result[:3]).all()


@pytest.mark.parametrize("sides", [0, 3])
def test_refusals(sides):
    with pytest.raises(ValueError, match="sides must be 1 or 2"):
        sequence([1.0], [1.0], sides=sides)
    with pytest.raises(ValueError, match="sides must be 1 or 2"):
        tuned_rho(100, alpha=0.05, sides=sides)
