"""Group sequential boundaries, crossing, repeated intervals and p-values."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy.stats import multivariate_normal, norm

from abspark.stats.group_sequential import (
    Plan,
    boundaries_at,
    first_crossing,
    information_fraction,
    look_boundaries,
    repeated_intervals,
)
from abspark.stats.repeated import LOWEST_P, repeated_p_values
from abspark.stats.running import running_interval, running_minimum
from abspark.stats.spending import Spending

OBF, POCOCK = Spending("obf"), Spending("pocock")
FAMILIES = [OBF, POCOCK, Spending("power", 2.0), Spending("hsd", -3.0)]


def at(fractions, plan, **options):
    return look_boundaries([fractions], [fractions], plan=plan, **options)


def correlation(information):
    """cov(Z_j, Z_k) = sqrt(I_j / I_k), j <= k."""
    information = np.asarray(information)
    return np.sqrt(np.minimum.outer(information, information) / np.maximum.outer(information, information))


def no_crossing(boundary, information, sides):
    """P(no crossing) under no effect, by scipy's multivariate normal integration, whose points are drawn."""
    lower = -boundary if sides == 2 else np.full_like(boundary, -np.inf)
    normal = multivariate_normal(
        cov=correlation(information), abseps=1e-9, releps=1e-9, maxpts=300_000, seed=1
    )
    return normal.cdf(boundary, lower_limit=lower)


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_boundaries_spend_the_error_by_independent_integration(family, sides):
    information = np.array([0.31, 0.55, 0.62, 1.0])
    looks = at(information, Plan(family, 0.05, sides))
    for count in (2, 3):
        crossed = 1 - no_crossing(looks.boundary[0, :count], information[:count], sides)
        assert crossed == pytest.approx(looks.alpha_spent[0, count - 1], abs=2e-6)


def crossed_either(first, second, t):
    """P(crossing one of two two-sided boundaries) under no effect, at information t and 1, as one integral."""

    def beyond(z):
        mean, sd = z * np.sqrt(t), np.sqrt(1 - t)
        return norm.pdf(z) * (norm.sf((second - mean) / sd) + norm.cdf((-second - mean) / sd))

    return 2 * norm.sf(first) + integrate.quad(beyond, -first, first, epsabs=1e-14)[0]


def test_second_boundary_by_one_written_out_integral():
    first, second = at([0.4, 1.0], Plan(POCOCK, 0.05)).boundary[0]
    assert crossed_either(first, second, 0.4) == pytest.approx(0.05, abs=1e-12)


def test_a_final_look_counts_with_less_new_information_than_another():
    """A growth of 3e-4: skipped in between; at the end it is a look of its own, and not the one before again."""
    information, fraction = [[99.97, 100.0], [99.97, 100.0]], [[0.9997, 1.0], [0.9997, 1.0]]
    looks = look_boundaries(information, fraction, plan=Plan(POCOCK, 0.05), final=[True, False])
    assert looks.counted.tolist() == [[True, True], [True, False]]
    assert not looks.retested.any()
    assert looks.reason.tolist() == [["", ""], ["", "information_not_grown"]]
    assert crossed_either(*looks.boundary[0], 0.9997) == pytest.approx(0.05, abs=1e-12)


def test_one_look_is_the_fixed_test():
    assert at([1.0], Plan(OBF, 0.05)).boundary[0, 0] == pytest.approx(norm.isf(0.025), rel=1e-13)
    assert at([1.0], Plan(OBF, 0.05, 1)).boundary[0, 0] == pytest.approx(norm.isf(0.05), rel=1e-13)


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(st.floats(0.02, 1.0), min_size=2, max_size=8),
    family=st.sampled_from(FAMILIES),
    sides=st.sampled_from([1, 2]),
    unit=st.floats(1e-6, 1e9),
)
def test_a_look_depends_only_on_the_looks_before_it_and_not_on_the_unit(steps, family, sides, unit):
    fractions = np.cumsum(steps) / np.sum(steps)
    plan = Plan(family, 0.05, sides)
    whole = at(fractions, plan)
    part = look_boundaries([fractions[:-1] * unit], [fractions[:-1]], plan=plan)
    np.testing.assert_allclose(part.boundary, whole.boundary[:, :-1], rtol=1e-9)
    np.testing.assert_array_equal(part.alpha_spent, whole.alpha_spent[:, :-1])


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(st.floats(0.05, 1.0), min_size=1, max_size=6),
    family=st.sampled_from(FAMILIES),
    sides=st.sampled_from([1, 2]),
)
def test_a_smaller_level_has_wider_boundaries_and_nested_intervals(steps, family, sides):
    fractions = np.cumsum(steps) / np.sum(steps)
    wide, narrow = (at(fractions, Plan(family, alpha, sides)) for alpha in (0.01, 0.05))
    assert np.all(wide.boundary >= narrow.boundary)
    (wide_low, wide_high), (low, high) = (repeated_intervals(0.3, 0.2, looks) for looks in (wide, narrow))
    assert np.all(wide_low <= low)
    assert np.all(wide_high >= high)


