"""Non-binding futility of group sequential experiments: what looks record, what results and decisions say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from look_world import (
    DAYS,
    METRICS,
    PER_DAY,
    PLAN,
    PLANNED,
    after,
    column,
    day,
    experiment,
    found,
    series,
    z_effects,
)
from scipy import stats

from abspark.analysis.decisions import Evidence, decisions
from abspark.analysis.results import Found, analysed
from abspark.config import Experiment
from abspark.stats.group_sequential import Plan, look_boundaries
from abspark.stats.sequential_design import Futility, futility_boundaries
from abspark.stats.spending import Spending

NAMES = ("planned_statistic", "beta_spent", "futility_boundary")
HOPED = 0.15
"""Planned effect of the examples: 5 % of a control mean of 3."""


def plan(**given: Any) -> dict[str, Any]:
    futility = {"beta": 0.2, "spending": "pocock", "effect": {"relative": 0.05}} | given
    return PLAN | {"group_sequential": {**PLAN["group_sequential"], "futility": futility}}


def chosen(**given: Any) -> Experiment:
    return experiment(analysis=plan(), **given)


def decided(rows: Found, experiment: Experiment) -> tuple[str, list[str]]:
    evidence = Evidence(rows.results, (), rows.harmed, rows.now, rows.looks)
    (row,) = decisions(evidence, [experiment], METRICS)
    return str(row["decision"]), list(row["reasons"])


QUIET = z_effects(*[0.3] * DAYS)
FLAT = z_effects(*[-1.0] * DAYS)
STEADY = [HOPED] * DAYS
"""Just what was planned."""


def test_the_default_design_of_gsdesign_through_looks() -> None:
    """Keaven Anderson, gsDesign technical manual, the printed default design (test.type = 4): -0.24, 0.94, 2.00."""
    units = 2 * PER_DAY * 9
    drift = stats.norm.isf(0.025) + stats.norm.isf(0.1)
    # the manual's design has drift 3.2415 at information 1 and plans 1.070 of it
    effect = drift * 1.0697**0.5 / (units / 4) ** 0.5
    analysis = PLAN | {
        "sides": 1,
        "alpha": 0.025,
        "group_sequential": {
            "planned_units": units, "spending": "hsd", "parameter": -4, "looks": [3, 6, 9],
            "futility": {"beta": 0.1, "spending": "hsd", "parameter": -2, "effect": {"absolute": effect}},
        },
    }  # fmt: skip
    looks = found({"sales": QUIET}, until=9, chosen=experiment(analysis=analysis)).looks
    assert column(looks, "boundary") == pytest.approx([3.01, 2.55, 2.00], abs=5e-3)
    assert column(looks, "futility_boundary") == pytest.approx([-0.24, 0.94, 2.00], abs=5e-3)
    spent = 0.1 * np.expm1(2 * np.arange(1, 4) / 3) / np.expm1(2)
    assert column(looks, "beta_spent") == pytest.approx(list(spent))


def test_a_look_records_what_was_expected_of_it_and_the_beta_it_spent() -> None:
    rows = found({"sales": QUIET}, until=4, chosen=chosen())
    days = np.arange(1, 5)
    expected = HOPED * (days * PER_DAY / 2) ** 0.5
    assert column(rows.looks, "planned_statistic") == pytest.approx(list(expected))
    assert column(rows.looks, "beta_spent") == pytest.approx(list(0.2 * np.log1p((np.e - 1) * days / DAYS)))
    # with a known variance the drift is a constant times the root of the units: the function of the design
    units = 2.0 * PER_DAY * days[None, :]
    looks = look_boundaries(units, units / PLANNED, plan=Plan(Spending("pocock"), 0.05))
    futile = futility_boundaries(looks, [HOPED / 2], futility=Futility(Spending("pocock"), 0.2))
    assert column(rows.looks, "futility_boundary") == pytest.approx(list(futile[0]), abs=1e-9)
    assert column(rows.results, "futility_boundary") == column(rows.looks, "futility_boundary")


def test_the_first_futility_boundary_leaves_beta_below_it() -> None:
    (look,) = found({"sales": QUIET}, until=1, chosen=chosen()).looks
    beta = 0.2 * np.log1p((np.e - 1) / 10)
    expected = HOPED * (PER_DAY / 2) ** 0.5 + stats.norm.ppf(beta)
    assert look["futility_boundary"] == pytest.approx(expected, rel=1e-9)


def test_futility_does_not_bind() -> None:
    """Boundaries, p and significance are those of the same experiment without it."""
    effects = {"sales": z_effects(-1.0, -1.0, 0.0, 4.0, 4.0)}
    plain, told = (found(effects, until=5, chosen=given) for given in (experiment(), chosen()))
    for name in ("boundary", "alpha_spent", "p_value", "significant", "effect_low", "stopped_effect"):
        assert column(told.results, name) == column(plain.results, name)
    assert column(told.results, "futile") == [True, True, True, False, False]
    assert decided(told, chosen())[0] == "ship"


def test_the_last_look_says_whether_going_on_is_futile() -> None:
    effects = z_effects(-2.0, 1.8, 1.8, -2.0)
    rows = found({"sales": effects}, until=4, chosen=chosen()).results
    assert column(rows, "futile") == [True, False, False, True]
    sparse = PLAN | {"group_sequential": {**plan()["group_sequential"], "looks": [1, 3]}}
    rows = found({"sales": effects}, until=4, chosen=experiment(analysis=sparse)).results
    assert column(rows, "futile") == [True, True, False, False]
    assert [value is None for value in column(rows, "futility_boundary")] == [False, True, False, True]


def test_without_futility_its_columns_are_empty() -> None:
    rows = found({"sales": QUIET}, until=3)
    assert {row[name] for row in rows.looks for name in NAMES} == {None}
    assert {row[name] for row in rows.results for name in ("futile", "futility_boundary")} == {None}


def test_what_is_shown_to_be_worse_is_not_futile() -> None:
    """It lies below the boundary for futility too, but is no longer open."""
    rows = found({"sales": z_effects(-1.0, -5.0, -5.0)}, until=3, chosen=chosen()).results
    boundary = column(rows, "futility_boundary")
    assert all(z < below for z, below in zip(column(rows, "statistic"), boundary, strict=True))
    assert column(rows, "significant") == [False, True, True]
    assert column(rows, "futile") == [True, False, False]


def test_futility_is_of_primary_metrics() -> None:
    roles = {"primary": ["sales"], "secondary": ["visits"], "guardrails": [{"metric": "speed"}]}
    rows = found(dict.fromkeys(("sales", "visits", "speed"), FLAT), until=2, chosen=chosen(metrics=roles))
    for name, there in (("sales", True), ("visits", False), ("speed", False)):
        assert [value is not None for value in column(rows.looks, "beta_spent", metric=name)] == [there] * 2
        assert column(rows.results, "futile", metric=name) == [True if there else None] * 2


def test_where_less_is_better_futility_turns() -> None:
    up = found({"sales": QUIET}, until=5, chosen=chosen())
    fewer = chosen(metrics={"primary": ["delay"]})
    down = found({"delay": [-effect for effect in QUIET]}, until=5, chosen=fewer)
    for name in ("planned_statistic", "futility_boundary"):
        assert column(down.looks, name) == pytest.approx([-value for value in column(up.looks, name)])
    assert column(down.results, "futile") == column(up.results, "futile")
    assert set(column(up.results, "futile")) == {True, False}
    again = found({"delay": [-effect for effect in QUIET]}, until=6, chosen=fewer, looks=down.looks)
    assert column(again.looks, "futility_boundary")[5] == pytest.approx(
        -column(found({"sales": QUIET}, until=6, chosen=chosen()).looks, "futility_boundary")[5]
    )


def test_runs_day_by_day_find_what_one_run_finds() -> None:
    daily: list[Any] = []
    for until in range(1, DAYS + 1):
        daily = found({"sales": STEADY}, until=until, looks=daily, chosen=chosen()).looks
    at_once = found({"sales": STEADY}, until=DAYS, chosen=chosen()).looks
    for name in NAMES:
        assert column(daily, name) == pytest.approx(column(at_once, name), rel=1e-8)


def test_recorded_futility_stands_whatever_the_plan_says_now() -> None:
    once = found({"sales": FLAT}, until=3, chosen=chosen()).looks
    other = experiment(analysis=plan(beta=0.4, effect={"relative": 0.2}))
    later = found({"sales": z_effects(*[5.0] * 5)}, until=5, chosen=other, looks=once)
    assert later.looks[:3] == once
    assert column(later.looks, "beta_spent")[3:] == pytest.approx(
        [0.4 * np.log1p((np.e - 1) * share) for share in (0.4, 0.5)]
    )
    assert column(later.results, "futile")[:3] == [True] * 3  # the statistics on record were -1


def test_futility_that_comes_later_spends_from_then_on() -> None:
    """Looks of an experiment, or of a lake, that had none before have NULL in its columns."""
    once = found({"sales": QUIET}, until=3).looks
    later = found({"sales": QUIET}, until=4, chosen=chosen(), looks=once)
    assert later.looks[:3] == once
    look = later.looks[3]
    beta = 0.2 * np.log1p((np.e - 1) * 0.4)
    assert look["beta_spent"] == pytest.approx(beta)
    # nothing was stopped for futility before, and next to nothing for a large effect
    expected = HOPED * (4 * PER_DAY / 2) ** 0.5 + stats.norm.ppf(beta)
    assert look["futility_boundary"] == pytest.approx(expected, abs=0.05)
    assert column(later.results, "futile")[:3] == [None] * 3


def test_where_nothing_can_be_relative_to_control_there_is_no_futility() -> None:
    rows = [row | {"mean_num": row["mean_num"] - 4} for row in series({"sales": QUIET[:2]})]
    looks = analysed(rows, [chosen()], METRICS, as_of=after(2)).looks
    assert len(looks) == 2
    assert {row["futility_boundary"] for row in looks} == {None}
    assert column(looks, "beta_spent") == [0.0, 0.0]


def test_at_the_end_nothing_is_futile_any_more() -> None:
    rows = found({"sales": FLAT}, until=DAYS, chosen=chosen())
    assert column(rows.looks, "futility_boundary")[-1] == column(rows.looks, "boundary")[-1]
    assert column(rows.results, "futile") == [True] * (DAYS - 1) + [None]
    assert decided(rows, chosen())[0] == "do_not_ship"
    assert not any("futile" in reason for reason in decided(rows, chosen())[1])


def test_the_decision_gives_up_and_says_that_it_is_advice() -> None:
    flat = {"sales": FLAT}
    assert decided(found(flat, until=5), experiment())[0] == "keep_running"
    decision, reasons = decided(found(flat, until=5, chosen=chosen()), chosen())
    assert decision == "do_not_ship"
    assert reasons[1] == (
        "b: sales is futile: at its last look it fell short of what a planned improvement of 0.05, relative, would "
        "show. Stopping is advised, not required: going on keeps alpha."
    )
    steady = decided(found({"sales": STEADY}, until=5, chosen=chosen()), chosen())
    assert steady[0] == "keep_running"
    assert not any("futile" in reason for reason in steady[1])


@pytest.mark.parametrize(("when", "decision"), [("all", "do_not_ship"), ("any", "keep_running")])
def test_one_futile_metric_of_two(when: str, decision: str) -> None:
    roles = {"primary": ["sales", "visits"]}
    given = experiment(metrics=roles, analysis=plan() | {"ship_when": when})
    rows = found({"sales": FLAT, "visits": STEADY}, until=5, chosen=given)
    assert column(rows.results, "futile", day=day(5)) == [True, False]
    assert decided(rows, given)[0] == decision
    both = found({"sales": FLAT, "visits": FLAT}, until=5, chosen=given)
    assert decided(both, given)[0] == "do_not_ship"
