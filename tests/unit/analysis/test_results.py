"""Results rows from moments rows; expected numbers by scipy and statsmodels on the same summary statistics."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from abspark.analysis.results import analysed, results
from abspark.config import Experiment, Metric
from abspark.schemas import MOMENTS, RESULTS

END = datetime(2026, 1, 15, tzinfo=UTC)
AFTER = END + timedelta(days=7)
DAY = date(2026, 1, 21)


def metric(name: str, kind: str, **given: Any) -> Metric:
    value = {"value": "value"} if kind == "mean" else {}
    return Metric.model_validate(
        {"name": name, "kind": kind, "source": "s", "window": {"end": "7d"}, **value, **given}
    )


def experiment(**given: Any) -> Experiment:
    return Experiment.model_validate(
        {
            "id": "e",
            "variants": [
                {"key": key, "weight": weight} for key, weight in (("a", 0.5), ("b", 0.3), ("c", 0.2))
            ],
            "control": "a",
            "start": "2026-01-01T00:00:00Z",
            "end": "2026-01-15T00:00:00Z",
            "exposures": "x",
            "metrics": {"primary": ["conv"], "secondary": ["rev"]},
            **given,
        }
    )


def moments(
    metric: str, variant: str, n: int, mean: float | None, var: float | None, **given: Any
) -> dict[str, Any]:
    blank = {name: None for name in MOMENTS.names if name != "run_id"}
    return blank | {
        "experiment_id": "e", "metric": metric, "variant": variant, "day": DAY,
        "n": n, "n_complete": n - 10, "mean_num": mean, "var_num": var, **given,
    }  # fmt: skip


def bernoulli(metric: str, variant: str, n: int, hits: int, **given: Any) -> dict[str, Any]:
    p = hits / n
    return moments(metric, variant, n, p, p * (1 - p) * n / (n - 1), **given)


METRICS = {"conv": metric("conv", "proportion"), "rev": metric("rev", "mean")}
ROWS = [
    bernoulli("conv", "a", 5000, 400),
    bernoulli("conv", "b", 3100, 301),
    bernoulli("conv", "c", 2050, 170),
    moments("rev", "a", 5000, 3.0, 40.0),
    moments("rev", "b", 3100, 3.4, 55.0),
    moments("rev", "c", 2050, 2.9, 30.0),
]


def by_key(rows: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["metric"], row["treatment"]): row for row in rows}


def test_every_treatment_is_compared_with_control_on_every_metric() -> None:
    found = results(ROWS, [experiment()], METRICS, as_of=AFTER)
    assert [(row["metric"], row["treatment"], row["role"]) for row in found] == [
        ("conv", "b", "primary"), ("conv", "c", "primary"), ("rev", "b", "secondary"), ("rev", "c", "secondary"),
    ]  # fmt: skip
    assert all(tuple(row) == tuple(name for name in RESULTS.names if name != "run_id") for row in found)


def test_days_since_exposure_are_described_and_decide_nothing() -> None:
    """Their effect and interval are those of the same counts on a day; the rows of days are as without them."""
    ages = [
        bernoulli("conv", variant, n, hits, day=None, exposure_day=day)
        for day in (1, 0)
        for variant, n, hits in (("a", 5000, 400 - day), ("b", 3100, 301), ("c", 2050, 170))
    ]
    found = analysed([*ages, *ROWS], [experiment()], METRICS, as_of=AFTER)
    assert found.results == results(ROWS, [experiment()], METRICS, as_of=AFTER)
    assert [(row["treatment"], row["exposure_day"]) for row in found.since_exposure] == [
        ("b", 1), ("c", 1), ("b", 0), ("c", 0),
    ]  # fmt: skip
    on_a_day, row = by_key(found.results)["conv", "b"], found.since_exposure[2]
    for name in ("effect", "effect_low", "effect_high", "relative_effect", "p_value", "n_control", "alpha"):
        assert row[name] == on_a_day[name], name
    assert [
        (row["day"], row["significant"], row["p_adjusted"], row["reason"]) for row in found.since_exposure
    ] == [(None, None, None, "descriptive")] * 4
    sequential = experiment(analysis={"method": "anytime"})
    described = analysed([*ages, *ROWS], [sequential], METRICS, as_of=AFTER).since_exposure
    assert described == found.since_exposure


def test_proportions_have_the_pooled_test_and_the_unpooled_interval() -> None:
    row = by_key(results(ROWS, [experiment()], METRICS, as_of=AFTER))["conv", "b"]
    z, p = proportions_ztest([301, 400], [3100, 5000])
    low, high = confint_proportions_2indep(301, 3100, 400, 5000, compare="diff", method="wald")
    assert row["statistic"] == pytest.approx(z, rel=1e-12)
    assert row["p_value"] == pytest.approx(p, rel=1e-10)
    assert (row["effect_low"], row["effect_high"]) == (
        pytest.approx(low, rel=1e-10),
        pytest.approx(high, rel=1e-10),
    )
    assert row["dof"] is None
    assert row["relative_effect"] == pytest.approx((301 / 3100) / (400 / 5000) - 1, rel=1e-12)
    assert row["share_complete"] == pytest.approx((3090 + 4990) / 8100)


def test_means_have_welchs_test() -> None:
    row = by_key(results(ROWS, [experiment()], METRICS, as_of=AFTER))["rev", "c"]
    expected = stats.ttest_ind_from_stats(2.9, np.sqrt(30), 2050, 3.0, np.sqrt(40), 5000, equal_var=False)
    assert row["statistic"] == pytest.approx(expected.statistic, rel=1e-12)
    assert row["p_value"] == pytest.approx(expected.pvalue, rel=1e-10)
    assert (row["n_control"], row["n_treatment"]) == (5000, 2050)
    assert (row["mean_control"], row["mean_treatment"]) == (3.0, 2.9)


@pytest.mark.parametrize(
    ("correction", "method"),
    [("holm", "holm"), ("bonferroni", "bonferroni"), ("hochberg", "simes-hochberg"), ("benjamini_hochberg", "fdr_bh"),
     ("benjamini_yekutieli", "fdr_by")],
)  # fmt: skip
def test_primary_metrics_and_treatments_are_one_family(correction: str, method: str) -> None:
    chosen = experiment(metrics={"primary": ["conv", "rev"]}, analysis={"correction": correction})
    found = results(ROWS, [chosen], METRICS, as_of=AFTER)
    expected = multipletests([row["p_value"] for row in found], method=method)[1]
    assert [row["p_adjusted"] for row in found] == pytest.approx(list(expected), rel=1e-10)


def test_secondary_metrics_and_segments_stay_outside_the_family() -> None:
    sliced = [row | {"segment_name": "country", "segment_value": "DE"} for row in ROWS]
    found = results([*ROWS, *sliced], [experiment()], METRICS, as_of=AFTER)
    inside = {(row["metric"], row["segment_name"]) for row in found if row["p_adjusted"] is not None}
    assert inside == {("conv", None)}


def test_no_correction_leaves_p_adjusted_empty() -> None:
    found = results(ROWS, [experiment(analysis={"correction": "none"})], METRICS, as_of=AFTER)
    assert {row["p_adjusted"] for row in found} == {None}


def test_significance_is_judged_on_the_adjusted_p() -> None:
    row = by_key(results(ROWS, [experiment()], METRICS, as_of=AFTER))["conv", "b"]
    between = (row["p_value"] + row["p_adjusted"]) / 2
    verdict = by_key(results(ROWS, [experiment(analysis={"alpha": between})], METRICS, as_of=AFTER))[
        "conv", "b"
    ]
    assert row["p_value"] < between < row["p_adjusted"]
    assert verdict["significant"] is False
    plain = experiment(analysis={"alpha": between, "correction": "none"})
    assert by_key(results(ROWS, [plain], METRICS, as_of=AFTER))["conv", "b"]["significant"] is True


def test_before_the_end_there_are_numbers_but_no_verdict() -> None:
    early = results(ROWS, [experiment()], METRICS, as_of=AFTER - timedelta(microseconds=1))
    assert {(row["significant"], row["reason"]) for row in early} == {(None, "not_finished")}
    assert all(row["p_value"] is not None for row in early)
    assert {row["reason"] for row in results(ROWS, [experiment()], METRICS, as_of=AFTER)} == {None}


def test_a_window_from_the_experiments_start_that_is_open_at_its_end_puts_the_verdict_off() -> None:
    campaign = metric("conv", "proportion", window={"end": "30d", "anchor": "experiment_start"})
    metrics, over = METRICS | {"conv": campaign}, datetime(2026, 1, 31, tzinfo=UTC)
    for as_of, reason in ((over - timedelta(microseconds=1), "not_finished"), (over, None)):
        assert {row["reason"] for row in results(ROWS, [experiment()], metrics, as_of=as_of)} == {reason}


def test_below_the_minimal_sample_size_there_is_no_verdict() -> None:
    found = by_key(results(ROWS, [experiment(min_sample_size=2051)], METRICS, as_of=AFTER))
    assert (found["conv", "c"]["significant"], found["conv", "c"]["reason"]) == (
        None,
        "below_min_sample_size",
    )
    assert found["conv", "b"]["reason"] is None
    assert (
        by_key(results(ROWS, [experiment(min_sample_size=2050)], METRICS, as_of=AFTER))["conv", "c"]["reason"]
        is None
    )


@pytest.mark.parametrize(
    ("var", "least", "over", "reason"),
    [
        (1.0, 101, True, "below_min_sample_size"),
        (1.0, 100, False, "not_finished"),
        (1.0, 101, False, "not_finished"),
        (0.0, 100, True, "zero_variance"),
        (0.0, 101, True, "zero_variance"),
        (0.0, 101, False, "zero_variance"),
    ],
)
def test_of_several_reasons_the_strongest_is_told(var: float, least: int, reason: str, *, over: bool) -> None:
    """What can't be computed before what is still to come, and that before what is too little of it."""
    rows = [moments("rev", variant, 100, mean, var) for variant, mean in (("a", 2.0), ("b", 3.0))]
    chosen = experiment(metrics={"primary": ["rev"]}, min_sample_size=least)
    as_of = AFTER if over else AFTER - timedelta(microseconds=1)
    [row] = results(rows, [chosen], METRICS, as_of=as_of)
    assert (row["significant"], row["reason"]) == (None, reason)