def test_rows_are_independent_of_their_batch():
    plan = Plan(OBF, np.array([0.05, 0.01, 0.05]))
    information = np.array([[1.0, 2, 4, 5], [1, 3, np.nan, np.nan], [2, 2.5, 3, 9]])
    batch = look_boundaries(information, information / 10, plan=plan)
    for row, alpha in enumerate([0.05, 0.01, 0.05]):
        alone = look_boundaries(information[[row]], information[[row]] / 10, plan=Plan(OBF, alpha))
        np.testing.assert_allclose(batch.boundary[[row]], alone.boundary, rtol=1e-10)
        np.testing.assert_array_equal(batch.reason[[row]], alone.reason)


def test_skipped_looks_spend_nothing_and_say_why():
    information = [10.0, 20.0, 20.001, 15.0, np.nan, 30.0, 0.0, np.inf]
    looks = look_boundaries([information], np.array([information]) / 40, plan=Plan(OBF, 0.05))
    grown, missing = "information_not_grown", "information_undefined"
    assert looks.reason[0].tolist() == ["", "", grown, grown, missing, "", missing, missing]
    assert looks.counted[0].tolist() == [True, True, False, False, False, True, False, False]
    same = look_boundaries([[10.0, 20.0, 30.0]], [[0.25, 0.5, 0.75]], plan=Plan(OBF, 0.05))
    np.testing.assert_allclose(looks.boundary[0][looks.counted[0]], same.boundary[0], rtol=1e-10)
    assert looks.alpha_spent[0, 2] == looks.alpha_spent[0, 1]


def test_overrunning_spends_the_rest_at_the_information_it_has_and_then_nothing():
    looks = look_boundaries([[50.0, 115.0, 130.0]], [[0.5, 1.15, 1.3]], plan=Plan(OBF, 0.05))
    boundary = looks.boundary[0]
    assert looks.alpha_spent[0].tolist() == pytest.approx([0.00305064551597, 0.05, 0.05])
    assert 1 - no_crossing(boundary[:2], [50, 115], 2) == pytest.approx(0.05, abs=1e-7)
    assert (boundary[2], looks.reason[0, 2]) == (np.inf, "no_alpha_to_spend")
    assert first_crossing([[0.0, 0.0, 99.0]], looks).tolist() == [-1]


def test_underrunning_spends_the_rest_only_at_a_final_look():
    information, fraction = [[50.0, 80.0], [50.0, 80.0]], [[0.5, 0.8], [0.5, 0.8]]
    looks = look_boundaries(information, fraction, plan=Plan(OBF, 0.05), final=[True, False])
    assert looks.alpha_spent[:, 1] == pytest.approx([0.05, 0.02442358])
    assert 1 - no_crossing(looks.boundary[0], [50, 80], 2) == pytest.approx(0.05, abs=1e-7)
    assert looks.boundary[1, 1] > looks.boundary[0, 1]
    assert looks.boundary[1, 0] == looks.boundary[0, 0]


@pytest.mark.parametrize("sides", [1, 2])
def test_a_final_look_without_new_information_spends_the_rest_on_the_old(sides):
    plan = Plan(POCOCK, 0.05, sides)
    looks = look_boundaries([[1.0, 2.0, 2.0]], [[0.25, 0.5, 0.5]], plan=plan, final=[True])
    first, second, third = looks.boundary[0]
    assert third < second
    assert 1 - no_crossing(np.array([first, third]), [1, 2], sides) == pytest.approx(0.05, abs=1e-7)
    np.testing.assert_allclose([first, second], at([0.25, 0.5], plan).boundary[0], rtol=1e-10)
    p_value = repeated_p_values([[0.0, third + 1e-6, third + 1e-6]], looks)[0]
    assert p_value[2] < 0.05 < p_value[1]


def test_recorded_spending_stands_whatever_the_plan_says_now():
    information, fraction = [[10.0, 20.0, 30.0]], [[0.2, 0.4, 0.6]]
    recorded = [[0.02, 0.021, np.nan]]
    looks = look_boundaries(information, fraction, plan=Plan(OBF, 0.05), recorded=recorded)
    assert looks.alpha_spent[0, :2] == pytest.approx([0.02, 0.021], rel=1e-10)
    assert looks.alpha_spent[0, 2] == pytest.approx(0.021, rel=1e-10)  # OBF alone would have 0.0076 here
    assert looks.boundary[0, 0] == pytest.approx(norm.isf(0.01), rel=1e-10)
    assert looks.boundary[0, 2] == np.inf
    rerun = look_boundaries(information, fraction, plan=Plan(OBF, 0.05), recorded=looks.alpha_spent)
    np.testing.assert_allclose(rerun.boundary, looks.boundary, rtol=1e-9)


