"""Adjusted p-values against statsmodels, family by family."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from statsmodels.stats.multitest import multipletests

from abspark.stats.multiplicity import METHODS, holm

STATSMODELS = {
    "bonferroni": "bonferroni",
    "holm": "holm",
    "hochberg": "simes-hochberg",
    "benjamini_hochberg": "fdr_bh",
    "benjamini_yekutieli": "fdr_by",
}


@pytest.mark.parametrize("name", METHODS)
def test_many_families_of_different_sizes(name: str) -> None:
    rng = np.random.default_rng(1)
    p = rng.uniform(size=150) ** 4
    p[::13] = np.nan
    p[5:40:7] = 0.003
    family = np.where(rng.uniform(size=150) < 0.3, -8, rng.integers(0, 8, 150))
    adjusted = METHODS[name](p, family)
    for label in np.unique(family):
        rows = np.flatnonzero((family == label) & ~np.isnan(p))
        if len(rows):
            assert_allclose(adjusted[rows], multipletests(p[rows], method=STATSMODELS[name])[1], rtol=1e-12)
    assert_array_equal(np.isnan(adjusted), np.isnan(p))


@pytest.mark.parametrize("name", METHODS)
def test_tiny_p_keep_their_digits(name: str) -> None:
    p = np.array([3e-300, 0.5, 7e-299, 1e-17])
    adjusted = METHODS[name](p, np.zeros(4))
    assert_allclose(
        adjusted / p, METHODS[name](p * [1e200, 1, 1e200, 1e2], np.zeros(4)) / (p * [1e200, 1, 1e200, 1e2])
    )
    assert (adjusted[[0, 2, 3]] < 1e-15).all()


@pytest.mark.parametrize("name", METHODS)
def test_nothing_to_adjust(name: str) -> None:
    assert METHODS[name]([], np.array([], dtype=int)).shape == (0,)
    assert np.isnan(METHODS[name]([np.nan, np.nan], [1, 1])).all()
    assert_allclose(METHODS[name]([0.04, np.nan, 0.2], [1, 1, 2]), [0.04, np.nan, 0.2])


def test_one_label_per_p() -> None:
    with pytest.raises(ValueError, match="one shape"):
        holm([0.1, 0.2], [1])
