"""Results and decisions of sequential methods, day by day."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from look_world import (
    DAYS,
    METRICS,
    PER_DAY,
    PLAN,
    after,
    column,
    day,
    experiment,
    found,
    metric,
    series,
    z_effects,
)
from scipy import special, stats

from abspark.analysis.decisions import Evidence, decisions
from abspark.analysis.results import analysed
from abspark.config import Experiment
from abspark.stats.anytime import confidence_sequence, tuned_rho
from abspark.stats.multiplicity import holm

QUIET = z_effects(*[0.3] * DAYS)
ANYTIME = {"method": "anytime", "anytime": {"tuned_at": 1000}}
CROSSING = z_effects(0.3, 0.3, 4.0, 0.3, 0.3)
"""Crosses every boundary on day 3 alone."""


def decided(effects: dict[str, Any], until: int, chosen: Experiment, **given: Any) -> tuple[str, list[str]]:
    rows = found(effects, until=until, chosen=chosen, **given)
    evidence = Evidence(rows.results, (), rows.harmed, rows.now, rows.looks)
    (row,) = decisions(evidence, [chosen], given.get("metrics", METRICS))
    return str(row["decision"]), list(row["reasons"])


@pytest.mark.parametrize("change", ["end", "planned_units"])
def test_nothing_is_awaited_where_no_alpha_is_left(change: str) -> None:
    """The end is moved after the last look, or more units are planned after all were looked at."""
    plan = PLAN["group_sequential"] | {"planned_units": 800}
    changed = {
        "end": {"end": "2026-01-05T00:00:00Z"},
        "planned_units": {"analysis": PLAN | {"group_sequential": plan}},
    }
    before = found({"sales": QUIET}, until=4, chosen=experiment(**changed[change]))
    assert column(before.looks, "alpha_spent")[-1] == pytest.approx(0.05)
    decision, reasons = decided({"sales": QUIET}, 6, experiment(), looks=before.looks)
    assert decision == "do_not_ship"
    assert reasons[0].endswith(
        "None of the error is left, or yet due, for this look: it cannot stop the experiment."
    )


def test_planned_units_are_awaited_until_they_were_looked_at() -> None:
    """At noon they are there, but the look that spends the rest is that of midnight."""
    chosen = experiment(
        analysis=PLAN | {"group_sequential": PLAN["group_sequential"] | {"planned_units": 800}}
    )
    for as_of, spent, decision in (
        (after(4) - timedelta(hours=12), False, "keep_running"),
        (after(4), True, "do_not_ship"),
    ):
        rows = analysed(series({"sales": QUIET[:4]}), [chosen], METRICS, as_of=as_of)
        last = rows.results[-1]
        assert last["information_fraction"] == 1
        assert (last["alpha_spent"] == pytest.approx(0.05)) is spent
        evidence = Evidence(rows.results, (), rows.harmed, rows.now, rows.looks)
        (row,) = decisions(evidence, [chosen], METRICS)
        assert row["decision"] == decision


def test_repeated_intervals_are_as_wide_as_the_boundary() -> None:
    rows = found({"sales": QUIET}, until=3).results
    for row in rows:
        error = (2 / row["n_control"]) ** 0.5
        assert row["std_error"] == pytest.approx(error)
        assert row["effect_high"] - row["effect"] == pytest.approx(row["boundary"] * error)
        assert row["effect"] - row["effect_low"] == pytest.approx(row["boundary"] * error)
        relative = error / 3 * ((1 + (1 + row["relative_effect"]) ** 2) / 2) ** 0.5
        assert row["relative_high"] - row["relative_effect"] == pytest.approx(row["boundary"] * relative)
        assert (row["method"], row["alpha"], row["dof"]) == ("group_sequential", 0.05, None)


@pytest.mark.parametrize("analysis", [PLAN, ANYTIME])
def test_all_against_none_is_a_look(analysis: dict[str, Any]) -> None:
    """Its statistic is that of the fixed test: 1 over sqrt(0.25 * 2 / n)."""
    shares = {"sales": metric("sales", kind="proportion", value=None)}
    rates = [row | {"mean_num": float(row["variant"] == "a")} for row in series({"sales": [0.0, 0.0]})]
    chosen = experiment(analysis=analysis)
    run = analysed(rates, [chosen], shares, as_of=after(2))
    z = [-((2 * PER_DAY * number) ** 0.5) for number in (1, 2)]
    assert column(run.results, "statistic") == pytest.approx(z)
    assert column(run.looks, "statistic") == pytest.approx(z)
    assert column(run.results, "significant") == [True, True]
    assert column(run.results, "reason") == ["no_relative_error"] * 2


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("analysis", [PLAN, ANYTIME])
def test_intervals_of_proportions_are_within_one(analysis: dict[str, Any], sides: int) -> None:
    """One unit of a hundred against all but one: the half-width is beyond the 0.02 that are left; 1 is the open end."""
    shares = {"sales": metric("sales", kind="proportion", value=None)}
    rates = [row | {"mean_num": 0.01 if row["variant"] == "a" else 0.99} for row in series({"sales": [0.0]})]
    chosen = experiment(analysis=analysis | {"sides": sides})
    (row,) = analysed(rates, [chosen], shares, as_of=after(1)).results
    half = row["boundary"] * row["std_error"]
    assert half > 0.02
    assert (row["effect_low"], row["effect_high"]) == (pytest.approx(0.98 - half), 1.0)
    assert row["relative_high"] is None if sides == 1 else row["relative_high"] > 98
    if analysis is PLAN:
        assert 0.9 < row["stopped_low"] < 0.98
        assert row["stopped_high"] == 1


def test_what_a_look_has_decided_stays_decided() -> None:
    rows = found({"sales": CROSSING}, until=5).results
    assert column(rows, "significant") == [False, False, True, True, True]
    p = column(rows, "p_value")
    assert p[0] > 0.05
    assert p[2] == p[3] == p[4] < 0.05
    assert rows[3]["effect_low"] < 0 < rows[2]["effect_low"]


def test_the_first_repeated_p_is_the_level_that_would_have_stopped() -> None:
    z = 2.9
    (row,) = found({"sales": z_effects(z)}, until=1).results
    # Pocock spending is proportional to alpha: p log(1 + (e - 1) / 10) is the two-sided tail of z
    assert row["p_value"] == pytest.approx(2 * stats.norm.sf(z) / np.log1p((np.e - 1) / 10), rel=1e-4)


@pytest.mark.parametrize(("name", "sign"), [("sales", 1), ("delay", -1)])
def test_one_sided_looks_are_in_the_metrics_direction(name: str, sign: int) -> None:
    chosen = experiment(metrics={"primary": [name]}, analysis=PLAN | {"sides": 1})
    good = [sign * effect for effect in CROSSING]
    rows = found({name: good}, until=3, chosen=chosen).results
    assert rows[2]["significant"] is True
    assert rows[0]["boundary"] == pytest.approx(stats.norm.isf(0.05 * np.log1p((np.e - 1) / 10)), rel=1e-9)
    assert rows[2]["effect_high" if sign > 0 else "effect_low"] is None
    bad = found({name: [-effect for effect in good]}, until=3, chosen=chosen).results
    assert column(bad, "significant") == [False] * 3


def test_a_segment_has_the_boundary_of_everyones_look() -> None:
    part = [
        row
        | {"segment_name": "country", "segment_value": "DE", "n": row["n"] // 2, "n_complete": row["n"] // 2}
        for row in series({"sales": CROSSING})
        if row["day"] == day(5)
    ]
    rows = analysed([*series({"sales": CROSSING}), *part], [experiment()], METRICS, as_of=after(5)).results
    (segment,) = [row for row in rows if row["segment_name"] == "country"]
    everyone = next(row for row in rows if row["segment_name"] is None and row["day"] == day(5))
    assert segment["boundary"] == everyone["boundary"]
    assert segment["std_error"] == pytest.approx(everyone["std_error"] * 2**0.5)
    assert (segment["significant"], everyone["significant"]) == (False, True)


def test_anytime_intervals_and_the_smallest_p_so_far() -> None:
    rows = found({"sales": CROSSING}, until=5, chosen=experiment(analysis=ANYTIME)).results
    effect, error = (np.array(column(rows, name)) for name in ("effect", "std_error"))
    expected = confidence_sequence(
        effect,
        error,
        units=200.0 * np.arange(1, 6),
        rho=tuned_rho(1000, alpha=0.05, sides=2),
        alpha=0.05,
        sides=2,
    )
    assert column(rows, "effect_low") == pytest.approx(list(expected.low))
    assert column(rows, "effect_high") == pytest.approx(list(expected.high))
    assert column(rows, "p_value") == pytest.approx(list(np.minimum.accumulate(expected.p_value)))
    assert column(rows, "significant") == [False, False, True, True, True]
    assert column(rows, "p_adjusted") == column(rows, "p_value")


def test_a_recorded_anytime_look_counts_as_it_was() -> None:
    chosen = experiment(analysis=ANYTIME)
    once = found({"sales": CROSSING}, until=3, chosen=chosen)
    later = found({"sales": QUIET}, until=4, chosen=chosen, looks=once.looks).results
    assert later[3]["p_value"] == pytest.approx(once.results[2]["p_value"])
    assert found({"sales": QUIET}, until=4, chosen=chosen).results[3]["significant"] is False


def always_valid_p(z: float, units: float) -> float:
    """Two-sided p at 5 %, tuned at 1,000 units (Waudby-Smith et al., Theorem 2.2, solved for alpha)."""
    g = units * (-np.real(special.lambertw(-(0.05**2) / np.e, k=-1)) - 1) / 1000
    return float(min(1, np.sqrt(g + 1) * np.exp(-(z**2) * g / (2 * (g + 1)))))


def test_anytime_begins_with_the_minimal_sample_size() -> None:
    effects = {"sales": z_effects(8.0, 8.0, 1.8, 2.4, 0.3)}
    rows = found(effects, until=5, chosen=experiment(analysis=ANYTIME, min_sample_size=300)).results
    later = [always_valid_p(z, units) for z, units in ((1.8, 600), (2.4, 800))]
    assert later[1] < later[0] < 1
    assert column(rows, "p_value") == pytest.approx([1, 1, *later, later[1]])
    assert column(rows, "significant") == [None, None, False, False, False]
    whole = found(effects, until=5, chosen=experiment(analysis=ANYTIME)).results
    assert column(whole, "p_value")[4] == pytest.approx(always_valid_p(8.0, 400))
    for name in ("effect_low", "effect_high", "relative_low", "relative_high", "statistic"):
        assert column(rows, name) == column(whole, name)


def test_a_metric_below_the_minimal_sample_size_does_not_help_the_others() -> None:
    """Of two metrics the larger p counts once by Holm, unless the smaller one's is yet to come."""
    chosen = experiment(metrics={"primary": ["sales", "visits"]}, analysis=ANYTIME, min_sample_size=PER_DAY)
    moments = series({"sales": z_effects(4.0), "visits": z_effects(8.0)})
    small = [row | ({"n": 90} if row["metric"] == "visits" else {}) for row in moments]
    alone = always_valid_p(4.0, 200)
    for given, adjusted in ((moments, alone), (small, 2 * alone)):
        rows = analysed(given, [chosen], METRICS, as_of=after(1)).results
        assert column(rows, "p_adjusted", metric="sales") == [pytest.approx(adjusted)]


