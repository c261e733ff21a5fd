"""Sample ratio mismatch against R's chisq.test, GrowthBook, the SRM Checker and Kohavi, Tang & Xu (2020)."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference_cases import Case, named, take

from abspark.stats.srm import srm


def chi_square_case(case: Case) -> bool:
    return "counts" in (case["inputs"] or {})


@pytest.mark.parametrize(
    "case",
    [*take("srm", chi_square_case), *take("r_reference", lambda c: c["id"].startswith("srm-"))],
    ids=named,
)
def test_chi_square(case: Case) -> None:
    given, expected = case["inputs"], case["expected"]
    weights = given.get("weights") or given["weights_percent"]
    result = srm(given["counts"], weights, method="chi_square")
    if "p_value_less_than" in expected:
        assert result.p_value[0] < expected["p_value_less_than"]
    elif expected["p_value"] == "NaN":
        assert np.isnan(result.p_value[0])
        assert result.reason[0] != ""
    else:
        assert_allclose(result.p_value[0], expected["p_value"], rtol=1e-10, atol=case.get("tolerance", 0))
    if "statistic" in expected:
        assert_allclose(
            [result.statistic[0], result.dof[0]], [expected["statistic"], expected["df"]], rtol=1e-12
        )
