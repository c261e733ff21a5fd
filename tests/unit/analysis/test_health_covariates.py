"""The A/A test of covariates, beside scipy's t-test on the same numbers."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from abspark.analysis.health_covariates import covariate_checks, history_check
from abspark.config import Experiment, Metric

GIVEN: dict[str, Any] = {
    "id": "e", "variants": [{"key": "a", "weight": 0.5}, {"key": "b", "weight": 0.5}], "control": "a",
    "start": "2026-10-01T00:00:00Z", "end": "2026-10-15T00:00:00Z", "exposures": "log",
    "metrics": {"primary": ["spend", "plain"]},
}  # fmt: skip
EXPERIMENT = Experiment.model_validate(GIVEN)
SPEND = Metric.model_validate(
    {
        "name": "spend", "kind": "mean", "source": "s", "value": "value", "window": {"end": "7d"},
        "covariate": {"lookback": "14d"},
    }
)  # fmt: skip
METRICS = {"spend": SPEND, "plain": SPEND.model_copy(update={"name": "plain", "covariate": None})}


def row(variant: str, mean: float | None, variance: float | None, **given: Any) -> dict[str, Any]:
    empty = {
        f"{kind}_{name}": None for kind in ("mean", "var") for name in ("num", "den", "pre_num", "pre_den")
    }
    names = ("num", "den", "pre_num", "pre_den")
    pairs = {f"cov_{a}_{b}": None for i, a in enumerate(names) for b in names[i + 1 :]}
    return empty | pairs | {
        "experiment_id": "e", "variant": variant, "metric": "spend", "segment_name": None, "segment_value": None,
        "day": date(2026, 10, 14), "n": 1_000, "n_complete": 1_000, "mean_pre_num": mean, "var_pre_num": variance,
    } | given  # fmt: skip


def checks(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    return covariate_checks(rows, [EXPERIMENT], METRICS)


def test_arms_that_differed_before_are_told() -> None:
    [found] = checks(row("a", 10.0, 4.0), row("b", 10.4, 5.0))
    expected = stats.ttest_ind_from_stats(10.4, 5.0**0.5, 1_000, 10.0, 4.0**0.5, 1_000, equal_var=True)
    assert found["p_value"] == pytest.approx(expected.pvalue)
    assert (found["check"], found["status"], found["slice_value"]) == (
        "covariate_balance",
        "warn",
        "spend, b",
    )
    assert "10 in a, 10.4 in b" in found["message"]
    assert found["advice"].startswith("The arms differed before")


def test_arms_that_agreed_pass_and_only_the_last_day_is_tested() -> None:
    early = [row(v, m, 4.0, day=date(2026, 10, 2)) for v, m in (("a", 1.0), ("b", 9.0))]
    [found] = checks(*early, row("a", 10.0, 4.0), row("b", 10.05, 4.0))
    assert (found["status"], found["advice"]) == ("pass", None)


def test_a_small_arm_without_a_rare_value_is_no_alarm() -> None:
    """One unit in 200 has it: of 100 units none has six times in ten, and their own variance would be 0."""
    control = row("a", 0.005, 0.005 * 0.995, n=9_000)
    [found] = checks(control, row("b", 0.0, 0.0, n=100))
    expected = stats.ttest_ind_from_stats(0.0, 0.0, 100, 0.005, (0.005 * 0.995) ** 0.5, 9_000)
    assert (found["status"], found["p_value"]) == ("pass", pytest.approx(expected.pvalue))
    assert found["p_value"] > 0.4


def test_p_is_adjusted_over_metrics_and_treatments_of_everyone() -> None:
    """By Holm over four tests; segment values, in which the arms are farther apart, are no part of it."""
    arms = {
        "spend": {"a": (10.0, 4.0, 1_000), "b": (10.2, 5.0, 1_000), "c": (10.05, 4.0, 800)},
        "visits": {"a": (3.0, 1.0, 1_000), "b": (3.1, 1.2, 1_000), "c": (2.85, 0.9, 800)},
    }
    rows = [
        row(variant, mean, variance, metric=name, n=n)
        for name, by_variant in arms.items()
        for variant, (mean, variance, n) in by_variant.items()
    ]
    p = []
    for name, treatment in (("spend", "b"), ("spend", "c"), ("visits", "b"), ("visits", "c")):
        (mean, variance, n), (base, spread, m) = arms[name][treatment], arms[name]["a"]
        found = stats.ttest_ind_from_stats(mean, variance**0.5, n, base, spread**0.5, m, equal_var=True)
        p.append(found.pvalue)
    weights = {"a": 0.4, "b": 0.3, "c": 0.3}
    variants = [{"key": key, "weight": weight} for key, weight in weights.items()]
    chosen = Experiment.model_validate(
        GIVEN | {"variants": variants, "metrics": {"primary": ["spend", "visits"]}}
    )
    metrics = METRICS | {"visits": SPEND.model_copy(update={"name": "visits"})}
    checked = covariate_checks(rows, [chosen], metrics)
    assert [each["slice_value"] for each in checked] == ["spend, b", "spend, c", "visits, b", "visits, c"]
    assert [each["p_value"] for each in checked] == pytest.approx(list(multipletests(p, method="holm")[1]))
    german = [
        each | {"segment_name": "country", "segment_value": "DE", "mean_pre_num": 2 * each["mean_pre_num"]}
        for each in rows
    ]
    assert covariate_checks([*rows, *german], [chosen], metrics) == checked


def test_what_cannot_be_tested_has_no_row() -> None:
    assert checks(row("a", None, None, n=0), row("b", 10.0, 4.0)) == []
    assert checks(row("a", 3.0, 0.0), row("b", 3.0, 0.0)) == []
    assert checks(*(row(v, 3.0, 1.0, metric="plain") for v in "ab")) == []


def test_units_that_look_back_to_before_the_log_are_told() -> None:
    found = history_check(EXPERIMENT, "spend", 1_000, 250)
    assert (found["check"], found["status"], found["slice_value"]) == ("covariate_history", "warn", "spend")
    assert found["statistic"] == 0.25
    assert found["message"] == "The lookback of spend begins before its log for 250 of 1,000 units (25.0%)."
    assert history_check(EXPERIMENT, "spend", 1_000, 10)["status"] == "pass"
    assert history_check(EXPERIMENT, "spend", 0, 0)["message"].endswith("for no unit.")