def test_a_metric_without_a_number_yet_does_not_help_the_others() -> None:
    """Until visits have a spread their p is awaited, and counts as 1 by Holm."""
    chosen = experiment(metrics={"primary": ["sales", "visits"]}, analysis=ANYTIME)
    moments = series({"sales": z_effects(4.0), "visits": [0.0]})
    flat = [row | ({"var_num": 0.0} if row["metric"] == "visits" else {}) for row in moments]
    rows = analysed(flat, [chosen], METRICS, as_of=after(1)).results
    assert column(rows, "p_adjusted", metric="sales") == [pytest.approx(2 * always_valid_p(4.0, 200))]
    assert column(rows, "p_adjusted", metric="visits") == [None]


def test_a_recorded_anytime_look_stands_when_the_minimal_sample_size_is_raised() -> None:
    once = found({"sales": CROSSING}, until=3, chosen=experiment(analysis=ANYTIME))
    raised = experiment(analysis=ANYTIME, min_sample_size=400)
    later = found({"sales": CROSSING}, until=4, chosen=raised, looks=once.looks).results
    assert column(later, "p_value")[2:] == [once.results[2]["p_value"]] * 2
    assert found({"sales": CROSSING}, until=4, chosen=raised).results[3]["p_value"] > 0.05


def test_anytime_holds_within_a_day() -> None:
    moments = series({"sales": CROSSING[:3]})
    chosen = experiment(analysis=ANYTIME)
    early = analysed(moments, [chosen], METRICS, as_of=after(3) - timedelta(hours=1))
    assert column(early.looks, "day") == [day(1), day(2)]
    assert (early.results[2]["significant"], early.results[2]["reason"]) == (True, None)