def test_information_fraction():
    np.testing.assert_array_equal(information_fraction([50.0, 120.0], 100.0), [0.5, 1.2])
    assert np.isnan(information_fraction(50.0, 0.0))


def test_first_crossing_by_side():
    one, two = (at([0.5, 1.0], Plan(POCOCK, 0.05, sides)) for sides in (1, 2))
    assert first_crossing([[0.0, -9.0]], two).tolist() == [1]
    assert first_crossing([[0.0, -9.0]], one).tolist() == [-1]
    assert first_crossing([[9.0, 9.0]], one).tolist() == [0]
    assert first_crossing([[np.nan, 0.0]], one).tolist() == [-1]


def test_repeated_intervals_by_side():
    one, two = (at([0.5, 1.0], Plan(POCOCK, 0.05, sides)) for sides in (1, 2))
    low, high = repeated_intervals([[1.0, 2.0]], [[0.5, 0.25]], two)
    np.testing.assert_allclose(low, [[1 - 0.5 * two.boundary[0, 0], 2 - 0.25 * two.boundary[0, 1]]])
    np.testing.assert_allclose(high, [[1 + 0.5 * two.boundary[0, 0], 2 + 0.25 * two.boundary[0, 1]]])
    assert np.all(np.isinf(repeated_intervals([[1.0, 2.0]], 0.5, one)[1]))
    assert np.isnan(repeated_intervals([[1.0, 2.0]], 0.0, one)).all()


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    family=st.sampled_from(FAMILIES),
    sides=st.sampled_from([1, 2]),
    alpha=st.sampled_from([0.01, 0.05, 0.2]),
)
def test_repeated_p_is_below_alpha_exactly_where_the_boundary_is_crossed(seed, family, sides, alpha):
    generator = np.random.default_rng(seed)
    fractions = np.cumsum(generator.uniform(0.1, 1, 5))
    looks = at(fractions / fractions[-1], Plan(family, alpha, sides))
    exact = np.clip(looks.boundary[0], -8, 8)
    z = np.vstack([exact + 1e-9, exact - 1e-9, generator.normal(0, 2, (20, 5))])
    many = looks._replace(
        **{
            name: np.repeat(getattr(looks, name), len(z), axis=0)
            for name in (
                "information",
                "fraction",
                "counted",
                "retested",
                "alpha_spent",
                "boundary",
                "reason",
            )
        }
    )
    p_value = repeated_p_values(z, many)
    crossed = (np.abs(z) if sides == 2 else z) >= many.boundary
    np.testing.assert_array_equal(p_value <= alpha, crossed)
    interval = repeated_intervals(z, np.ones_like(z), many)
    np.testing.assert_array_equal(
        (interval[0] > 0) | (interval[1] < 0), (np.abs(z) if sides == 2 else z) > many.boundary
    )


def test_repeated_p_is_the_level_whose_boundary_the_statistic_meets():
    looks = at([0.2, 0.5, 0.8, 1.0], Plan(OBF, 0.05))
    z = np.array([[5.5, 3.0, 2.0, 1.0]])
    for look, p_value in enumerate(repeated_p_values(z, looks)[0]):
        assert boundaries_at(looks, Plan(OBF, float(p_value)))[0, look] == pytest.approx(z[0, look], abs=1e-5)


def test_repeated_p_at_its_ends():
    looks = at([0.2, 1.0], Plan(OBF, 0.05))
    assert repeated_p_values([[0.0, 40.0]], looks)[0].tolist() == pytest.approx([1.0, LOWEST_P], rel=1e-9)
    assert np.isnan(repeated_p_values([[np.nan, 1.0]], looks)[0, 0])


def test_running_summaries_skip_what_is_missing():
    np.testing.assert_array_equal(
        running_minimum([[np.nan, 0.5, np.nan, 0.7, 0.1]]), [[np.nan, 0.5, 0.5, 0.5, 0.1]]
    )
    low, high = running_interval([[-1.0, np.nan, -3.0]], [[4.0, 2.0, 3.0]])
    assert (low.tolist(), high.tolist()) == ([[-1.0, -1.0, -1.0]], [[4.0, 2.0, 2.0]])


@pytest.mark.parametrize("sides", [1, 2])
def test_sixty_looks_take_less_than_a_tenth_of_a_second(sides):
    fractions, plan, seconds = np.arange(1, 61) / 60, Plan(OBF, 0.05, sides), []
    for _ in range(5):
        start = time.thread_time()
        at(fractions, plan)
        seconds.append(time.thread_time() - start)
    assert min(seconds) < 0.1


@pytest.mark.parametrize(
    ("alpha", "sides", "message"),
    [(0.0, 2, "alpha must lie in"), (np.array([0.1, 1.0]), 2, "alpha"), (0.1, 3, "sides must")],
)
def test_refusals(alpha, sides, message):
    with pytest.raises(ValueError, match=message):
        Plan(OBF, alpha, sides)
