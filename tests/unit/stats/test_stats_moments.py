"""Moments against numpy on the raw values."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from abspark.stats.moments import Moments, concat, merge


def values(rows: int, units: int, seed: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    num = rng.lognormal(1, 0.7, (rows, units))
    return {
        "num": num,
        "den": rng.poisson(4, (rows, units)) + 1.0,
        "pre_num": 0.4 * num + rng.normal(5, 2, (rows, units)),
        "pre_den": rng.poisson(3, (rows, units)) + 2.0,
    }


def part(sample: dict[str, np.ndarray], pick: slice) -> Moments:
    return Moments.from_samples(**{name: column[:, pick] for name, column in sample.items()})


def test_from_samples_is_numpys_mean_and_covariance() -> None:
    sample = values(3, 57)
    moments = Moments.from_samples(**sample)
    stacked = np.stack(list(sample.values()), axis=1)
    assert_array_equal(moments.n, [57, 57, 57])
    assert_allclose(moments.mean, stacked.mean(axis=2), rtol=1e-13)
    assert_allclose(moments.cov, [np.cov(row, ddof=1) for row in stacked], rtol=1e-11)


def test_one_dimension_is_one_row_and_absent_variables_are_nan() -> None:
    moments = Moments.from_samples([1.0, 2.0, 6.0], pre_num=[0.0, 1.0, 5.0])
    assert len(moments) == 1
    assert_allclose(moments.mean, [[3, np.nan, 2, np.nan]])
    expected = np.full((4, 4), np.nan)
    expected[0, 0] = expected[2, 2] = expected[0, 2] = expected[2, 0] = 7.0
    assert_allclose(moments.cov[0], expected)


def test_no_units_and_one_unit() -> None:
    none, one = Moments.from_samples(np.empty((1, 0))), Moments.from_samples([4.0])
    assert_array_equal(none.n, [0])
    assert np.isnan(none.mean).all()
    assert_allclose(one.mean[0], [4, np.nan, np.nan, np.nan])
    assert np.isnan(one.cov).all()


@pytest.mark.parametrize("cut", [0, 1, 2, 30, 56, 57])
def test_merge_of_parts_is_the_whole(cut: int) -> None:
    sample = values(4, 57)
    whole = Moments.from_samples(**sample)
    merged = merge(part(sample, slice(0, cut)), part(sample, slice(cut, None)))
    assert_array_equal(merged.n, whole.n)
    assert_allclose(merged.mean, whole.mean, rtol=1e-13)
    assert_allclose(merged.cov, whole.cov, rtol=1e-11)


def test_merge_of_single_units_and_of_nothing() -> None:
    one, other, none = (Moments.from_samples(np.array([x])) for x in ([2.0], [5.0], []))
    assert_allclose(merge(one, other).cov[0, 0, 0], 4.5)
    assert_allclose(merge(one, none).mean[0, 0], 2.0)
    assert np.isnan(merge(one, none).cov).all()
    assert_array_equal(merge(none, none).n, [0])
    assert np.isnan(merge(none, none).mean).all()


def test_a_variable_absent_in_one_part_is_absent_in_the_whole() -> None:
    with_covariate = Moments.from_samples([1.0, 2.0], pre_num=[3.0, 5.0])
    merged = merge(with_covariate, Moments.from_samples([4.0, 9.0, 7.0]))
    assert_allclose(merged.mean[0], [4.6, np.nan, np.nan, np.nan])
    assert_allclose(merged.cov[0, 0, 0], np.var([1, 2, 4, 9, 7], ddof=1))
    assert np.isnan(merged.cov[0, 2]).all()


def test_take_and_concat() -> None:
    moments = Moments.from_samples(**values(5, 9))
    picked = concat([moments.take(slice(3, 5)), moments.take(np.array([True, False, False, False, True]))])
    order = [3, 4, 0, 4]
    assert_array_equal(picked.n, moments.n[order])
    assert_array_equal(picked.mean, moments.mean[order])
    assert_array_equal(picked.cov, moments.cov[order])


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match=r"\(r, 4, 4\)"):
        Moments(np.ones(2), np.ones((2, 4)), np.ones((2, 4)))
    with pytest.raises(ValueError, match="numerator's shape"):
        Moments.from_samples([1.0, 2.0], [1.0, 2.0, 3.0])