def test_tau_makes_the_mixture_test() -> None:
    rows = found(
        {"sales": CROSSING},
        until=3,
        chosen=experiment(analysis={"method": "anytime", "anytime": {"tau": 0.1}}),
    )
    row = rows.results[2]
    # Johari et al. 2017, eq. 5, for an effect of sd 0.1 of the control mean 3
    v, tau = row["std_error"] ** 2, 0.3
    ratio = (v / (v + tau**2)) ** 0.5 * np.exp(tau**2 * row["effect"] ** 2 / (2 * v * (v + tau**2)))
    assert row["p_value"] == pytest.approx(1 / ratio, rel=1e-9)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("unit", [1e-140, 1e-82, 1e-3, 1e78, 1e140])
@pytest.mark.parametrize("analysis", [PLAN, ANYTIME, {"method": "anytime", "anytime": {"tau": 0.1}}])
def test_relative_numbers_of_looks_have_no_unit(analysis: dict[str, Any], unit: float) -> None:
    guarded = {"primary": ["sales"], "guardrails": [{"metric": "speed", "margin": {"relative": 0.02}}]}
    chosen = experiment(analysis=analysis, metrics=guarded)
    plain = series({"sales": CROSSING, "speed": CROSSING})
    scaled = [
        row | {"mean_num": row["mean_num"] * unit, "var_num": row["var_num"] * unit * unit} for row in plain
    ]
    ours, expected = (analysed(rows, [chosen], METRICS, as_of=after(5)).results for rows in (scaled, plain))
    assert len(expected) == 10
    for name in ("relative_effect", "relative_low", "relative_high", "statistic", "p_value", "boundary"):
        assert column(ours, name) == pytest.approx(column(expected, name), rel=1e-9)
    assert column(ours, "non_inferior") == column(expected, "non_inferior")


