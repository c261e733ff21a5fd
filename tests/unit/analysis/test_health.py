"""Health checks from counted assignments; chi-square p-values by scipy."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from scipy.stats import chisquare

from abspark.analysis.health import health
from abspark.config import Experiment

DAY = 86_400_000_000


def experiment(**given: Any) -> Experiment:
    return Experiment.model_validate(
        {
            "id": "e",
            "variants": [
                {"key": "a", "weight": 0.5},
                {"key": "b", "weight": 0.3},
                {"key": "c", "weight": 0.2},
            ],
            "control": "a",
            "start": "2026-01-01T00:00:00Z",
            "end": "2026-01-15T00:00:00Z",
            "exposures": "x",
            "metrics": {"primary": ["m"]},
            **given,
        }
    )


def count(
    variant: str, n: int, *, excluded: str | None = None, status: str = "match", several: int = 0, **more: Any
) -> dict[str, Any]:
    """A row of the profile; a mismatch is predicted `a`, and the first day is 2026-01-01."""
    expected = {"match": variant, "override": variant, "mismatch": "a"}.get(status)
    day = more.pop("day", 0)
    return {
        "experiment_id": "e", "variant": variant, "excluded_reason": excluded, "hash_status": status,
        "expected_variant": expected, "n": n, "several": several, "period": 0, "not_ascii": False, "near": False,
        "capitals": False, "sampled": n // 16,
        "day": date(2026, 1, 1) + timedelta(days=day), "earliest": day * DAY, "latest": day * DAY + DAY - 1,
        **more,
    }  # fmt: skip


def checks(rows: list[dict[str, Any]], **given: Any) -> dict[str, dict[str, Any]]:
    """The checks of everyone, by name."""
    found = health(rows, [experiment(**given)])
    return {row["check"]: row for row in found if row["slice_name"] is None}


def test_sample_ratio_is_that_of_scipy_and_counts_a_variant_nobody_saw() -> None:
    row = checks([count("a", 500), count("b", 300)])["srm"]
    expected = chisquare([500, 300, 0], [400, 240, 160])
    assert row["p_value"] == pytest.approx(expected.pvalue, rel=1e-10)
    assert row["statistic"] == pytest.approx(expected.statistic, rel=1e-12)
    assert row["status"] == "fail"
    assert row["observed"] == "a 500, b 300, c 0"
    assert row["expected"] == "a 400, b 240, c 160"
    assert "Do not read the results" in row["advice"]


def test_sample_ratio_threshold_and_severity_are_configurable() -> None:
    rows = [count("a", 520), count("b", 290), count("c", 190)]
    p = chisquare([520, 290, 190], [500, 300, 200]).pvalue
    assert checks(rows)["srm"]["status"] == "pass"
    settings = {"health": {"srm": {"threshold": p * 1.01, "severity": "warn"}}}
    assert checks(rows, **settings)["srm"]["status"] == "warn"
    assert checks(rows, health={"srm": {"threshold": p * 0.99}})["srm"]["status"] == "pass"


def test_excluded_units_count_at_first_exposure_but_not_among_the_analysed() -> None:
    rows = [count("a", 400), count("b", 300), count("c", 200), count("a", 100, excluded="multiple_variants")]
    found = checks(rows)
    assert found["srm"]["observed"] == "a 500, b 300, c 200"
    assert found["srm_after_exclusions"]["observed"] == "a 400, b 300, c 200"


def test_one_variant_with_a_share_leaves_no_ratio_to_test() -> None:
    alone = {"variants": [{"key": "a", "weight": 1.0}, {"key": "b", "weight": 0.0}]}
    segments = [{"experiment_id": "e", "segment_name": "country", "segment_value": "DE", "period": 0, "variant": "a",
                 "wrong": False, "n": 100}]  # fmt: skip
    found = health([count("a", 100)], [experiment(**alone)], segments=segments)
    told = [row for row in found if row["check"] in ("srm", "srm_after_exclusions", "hash_capture")]
    assert [(row["status"], row["p_value"]) for row in told] == [("skipped", None)] * 4
    assert {row["message"] for row in told} == {
        "One variant alone has a share, so there is no ratio to test."
    }
    stray = checks([count("a", 100), count("b", 1)], **alone)["srm"]
    assert (stray["status"], stray["p_value"]) == ("fail", 0.0)


def test_tied_units_belong_to_no_variant() -> None:
    rows = [count("a", 500), count("b", 300), count("c", 200)]
    tied = count("a", 90, excluded="tied_variants", several=90)
    found, without = checks([*rows, tied]), checks(rows)
    for check in ("srm", "srm_after_exclusions", "srm_sequential"):
        assert found[check] == without[check]
        assert found[check]["observed"] == "a 500, b 300, c 200"
    assert found["several_variants"]["observed"] == "90 of 1,090 units (8.26%)"


def test_tied_units_have_no_recorded_variant_that_a_hash_could_differ_from() -> None:
    """They stand under the first in configured order, though the hash gave half of them another."""
    rows = [count("a", 5000), count("b", 3000), count("c", 2000)]
    tied = [
        count("a", n, excluded="tied_variants", several=n, status=status, expected_variant=expected)
        for n, status, expected in ((50, "match", "a"), (50, "mismatch", "b"))
    ]
    found, without = checks([*rows, *tied]), checks(rows)
    for check in ("hash", "hash_capture", "hash_assignment"):
        assert found[check] == without[check]
        assert found[check]["status"] == "pass"
    assert checks(tied)["hash"]["status"] == "skipped"


def test_without_units_checks_are_skipped() -> None:
    assert {row["status"] for row in checks([]).values()} == {"skipped"}


@pytest.mark.parametrize(("several", "status"), [(10, "pass"), (11, "warn"), (50, "warn"), (51, "fail")])
def test_units_in_several_variants(several: int, status: str) -> None:
    rows = [count("a", 1000 - several), count("a", several, excluded="multiple_variants", several=several)]
    row = checks(rows)["several_variants"]
    assert row["status"] == status
    assert row["statistic"] == several / 1000


@pytest.mark.parametrize(("wrong", "status"), [(0, "pass"), (1, "warn"), (10, "warn"), (11, "fail")])
@pytest.mark.parametrize("kind", ["mismatch", "not_allocated"])
def test_units_with_another_variant_than_their_hash_gives(wrong: int, status: str, kind: str) -> None:
    rows = [count("a", 10_000 - wrong), count("b", wrong, status=kind), count("c", 7, status="override")]
    row = checks([row for row in rows if row["n"]])["hash"]
    assert row["status"] == status
    assert row["statistic"] == wrong / 10_000


def test_underivable_assignments_skip_the_hash_check() -> None:
    row = checks([count("a", 10, status="not_derivable")])["hash"]
    assert (row["status"], row["observed"]) == ("skipped", "not_derivable 10")
