"""All 72 cases of three R packages, each at the accuracy that package has.

The recursion here is good to 1e-12 (it doesn't change when its nodes are doubled), so the tolerances are those of
the software: rpact 3.3.4 solves for the error to 1e-8, which is up to 2e-7 in a boundary; gsDesign 3.11 to 1e-6;
ldbounds 2.0.2 integrates on a coarse grid (they differ among themselves by as much). A look that one package gets
wrong is listed with the reason and held to another package.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtr

from abspark.stats.group_sequential import Plan, look_boundaries
from abspark.stats.sequential_design import inflation_factor
from abspark.stats.spending import Spending

HERE = Path(__file__).parent
CASES = json.loads((HERE / "group_sequential.json").read_text())["cases"]
LEFT_OUT = json.loads((HERE / "group_sequential_left_out.json").read_text())["left_out"]
FAMILIES = {"asOF": "obf", "asP": "pocock"}


def plan_of(case):
    return Plan(Spending(FAMILIES[case["type"]]), case["alpha"], case["sided"])


def solved(case):
    fractions = [case["information_rates"]]
    return look_boundaries(fractions, fractions, plan=plan_of(case))


def compared(case, field):
    """The values of a field, and which of its looks are held to it."""
    values = np.array([float(value) for value in case[field]])
    left_out = {entry["look"] for entry in LEFT_OUT if (entry["id"], entry["field"]) == (case["id"], field)}
    return values, np.array([look + 1 not in left_out for look in range(len(values))])


def test_the_list_of_left_out_looks_names_existing_looks_only():
    looks = {case["id"]: case["K"] for case in CASES}
    assert len(CASES) == 72
    assert all(entry["look"] <= looks[entry["id"]] and entry["reason"] for entry in LEFT_OUT)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
@pytest.mark.parametrize(
    ("field", "tolerance"),
    [("critical_values", 2e-7), ("gsDesign_3_11_upper", 2e-6), ("ldbounds_2_0_2_upper", 3e-4)],
)
def test_boundaries(case, field, tolerance):
    looks = solved(case)
    values, held = compared(case, field)
    if field == "ldbounds_2_0_2_upper":  # its grid doesn't resolve boundaries that spend less
        held &= looks.alpha_spent[0] >= 5e-5
    np.testing.assert_allclose(looks.boundary[0][held], values[held], rtol=0, atol=tolerance)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_every_left_out_look_is_held_to_another_package_or_to_its_formula(case):
    looks = solved(case)
    first = case["sided"] * ndtr(-looks.boundary[0, 0])
    assert first == pytest.approx(looks.alpha_spent[0, 0], rel=1e-9)
    rpact, gs_design = compared(case, "critical_values")[1], compared(case, "gsDesign_3_11_upper")[1]
    assert (rpact | gs_design)[1:].all()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_error_spent(case):
    looks = solved(case)
    values, held = compared(case, "cumulative_alpha_spent")
    np.testing.assert_allclose(looks.alpha_spent[0][held], values[held], rtol=2e-9, atol=2e-8)
    np.testing.assert_allclose(looks.alpha_spent[0], case["ldbounds_exit_prob"], rtol=1e-12, atol=2e-15)
    nominal, held = compared(case, "nominal_stage_levels_one_sided")
    np.testing.assert_allclose(ndtr(-looks.boundary[0]), nominal, rtol=0, atol=2e-8)


@pytest.mark.parametrize(
    "case", [case for case in CASES if "inflation_factor_power80" in case], ids=lambda case: case["id"]
)
def test_inflation_factor(case):
    fractions = np.array([case["information_rates"]])
    factor = inflation_factor(fractions / fractions[:, -1:], plan=plan_of(case), power=0.8)
    assert factor[0] == pytest.approx(case["inflation_factor_power80"], abs=1e-7)
    assert factor[0] == pytest.approx(case["gsDesign_inflation_power80"], abs=2e-6)