def test_anytime_families_are_adjusted_on_each_day() -> None:
    effects = {"sales": CROSSING, "visits": z_effects(*[2.5] * 5)}
    chosen = experiment(metrics={"primary": list(effects)}, analysis=ANYTIME)
    rows = found(effects, until=5, chosen=chosen).results
    for number in range(1, 6):
        p = column(rows, "p_value", day=day(number))
        assert column(rows, "p_adjusted", day=day(number)) == pytest.approx(list(holm(p, [0, 0])))


def test_fixed_days_before_the_last_have_no_verdict() -> None:
    fixed = experiment(analysis={"method": "fixed"})
    effects = {"sales": CROSSING + QUIET[5:9] + z_effects(*[4.0] * 10)[9:]}
    rows = found(effects, until=DAYS, chosen=fixed).results
    assert column(rows, "significant") == [None] * 9 + [True]
    assert column(rows, "reason") == ["not_finished"] * 9 + [None]
    assert column(rows, "p_adjusted") == column(rows, "p_value")


@pytest.mark.parametrize("analysis", [PLAN, ANYTIME])
def test_decisions_before_the_end(analysis: dict[str, Any]) -> None:
    chosen = experiment(analysis=analysis)
    assert decided({"sales": CROSSING}, 2, chosen)[0] == "keep_running"
    assert decided({"sales": CROSSING}, 5, chosen)[0] == "ship"
    assert decided({"sales": [-effect for effect in CROSSING]}, 5, chosen)[0] == "do_not_ship"
    assert decided({"sales": QUIET}, DAYS - 1, chosen)[0] == "keep_running"
    assert decided({"sales": QUIET}, DAYS, chosen)[0] == "do_not_ship"
    assert (
        decided({"sales": CROSSING}, 5, experiment(analysis=analysis, min_sample_size=501))[0]
        == "keep_running"
    )