def test_an_empty_variant_gives_reasons_and_no_numbers() -> None:
    rows = [*ROWS[:2], moments("conv", "c", 0, None, None, n_complete=0), *ROWS[3:]]
    found = by_key(results(rows, [experiment()], METRICS, as_of=AFTER))
    assert (found["conv", "c"]["p_value"], found["conv", "c"]["reason"]) == (None, "n_below_2")
    assert found["conv", "c"]["significant"] is None
    assert found["conv", "b"]["p_value"] is not None


def test_one_sided_tests_look_in_the_metrics_direction() -> None:
    chosen = experiment(analysis={"sides": 1})
    up = by_key(results(ROWS, [chosen], METRICS, as_of=AFTER))["conv", "b"]
    down = by_key(
        results(
            ROWS,
            [chosen],
            METRICS | {"conv": metric("conv", "proportion", direction="decrease")},
            as_of=AFTER,
        )
    )["conv", "b"]
    assert up["p_value"] == pytest.approx(
        proportions_ztest([301, 400], [3100, 5000], alternative="larger")[1]
    )
    assert down["p_value"] == pytest.approx(1 - up["p_value"])
    assert up["relative_high"] is None
    assert down["relative_low"] is None


def test_guardrails_keep_both_sides_in_one_sided_experiments() -> None:
    """An interval at alpha, both ends at alpha / 2, as margin and harm are tested; p sees a worsening."""
    roles = {"primary": ["rev"], "guardrails": [{"metric": "conv", "margin": {"relative": 0.05}}]}
    row = by_key(results(ROWS, [experiment(metrics=roles, analysis={"sides": 1})], METRICS, as_of=AFTER))[
        "conv", "b"
    ]
    expected = confint_proportions_2indep(301, 3100, 400, 5000, compare="diff", method="wald")
    assert (row["effect_low"], row["effect_high"]) == pytest.approx(expected, rel=1e-10)
    assert row["p_value"] == pytest.approx(proportions_ztest([301, 400], [3100, 5000])[1], rel=1e-10)
    assert None not in (row["relative_low"], row["relative_high"])


