"""Planning: inflation, exit probabilities, non-binding futility."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from abspark.stats.group_sequential import Plan, look_boundaries
from abspark.stats.sequential_design import (
    Futility,
    crossing_probabilities,
    exit_probabilities,
    futility_boundaries,
    inflation_factor,
)
from abspark.stats.spending import Spending

THIRDS = np.array([[1 / 3, 2 / 3, 1.0]])
PLAN = Plan(Spending("hsd", -4.0), 0.025, 1)
FUTILITY = Futility(Spending("hsd", -2.0), 0.1)


def test_the_default_design_of_gsdesign():
    """Keaven Anderson, gsDesign technical manual, the printed default design (test.type = 4)."""
    factor = inflation_factor(THIRDS, plan=PLAN, power=0.9, futility=FUTILITY)
    np.testing.assert_allclose(factor * THIRDS, [[0.357, 0.713, 1.070]], atol=5e-4)
    looks = look_boundaries(factor * THIRDS, THIRDS, plan=PLAN)
    hope = [norm.isf(0.025) + norm.isf(0.1)]  # 3.2415
    futile = futility_boundaries(looks, hope, futility=FUTILITY)
    np.testing.assert_allclose(looks.boundary, [[3.01, 2.55, 2.00]], atol=5e-3)
    np.testing.assert_allclose(futile, [[-0.24, 0.94, 2.00]], atol=5e-3)
    lost, won = exit_probabilities(looks.information, futile, looks.boundary, np.array(hope))
    np.testing.assert_allclose(lost, [[0.0148, 0.0289, 0.0563]], atol=5e-5)
    np.testing.assert_allclose(won, [[0.1412, 0.4403, 0.3185]], atol=5e-5)
    lost, won = exit_probabilities(looks.information, futile, looks.boundary, np.zeros(1))
    np.testing.assert_allclose(lost, [[0.4057, 0.4290, 0.1420]], atol=5e-5)
    np.testing.assert_allclose(won, [[0.0013, 0.0049, 0.0171]], atol=5e-5)


def test_how_often_looks_of_any_boundary_err():
    """By simulation of two designs, one of which has a look without and one with too little information."""
    information = np.array([[1.0, 2.0, 4.0, np.nan], [3.0, 3.0, 5.0, 9.0]])
    boundary = np.array([[2.0, 2.5, 1.8, 0.0], [2.2, 2.2, np.inf, 2.0]])
    rng = np.random.default_rng(4)
    for sides in (1, 2):
        found = crossing_probabilities(information, boundary, sides=sides)
        steps = np.diff(np.nan_to_num(information, nan=9.0), axis=1, prepend=0.0)
        score = np.cumsum(np.sqrt(steps)[:, None] * rng.standard_normal((2, 400_000, 4)), axis=2)
        z = score / np.sqrt(np.nan_to_num(information, nan=9.0))[:, None]
        z = np.abs(z) if sides == 2 else z
        limit = np.where(np.isnan(information), np.inf, boundary)[:, None]
        erred = (z >= limit).any(axis=2).mean(axis=1)
        assert found[0] == pytest.approx(erred[0], abs=0.0015)
        # the look without growth counts once more, as if it were another test
        assert found[1] == pytest.approx(erred[1] + sides * norm.sf(2.2), abs=0.0015)


def test_exit_probabilities_by_independent_integration():
    information = np.array([[1.0, 1.7, 4.0]])
    lower, upper = np.array([[-1.0, -0.2, 1.9]]), np.array([[2.5, 2.3, 1.9]])
    lost, won = exit_probabilities(information, lower, upper, np.array([0.8]))
    inside = 1.0
    for count in (1, 2, 3):
        amount = information[0, :count]
        cov = np.sqrt(np.minimum.outer(amount, amount) / np.maximum.outer(amount, amount))
        normal = multivariate_normal(0.8 * np.sqrt(amount), cov, abseps=1e-9, maxpts=300_000, seed=1)
        above = normal.cdf(
            [*upper[0, : count - 1], np.inf], lower_limit=[*lower[0, : count - 1], upper[0, count - 1]]
        )
        below = normal.cdf(
            [*upper[0, : count - 1], lower[0, count - 1]], lower_limit=[*lower[0, : count - 1], -np.inf]
        )
        assert won[0, count - 1] == pytest.approx(above, abs=1e-6)
        assert lost[0, count - 1] == pytest.approx(below, abs=1e-6)
        inside -= above + below
    assert inside == pytest.approx(0.0, abs=1e-5)
    assert lost.sum() + won.sum() == pytest.approx(1.0, abs=1e-12)


def test_one_look_needs_no_inflation():
    assert inflation_factor([[1.0]], plan=Plan(Spending("obf"), 0.05), power=0.8)[0] == pytest.approx(
        1.0, abs=1e-8
    )


def test_inflation_grows_with_looks_and_futility_costs_power():
    plan = Plan(Spending("pocock"), 0.05)
    factors = [inflation_factor([np.arange(1, k + 1) / k], plan=plan, power=0.9)[0] for k in (1, 2, 5, 10)]
    assert np.all(np.diff(factors) > 0.01)
    with_futility = inflation_factor(THIRDS, plan=plan, power=0.9, futility=FUTILITY)
    assert with_futility[0] > inflation_factor(THIRDS, plan=plan, power=0.9)[0] + 0.01


def test_futility_is_non_binding_and_never_above_the_boundary():
    looks = look_boundaries(THIRDS * 3, THIRDS, plan=PLAN)
    eager, modest = (futility_boundaries(looks, [effect], futility=FUTILITY)[0] for effect in (5.0, 0.2))
    np.testing.assert_array_equal(look_boundaries(THIRDS * 3, THIRDS, plan=PLAN).boundary, looks.boundary)
    assert eager[-1] == modest[-1] == looks.boundary[0, -1]
    assert np.all(eager <= looks.boundary[0])
    assert np.all(modest[:-1] < eager[:-1])


def test_futility_skips_what_the_looks_skip():
    looks = look_boundaries([[1.0, 1.0, 2.0, 3.0]], [[1 / 3, 1 / 3, 2 / 3, 1]], plan=PLAN)
    futile = futility_boundaries(looks, [1.5], futility=FUTILITY)[0]
    assert np.isnan(futile).tolist() == [False, True, False, False]
    same = futility_boundaries(look_boundaries(THIRDS * 3, THIRDS, plan=PLAN), [1.5], futility=FUTILITY)[0]
    np.testing.assert_allclose(futile[[0, 2, 3]], same, rtol=1e-9)


def test_refusals():
    with pytest.raises(ValueError, match="must end at fraction 1"):
        inflation_factor([[0.5, 0.9]], plan=PLAN, power=0.9)
    with pytest.raises(ValueError, match="must be 1 - beta"):
        inflation_factor(THIRDS, plan=PLAN, power=0.8, futility=FUTILITY)
    with pytest.raises(ValueError, match="beta must lie in"):
        Futility(Spending("obf"), 1.0)