@pytest.mark.parametrize("analysis", [PLAN, ANYTIME])
@pytest.mark.parametrize(("side", "decision"), [(1, "ship"), (-1, "do_not_ship")])
def test_the_side_that_crossed_is_what_was_decided(
    analysis: dict[str, Any], side: int, decision: str
) -> None:
    """However the effect lies today: on day 3 it was beyond the boundary, since day 4 it is on the other side."""
    effects = [side * effect for effect in z_effects(0.3, 0.3, 4.0, -0.1, -0.2)]
    found, reasons = decided({"sales": effects}, 5, experiment(analysis=analysis))
    assert found == decision
    told = reasons[1] if side > 0 else reasons[0]
    assert f"sales is {'better' if side > 0 else 'worse'} (" in told
    assert f"decided on 2026-01-03 by a statistic of {4 * side:+}" in told


def test_what_was_shown_is_told_without_why_today_is_no_look() -> None:
    """Day 5 is none of the looks, and what day 3 has shown needs no other."""
    chosen = experiment(analysis=PLAN | {"group_sequential": {"planned_units": 2000, "looks": [3, 7]}})
    assert column(found({"sales": CROSSING}, until=5, chosen=chosen).results, "reason")[-1] == "not_a_look"
    decision, reasons = decided({"sales": CROSSING}, 5, chosen)
    assert decision == "ship"
    assert re.fullmatch(r"sales is better \(relative effect \+0\.63%, p = 0\.0\d+\)\.", reasons[1])


def test_the_side_is_that_of_the_smallest_p_and_not_of_the_day_it_became_significant() -> None:
    """By Holm the smallest p of sales, of day 2, counts twice until visits is significant on day 4."""
    effects = {"sales": z_effects(0.3, -3.2, 0.3, 0.4, 0.4), "visits": z_effects(0.3, 0.3, 0.3, 5.0, 4.0)}
    assert 0.025 < always_valid_p(-3.2, 400) < 0.05
    chosen = experiment(metrics={"primary": list(effects)}, analysis=ANYTIME)
    rows = found(effects, until=5, chosen=chosen).results
    assert column(rows, "significant", metric="sales") == [False, False, False, True, True]
    decision, reasons = decided(effects, 5, chosen)
    assert decision == "do_not_ship"
    assert reasons[0].startswith("b: sales is worse (")
    assert reasons[0].endswith(", decided on 2026-01-02 by a statistic of -3.2).")


@pytest.mark.parametrize("analysis", [PLAN, ANYTIME])
@pytest.mark.parametrize(("side", "decision"), [(1, "ship"), (-1, "do_not_ship")])
def test_the_side_is_that_of_the_statistic_on_record(
    analysis: dict[str, Any], side: int, decision: str
) -> None:
    """What crossed on day 3 was restated since, and all days lie on the other side."""
    chosen = experiment(analysis=analysis)
    looks = found({"sales": [side * effect for effect in CROSSING]}, until=3, chosen=chosen).looks
    restated = {"sales": [-side * effect for effect in QUIET]}
    then, reasons = decided(restated, 5, chosen, looks=looks)
    assert then == decision
    assert f", decided on 2026-01-03 by a statistic of {4 * side:+})." in " ".join(reasons)