@pytest.mark.parametrize(("margin", "held"), [(0.05, False), (0.5, True)])
def test_guardrails_rule_out_a_worsening_by_the_margin(margin: float, *, held: bool) -> None:
    chosen = experiment(
        metrics={"primary": ["rev"], "guardrails": [{"metric": "conv", "margin": {"relative": margin}}]}
    )
    row = by_key(results(ROWS, [chosen], METRICS, as_of=AFTER))["conv", "c"]
    assert (row["role"], row["margin"], row["non_inferior"]) == ("guardrail", margin, held)


@pytest.mark.parametrize("method", ["fixed", "bayesian"])
def test_before_the_end_no_margin_is_ruled_out(method: str) -> None:
    chosen = experiment(
        metrics={"primary": ["rev"], "guardrails": [{"metric": "conv", "margin": {"relative": 0.5}}]},
        analysis={"method": method},
    )
    days = [*ROWS, *(row | {"day": DAY - timedelta(days=1)} for row in ROWS)]
    for as_of, expected in ((AFTER - timedelta(microseconds=1), [None, None]), (AFTER, [None, True])):
        found = results(days, [chosen], METRICS, as_of=as_of)
        mine = [row for row in found if (row["metric"], row["treatment"]) == ("conv", "b")]
        assert [row["non_inferior"] for row in sorted(mine, key=lambda row: row["day"])] == expected


