"""Each stored case is used by a test or left out with a reason, never both."""

from __future__ import annotations

import importlib

import pytest
from reference_cases import HERE, USED, left_out, stored

MODULES = (
    "test_reference_proportions",
    "test_reference_r",
    "test_reference_adjusted_p",
    "test_reference_srm",
)

SEQUENTIAL = {
    "r_reference": ("test_sequential_r_reference", ("beta-binomial", "gs repeated CI")),
    "srm": (
        "test_eprocess_reference",
        ("regression", "aggregated", "no mismatch", "mismatch", "cookie cats as", "three arms"),
    ),
}
"""Cases of sequential and Bayesian methods: the module that tests them, and how their ids begin."""


@pytest.mark.parametrize("file", ["proportions", "r_reference", "multiple_testing", "srm"])
def test_used_and_left_out_make_all(file: str) -> None:
    for name in MODULES:
        importlib.import_module(name)
    skipped = left_out()[file]
    everything = {case["id"] for case in stored(file)}
    module, prefixes = SEQUENTIAL.get(file, ("test_reference_complete", ()))
    assert (HERE / f"{module}.py").exists()
    elsewhere = {name for name in everything if name.startswith(prefixes)}
    assert USED[file] | set(skipped) | elsewhere == everything
    assert not USED[file] & set(skipped)
    assert not (USED[file] | set(skipped)) & elsewhere
    assert all(len(reason) > 10 for reason in skipped.values())


def test_all_reference_data_is_named_here() -> None:
    assert {path.stem for path in HERE.glob("*.json")} >= {"left_out", "cookie_rounds", *left_out()}
