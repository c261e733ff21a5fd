"""Adjusted p-values against R's p.adjust and multtest, GrowthBook and expan."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference_cases import Case, named, starts, take

from abspark.stats.multiplicity import (
    METHODS,
    benjamini_hochberg,
    bonferroni,
    holm,
)

R_NAMES = {
    "bonferroni": "bonferroni",
    "holm": "holm",
    "hochberg": "hochberg",
    "bh": "benjamini_hochberg",
    "by": "benjamini_yekutieli",
}


@pytest.mark.parametrize(
    "case",
    [*take("r_reference", starts("p.adjust")), *take("multiple_testing", starts("multtest"))],
    ids=named,
)
def test_against_r(case: Case) -> None:
    p = case["inputs"]["pvalues"]
    compared = 0
    for name, expected in case["expected"].items():
        if name.lower() in R_NAMES:
            adjusted = METHODS[R_NAMES[name.lower()]](p, np.zeros(len(p)))
            # R prints p.adjust to 15 digits, multtest to fewer in the largest case.
            assert_allclose(adjusted, expected, rtol=1e-12, atol=case.get("tolerance", 0))
            compared += 1
    assert compared >= 4


@pytest.mark.parametrize("case", take("multiple_testing", starts("gb-holm")), ids=named)
def test_holm_of_growthbook(case: Case) -> None:
    p, expected = case["inputs"]["pvalues"], case["expected"]
    adjusted = holm(p, np.zeros(len(p)))
    if "sorted_by_p" in expected:
        adjusted, expected = (
            adjusted[expected["sorted_by_p"]["index"]],
            {"holm": expected["sorted_by_p"]["adjusted"]},
        )
    assert_allclose(adjusted, expected["holm"], rtol=1e-12)
    if "bh" in expected:
        assert_allclose(benjamini_hochberg(p, np.zeros(len(p))), expected["bh"], rtol=1e-12)


@pytest.mark.parametrize("case", take("multiple_testing", starts("gb-bh")), ids=named)
def test_benjamini_hochberg_of_growthbook(case: Case) -> None:
    p, expected = case["inputs"]["pvalues"], case["expected"]["sorted_desc"]
    adjusted = benjamini_hochberg(p, np.zeros(len(p)))[expected["index"]]
    assert_allclose(adjusted, expected["adjusted"], atol=case["tolerance"])


@pytest.mark.parametrize("case", take("multiple_testing", starts("expan-bh")), ids=named)
def test_rejections_match_the_corrected_level(case: Case) -> None:
    p, level = np.array(case["inputs"]["pvalues"]), case["inputs"]["fdr"]
    rejected = benjamini_hochberg(p, np.zeros(len(p))) <= level
    assert_allclose(
        level * rejected.sum() / len(p), case["expected"]["corrected_alpha"], atol=case["tolerance"]
    )
    assert rejected.tolist() == (p <= case["expected"]["corrected_alpha"]).tolist()


@pytest.mark.parametrize("case", take("multiple_testing", starts("expan-bonf")), ids=named)
def test_bonferroni_matches_the_corrected_level(case: Case) -> None:
    p, level = np.array(case["inputs"]["pvalues"]), case["inputs"]["alpha"]
    adjusted = bonferroni(p, np.zeros(len(p)))
    assert_allclose(adjusted, np.minimum(p * level / case["expected"]["corrected_alpha"], 1), rtol=1e-12)