@pytest.mark.parametrize("method", ["fixed", "bayesian"])
def test_harm_is_of_the_last_day_and_takes_more_before_the_end(method: str) -> None:
    """The treatment is 2.7 standard errors worse; before the end that takes more than 3."""
    chosen = experiment(
        metrics={"primary": ["rev"], "guardrails": [{"metric": "conv"}]}, analysis={"method": method}
    )
    fewer = METRICS | {"conv": METRICS["conv"].model_copy(update={"direction": "decrease"})}
    days = [*ROWS, *(row | {"day": DAY - timedelta(days=1)} for row in ROWS)]
    for as_of, expected in ((AFTER - timedelta(microseconds=1), [None, False]), (AFTER, [None, True])):
        found = results(days, [chosen], fewer, as_of=as_of)
        mine = [row for row in found if (row["metric"], row["treatment"]) == ("conv", "b")]
        assert [row["harmed"] for row in sorted(mine, key=lambda row: row["day"])] == expected
        assert {row["harmed"] for row in found if row["metric"] == "rev"} == {None}


def test_without_margin_there_is_no_non_inferiority() -> None:
    chosen = experiment(metrics={"primary": ["rev"], "guardrails": [{"metric": "conv"}]})
    row = by_key(results(ROWS, [chosen], METRICS, as_of=AFTER))["conv", "c"]
    assert (row["margin"], row["non_inferior"]) == (None, None)


def test_swapping_the_arms_negates_the_effect_and_keeps_p() -> None:
    there = by_key(results(ROWS, [experiment()], METRICS, as_of=AFTER))["conv", "b"]
    back = by_key(results(ROWS, [experiment(control="b")], METRICS, as_of=AFTER))["conv", "a"]
    assert back["effect"] == pytest.approx(-there["effect"], rel=1e-12)
    assert back["p_value"] == pytest.approx(there["p_value"], rel=1e-12)


def test_a_run_without_moments_has_no_results() -> None:
    assert results([], [experiment()], METRICS, as_of=AFTER) == []
