"""Sample ratio mismatch: chi-square and exact against scipy, and the rows that are no ordinary ones."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from abspark.stats import reasons
from abspark.stats.srm import srm


def test_chi_square_is_scipys_also_with_padded_rows() -> None:
    counts = np.array([[510, 470, 300.0], [90, 110, np.nan], [40, 400, 41]])
    weights = np.array([[5, 5, 3.0], [0.4, 0.6, np.nan], [0.1, 0.8, 0.1]])
    result = srm(counts, weights)
    for i, used in enumerate((3, 2, 3)):
        share = weights[i, :used] / weights[i, :used].sum()
        expected = stats.chisquare(counts[i, :used], share * counts[i, :used].sum())
        assert_allclose([result.statistic[i], result.p_value[i]], expected, rtol=1e-12)
        assert_allclose(result.expected[i, :used], share * counts[i, :used].sum())
    assert_array_equal(result.dof, [2, 1, 2])
    assert np.isnan(result.expected[1, 2])
    assert not result.exact.any()


@pytest.mark.parametrize(
    ("x", "n", "p"), [(7, 10, 0.5), (1, 12, 0.3), (13, 20, 0.7), (0, 6, 0.4), (9, 9, 0.8)]
)
def test_exact_is_the_binomial_test(x: int, n: int, p: float) -> None:
    result = srm([x, n - x], [p, 1 - p], method="exact")
    assert result.exact.all()
    assert_allclose(result.p_value[0], stats.binomtest(x, n, p).pvalue, rtol=1e-10)


def test_exact_multinomial_by_enumeration() -> None:
    weights = np.array([0.2, 0.5, 0.3])
    counts = np.array([[4, 2, 1], [0, 7, 0], [1, 4, 2]])
    result = srm(counts, np.tile(weights, (3, 1)))
    outcomes = [o for o in itertools.product(range(8), repeat=3) if sum(o) == 7]
    chances = stats.multinomial.pmf(outcomes, 7, weights)
    for row, p in zip(counts, result.p_value, strict=True):
        own = stats.multinomial.pmf(row, 7, weights)
        assert_allclose(p, chances[chances <= own * (1 + 1e-7)].sum(), rtol=1e-9)
    assert result.exact.all()
    assert not srm(counts, np.tile(weights, (3, 1)), method="chi_square").exact.any()


def test_outcomes_as_likely_as_the_one_seen_count() -> None:
    """6 units in 3 equal variants: 3 outcomes of (6, 0, 0) and 6 x 6 of (5, 1, 0) among 729."""
    for counts in ([0, 1, 5], [5, 1, 0], [1, 0, 5]):
        assert_allclose(srm(counts, [1, 1, 1]).p_value, 39 / 729, rtol=1e-12)


def test_exact_needs_whole_counts_and_few_outcomes() -> None:
    counts = [[1.5, 2.5, 1], [1e6, 1e6, 200], [3, 4, 1]]
    assert srm(counts, [[5, 5, 0.001]] * 3, method="exact").exact.tolist() == [False, False, True]
    assert srm([[10, 10], [9, 9]], [[0.5, 0.5]] * 2).exact.tolist() == [False, False]
    assert srm([[5, 4]], [[0.5, 0.5]]).exact.tolist() == [True]


def test_a_variant_that_nobody_saw_counts() -> None:
    result = srm([1000, 0], [0.5, 0.5])
    assert_allclose([result.statistic[0], result.dof[0]], [1000, 1])
    assert_allclose(result.p_value[0], stats.chi2.sf(1000, 1), rtol=1e-9)


def test_rows_that_are_no_ordinary_ones() -> None:
    nan = np.nan
    counts = [
        [100, 100, 1],
        [100, 90, 0],
        [0, 0, 0],
        [-1, 5, 5],
        [nan, 5, 5],
        [9, 0, 0],
        [9, 0, 2],
        [40000, 0, 0],
    ]
    weights = [[1, 1, 0], [1, 1, 0], [1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 0, 0], [1, 0, 0], [1, 1, 1]]
    result = srm(counts, weights)
    assert result.reason.tolist() == [
        reasons.UNITS_WHERE_NONE_EXPECTED, reasons.NONE, reasons.NO_UNITS, reasons.NEGATIVE_COUNT,
        reasons.NEGATIVE_COUNT, reasons.FEWER_THAN_2_VARIANTS, reasons.UNITS_WHERE_NONE_EXPECTED,
        reasons.NONE,
    ]  # fmt: skip
    assert_array_equal(np.isnan(result.p_value), [False, False, True, True, True, True, False, False])
    assert_array_equal(result.p_value[[0, 6]], [0, 0])
    assert_array_equal(result.statistic[[0, 6]], [np.inf, np.inf])
    assert_allclose(result.p_value[1], stats.chisquare([100, 90]).pvalue)
    assert result.p_value[7] == 5e-324


def test_changed_weights_by_hand() -> None:
    """10,000 units at 90/10, then 10,000 at 50/50, 200 too many in the second variant.

    Its count has variance 10,000 (0.9 0.1 + 0.5 0.5) = 3,400, and 200 / sqrt(3,400) = 3.43; with the average
    share of 0.3 it would have 4,200, and 200 / sqrt(4,200) = 3.09.
    """
    result = srm([[[8900, 1100], [4900, 5100]]], [[[0.9, 0.1], [0.5, 0.5]]])
    assert_allclose(result.statistic, 200**2 / 3400)
    assert_allclose(result.p_value, 2 * stats.norm.sf(200 / np.sqrt(3400)))
    assert_allclose(result.expected, [[14_000, 6_000]])
    assert result.dof == 1


def test_changed_weights_of_three_variants() -> None:
    """The quadratic form in the covariance of two of the three counts, by numpy."""
    units, shares = np.array([400, 900]), np.array([[0.8, 0.1, 0.1], [0.2, 0.5, 0.3]])
    counts = np.array([[330, 30, 40], [190, 430, 280]])
    covariance = sum(n * (np.diag(w) - np.outer(w, w)) for n, w in zip(units, shares, strict=True))[:2, :2]
    off = (counts.sum(axis=0) - units @ shares)[:2]
    expected = off @ np.linalg.solve(covariance, off)
    padded = np.pad(counts, ((0, 1), (0, 1)))
    weights = np.pad(shares * 7, ((0, 1), (0, 1)), constant_values=np.nan)
    result = srm([padded, padded[[1, 0, 2]]], [weights, weights[[1, 0, 2]]])
    assert_allclose(result.statistic, expected)
    assert_allclose(result.p_value, stats.chi2.sf(expected, 2))
    assert_array_equal(np.isnan(result.expected), [[False, False, False, True]] * 2)


def test_periods_of_the_same_shares_are_one() -> None:
    share = np.array([0.5, 0.3, 0.2])
    counts = np.array([[510, 330, 160], [2500, 1400, 1100], [0, 0, 0]])
    one = stats.chisquare(counts.sum(axis=0), counts.sum() * share)
    assert_allclose(srm([counts], [[share] * 3]).statistic, one.statistic)
    assert_array_equal(srm([counts[[0, 2]]], [[share] * 2]).statistic, srm(counts[0], share).statistic)
    few = np.array([[3, 0, 1], [0, 2, 2]])
    assert_allclose(srm([few], [[share] * 2]).p_value, srm(few.sum(axis=0), share).p_value)


@pytest.mark.parametrize("counts", [[[500, 10], [485, 14]], [[500, 0], [485, 24]], [[0, 0], [985, 24]]])
def test_another_salt_or_traffic_leaves_the_tail_exact(counts: list[list[int]]) -> None:
    """Twice the binomial tail, by scipy: chi-square says 1.1e-5, and would fail segments of sound experiments."""
    weights = [[0.99, 0.01], [99 / 7, 1 / 7]]
    whole, split = srm([[985, 24]], [[0.99, 0.01]]), srm([counts], [weights])
    assert whole.exact.all()
    assert split.exact.all()
    assert_allclose(split.p_value, 2 * stats.binom.sf(23, 1009, 0.01))
    assert_allclose(split.p_value, whole.p_value)
    assert_allclose(split.expected, whole.expected)
    apart = srm([[*counts, [1, 1]]], [[*weights, [0.5, 0.5]]])
    assert not apart.exact.any()
    again = srm([[counts[0], [1, 1], counts[1]]], [[weights[0], [0.5, 0.5], weights[1]]])
    assert_allclose(again.p_value, apart.p_value)
    negative = srm([[[500, -1], [485, 25]]], [weights])
    assert negative.reason.tolist() == [reasons.NEGATIVE_COUNT]


def test_changed_weights_keep_their_level() -> None:
    """20,000 draws of 3,000 units at 80/15/5 and 1,000 at 20/30/50; the band is of 99.9 %."""
    units, shares = [3000, 1000], np.array([[0.8, 0.15, 0.05], [0.2, 0.3, 0.5]])
    rng, draws = np.random.default_rng(7), 20_000
    counts = np.stack([rng.multinomial(n, w, draws) for n, w in zip(units, shares, strict=True)], axis=1)
    rejected = (srm(counts, np.tile(shares, (draws, 1, 1))).p_value < 0.05).mean()
    low, high = stats.binom.ppf([0.0005, 0.9995], draws, 0.05) / draws
    assert low <= rejected <= high


def test_few_units_of_changed_weights_are_never_too_improbable() -> None:
    """The p-value at most as likely as it says: the count of two periods is a sum of two binomials."""
    shares = np.array([[0.9, 0.1], [0.4, 0.6]])
    chances = np.convolve(stats.binom.pmf(range(9), 8, 0.1), stats.binom.pmf(range(6), 5, 0.6))
    p = []
    for x in range(14):
        second = min(x, 5)
        counts = [[8 - x + second, x - second], [5 - second, second]]
        result = srm([counts], [shares], method="exact")
        assert result.exact.all()
        p.append(float(result.p_value[0]))
    for level in p:
        assert chances[np.array(p) <= level].sum() <= level + 1e-12


def test_variants_that_are_open_in_some_periods_only() -> None:
    """Of a and b half each, then b and c: b has variance (100 + 200) / 4, and any two counts leave the third."""
    counts, weights = [[55, 45, 0], [0, 110, 90]], [[1, 1, 0], [0, 1, 1]]
    covariance = np.array([[25, -25], [-25, 75]])
    off = np.array([5, 5])
    result = srm([counts], [weights])
    assert_allclose(result.statistic, off @ np.linalg.solve(covariance, off))
    assert result.dof == 2
    apart = srm([[[55, 45, 0, 0], [0, 0, 110, 90]]], [[[1, 1, 0, 0], [0, 0, 1, 1]]])
    assert_allclose(apart.statistic, 5**2 / 25 + 10**2 / 50)
    assert apart.dof == 2
    forced = srm([[[100, 0], [0, 50]], [[100, 1], [0, 50]]], [[[1, 0], [0, 1]]] * 2)
    assert forced.reason.tolist() == [reasons.FEWER_THAN_2_VARIANTS, reasons.UNITS_WHERE_NONE_EXPECTED]
    assert_array_equal(forced.p_value, [np.nan, 0])
    early = srm([[[99, 1], [50, 50]]], [[[1, 0], [1, 1]]])
    assert (early.p_value[0], early.statistic[0]) == (0, np.inf)


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="one shape"):
        srm([1, 2, 3], [0.5, 0.5])


@pytest.mark.parametrize(("units", "share"), [(500, 0.01), (5000, 0.01), (1000, 0.1), (200_000, 0.00002)])
@pytest.mark.parametrize("level", [1e-3, 1e-3 / 50, 1e-3 / 500])
def test_far_out_in_the_tail_no_level_is_exceeded(units: int, share: float, level: float) -> None:
    """Of two variants the chance of every outcome is known, so the error is computed, not simulated."""
    seen = np.arange(stats.binom.isf(1e-15, units, share) + 1)
    result = srm(np.column_stack([units - seen, seen]), [[1 - share, share]] * len(seen))
    chances = stats.binom.pmf(seen, units, share)
    assert chances[result.p_value < level].sum() <= level
    assert result.exact[result.p_value < level].all()


@pytest.mark.parametrize(
    ("units", "share"),
    [
        (1000, (0.98, 0.01, 0.01)),
        (500, (0.9, 0.05, 0.05)),
        (10_000, (0.8, 0.19, 0.01)),
        (600, (0.4, 0.3, 0.3)),
    ],
)
@pytest.mark.parametrize("level", [1e-3, 1e-3 / 50, 1e-3 / 500])
def test_far_out_no_level_is_exceeded_among_too_many_outcomes_of_three(
    units: int, share: tuple[float, ...], level: float
) -> None:
    """The chance of every outcome is known, too. Of shares nearly even chi-square stays, which errs by up to 8 %."""
    some = [
        np.arange(stats.binom.ppf(1e-12, units, w), stats.binom.isf(1e-12, units, w) + 1) for w in share[1:]
    ]
    small = np.array(np.meshgrid(*some)).reshape(2, -1).T
    seen = np.column_stack([units - small.sum(axis=1), small])
    result = srm(seen, np.tile(share, (len(seen), 1)))
    chances = stats.multinomial.pmf(seen, units, share)
    even = max(share) < 0.5
    assert chances[result.p_value < level].sum() <= level * (1.08 if even else 1)
    assert result.exact[result.p_value < level].all() == (not even)


def test_two_variants_in_the_tail_have_twice_the_binomial_tail() -> None:
    seen, units, share = np.array([0, 25, 30]), 1000, 0.01
    result = srm(np.column_stack([units - seen, seen]), [[1 - share, share]] * 3)
    tails = np.minimum(stats.binom.cdf(seen, units, share), stats.binom.sf(seen - 1, units, share))
    assert_allclose(result.p_value, 2 * tails, rtol=1e-9)


@pytest.mark.parametrize("share", [(0.98, 0.01, 0.01), (0.82, *[0.02] * 9)])
def test_few_expected_among_too_many_outcomes_keep_the_level(share: tuple[float, ...]) -> None:
    """100,000 draws of 480 or 60 units; with chi-square more than twice as many lie below 0.1 %."""
    units, draws, level = {3: 480, 10: 60}[len(share)], 100_000, 0.001
    counts, times = np.unique(
        np.random.default_rng(3).multinomial(units, share, draws), axis=0, return_counts=True
    )
    result = srm(counts, np.tile(share, (len(counts), 1)))
    assert result.exact.all()
    assert times[result.p_value < level].sum() <= stats.binom.ppf(0.999, draws, level)


def test_by_variant_the_smallest_p_counts_as_often_as_there_are_variants() -> None:
    counts, share = np.array([470, 8, 12, 0]), [0.98, 0.01, 0.01, 0]
    tails = 2 * np.minimum(stats.binom.cdf(counts, 490, share), stats.binom.sf(counts - 1, 490, share))
    assert_allclose(srm(counts, share).p_value, 3 * tails[:3].min(), rtol=1e-9)
