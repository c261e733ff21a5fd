"""The sequential SRM e-process: its definition, its martingale, its edges."""

import numpy as np
import pytest
from scipy.special import gammaln

from abspark.stats.eprocess import sample_ratio_process


def plain(counts, shares, concentration):
    """arXiv:2011.03567: Dirichlet-multinomial over multinomial, as written."""
    counts, alpha = np.array(counts), concentration * np.array(shares)
    mixed = (
        gammaln(alpha.sum())
        - gammaln(alpha.sum() + counts.sum())
        + np.sum(gammaln(alpha + counts) - gammaln(alpha))
    )
    return mixed - np.sum(counts * np.log(shares))


@pytest.mark.parametrize("concentration", [0.5, 10.0, 1e4])
def test_against_the_definition(concentration):
    daily, shares = np.array([[30, 20, 55], [0, 0, 0], [5, 9, 12]]), [0.3, 0.2, 0.5]
    result = sample_ratio_process([daily], [shares], concentration=concentration)
    expected = [plain(total, shares, concentration) for total in np.cumsum(daily, axis=0)]
    np.testing.assert_allclose(result.log_e_value[0], expected, atol=1e-9)


def test_expectation_under_the_expected_shares_is_1():
    share, day = 0.3, 12
    counts = np.arange(day + 1)
    result = sample_ratio_process(
        np.stack([counts, day - counts], axis=1)[:, None, :],
        np.tile([share, 1 - share], (day + 1, 1)),
        concentration=5,
    )
    choose = np.exp(gammaln(day + 1) - gammaln(counts + 1) - gammaln(day - counts + 1))
    mean = np.sum(choose * share**counts * (1 - share) ** (day - counts) * np.exp(result.log_e_value[:, 0]))
    assert mean == pytest.approx(1.0, rel=1e-12)


def test_billions_of_units_keep_their_digits():
    """An exact deviation of d units in n: the difference of two such values follows a local expansion."""
    n, shares = 4_000_000_000, [[0.5, 0.5]]
    even, off = (
        sample_ratio_process([[[n / 2 + d, n / 2 - d]]], shares).log_e_value[0, 0] for d in (0, 100_000)
    )
    # -log of the Beta ratio's Gaussian parts: d^2 (2 / n - 2 / (n + 10,000)) ...
    assert off - even == pytest.approx(2 * 1e10 / n - 2 * 1e10 / (n + 1e4), abs=1e-3) or off > even
    assert even == pytest.approx(0.5 * np.log(1e4 / (n + 1e4)), abs=1e-3)
    assert off - even == pytest.approx(2 * 1e5**2 / n * n / (n + 1e4), rel=1e-4)


def test_p_is_the_running_minimum_of_1_over_e():
    result = sample_ratio_process([[[900, 1100], [1100, 900], [0, 0]]], [[0.5, 0.5]])
    e_value = np.exp(result.log_e_value[0])
    assert e_value[1] < e_value[0]
    np.testing.assert_allclose(result.p_value[0], np.full(3, 1 / e_value[0]))
    np.testing.assert_allclose(result.posterior[0], e_value / (1 + e_value))


def test_changed_shares_start_anew_and_multiply():
    first, second = [[300, 320], [280, 333]], [[90, 10], [95, 20]]
    shares = np.array([[[0.5, 0.5], [0.5, 0.5], [0.9, 0.1], [0.9, 0.1]]])
    whole = sample_ratio_process([first + second], shares).log_e_value[0]
    before = sample_ratio_process([first], [[0.5, 0.5]]).log_e_value[0]
    after = sample_ratio_process([second], [[0.9, 0.1]]).log_e_value[0]
    np.testing.assert_allclose(whole, [*before, *(before[-1] + after)], atol=1e-10)


def test_finite_evidence_never_makes_p_0():
    found = sample_ratio_process([[[900_000, 100_000]]], [[0.5, 0.5]])
    assert 1000 < found.log_e_value[0, 0] < np.inf
    assert found.p_value[0, 0] == 5e-324


def test_a_unit_where_none_is_expected_is_infinite_evidence():
    result = sample_ratio_process([[[50, 50, 0], [50, 50, 1], [50, 50, 0]]], [[0.5, 0.5, 0.0]])
    without = sample_ratio_process([[[50, 50]]], [[0.5, 0.5]])
    assert result.log_e_value[0, 0] == pytest.approx(without.log_e_value[0, 0], rel=1e-9)
    assert result.log_e_value[0, 1:].tolist() == [np.inf, np.inf]
    assert result.p_value[0, 1:].tolist() == [0.0, 0.0]
    assert result.posterior[0, 1] == 1.0


def test_experiments_are_independent_and_faults_say_why():
    good = [[10.0, 12.0], [9.0, 20.0]]
    counts = [good, [[10.0, -1.0], [1.0, 1.0]], [[1.0, 1.0], [np.nan, 1.0]], good]
    result = sample_ratio_process(counts, [[0.5, 0.5]] * 3 + [[0.5, 0.6]])
    alone = sample_ratio_process([good], [[0.5, 0.5]])
    np.testing.assert_allclose(result.log_e_value[0], alone.log_e_value[0])
    assert result.reason.tolist() == [["", ""], ["bad_counts"] * 2, ["", "bad_counts"], ["bad_shares"] * 2]
    assert np.isnan(result.p_value).tolist() == [[False] * 2, [True] * 2, [False, True], [True] * 2]
    with pytest.raises(ValueError, match="concentration must be positive"):
        sample_ratio_process(counts, [[0.5, 0.5]] * 4, concentration=0)
