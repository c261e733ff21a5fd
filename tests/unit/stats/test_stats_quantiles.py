"""Quantiles: ranks against the binomial distribution, effects against their definition."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from abspark.stats import reasons
from abspark.stats.fixed import welch
from abspark.stats.moments import Moments
from abspark.stats.quantiles import (
    QuantileEstimate,
    cluster_inflation,
    clustered_ranks,
    interpolated,
    interpolation_ranks,
    quantile_effect,
    quantile_ranks,
)


@pytest.mark.parametrize(
    ("n", "q", "rank"), [(30, 0.1, 3), (10, 0.5, 5), (11, 0.5, 6), (100, 0.99, 99), (3, 0.001, 1)]
)
def test_rank_of_the_quantile(n: int, q: float, rank: int) -> None:
    """The smallest value with at least a share q at or below it, as R's quantile(type = 1)."""
    assert quantile_ranks(n, q).rank == rank
    assert clustered_ranks(n, q, inflation=2.0).rank == rank
    values = np.random.default_rng(1).normal(size=n)
    assert np.sort(values)[rank - 1] == np.quantile(values, q, method="inverted_cdf")


def test_rank_does_not_care_about_rounding() -> None:
    """In doubles 100 * 0.07 is a little more than 7."""
    assert quantile_ranks(100, 0.07).rank == 7


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_interval_covers_at_least_its_level_and_is_tight(alpha: float) -> None:
    n, q = np.array([200, 999, 54]), np.array([0.5, 0.9, 0.25])
    ranks = quantile_ranks(n, q, alpha=alpha)
    below, above = stats.binom.cdf(ranks.low - 1, n, q), stats.binom.sf(ranks.high - 1, n, q)
    assert (below <= alpha / 2).all()
    assert (above <= alpha / 2).all()
    assert (stats.binom.cdf(ranks.low, n, q) > alpha / 2).all()
    assert (stats.binom.sf(ranks.high - 2, n, q) > alpha / 2).all()


def test_too_few_values_for_an_end() -> None:
    assert [int(x) for x in quantile_ranks(20, 0.99)] == [20, 19, 21]
    assert [int(x) for x in clustered_ranks(20, 0.99, inflation=3.0)] == [20, 17, 21]
    assert int(quantile_ranks(20, 0.01).low) == 0


def test_interpolated_quantiles_are_numpys() -> None:
    """numpy's default method, `linear`, is the same type 7."""
    draw = np.random.default_rng(3)
    n, q = np.array([1, 2, 7, 1000]), np.array([0.0, 0.05, 0.5, 0.999, 1.0])
    samples = [np.sort(draw.lognormal(size=size)) for size in n]
    places = interpolation_ranks(n[:, np.newaxis], q)
    below, above = (
        np.array([sample[ranks - 1] for sample, ranks in zip(samples, chosen, strict=True)])
        for chosen in (places.below, places.above)
    )
    expected = np.array([np.quantile(sample, q) for sample in samples])
    assert_allclose(interpolated(places, below, above), expected, rtol=1e-12)


def test_no_quantile_is_asked_for() -> None:
    places = interpolation_ranks(5, [np.nan, 0.5])
    assert_array_equal(places.below, [0, 3])
    assert_array_equal(places.above, [0, 3])
    assert_array_equal(interpolated(places, np.array([np.nan, 2.0]), np.array([np.nan, 2.0])), [np.nan, 2.0])


def test_clusters_widen_by_their_inflation() -> None:
    n, q = 10_000, 0.9
    one, three = clustered_ranks(n, q, inflation=1.0), clustered_ranks(n, q, inflation=3.0)
    half = stats.norm.ppf(0.975) * 30
    assert [int(x) for x in one] == [9000, int(9000 - half), int(9000 + half) + 2]
    assert [int(x) for x in three] == [9000, int(9000 - 3 * half), int(9000 + 3 * half) + 2]
    exact = quantile_ranks(n, q)
    assert abs(int(exact.low) - int(one.low)) <= 2
    assert int(clustered_ranks(n, q, inflation=3.0, alpha=0.5).low) > int(three.low)


def test_inflation_of_clusters_by_hand() -> None:
    at_or_below, events = np.array([0.0, 2, 1, 4, 0, 3]), np.array([1.0, 3, 1, 5, 2, 4])
    share = at_or_below.sum() / events.sum()
    clustered = ((at_or_below - share * events) / events.mean()).var(ddof=1) / 6
    expected = np.sqrt(clustered / (share * (1 - share) / events.sum()))
    assert_allclose(cluster_inflation(Moments.from_samples(at_or_below, events)), expected)


