"""Every kind of metric from YAML to the lake, beside what plain Python and numpy make of the same rows."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from committed_tables import COMMITTED, assert_same, committed
from project_builder import AS_OF_INSTANT, TinyProject, make_project, user_name, variant_of
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession
from pyspark.sql.classic.dataframe import DataFrame
from scipy import stats

from abspark import rows, runner

pytestmark = [pytest.mark.spark, pytest.mark.e2e]

DAY = 86_400
METRICS = """\
metrics:
  - {name: conversion, kind: proportion, source: purchases, where: "event = 'buy'", window: {end: 7d},
     window_policy: complete}
  - {name: revenue, kind: mean, source: purchases, value: value, window: {end: 7d}}
  - {name: visit_count, kind: count, source: visits, window: {end: 3d}}
  - {name: capped, extends: revenue, cap: {quantile: 0.9, over: all}}
  - {name: capped_nonzero, extends: revenue, cap: {quantile: 0.9, lower_quantile: 0.05}}
  - {name: p90, kind: quantile, quantile: 0.9, source: purchases, value: value, window: {end: 7d}}
  - {name: p50_order, extends: p90, quantile: 0.5, of: events}
  - {name: by_age, extends: revenue, covariate: {attribute: age}}
  - {name: steps, kind: funnel, source: visits, window: {end: 7d},
     steps: [{name: seen}, {name: bought, source: purchases, where: "event = 'buy'"}]}
