"""The sequential SRM test against the published implementation of its authors (Apache-2.0, numbers only)."""

import json
from pathlib import Path

import numpy as np
import pytest

from abspark.stats.eprocess import CONCENTRATION, sample_ratio_process

CASES = json.loads((Path(__file__).parent / "eprocess.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_eprocess(case):
    inputs, expected = case["inputs"], case["expected"]
    counts, shares = [inputs["counts_per_period"]], [inputs["null_probabilities"]]
    weights = inputs.get("dirichlet_probability")
    if weights is None:
        result = sample_ratio_process(counts, shares, concentration=CONCENTRATION)
    else:  # its concentration multiplies weights that need not sum to 1
        total = sum(weights)
        concentration = total * inputs["dirichlet_concentration"]
        result = sample_ratio_process(
            counts, shares, concentration=concentration, centre=[np.array(weights) / total]
        )
    tolerance = {"rtol": case["tolerance"], "atol": 0}
    np.testing.assert_allclose(np.exp(result.log_e_value[0]), expected["bayes_factors"], **tolerance)
    np.testing.assert_allclose(result.p_value[0], expected["p_values"], **tolerance)
    np.testing.assert_allclose(
        result.posterior[0], expected["posterior_probability_of_mismatch"], **tolerance
    )