def test_events_of_one_per_unit_are_not_inflated() -> None:
    below = (np.arange(1000) < 900).astype(float)
    inflation = cluster_inflation(Moments.from_samples(below, np.ones(1000)))
    assert_allclose(inflation, np.sqrt(1000 / 999))


def test_ties_at_the_quantile_do_not_narrow_the_interval() -> None:
    """A median among 400 events of one per unit, 70 % of them at or below its value, or all of them.

    Independent events have the ranks 200 -+ 1.96 sqrt(400 / 4) = 200 -+ 19.6.
    """
    below = np.stack([np.arange(400) < 280, np.ones(400)]).astype(float)
    inflation = cluster_inflation(Moments.from_samples(below, np.ones((2, 400))))
    assert_allclose(inflation, [np.sqrt(400 / 399), 1])
    ranks = clustered_ranks([400, 400], 0.5, inflation=inflation)
    assert (ranks.low.tolist(), ranks.high.tolist()) == ([180, 180], [221, 221])


def test_events_none_of_which_lies_above_are_taken_for_alike() -> None:
    """As many as independent units of which each decides over all its events: sum m^2 / (sum m)^2 of s (1 - s)."""
    events = np.array([1.0, 3, 1, 5, 2, 4])
    inflation = cluster_inflation(Moments.from_samples(events, events))
    assert_allclose(inflation, np.sqrt((events**2).sum() / events.sum()))
    assert np.isnan(cluster_inflation(Moments.from_samples(np.array([3.0]), np.array([3.0])))).all()


def test_effect_has_the_error_of_its_intervals() -> None:
    control = QuantileEstimate(*(np.array([x]) for x in (500.0, 10.0, 8.0, 13.0, 0.0)))
    treatment = QuantileEstimate(*(np.array([x]) for x in (400.0, 12.0, 11.0, 14.5, 0.25)))
    effect = quantile_effect(control, treatment, alpha=0.1)
    width = 2 * stats.norm.ppf(0.95)
    assert_allclose(effect.variance, (5 / width) ** 2 + (3.5 / width) ** 2)
    result = welch(effect)
    assert_array_equal(result.effect, [2.0])
    assert_allclose(result.p_value, 2 * stats.norm.sf(2 / np.sqrt(effect.variance)))
    assert_allclose(result.relative, 0.2)
    spread = (3.5 / width) ** 2 / 100 + (5 / width) ** 2 * 144 / 1e4
    assert_allclose(result.relative_high, 0.2 + stats.norm.ppf(0.975) * np.sqrt(spread))


def test_open_ended_intervals_have_a_reason() -> None:
    known = QuantileEstimate(*(np.array([x, x]) for x in (50.0, 10.0, 8.0, 13.0, 0.0)))
    open_ended = known._replace(high=np.array([np.nan, 12.0]))
    effect = quantile_effect(known, open_ended)
    assert effect.reason.tolist() == [reasons.TOO_FEW_FOR_QUANTILE, reasons.NONE]
    assert np.isnan(welch(effect).p_value).tolist() == [True, False]


def test_tied_values_have_a_reason_and_no_error() -> None:
    """Beyond a quarter of the ranks in either arm; where an end is missing, too, there are too few values."""
    known = QuantileEstimate(*(np.full(5, x) for x in (50.0, 10.0, 8.0, 13.0, 0.0)))
    control = known._replace(tied=np.array([0.25, 0.26, 0.0, 0.26, 1.0]))
    treatment = known._replace(tied=np.array([0.25, 0.0, 0.26, 0.26, 1.0]), value=np.full(5, 11.0))
    treatment = treatment._replace(high=np.array([13.0, 13.0, 13.0, np.nan, 8.0]))
    effect = quantile_effect(control, treatment)
    tied = reasons.TIED_VALUES
    assert effect.reason.tolist() == [reasons.NONE, tied, tied, reasons.TOO_FEW_FOR_QUANTILE, tied]
    assert_array_equal(effect.effect, np.ones(5))
    result = welch(effect)
    for numbers in (effect.variance, result.p_value, result.low, result.high, result.relative_high):
        assert np.isnan(numbers).tolist() == [False, True, True, True, True]
