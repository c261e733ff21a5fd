"""Paired margins against statsmodels and by hand; rates against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, chi2, chi2_contingency, fisher_exact
from statsmodels.stats.contingency_tables import SquareTable, mcnemar

from abspark.stats import reasons
from abspark.stats.contingency import equal_rates
from abspark.stats.paired import equal_margins
from abspark.stats.srm import srm


@pytest.mark.parametrize("k", [2, 3, 5])
def test_margins_are_those_of_statsmodels(k: int) -> None:
    table = np.random.default_rng(k).integers(20, 90, (k, k))
    found = equal_margins(table)
    expected = SquareTable(table, shift_zeros=False).homogeneity(method="stuart_maxwell")
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-10)
    assert (found.dof, found.p_value) == (k - 1, pytest.approx(expected.pvalue, rel=1e-9))
    assert found.discordant == table.sum() - np.trace(table)
    assert not found.exact


def test_few_discordant_pairs_of_two_categories_are_tested_exactly() -> None:
    table = np.array([[900, 17], [7, 800]])
    found = equal_margins(table)
    assert found.p_value == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-12)
    assert found.p_value == pytest.approx(binomtest(17, 24).pvalue, rel=1e-12)
    assert found.exact
    many = equal_margins([[900, 18], [7, 800]])
    assert (many.exact, many.statistic) == (False, pytest.approx(11**2 / 25))


def test_as_many_moves_each_way_have_a_p_of_1() -> None:
    """Two of four one way: of 16 ways 11 have two or more, so that the tails are 11 / 16 each and sum to more."""
    found = equal_margins([[5, 2], [2, 5]])
    assert (found.statistic, found.p_value, found.discordant, found.exact) == (0.0, 1.0, 4.0, True)
    assert found.p_value == binomtest(2, 4).pvalue


def test_categories_without_moves_do_not_count() -> None:
    """Two categories exchange units and a third has none: McNemar's, whatever its size."""
    found = equal_margins([[900, 40, 0], [20, 800, 0], [0, 0, 700]])
    assert (found.dof, found.statistic) == (1, pytest.approx(400 / 60))
    assert found.p_value == pytest.approx(chi2.sf(400 / 60, 1))


def test_two_closed_pairs_of_categories_have_two_degrees_of_freedom() -> None:
    """The covariance then has rank 2, not 3; the statistic is the sum of both McNemar statistics."""
    table = np.diag([100.0] * 4)
    table[0, 1], table[1, 0], table[2, 3], table[3, 2] = 30, 10, 5, 15
    found = equal_margins(table)
    assert (found.dof, found.statistic) == (2, pytest.approx(400 / 40 + 100 / 20))


def test_without_moves_the_margins_are_equal() -> None:
    assert equal_margins(np.diag([5, 0, 3]))[:4] == (0.0, 0, 1.0, 0.0)


def test_faulty_tables() -> None:
    with pytest.raises(ValueError, match="square"):
        equal_margins([[1, 2, 3], [4, 5, 6]])
    faulty = equal_margins([[1, -2], [3, 4]])
    assert (faulty.reason, np.isnan(faulty.p_value)) == (reasons.NEGATIVE_COUNT, True)


def test_rates_are_those_of_scipy() -> None:
    found = equal_rates([60, 30, 45], [900, 800, 1000])
    expected = chi2_contingency([[60, 30, 45], [900, 800, 1000]], correction=False)
    assert (found.statistic, found.p_value) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-10)
    assert found.expected == pytest.approx(expected.expected_freq[0])
    assert found.dof == 2


def test_rare_units_are_tested_exactly() -> None:
    found = equal_rates([7, 0], [9993, 10_000])
    assert found.p_value == pytest.approx(2 / 2**7, rel=1e-9)
    many = equal_rates([9993, 10_000], [7, 0])
    assert many.p_value == pytest.approx(found.p_value)


def test_few_units_far_out_in_the_tail_are_tested_exactly() -> None:
    """One unit in a hundred is treated: of 5 affected units expected among them chi-square has 14 as 25 times rarer."""
    table = [[486, 14], [98_514, 986]]
    found, expected = equal_rates(*table), chi2_contingency(table, correction=False)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(2 * fisher_exact(table, alternative="less").pvalue, rel=1e-6)
    assert found.p_value > 20 * expected.pvalue
    for swapped in (equal_rates([14, 486], [986, 98_514]), equal_rates(table[1], table[0])):
        assert swapped.p_value == pytest.approx(found.p_value)


def test_a_variant_without_units_is_left_out() -> None:
    assert equal_rates([60, 0, 45], [900, 0, 1000])[:3] == pytest.approx(
        equal_rates([60, 45], [900, 1000])[:3]
    )


@pytest.mark.parametrize(
    ("affected", "others", "p", "reason"),
    [
        ([0, 0], [5, 5], 1.0, reasons.NONE),
        ([5, 5], [0, 0], 1.0, reasons.NONE),
        ([0, 0], [0, 0], np.nan, reasons.NO_UNITS),
        ([3, 0], [4, 0], np.nan, reasons.FEWER_THAN_2_VARIANTS),
        ([3, -1], [4, 2], np.nan, reasons.NEGATIVE_COUNT),
    ],
)
def test_rates_at_the_edge(affected: list[int], others: list[int], p: float, reason: str) -> None:
    found = equal_rates(affected, others)
    assert found.p_value == pytest.approx(p, nan_ok=True)
    assert found.reason == reason


def test_the_small_sample_p_is_that_of_the_multinomial() -> None:
    found = equal_rates([6, 1, 0], [500, 300, 200])
    assert found.p_value == pytest.approx(srm([[6, 1, 0]], [[506, 301, 200]], method="exact").p_value[0])
