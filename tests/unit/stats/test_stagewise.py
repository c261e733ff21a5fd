"""Inference at stopping, against one- and two-look cases written out, and by its laws."""

import numpy as np
import pytest
from scipy import integrate, optimize
from scipy.stats import norm

from abspark.stats.group_sequential import Plan, first_crossing, look_boundaries
from abspark.stats.spending import Spending
from abspark.stats.stagewise import estimates_at_stopping

POCOCK = Spending("pocock")


def test_one_look_is_the_fixed_test():
    looks = look_boundaries([[1.0]], [[1.0]], plan=Plan(POCOCK, 0.1))
    result = estimates_at_stopping([1.3], [0.2], stopped_at=[0], looks=looks)
    half = norm.isf(0.05) * 0.2
    assert [float(field[0]) for field in result[:4]] == pytest.approx(
        [2 * norm.sf(1.3), 0.26, 0.26 - half, 0.26 + half]
    )


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("z", [2.6, -0.4, -2.5])
def test_two_looks_by_one_written_out_integral(sides, z):
    t, alpha, error = 0.4, 0.05, 0.7
    looks = look_boundaries([[4.0, 10.0]], [[0.4, 1.0]], plan=Plan(POCOCK, alpha, sides))
    bound = looks.boundary[0, 0]
    low = -bound if sides == 2 else -np.inf

    def upper_p(drift):
        def beyond(x):
            return norm.pdf(x - drift * np.sqrt(t)) * norm.sf(
                (z - drift - (x - drift * np.sqrt(t)) * np.sqrt(t)) / np.sqrt(1 - t)
            )

        late = integrate.quad(beyond, max(low, -15), bound, epsabs=1e-13)[0]
        return norm.sf(bound - drift * np.sqrt(t)) + late

    def drift_at(target):
        return error * optimize.brentq(lambda drift: upper_p(drift) - target, -15, 15, xtol=1e-12)

    result = estimates_at_stopping([z], [error], stopped_at=[1], looks=looks)
    p_value = upper_p(0.0) if sides == 1 else 2 * min(upper_p(0.0), 1 - upper_p(0.0))
    expected = [p_value, drift_at(0.5), drift_at(alpha / sides)]
    assert [float(field[0]) for field in result[:3]] == pytest.approx(expected, abs=1e-8)
    assert result.high[0] == (pytest.approx(drift_at(1 - alpha / 2), abs=1e-8) if sides == 2 else np.inf)


def stopped(sides, seed, rows=300, looks=5, drift=1.5):
    generator = np.random.default_rng(seed)
    information = np.tile(np.cumsum(generator.uniform(0.5, 1.5, looks)), (rows, 1))
    steps = np.diff(information, axis=1, prepend=0.0)
    score = np.cumsum(
        generator.normal(size=steps.shape) * np.sqrt(steps) + drift / np.sqrt(looks) * steps, axis=1
    )
    z = score / np.sqrt(information)
    table = look_boundaries(information, information / information[:, -1:], plan=Plan(POCOCK, 0.05, sides))
    crossing = first_crossing(z, table)
    column = np.where(crossing < 0, looks - 1, crossing)
    at_stop = z[np.arange(rows), column]
    error = 1 / np.sqrt(information[np.arange(rows), column])
    return table, crossing, column, at_stop, error


@pytest.mark.parametrize("sides", [1, 2])
def test_p_is_below_alpha_and_the_interval_excludes_0_exactly_where_the_boundary_was_crossed(sides):
    looks, crossing, column, z, error = stopped(sides, seed=3)
    result = estimates_at_stopping(z, error, stopped_at=column, looks=looks)
    assert 0.2 < np.mean(crossing >= 0) < 0.95
    np.testing.assert_array_equal(result.p_value <= 0.05, crossing >= 0)
    np.testing.assert_array_equal((result.low > 0) | (result.high < 0), crossing >= 0)
    assert np.all((result.low < result.effect) & (result.effect < result.high))
    assert (
        np.mean(np.abs(result.effect) <= np.abs(z * error) + 1e-12) > 0.9
    )  # shrinks what stopping exaggerates


def test_two_sided_mirrors():
    looks, _, column, z, error = stopped(2, seed=4, rows=40)
    there = estimates_at_stopping(z, error, stopped_at=column, looks=looks)
    back = estimates_at_stopping(-z, error, stopped_at=column, looks=looks)
    np.testing.assert_allclose(back.p_value, there.p_value, rtol=1e-9)
    np.testing.assert_allclose(back.effect, -there.effect, atol=1e-8)
    np.testing.assert_allclose(back.low, -there.high, atol=1e-8)


def test_unit_of_the_effect():
    looks, _, column, z, error = stopped(2, seed=5, rows=20)
    one = estimates_at_stopping(z, error, stopped_at=column, looks=looks)
    thousand = estimates_at_stopping(z, 1000 * error, stopped_at=column, looks=looks)
    np.testing.assert_allclose(thousand.effect, 1000 * one.effect, rtol=1e-9)
    np.testing.assert_allclose(thousand.p_value, one.p_value, rtol=1e-12)


def test_a_retested_look_is_one_look_with_the_merged_boundary():
    plan = Plan(POCOCK, 0.05)
    retested = look_boundaries([[1.0, 2.0, 2.0]], [[0.2, 0.4, 0.4]], plan=plan, final=[True])
    merged = look_boundaries([[1.0, 2.0]], [[0.2, 0.4]], plan=plan, final=[True])
    expected = estimates_at_stopping([2.3], [0.7], stopped_at=[1], looks=merged)
    for column in (1, 2):
        result = estimates_at_stopping([2.3], [0.7], stopped_at=[column], looks=retested)
        np.testing.assert_allclose(result[:4], expected[:4], rtol=1e-8)


def test_p_is_never_0():
    looks = look_boundaries([[1.0, 2.0]], [[0.5, 1.0]], plan=Plan(Spending("obf"), 0.05))
    assert estimates_at_stopping([50.0], [1.0], stopped_at=[0], looks=looks).p_value[0] == 5e-324


def test_what_is_undefined_says_why():
    looks = look_boundaries(
        np.tile([1.0, 2.0, 2.0], (4, 1)), np.tile([0.5, 1.0, 1.0], (4, 1)), plan=Plan(POCOCK, 0.05)
    )
    result = estimates_at_stopping(
        [2.0, np.nan, 2.0, 3.0], [1.0, 1, 0, 1], stopped_at=[-1, 0, 0, 2], looks=looks
    )
    assert result.reason.tolist() == [
        "not_stopped",
        "estimate_undefined",
        "estimate_undefined",
        "information_not_grown",
    ]
    assert np.isnan(result[:4]).all()