def test_the_plans_end_is_the_end() -> None:
    chosen = experiment(analysis=PLAN | {"group_sequential": {"planned_units": 800}})
    assert decided({"sales": QUIET}, 3, chosen)[0] == "keep_running"
    decision, reasons = decided({"sales": QUIET}, 4, chosen)
    assert decision == "do_not_ship"
    assert reasons[0].startswith("b: No effect on sales was shown; the 95 % interval still allows from -4.")
    assert "(relative effect +0.71%, p = " in reasons[0]


def test_without_a_primary_metric_the_plans_end_is_that_of_the_guardrails() -> None:
    """On day 9 there are 1,800 units; a margin of 0.03 is 0.6 standard errors away, so that it stays open."""
    roles = {"guardrails": [{"metric": "speed", "margin": {"absolute": 0.03}}]}
    for planned, fraction, decision in ((1800, 1.0, "do_not_ship"), (2000, 0.9, "keep_running")):
        chosen = experiment(metrics=roles, analysis=PLAN | {"group_sequential": {"planned_units": planned}})
        rows = found({"speed": [0.0] * 9}, until=9, chosen=chosen).results
        assert column(rows, "information_fraction", day=day(9)) == [pytest.approx(fraction)]
        assert decided({"speed": [0.0] * 9}, 9, chosen)[0] == decision


@pytest.mark.parametrize("analysis", [PLAN, ANYTIME])
@pytest.mark.parametrize(
    ("speed", "decision"), [(0.0, "ship"), (-1.0, "stop_for_harm"), (-0.32, "keep_running")]
)
def test_guardrails_have_sequential_bounds(analysis: dict[str, Any], speed: float, decision: str) -> None:
    """The margin is 0.3; the standard error on day 5 is 0.063, its bound between 2 and 4 of them."""
    roles = {"primary": ["sales"], "guardrails": [{"metric": "speed", "margin": {"absolute": 0.3}}]}
    effects = {"sales": CROSSING, "speed": [speed] * 5}
    assert decided(effects, 5, experiment(metrics=roles, analysis=analysis))[0] == decision


@pytest.mark.parametrize("margin", [{"absolute": 0.3}, {"relative": 0.1}, None])
@pytest.mark.parametrize("analysis", [PLAN, ANYTIME])
def test_harm_takes_the_minimal_sample_size(
    analysis: dict[str, Any], margin: dict[str, float] | None
) -> None:
    """The guardrail is 10 standard errors worse on day 1, of 100 units per arm, and the same as control later."""
    roles = {"primary": ["sales"], "guardrails": [{"metric": "speed", "margin": margin}]}
    effects = {"sales": QUIET, "speed": z_effects(-10.0, 0.0, 0.0)}
    for least, decision in ((PER_DAY, "stop_for_harm"), (PER_DAY + 1, "keep_running")):
        chosen = experiment(metrics=roles, analysis=analysis, min_sample_size=least)
        assert decided(effects, 3, chosen)[0] == decision


@pytest.mark.parametrize("analysis", [PLAN, ANYTIME])
@pytest.mark.parametrize("margin", [None, {"absolute": 0.01}])
def test_harm_at_a_look_stays_harm(analysis: dict[str, Any], margin: dict[str, float] | None) -> None:
    """The guardrail is 10 standard errors worse on days 1 and 3 alone; on day 1 an arm has too few units."""
    roles = {"primary": ["sales"], "guardrails": [{"metric": "speed", "margin": margin}]}
    effects = {"sales": QUIET, "speed": z_effects(-10.0, 0.0, -10.0, 0.0, 0.0)}
    chosen = experiment(metrics=roles, analysis=analysis, min_sample_size=PER_DAY + 1)
    rows = found(effects, until=5, chosen=chosen).results
    assert column(rows, "harmed", metric="speed") == [None, False, True, True, True]
    assert column(rows, "harmed", metric="sales") == [None] * 5


