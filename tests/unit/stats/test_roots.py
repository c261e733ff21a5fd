"""Many roots at once."""

import numpy as np
import pytest

from abspark.stats.roots import increasing_root


def test_roots_of_functions_of_different_shape():
    shift = np.array([0.3, -2.0, 1e-6, 40.0])
    found = increasing_root(
        lambda x: np.sinh(x - shift), np.full(4, -60.0), np.full(4, 60.0), tolerance=1e-13
    )
    np.testing.assert_allclose(found, shift, atol=1e-11)
    steep = increasing_root(lambda x: x**9 - shift[:1], np.array([-3.0]), np.array([5.0]), tolerance=1e-14)
    assert steep[0] == pytest.approx(0.3 ** (1 / 9), rel=1e-10)


def test_without_a_sign_change_the_nearer_end_and_nan_for_nan():
    offset = np.array([5.0, -5.0, np.nan, 0.5])
    found = increasing_root(lambda x: x + offset, np.full(4, -1.0), np.full(4, 1.0), tolerance=1e-12)
    np.testing.assert_allclose(found, [-1.0, 1.0, np.nan, -0.5])
