"""Which tests are told to have too few units for skewed values."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from abspark.analysis.health_skewness import skewness_checks
from abspark.config import Experiment, Metric

GIVEN: dict[str, Any] = {
    "id": "e", "variants": [{"key": "a", "weight": 0.9}, {"key": "b", "weight": 0.1}], "control": "a",
    "start": "2026-10-01T00:00:00Z", "end": "2026-10-15T00:00:00Z", "exposures": "log",
    "metrics": {"primary": ["spend"], "secondary": ["other"]},
}  # fmt: skip
SPEND = Metric.model_validate(
    {"name": "spend", "kind": "mean", "source": "s", "value": "value", "window": {"end": "7d"}}
)
METRICS = {
    "spend": SPEND,
    "other": SPEND.model_copy(update={"name": "other"}),
    "less": SPEND.model_copy(update={"name": "less", "direction": "decrease"}),
}
DAY = date(2026, 10, 14)


def moments_row(variant: str, n: int, *, metric: str = "spend", **given: Any) -> dict[str, Any]:
    """Revenue that one unit in twenty pays: mean 1, standard deviation 6."""
    names = ("num", "den", "pre_num", "pre_den")
    empty = {f"{kind}_{name}": None for kind in ("mean", "var") for name in names}
    pairs = {f"cov_{a}_{b}": None for i, a in enumerate(names) for b in names[i + 1 :]}
    return empty | pairs | {
        "experiment_id": "e", "variant": variant, "metric": metric, "segment_name": None, "day": DAY,
        "n": n, "mean_num": 1.0, "var_num": 36.0,
    } | given  # fmt: skip


def result_row(metric: str = "spend", **given: Any) -> dict[str, Any]:
    return {
        "experiment_id": "e", "metric": metric, "treatment": "b", "role": "primary", "headline": True,
        "segment_name": None, "estimator": "unadjusted", "p_value": 0.2, "day": DAY,
        "margin": None,
    } | given  # fmt: skip


def checks(
    control: int,
    treatment: int,
    *,
    experiment: dict[str, Any] | None = None,
    moments: dict[str, Any] | None = None,
    metric: str = "spend",
    **result: Any,
) -> list[dict[str, Any]]:
    given = GIVEN | {"metrics": {"primary": [metric]}} | (experiment or {})
    arms = [moments_row(v, n, metric=metric) | (moments or {}) for v, n in (("a", control), ("b", treatment))]
    return skewness_checks([result_row(metric, **result)], arms, [Experiment.model_validate(given)], METRICS)


def test_a_small_treatment_has_false_decreases() -> None:
    """sd / mean is 6, so the skewness at least 6 - 1 / 6; the expansion at 1.96 has 0.0846 of it."""
    [found] = checks(5_000, 50)
    skewness = (6 - 1 / 6) * (1 / 50**2 - 1 / 5_000**2) / (1 / 50 + 1 / 5_000) ** 1.5
    assert found["statistic"] == pytest.approx(skewness, rel=1e-3)
    assert (found["check"], found["status"], found["slice_value"]) == ("skewness", "warn", "spend, b")
    assert found["observed"] == "50 units in b, 5,000 in a"
    assert "a decrease is significant by mistake in about 9.37% or more of experiments" in found["message"]
    assert 0.025 + 0.0846 * skewness == pytest.approx(0.0937, abs=1e-4)
    assert "not in 2.5%" in found["message"]
    assert found["advice"].startswith("Take this p with caution")


def test_a_small_control_has_false_increases() -> None:
    [found] = checks(50, 5_000)
    assert found["statistic"] < 0
    assert found["observed"] == "50 units in a, 5,000 in b"
    assert "an increase is significant by mistake" in found["message"]


@pytest.mark.parametrize(("control", "treatment"), [(300, 300), (90_000, 10_000), (1, 50)])
def test_enough_units_have_no_row(control: int, treatment: int) -> None:
    assert checks(control, treatment) == []


def test_it_warns_from_twice_the_level_on() -> None:
    """0.025 / 0.0846 = 0.2955 is where: with 100 times as many in control, between 384 and 386 units."""
    assert [len(checks(100 * n, n)) for n in (370, 400)] == [1, 0]


@pytest.mark.parametrize(("metric", "warns"), [("spend", False), ("less", True)])
def test_one_sided_it_warns_of_the_side_that_is_tested(metric: str, *, warns: bool) -> None:
    found = checks(5_000, 50, metric=metric, experiment={"analysis": {"method": "fixed", "sides": 1}})
    assert bool(found) == warns
    assert all("not in 5%" in row["message"] for row in found)


def test_a_guardrail_is_tested_on_both_sides_whatever_the_others_are() -> None:
    given = {
        "metrics": {"primary": ["other"], "guardrails": [{"metric": "spend"}]},
        "analysis": {"method": "fixed", "sides": 1},
    }
    [found] = checks(5_000, 50, experiment=given, role="guardrail")
    assert "not in 2.5%" in found["message"]


@pytest.mark.parametrize(
    "other",
    [
        {"role": "secondary"},
        {"headline": False},
        {"segment_name": "country"},
        {"estimator": "cuped"},
        {"p_value": None},
        {"day": date(2026, 10, 13)},
    ],
)
def test_rows_that_are_no_such_test_have_none(other: dict[str, Any]) -> None:
    assert checks(5_000, 50, **other) == []


@pytest.mark.parametrize(
    "other", [{"segment_name": "country"}, {"variant": "c"}, {"day": date(2026, 10, 13)}]
)
def test_only_moments_of_everyone_in_both_arms_on_the_day_are_used(other: dict[str, Any]) -> None:
    assert checks(5_000, 50, moments=other, **({"day": DAY} if "day" in other else {})) == []


def test_arms_of_which_nothing_is_decided_have_no_row() -> None:
    assert checks(5_000, 50, experiment={"min_sample_size": 51}) == []
    assert len(checks(5_000, 50, experiment={"min_sample_size": 50})) == 1


SEQUENTIAL = {"method": "group_sequential", "group_sequential": {"planned_units": 10_000}}


@pytest.mark.parametrize(
    ("analysis", "margin", "warns"),
    [({"method": "fixed"}, None, False), ({"method": "fixed"}, 0.02, True), (SEQUENTIAL, None, True)],
)
def test_of_proportions_it_asks_where_errors_are_not_pooled(
    analysis: dict[str, Any], margin: float | None, *, warns: bool
) -> None:
    given = {"name": "spend", "kind": "proportion", "source": "s", "window": {"end": "7d"}}
    one_in_twenty = {"mean_num": 0.05, "var_num": 0.0475}
    arms = [moments_row("a", 9_900) | one_in_twenty, moments_row("b", 100) | one_in_twenty]
    experiment = Experiment.model_validate(GIVEN | {"metrics": {"primary": ["spend"]}, "analysis": analysis})
    found = skewness_checks(
        [result_row(margin=margin)], arms, [experiment], {"spend": Metric.model_validate(given)}
    )
    assert [row["check"] for row in found] == ["skewness"] * warns


def test_a_ratio_is_not_asked() -> None:
    ratio = SPEND.model_copy(update={"kind": "ratio"})
    arms = [moments_row("a", 5_000), moments_row("b", 50)]
    experiment = Experiment.model_validate(GIVEN | {"metrics": {"primary": ["spend"]}})
    assert skewness_checks([result_row()], arms, [experiment], {"spend": ratio}) == []