def test_a_day_without_a_look_has_the_harm_of_the_looks_before() -> None:
    roles = {"primary": ["sales"], "guardrails": [{"metric": "speed"}]}
    looks = {"planned_units": 2_000, "spending": "pocock", "looks": [2, 4]}
    chosen = experiment(metrics=roles, analysis=PLAN | {"group_sequential": looks})
    effects = {"sales": QUIET, "speed": z_effects(-10.0, 0.0, -10.0, -10.0, 0.0)}
    rows = found(effects, until=5, chosen=chosen).results
    assert column(rows, "harmed", metric="speed") == [None, False, False, True, True]


def test_non_inferiority_is_by_the_repeated_interval() -> None:
    roles = {"primary": ["sales"], "guardrails": [{"metric": "speed", "margin": {"absolute": 0.3}}]}
    chosen = experiment(metrics=roles)
    bound = column(
        found({"sales": QUIET, "speed": QUIET}, until=1, chosen=chosen).results, "boundary", metric="speed"
    )[0]
    error = (2 / PER_DAY) ** 0.5
    for distance, held in ((0.99 * bound, False), (1.01 * bound, True)):
        rows = found({"sales": QUIET, "speed": [distance * error - 0.3]}, until=1, chosen=chosen).results
        assert column(rows, "non_inferior", metric="speed") == [held]
    moments = series({"sales": QUIET[:2], "speed": [0.0, 0.0]})
    early = analysed(moments, [chosen], METRICS, as_of=after(2) - timedelta(hours=1)).results
    assert column(early, "boundary", metric="speed")[1] is None
    assert column(early, "non_inferior", metric="speed") == [bool(bound * error < 0.3)] * 2


def test_a_guardrail_that_held_holds_when_nothing_is_left_to_spend() -> None:
    """The looks of days 1 to 4 spend all of alpha: what they showed does not depend on how often one ran since."""
    roles = {"primary": ["sales"], "guardrails": [{"metric": "speed", "margin": {"absolute": 0.3}}]}
    spent = {"planned_units": 800, "spending": "pocock"}
    chosen = experiment(metrics=roles, analysis=PLAN | {"group_sequential": spent})
    effects = {"sales": CROSSING, "speed": [0.0] * 5}
    nightly: Sequence[Mapping[str, Any]] = ()
    for until in range(1, 6):
        step = found(effects, until=until, chosen=chosen, looks=nightly)
        nightly = step.looks
    at_once = found(effects, until=5, chosen=chosen)
    for run in (step, at_once):
        assert column(run.results, "non_inferior", metric="speed")[3:] == [True, True]
        assert column(run.results, "reason", metric="speed")[4] == "no_alpha_to_spend"


def test_guardrails_keep_both_sides_in_one_sided_experiments() -> None:
    roles = {"primary": ["sales"], "guardrails": [{"metric": "speed"}]}
    one = found(
        {"sales": QUIET, "speed": QUIET},
        until=3,
        chosen=experiment(metrics=roles, analysis=PLAN | {"sides": 1}),
    )
    two = found({"sales": QUIET, "speed": QUIET}, until=3, chosen=experiment(metrics=roles))
    boundary = [column(rows.results, "boundary", metric="speed") for rows in (one, two)]
    assert boundary[0] == boundary[1]
    worse = {"sales": CROSSING, "speed": [-1.0] * 5}
    assert decided(worse, 5, experiment(metrics=roles, analysis=PLAN | {"sides": 1}))[0] == "stop_for_harm"


def test_two_treatments_wait_until_both_are_lost() -> None:
    keys = {"variants": [{"key": key, "weight": 1 / 3} for key in "abc"]}
    plan = {"planned_units": 3000, "spending": "pocock"}
    chosen = experiment(**keys, analysis=PLAN | {"group_sequential": plan})
    third = [row | {"variant": "c"} for row in series({"sales": QUIET[:5]}) if row["variant"] == "b"]
    moments = [*series({"sales": [-effect for effect in CROSSING]}), *third]
    rows = analysed(moments, [chosen], METRICS, as_of=after(5))
    evidence = Evidence(rows.results, (), rows.harmed, rows.now, rows.looks)
    assert decisions(evidence, [chosen], METRICS)[0]["decision"] == "keep_running"
    assert column(rows.results, "significant", treatment="b")[-1] is True
    assert column(rows.results, "information_fraction", treatment="c")[-1] == pytest.approx(0.5)
    assert column(rows.results, "alpha")[0] == 0.025


