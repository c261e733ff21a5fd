"""Welch's t, quantiles, power and sample size against R 4.2.2, pwr and rpact."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference_cases import HERE, Case, named, starts, take

from abspark.stats.effects import mean_effect
from abspark.stats.fixed import welch
from abspark.stats.moments import Moments
from abspark.stats.power import (
    Design,
    MeanQuestion,
    ProportionQuestion,
    non_inferior_mean,
    power,
    units_needed,
)
from abspark.stats.quantiles import quantile_ranks


def moments_of(n: float, mean: float, variance: float) -> Moments:
    means, cov = np.full((1, 4), np.nan), np.full((1, 4, 4), np.nan)
    means[0, 0], cov[0, 0, 0] = mean, variance
    return Moments(np.array([n]), means, cov)


@pytest.mark.parametrize("case", take("r_reference", starts("t.test")), ids=named)
def test_t_test(case: Case) -> None:
    control, treatment = (
        moments_of(case["inputs"]["n"][i], case["inputs"]["mean"][i], case["inputs"]["var"][i])
        for i in (0, 1)
    )
    expected = case["expected"]
    result = welch(mean_effect(control, treatment))
    # The means are printed to 15 digits, so a difference of close means has fewer.
    assert_allclose(result.statistic, expected["statistic"], rtol=1e-10)
    assert_allclose(result.dof, expected["df"], rtol=1e-11)
    assert_allclose(result.p_value, expected["p_value"], rtol=1e-9)
    assert_allclose([result.low[0], result.high[0]], expected["conf_int"], rtol=1e-10)


@pytest.mark.parametrize("case", take("r_reference", starts("quantiles cookie")), ids=named)
def test_quantile_and_order_statistic_interval(case: Case) -> None:
    rounds = json.loads((HERE / "cookie_rounds.json").read_text())[f"gate_{case['inputs']['data'][-2:]}"]
    values = np.repeat(rounds["values"], rounds["counts"])
    assert len(values) == case["inputs"]["n"]
    ranks = quantile_ranks(len(values), case["inputs"]["probs"], alpha=0.05)
    expected = case["expected"]
    assert values[ranks.rank - 1].tolist() == expected["type1"]
    assert values[ranks.low - 1].tolist() == expected["ci95_lower"]
    assert values[ranks.high - 1].tolist() == expected["ci95_upper"]


def size_cases(case: Case) -> bool:
    return case["id"].startswith("power.prop.test") and "n_power_prop_test" in case["expected"]


@pytest.mark.parametrize("case", take("r_reference", size_cases), ids=named)
def test_sample_size_of_proportions(case: Case) -> None:
    given = case["inputs"]
    units = units_needed(
        ProportionQuestion(given["p1"], given["p2"]), given["power"], design=Design(alpha=given["alpha"])
    )
    # R solves for n by uniroot with a tolerance of 1e-4 on n.
    assert_allclose(units / 2, case["expected"]["n_power_prop_test"], rtol=1e-7)


@pytest.mark.parametrize("case", take("r_reference", starts("power.t.test")), ids=named)
def test_sample_size_of_means(case: Case) -> None:
    given = case["inputs"]
    question = MeanQuestion(given["delta"], given["sd"], given["sd"])
    for sides, key in ((2, "n_two_sided"), (1, "n_one_sided")):
        units = units_needed(question, given["power"], design=Design(alpha=given["alpha"], sides=sides))
        assert_allclose(units / 2, case["expected"][key], rtol=5e-6)


@pytest.mark.parametrize("case", take("r_reference", starts("power.prop.test power")), ids=named)
def test_power_of_proportions(case: Case) -> None:
    given = case["inputs"]
    question = ProportionQuestion(given["p1"], given["p2"])
    assert_allclose(
        power(question, 2 * given["n"], design=Design(alpha=given["alpha"])),
        case["expected"]["power"],
        rtol=1e-12,
    )


@pytest.mark.parametrize("case", take("r_reference", starts("noninferiority means")), ids=named)
def test_sample_size_of_non_inferiority(case: Case) -> None:
    given = case["inputs"]
    question = non_inferior_mean(-given["margin"], sd_control=given["sd"], sd_treatment=given["sd"])
    units = units_needed(question, given["power"], design=Design(alpha=given["alpha_one_sided"], sides=1))
    assert_allclose(units, case["expected"]["n_raw"], rtol=1e-7)


@pytest.mark.parametrize("case", take("r_reference", starts("gs sample size")), ids=named)
def test_one_inflation_factor_serves_means_and_rates(case: Case) -> None:
    given, expected = case["inputs"], case["expected"]
    mean = MeanQuestion(given["delta"], given["sd"], given["sd"])
    rate = ProportionQuestion(given["p_control"], given["p_treatment"])
    inflation = expected["means_max_n"] / units_needed(
        mean, given["power"], design=Design(alpha=given["alpha"])
    )
    design = Design(alpha=given["alpha"], inflation=float(inflation))
    assert_allclose(units_needed(rate, given["power"], design=design), expected["rates_max_n"], rtol=1e-6)