"""
BUSY = {user_name(number) for number in range(3, 120, 4)}
"""Units with three purchases, of which the source says that they may be bots; all others have fewer."""


def age_of(user: str) -> int | None:
    """An attribute that some units lack."""
    number = int(user[-3:])
    return None if number % 7 == 0 else 20 + number % 50


def with_ages(tiny: TinyProject) -> None:
    for path in (tiny.root / "data/exposures").glob("*.csv"):
        with path.open(newline="") as file:
            header, *lines = list(csv.reader(file))
        users = header.index("user")
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([[*header, "age"], *([*line, age_of(line[users])] for line in lines)])
    sources = tiny.conf / "sources/logs.yaml"
    sources.write_text(sources.read_text().replace("attributes: [platform]", "attributes: [platform, age]"))


def project_of_kinds(root: Path) -> TinyProject:
    tiny = make_project(root)
    (tiny.conf / "metrics/tiny.yaml").write_text(METRICS)
    experiment = tiny.conf / "experiments/button.yaml"
    text = experiment.read_text().replace(
        "secondary: [revenue]", "secondary: [revenue, capped, capped_nonzero, p90, p50_order, by_age, steps]"
    )
    experiment.write_text(text)
    tiny.edit("sources/logs.yaml", "event_id: id}\n  - name: visits",
              "event_id: id}\n    bots: {limit: 2}\n  - name: visits")  # fmt: skip
    with_ages(tiny)
    return tiny


@pytest.fixture(scope="module")
def project(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> TinyProject:
    tiny = project_of_kinds(tmp_path_factory.mktemp("kinds"))
    runner.run(spark, tiny.load(), as_of=AS_OF_INSTANT, experiments=["button"])
    return tiny


@pytest.fixture(scope="module")
def purchases(spark: SparkSession, project: TinyProject) -> dict[str, dict[str, list[float]]]:
    """Values of the purchases of each unit within 7 days of its first exposure, by variant."""
    units = {
        row["unit_id"]: row
        for row in rows(spark, project.load(), "assignments", experiments=["button"])
        if row["excluded_reason"] is None
    }
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in units.values():
        found[row["variant"]][row["unit_id"]] = []
    seen: set[tuple[str, str]] = set()
    events = [
        row
        for path in sorted(Path(project.root / "data/purchases").glob("*.parquet"))
        for row in pq.read_table(path).to_pylist()
    ]
    for event in sorted(events, key=lambda event: event["ts"]):
        unit = units.get(event["user"])
        if event["id"] is not None and (event["user"], event["id"]) in seen:
            continue
        seen.add((event["user"], event["id"]))
        if unit is None or event["amount"] is None:
            continue
        age = (
            event["ts"].replace(tzinfo=None) - unit["first_exposure_at"].replace(tzinfo=None)
        ).total_seconds()
        if 0 <= age < 7 * DAY:
            found[unit["variant"]][event["user"]].append(event["amount"])
    return found


def moments(spark: SparkSession, project: TinyProject, metric: str) -> dict[str, Any]:
    found = [
        row
        for row in rows(spark, project.load(), "moments", experiments=["button"])
        if row["metric"] == metric
    ]
    last = max(row["day"] for row in found)
    return {row["variant"]: row for row in found if row["day"] == last and row["segment_name"] is None}


@pytest.mark.parametrize(
    ("metric", "nonzero", "lower"), [("capped", False, None), ("capped_nonzero", True, 0.05)]
)
def test_caps_that_are_quantiles(
    spark: SparkSession, project: TinyProject, purchases: Any, metric: str, nonzero: bool, lower: float | None
) -> None:
    sums = {
        variant: np.array([sum(values) for values in units.values()]) for variant, units in purchases.items()
    }
    pooled = np.concatenate(list(sums.values()))
    pool = pooled[pooled != 0] if nonzero else pooled
    high, low = np.quantile(pool, 0.9), np.quantile(pool, lower) if lower else -np.inf
    found = moments(spark, project, metric)
    for variant, values in sums.items():
        kept = np.clip(values, low, high)
        row = found[variant]
        assert row["n"] == len(values)
        assert row["mean_num"] == pytest.approx(kept.mean(), rel=1e-9)
        assert row["var_num"] == pytest.approx(kept.var(ddof=1), rel=1e-9)
        assert row["cap_upper"] == pytest.approx(high, rel=1e-12)
        assert row["n_capped"] == ((values > high) | (values < low)).sum()


def test_a_covariate_that_is_an_attribute(spark: SparkSession, project: TinyProject, purchases: Any) -> None:
    found = moments(spark, project, "by_age")
    for variant, units in purchases.items():
        pairs = np.array([(sum(values), age_of(user) or 0) for user, values in units.items()])
        covariance = np.cov(pairs.T)
        row = found[variant]
        assert row["n_history"] == sum(age_of(user) is not None for user in units)
        assert row["mean_pre_num"] == pytest.approx(pairs[:, 1].mean())
        assert row["var_pre_num"] == pytest.approx(covariance[1, 1])
        assert row["cov_num_pre_num"] == pytest.approx(covariance[0, 1])


def test_a_funnel_has_a_row_for_each_step(spark: SparkSession, project: TinyProject) -> None:
    reached, done = moments(spark, project, "steps.seen"), moments(spark, project, "steps")
    for variant in reached:
        assert 0 < done[variant]["mean_num"] < reached[variant]["mean_num"] < 1


def test_quantiles_of_units_and_of_events(spark: SparkSession, project: TinyProject, purchases: Any) -> None:
    found = {
        (row["metric"], row["variant"]): row
        for row in rows(spark, project.load(), "quantiles", experiments=["button"])
        if row["segment_name"] is None
    }
    for variant, units in purchases.items():
        sums = sorted(sum(values) for values in units.values())
        row = found["p90", variant]
        assert (row["n"], row["n_clusters"], row["q"]) == (len(sums), len(sums), 0.9)
        assert row["rank"] == int(np.ceil(round(0.9 * len(sums), 9)))
        assert row["value"] == pytest.approx(sums[row["rank"] - 1])
        for end in ("low", "high"):
            place = row[f"rank_{end}"]
            if 1 <= place <= len(sums):
                assert row[f"value_{end}"] == pytest.approx(sums[place - 1])
        events = sorted(value for values in units.values() for value in values)
        row = found["p50_order", variant]
        assert (row["n"], row["n_clusters"]) == (len(events), sum(bool(values) for values in units.values()))
        assert row["value"] == pytest.approx(events[row["rank"] - 1])
        assert row["value_low"] <= row["value"] <= row["value_high"]


def test_units_with_too_many_events_stay_unless_the_source_drops_them(
    spark: SparkSession, project: TinyProject
) -> None:
    """All 120 units are assigned; three of them, 0, 40 and 80, saw both variants and are not analysed."""
    found = committed(spark, project.load(), names=("assignments", "drops", "health"))
    assert {row["unit_id"] for row in found["assignments"]} >= BUSY
    assert len(found["assignments"]) == 120
    assert sum(row["n"] for row in moments(spark, project, "revenue").values()) == 117
    assert [row for row in found["drops"] if row["reason"] == "bot"] == []
    [row] = [row for row in found["health"] if row["check"] == "bots"]
    counts = Counter(variant_of("button", user) for user in BUSY)
    assert row["observed"] == f"control {counts['control']}, treatment {counts['treatment']}"
    assert row["message"] == "30 of 120 units (25%) have more events than their log's limit; they are kept."


def test_covariates_and_effects_are_checked(
    spark: SparkSession, project: TinyProject, purchases: Any
) -> None:
    """The covariate's p is Student's over the ages, 0 where a unit has none, and the only one of its family."""
    checks = ("covariate_balance", "heterogeneity", "novelty")
    health = [row for row in rows(spark, project.load(), "health") if row["check"] in checks]
    found = {(row["check"], row["slice_name"], row["slice_value"]): row for row in health}
    assert len(found) == len(health)
    assert {key: row["experiment_id"] for key, row in found.items()} == {
        ("covariate_balance", "metric", "by_age, treatment"): "button",
        ("heterogeneity", "platform", "conversion, treatment"): "button",
        ("novelty", "metric", "conversion, treatment"): "button",
    }
    treatment, control = (
        [age_of(user) or 0 for user in purchases[variant]] for variant in ("treatment", "control")
    )
    expected = stats.ttest_ind(treatment, control, equal_var=True)
    row = found["covariate_balance", "metric", "by_age, treatment"]
    assert (row["statistic"], row["p_value"]) == pytest.approx((expected.statistic, expected.pvalue))


@pytest.mark.long
def test_a_platform_that_keeps_no_frames_gives_the_same(
    spark: SparkSession, project: TinyProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_frame: Any) -> Any:
        raise AnalysisException(
            "[NOT_SUPPORTED_WITH_SERVERLESS] PERSIST TABLE is not supported on serverless compute."
        )

    for name in ("persist", "unpersist"):
        monkeypatch.setattr(DataFrame, name, refuse)
    tiny = project_of_kinds(tmp_path)
    runner.run(spark, tiny.load(), as_of=AS_OF_INSTANT, experiments=["button"])
    names = (*COMMITTED, "quantiles")
    found, expected = (committed(spark, one.load(), names=names) for one in (tiny, project))
    assert_same(found, expected)