def test_estimates_at_stopping_by_the_stage_wise_ordering() -> None:
    names = ("stopped_p_value", "stopped_effect", "stopped_low", "stopped_high")
    once = found({"sales": z_effects(3.5, 0.3)}, until=2).results
    # a first look knows of no other: the fixed test's numbers, whatever comes after
    error = (2 / PER_DAY) ** 0.5
    half = stats.norm.isf(0.025) * error
    expected = [2 * stats.norm.sf(3.5), 3.5 * error, 3.5 * error - half, 3.5 * error + half]
    for row in once:
        assert [row[name] for name in names] == pytest.approx(expected, rel=1e-7)
    later = found({"sales": CROSSING}, until=5).results
    assert column(later, "stopped_effect")[:2] == [None, None]
    row = later[2]
    assert 0 < row["stopped_effect"] < row["effect"]
    assert 0 < row["stopped_low"] < row["stopped_effect"] < row["stopped_high"]
    assert column(later, "stopped_p_value")[2:] == [row["stopped_p_value"]] * 3
    end = found({"sales": QUIET}, until=DAYS).results
    assert column(end, "stopped_effect")[:-1] == [None] * (DAYS - 1)
    assert end[-1]["stopped_low"] < 0 < end[-1]["stopped_effect"] < end[-1]["stopped_high"]


def test_estimates_at_stopping_are_of_the_statistic_on_record_in_todays_errors() -> None:
    """The first look stopped at 3.5, of 100 units per arm; today its day has 150, and an effect on the other side."""
    looks = found({"sales": z_effects(3.5)}, until=1).looks
    restated = [row | {"n": 150} for row in series({"sales": z_effects(-0.3)})]
    (row,) = analysed(restated, [experiment()], METRICS, as_of=after(1), looks=looks).results
    error, half = (2 / 150) ** 0.5, stats.norm.isf(0.025)  # of a first look that stopped: the fixed test's
    assert row["effect"] < 0
    assert [row[f"stopped_{name}"] for name in ("effect", "low", "high", "p_value")] == pytest.approx(
        [3.5 * error, (3.5 - half) * error, (3.5 + half) * error, 2 * stats.norm.sf(3.5)], rel=1e-7
    )


def test_a_segment_does_not_stop() -> None:
    """Everyone crosses on day 1; the segment has the same numbers, but no estimate that takes looks into account."""
    everyone = series({"sales": z_effects(5.0, 5.0)})
    part = [row | {"segment_name": "country", "segment_value": "DE"} for row in everyone]
    rows = analysed([*everyone, *part], [experiment()], METRICS, as_of=after(2)).results
    names = ("stopped_p_value", "stopped_effect", "stopped_low", "stopped_high")
    for value, missing in ((None, False), ("DE", True)):
        assert column(rows, "significant", segment_value=value) == [True, True]
        for name in names:
            told = [number is None for number in column(rows, name, segment_value=value)]
            assert told == [missing, missing]


@pytest.mark.parametrize("sides", [1, 2])
def test_estimates_at_stopping_turn_with_the_metric(sides: int) -> None:
    up = found({"sales": CROSSING}, until=5, chosen=experiment(analysis=PLAN | {"sides": sides})).results[-1]
    roles = {"primary": ["delay"]}
    fewer = experiment(metrics=roles, analysis=PLAN | {"sides": sides})
    down = found({"delay": [-effect for effect in CROSSING]}, until=5, chosen=fewer).results[-1]
    assert down["stopped_effect"] == pytest.approx(-up["stopped_effect"])
    assert down["stopped_high"] == pytest.approx(-up["stopped_low"])
    assert (down["stopped_low"] is None) == (sides == 1)
    assert down["stopped_p_value"] == pytest.approx(up["stopped_p_value"])
