"""Spending functions: values by hand, laws, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from abspark.stats.spending import Spending, fraction_at, spent_error

FAMILIES = [
    Spending("obf"),
    Spending("pocock"),
    Spending("power", 0.5),
    Spending("power", 3.0),
    Spending("hsd", -4.0),
    Spending("hsd", 0.0),
    Spending("hsd", 2.5),
]


def test_values_at_half_the_information_written_out():
    half = {"error": 0.04, "sides": 1}
    z = norm.isf(0.02)
    expected = [
        2 * norm.sf(z / np.sqrt(0.5)),
        0.04 * np.log(1 + (np.e - 1) / 2),
        0.04 * 0.5**0.5,
        0.04 * 0.5**3,
        0.04 * (1 - np.exp(2)) / (1 - np.exp(4)),
        0.02,
        0.04 * (1 - np.exp(-1.25)) / (1 - np.exp(-2.5)),
    ]
    np.testing.assert_allclose(
        [spent_error(family, 0.5, **half) for family in FAMILIES], expected, rtol=1e-12
    )


def test_two_sided_obf_spends_each_side_apart():
    two = spent_error(Spending("obf"), 0.3, error=0.05, sides=2)
    assert two == pytest.approx(2 * float(spent_error(Spending("obf"), 0.3, error=0.025, sides=1)), rel=1e-13)
    assert two != pytest.approx(float(spent_error(Spending("obf"), 0.3, error=0.05, sides=1)), rel=1e-3)


@given(
    family=st.sampled_from(FAMILIES),
    fractions=st.lists(st.floats(0, 1.5), min_size=2, max_size=6),
    error=st.floats(1e-6, 0.5),
    sides=st.sampled_from([1, 2]),
)
def test_spending_never_falls_and_ends_at_the_whole_error(family, fractions, error, sides):
    spent = spent_error(family, np.sort(fractions), error=error, sides=sides)
    assert np.all(np.diff(spent) >= -1e-17)
    assert np.all(spent <= error * (1 + 1e-12))
    assert spent_error(family, [0.0, 1.0, 7.0], error=error, sides=sides) == pytest.approx([0, error, error])


@given(
    family=st.sampled_from(FAMILIES),
    fraction=st.floats(0.02, 1.0),
    error=st.floats(1e-3, 0.4),
    sides=st.sampled_from([1, 2]),
)
def test_fraction_at_inverts_the_spending(family, fraction, error, sides):
    spent = spent_error(family, fraction, error=error, sides=sides)
    assert fraction_at(family, spent, error=error, sides=sides) == pytest.approx(fraction, rel=1e-6)


@pytest.mark.parametrize(
    ("family", "parameter", "message"),
    [
        ("wang", None, "is not one of obf, pocock, power, hsd"),
        ("obf", 1.0, "takes no parameter"),
        ("power", None, r"needs a parameter in \(0.0, 50.0\), got None"),
        ("power", 0.0, "needs a parameter"),
        ("hsd", 41.0, "needs a parameter"),
        ("hsd", float("nan"), "needs a parameter"),
    ],
)
def test_refusals(family, parameter, message):
    with pytest.raises(ValueError, match=message):
        Spending(family, parameter)
