"""Two proportions against R's prop.test, PropCIs, statsmodels and Fagerland et al. (2015)."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference_cases import Case, named, starts, take
from scipy import special

from abspark.stats.effects import Effect, proportion_effect
from abspark.stats.fixed import proportion_z, wilson_interval
from abspark.stats.moments import Moments
from abspark.stats.multiplicity import holm

R_TESTS = [case for file in ("proportions", "r_reference") for case in take(file, starts("prop.test-"))]
WILSON = [case for file in ("proportions", "r_reference") for case in take(file, starts("wilson-"))]
FAGERLAND = [
    (interval, case)
    for interval in ("wald", "agresti_caffo", "newcombe")
    for case in take("proportions", starts(f"fagerland-{interval.replace('_', '-')}"))
]
SIDES = {"two.sided": (2, 1), "greater": (1, 1), "less": (1, -1)}


def effect_of(x_control: float, n_control: float, x_treatment: float, n_treatment: float) -> Effect:
    def arm(x: float, n: float) -> Moments:
        mean, cov = np.full((1, 4), np.nan), np.full((1, 4, 4), np.nan)
        mean[0, 0], cov[0, 0, 0] = x / n, x / n * (1 - x / n) * n / (n - 1)
        return Moments(np.array([n]), mean, cov)

    return proportion_effect(arm(x_control, n_control), arm(x_treatment, n_treatment))


@pytest.mark.parametrize("case", R_TESTS, ids=named)
def test_prop_test(case: Case) -> None:
    given, expected = case["inputs"], case["expected"]
    sides, direction = SIDES[given["alternative"]]
    effect = effect_of(given["x_control"], given["n_control"], given["x_treatment"], given["n_treatment"])
    result = proportion_z(effect, alpha=1 - given["conf_level"], sides=sides, direction=direction)
    assert_allclose(result.statistic**2, expected["statistic"], rtol=1e-10)
    assert_allclose(result.p_value, expected["p_value"], rtol=1e-9)
    low, high = expected["conf_int"]
    if {0, 1} & {effect.treatment.mean[0], effect.control.mean[0]}:
        # R takes such an arm for known; ours has the error of R's own test in both
        estimate = effect.effect[0]
        half = special.ndtri(1 - (1 - given["conf_level"]) / sides) * estimate / expected["statistic"] ** 0.5
        low, high = (low if low == -1 else estimate - half), (high if high == 1 else estimate + half)
    assert_allclose([result.low[0], result.high[0]], [low, high], rtol=1e-9)
    assert_allclose([effect.treatment.mean[0], effect.control.mean[0]], expected["estimate"], rtol=1e-13)


@pytest.mark.parametrize(("interval", "case"), FAGERLAND)
def test_fagerland_intervals(interval: str, case: Case) -> None:
    given = case["inputs"]
    effect = effect_of(given["x2"], given["n2"], given["x1"], given["n1"])
    result = proportion_z(effect, alpha=given["alpha"], interval=interval)
    assert_allclose([result.low[0], result.high[0]], case["expected"]["ci"], atol=case["tolerance"], rtol=0)


@pytest.mark.parametrize("case", take("proportions", starts("sm-ztest")), ids=named)
def test_pooled_z(case: Case) -> None:
    (x1, x2), (n1, n2) = case["inputs"]["x"], case["inputs"]["n"]
    result = proportion_z(effect_of(x2, n2, x1, n1))
    assert_allclose(result.statistic, case["expected"]["z"], rtol=case["tolerance"])
    assert_allclose(result.p_value, case["expected"]["p_value"], rtol=case["tolerance"])


@pytest.mark.parametrize("case", take("proportions", starts("prop-4")), ids=named)
def test_all_pairs_with_holm(case: Case) -> None:
    x, n = case["inputs"]["x"], case["inputs"]["n"]
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    p = np.array([proportion_z(effect_of(x[i], n[i], x[j], n[j])).p_value[0] for i, j in pairs])
    assert_allclose(p, case["expected"]["pairwise_p_raw"], rtol=1e-11)
    assert_allclose(holm(p, np.zeros(6)), case["expected"]["pairwise_p_holm"], rtol=1e-11)


@pytest.mark.parametrize("case", WILSON, ids=named)
def test_wilson(case: Case) -> None:
    n, p = float(case["inputs"]["n"]), case["inputs"]["x"] / case["inputs"]["n"]
    assert case["inputs"]["conf_level"] == 0.95
    # The normal quantile at 0.975, R's qnorm(0.975).
    low, high = wilson_interval(np.array([p]), np.array([n]), np.array([1.959963984540054]))
    assert_allclose([low[0], high[0]], case["expected"]["wilson"], rtol=1e-12, atol=1e-15)
