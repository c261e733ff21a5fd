"""Cases of r_reference.json for sequential and Bayesian methods: R's integrate and rpact 3.3.4."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, stats

from abspark.stats.bayesian import BetaPrior, compare_proportions
from abspark.stats.beta import Beta, beta_quantile
from abspark.stats.group_sequential import Plan, look_boundaries, repeated_intervals
from abspark.stats.repeated import repeated_p_values
from abspark.stats.sequential_design import inflation_factor
from abspark.stats.spending import Spending

CASES = json.loads((Path(__file__).parent / "r_reference.json").read_text())
FAMILIES = {"asOF": Spending("obf"), "asP": Spending("pocock")}


def starting(prefix):
    return pytest.mark.parametrize(
        "case", [case for case in CASES if case["id"].startswith(prefix)], ids=lambda case: case["id"]
    )


@starting("beta-binomial")
def test_beta_binomial(case):
    inputs, expected = case["inputs"], case["expected"]
    prior = BetaPrior(*inputs["prior"])
    won, tried = [[inputs["xA"], inputs["xB"]]], [[inputs["nA"], inputs["nB"]]]
    result = compare_proportions(won, tried, prior=prior, alpha=0.05)
    found = [result.prob_better, result.expected_loss_treatment, result.expected_loss_control, result.effect]
    wanted = [expected[key] for key in ("prob_B_beats_A", "expected_loss_choose_B", "expected_loss_choose_A")]
    assert [field[0] for field in found] == pytest.approx(
        [*wanted, expected["meanB"] - expected["meanA"]], rel=1e-6, abs=1e-9
    )
    for arm in "AB":
        posterior = Beta(
            np.full(2, 1.0 + inputs[f"x{arm}"]), np.full(2, 1.0 + inputs[f"n{arm}"] - inputs[f"x{arm}"])
        )
        ends = 1 / (1 + np.exp(-beta_quantile(posterior, np.array([0.025, 0.975]))))
        np.testing.assert_allclose(ends, expected[f"cred{arm}95"], rtol=1e-9)


@starting("gs repeated CI")
def test_repeated_intervals_and_p(case):
    """rpact takes the standard errors of the pooled stages as 1 here (its z is effect x sqrt(n / 2) with sd 1)."""
    inputs, expected = case["inputs"], case["expected"]
    z, effect = np.array([expected["overall_z"]]), np.array([expected["effect"]])
    thirds = np.array([[1, 2, 3]]) / 3
    looks = look_boundaries(
        thirds, thirds, plan=Plan(FAMILIES[inputs["type"]], inputs["alpha"], inputs["sided"])
    )
    low, high = repeated_intervals(effect, effect / z, looks)
    np.testing.assert_allclose(low, [expected["rci_lower"]], atol=2e-6)
    np.testing.assert_allclose(high, [expected["rci_upper"]], atol=2e-6)
    # rpact searches levels up to 0.5 only, to about 1e-6.
    p_value, wanted = repeated_p_values(z, looks)[0], np.array(expected["repeated_p"])
    found = wanted < 0.49
    np.testing.assert_allclose(p_value[found], wanted[found], atol=2e-6)
    assert np.all(p_value[~found] > 0.5)


@starting("gs sample size")
def test_sample_size_of_means(case):
    inputs, expected = case["inputs"], case["expected"]
    fractions = np.arange(1, inputs["K"] + 1)[None, :] / inputs["K"]
    plan = Plan(FAMILIES[inputs["type"]], inputs["alpha"], inputs["sided"])
    factor = inflation_factor(fractions, plan=plan, power=inputs["power"])[0]
    assert factor == pytest.approx(expected["means_max_n"] / fixed_size(inputs), rel=1e-6)


def fixed_size(inputs):
    """Units in both arms of a fixed two-sided t-test, by its exact power (noncentral t)."""

    def lacking(units):
        shift = inputs["delta"] / inputs["sd"] * np.sqrt(units) / 2
        critical = stats.t.isf(inputs["alpha"] / 2, units - 2)
        return stats.nct.sf(critical, units - 2, shift) - inputs["power"]

    return optimize.brentq(lacking, 1000, 5000, xtol=1e-6)
