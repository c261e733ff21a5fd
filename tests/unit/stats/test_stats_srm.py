"""Sample ratio mismatch: chi-square and exact against scipy, and the rows that are no ordinary ones."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from abspark.stats import reasons
from abspark.stats.srm import expected_weights, srm


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
    counts = [[1.5, 2.5, 1], [1e6, 1e6, 1], [3, 4, 1]]
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


def test_weights_over_periods() -> None:
    assert_allclose(expected_weights([100, 300], [[1, 1], [1, 3]]), [50 + 75, 50 + 225])


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="one shape"):
        srm([1, 2, 3], [0.5, 0.5])
