"""Sequential experiments over successive runs: looks are read from the committed run before, and never revised."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest
from project_builder import TinyProject, make_project
from pyspark.sql import SparkSession

from abspark import queries, runner

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.long]

Rows = list[dict[str, Any]]
PLAN = """\
analysis:
  method: group_sequential
  group_sequential: {planned_units: 120, spending: pocock, futility: {effect: {relative: 3}}}
"""
RATIO = """\
  - name: spend
    kind: ratio
    numerator: {source: purchases, value: value}
    denominator: {source: purchases}
    window: {end: 3d}
    covariate: {lookback: 2d}
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyProject:
    made = make_project(tmp_path_factory.mktemp("looks"))
    made.edit("experiments/button.yaml", "segments: [platform]\n", PLAN)
    made.edit(
        "experiments/banner.yaml",
        "secondary: [visit_count]}\n",
        "secondary: [spend]}\nanalysis: {method: anytime}\n",
    )
    made.edit("metrics/tiny.yaml", "  - {name: visit_count", f"{RATIO}  - {{name: visit_count")
    return made


@pytest.fixture(scope="module")
def runs(spark: SparkSession, tiny: TinyProject) -> list[Mapping[str, Rows]]:
    """What counts after a run at the end of the 9th, and after one at noon of the 12th."""
    seen = []
    project = tiny.load()
    for as_of in (datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 12, 12, tzinfo=UTC)):
        runner.run(spark, project, as_of=as_of)
        tables = ("looks", "results", "decisions")
        seen.append({table: queries.rows(spark, project, table) for table in tables})
    return seen


def of(rows: Rows, experiment: str, metric: str = "conversion") -> dict[date, dict[str, Any]]:
    """Headline rows of everyone for the first treatment, by day, without their run."""
    treatment = {"button": "treatment", "banner": "small"}[experiment]
    return {
        row["day"]: {name: value for name, value in row.items() if name != "run_id"}
        for row in rows
        if (row["experiment_id"], row["metric"], row["treatment"]) == (experiment, metric, treatment)
        and row.get("segment_name") is None
        and row.get("headline", True)
    }


def test_a_look_a_day_over_complete_units(runs: list[Mapping[str, Rows]]) -> None:
    looks = of(runs[0]["looks"], "button")
    assert max(looks) == date(2026, 3, 9)
    assert list(looks.values())[-1]["backfilled"] is False
    last = of(runs[0]["results"], "button")[date(2026, 3, 9)]
    assert last["share_complete"] == 1
    control, treatment = last["n_control"], last["n_treatment"]
    expected = control * treatment / (control + treatment)
    assert looks[date(2026, 3, 9)]["information"] == pytest.approx(expected)
    assert (last["boundary"], last["alpha_spent"]) == tuple(
        looks[date(2026, 3, 9)][n] for n in ("boundary", "alpha_spent")
    )
    assert last["effect_high"] - last["effect"] == pytest.approx(last["boundary"] * last["std_error"])


def test_looks_and_results_tell_futility(runs: list[Mapping[str, Rows]]) -> None:
    looks, results = (of(runs[1][table], "button") for table in ("looks", "results"))
    lost = {day: look["futility_boundary"] for day, look in looks.items()}
    assert {day: results[day]["futility_boundary"] for day in looks} == lost
    last = looks[date(2026, 3, 11)]
    assert 0 < last["beta_spent"] < 0.2
    assert last["futility_boundary"] < last["planned_statistic"]
    # some day its statistic is below the boundary, and the answer stays until the next look
    futile = {
        day: look["statistic"] <= look["futility_boundary"]
        for day, look in looks.items()
        if lost[day] is not None
    }
    assert {day: results[day]["futile"] for day in futile} == futile
    assert results[date(2026, 3, 12)]["futile"] == futile[date(2026, 3, 11)]
    assert {row["futile"] for row in of(runs[1]["results"], "banner").values()} == {None}


@pytest.mark.parametrize("experiment", ["button", "banner"])
def test_a_later_run_goes_on_from_the_committed_looks(
    runs: list[Mapping[str, Rows]], experiment: str
) -> None:
    before, after = (of(run["looks"], experiment) for run in runs)
    assert {day: after[day] for day in before} == before
    added = sorted(set(after) - set(before))
    assert added == [date(2026, 3, 10), date(2026, 3, 11)]
    assert [after[day]["backfilled"] for day in added] == [True, False]
    keys = [
        (row["metric"], row["treatment"], row["day"])
        for row in runs[1]["looks"]
        if row["experiment_id"] == experiment
    ]
    assert len(set(keys)) == len(keys)
    noon = of(runs[1]["results"], experiment)[date(2026, 3, 12)]
    assert noon["reason"] == ("day_not_over" if experiment == "button" else None)


def test_looks_outlive_a_run_of_a_method_that_has_none(
    spark: SparkSession, tiny: TinyProject, runs: list[Mapping[str, Rows]]
) -> None:
    before = of(runs[1]["looks"], "button")
    tiny.edit("experiments/button.yaml", PLAN, "analysis: {method: fixed}\n")
    runner.run(spark, tiny.load(), as_of=datetime(2026, 3, 13, tzinfo=UTC), experiments=["button"])
    tiny.edit("experiments/button.yaml", "analysis: {method: fixed}\n", PLAN)
    assert before
    assert of(queries.rows(spark, tiny.load(), "looks"), "button") == before


def test_a_ratio_has_both_estimators(runs: list[Mapping[str, Rows]]) -> None:
    key = ("spend", "large", date(2026, 3, 11))
    rows = [row for row in runs[1]["results"] if (row["metric"], row["treatment"], row["day"]) == key]
    by_estimator = {row["estimator"]: row for row in rows}
    plain, adjusted = by_estimator["unadjusted"], by_estimator["cuped"]
    assert (plain["headline"], adjusted["headline"], len(rows)) == (False, True, 2)
    assert adjusted["variance_reduction"] == pytest.approx(
        1 - (adjusted["std_error"] / plain["std_error"]) ** 2
    )
    assert plain["effect"] == pytest.approx(plain["mean_treatment"] - plain["mean_control"])


def test_what_is_futile_is_given_up(runs: list[Mapping[str, Rows]]) -> None:
    decided = {row["experiment_id"]: row for row in runs[1]["decisions"]}
    assert of(runs[1]["results"], "button")[date(2026, 3, 12)]["futile"] is True
    assert decided["button"]["decision"] == "do_not_ship"
    assert any("conversion is futile: " in reason for reason in decided["button"]["reasons"])


def test_a_posterior_tells_the_best_of_several_treatments(
    spark: SparkSession, tiny: TinyProject, runs: list[Mapping[str, Rows]]
) -> None:
    assert len(runs) == 2
    tiny.edit("experiments/banner.yaml", "analysis: {method: anytime}\n", "analysis: {method: bayesian}\n")
    project = tiny.load()
    runner.run(spark, project, experiments=["banner"], as_of=datetime(2026, 3, 20, tzinfo=UTC))
    rows = queries.rows(spark, project, "results", experiments=["banner"])
    latest = max(row["day"] for row in rows)
    last = {row["treatment"]: row for row in rows if (row["metric"], row["day"]) == ("conversion", latest)}
    assert set(last) == {"small", "large"}
    assert 0 < sum(row["prob_best"] for row in last.values()) < 1
    assert all(0 < row["prob_best"] < row["prob_better"] for row in last.values())
