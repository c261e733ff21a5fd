"""The looks of sequential experiments: what a run records, and what a later run may not revise."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
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
    metric,
    series,
    z_effects,
)
from scipy import stats

from abspark.analysis.clock import clock
from abspark.analysis.comparisons import Batch, compared
from abspark.analysis.decisions import Evidence, decisions
from abspark.analysis.look_record import arms_begun_anew, begun_anew
from abspark.analysis.looks import all_looks, by_experiment
from abspark.analysis.results import analysed
from abspark.schemas import LOOKS
from abspark.stats.anytime import confidence_sequence, tuned_rho

QUIET = z_effects(*[0.3] * DAYS)
"""A series that crosses nothing."""


def pocock(fraction: float, alpha: float = 0.05) -> float:
    return alpha * np.log1p((np.e - 1) * fraction)


def test_a_look_per_day_with_what_it_may_spend() -> None:
    looks = found({"sales": QUIET}, until=4).looks
    assert [set(row) for row in looks] == [set(LOOKS.names) - {"run_id"}] * 4
    assert column(looks, "day") == [day(n) for n in (1, 2, 3, 4)]
    assert column(looks, "information") == [50 * n for n in (1, 2, 3, 4)]  # 100 n x 100 n / (200 n)
    assert column(looks, "statistic") == pytest.approx([0.3] * 4)
    assert column(looks, "alpha_spent") == pytest.approx([pocock(n / 10) for n in (1, 2, 3, 4)])
    # the first boundary is what is spent first, the second by the bivariate normal distribution
    first, second = column(looks, "boundary")[:2]
    assert first == pytest.approx(stats.norm.isf(pocock(0.1) / 2), rel=1e-9)
    joint = stats.multivariate_normal(cov=[[1, 0.5**0.5], [0.5**0.5, 1]], abseps=1e-10, releps=1e-10)
    inside = joint.cdf([first, second], lower_limit=[-first, -second])
    assert 1 - inside == pytest.approx(pocock(0.2), abs=1e-6)
    assert column(looks, "backfilled") == [True, True, True, False]


def test_running_again_keeps_the_looks_and_adds_none() -> None:
    once = found({"sales": QUIET}, until=4).looks
    again = found({"sales": QUIET}, until=4, looks=once)
    assert again.looks == once
    assert column(again.results, "boundary") == pytest.approx(column(once, "boundary"))


def test_a_later_run_goes_on_from_the_recorded_looks() -> None:
    daily: list[Any] = []
    for until in range(1, DAYS + 1):
        daily = found({"sales": QUIET}, until=until, looks=daily).looks
        assert len(daily) == until
    at_once = found({"sales": QUIET}, until=DAYS).looks
    for name in ("information", "alpha_spent", "boundary", "statistic"):
        assert column(daily, name) == pytest.approx(column(at_once, name), rel=1e-9)
    assert set(column(daily, "backfilled")) == {False}


def test_restated_data_do_not_revise_a_recorded_look() -> None:
    once = found({"sales": QUIET}, until=4).looks
    moments = [row | {"n": row["n"] + 50} for row in series({"sales": z_effects(*[5.0] * 5)})]
    later = analysed(moments, [experiment()], METRICS, as_of=after(5), looks=once)
    assert later.looks[:4] == once
    assert column(later.looks, "information")[4] == 275  # of 550 units in each arm
    on_day_4 = column(later.results, "significant", day=day(4))
    assert on_day_4 == [False]  # the statistic on record was 0.3
    assert column(later.results, "significant", day=day(5)) == [True]


def test_the_recorded_boundary_is_the_one_that_counts() -> None:
    once = found({"sales": QUIET}, until=4).looks
    lower = [*once[:3], once[3] | {"boundary": 0.2}]
    later = found({"sales": QUIET}, until=5, looks=lower).results
    assert column(later, "boundary", day=day(4)) == [0.2]
    assert column(later, "significant") == [False, False, False, True, True]


def test_an_end_that_is_moved_after_the_last_look_brings_no_other() -> None:
    ended = experiment(end="2026-01-06T00:00:00Z")
    stalled = [row | ({"n": 400} if row["day"] == day(5) else {}) for row in series({"sales": QUIET[:5]})]
    once = analysed(stalled, [ended], METRICS, as_of=after(5)).looks
    assert column(once, "alpha_spent")[-1] == pytest.approx(0.05)
    later = found({"sales": QUIET}, until=7, looks=once)
    assert later.looks == once
    assert column(later.results, "reason")[5:] == ["no_alpha_to_spend"] * 2


def test_a_changed_plan_spends_on_from_what_was_recorded() -> None:
    once = found({"sales": QUIET}, until=4).looks
    other = experiment(analysis=PLAN | {"group_sequential": {"planned_units": PLANNED, "spending": "obf"}})
    later = found({"sales": QUIET}, until=DAYS, looks=once, chosen=other).looks
    assert later[:4] == once
    spent = column(later, "alpha_spent")
    assert all(before <= then + 1e-12 for before, then in pairwise(spent))
    assert spent[-1] == pytest.approx(0.05)


def test_no_look_is_put_before_a_recorded_one() -> None:
    sparse = experiment(analysis=PLAN | {"group_sequential": {**PLAN["group_sequential"], "looks": [4]}})
    once = found({"sales": QUIET}, until=5, chosen=sparse).looks
    assert column(once, "day") == [day(4)]
    later = found({"sales": QUIET}, until=5, looks=once)
    assert column(later.looks, "day") == [day(4), day(5)]
    assert column(later.results, "reason")[:3] == ["not_a_look"] * 3


def test_days_end_where_the_series_has_its_midnights() -> None:
    tokyo = experiment(series={"time_zone": "Asia/Tokyo"})
    moments = series({"sales": QUIET[:4]})
    midnight = after(4) - timedelta(hours=9)
    for as_of, looks in ((midnight, 4), (midnight - timedelta(microseconds=1), 3)):
        rows = analysed(moments, [tokyo], METRICS, as_of=as_of)
        assert len(rows.looks) == looks


@pytest.mark.parametrize(
    ("zone", "first", "looks", "days"),
    [
        ("Asia/Tokyo", 1, [2, 5], [2, 5, 11]),  # it ends on the morning of the 11th
        ("America/New_York", 0, [2], [1, 10]),  # it starts on the evening of 31 December
    ],
)
def test_days_are_counted_by_the_clocks_of_the_series(
    zone: str, first: int, looks: list[int], days: list[int]
) -> None:
    """From 2026-01-01 to 2026-01-11, both 0:00 UTC; moments of eleven days from the first one there."""
    plan = PLAN | {"group_sequential": {**PLAN["group_sequential"], "looks": looks}}
    chosen = experiment(series={"time_zone": zone}, analysis=plan)
    moments = [
        row | {"day": row["day"] + timedelta(days=first - 1)}
        for row in series({"sales": z_effects(*[0.3] * 11)})
    ]
    rows = analysed(moments, [chosen], METRICS, as_of=after(10))
    assert column(rows.looks, "day") == [day(n) for n in days]


def test_without_a_day_series_the_run_ends_the_day() -> None:
    alone = experiment(series={"enabled": False})
    moments = [row for row in series({"sales": QUIET[:4]}) if row["day"] == day(4)]
    noon = analysed(moments, [alone], METRICS, as_of=after(4) - timedelta(hours=12))
    assert column(noon.looks, "day") == [day(4)]


def test_without_a_day_series_the_last_day_is_looked_at_when_all_is_over() -> None:
    """Else the look at noon would be the day's, and the rest of alpha were never spent."""
    alone = experiment(series={"enabled": False})
    moments = [row for row in series({"sales": QUIET}) if row["day"] == day(DAYS)]
    noon = analysed(moments, [alone], METRICS, as_of=after(DAYS) - timedelta(hours=12))
    assert (noon.looks, column(noon.results, "reason")) == ([], ["day_not_over"])
    over = analysed(moments, [alone], METRICS, as_of=after(DAYS), looks=noon.looks)
    assert column(over.looks, "alpha_spent") == pytest.approx([0.05])


def test_a_final_look_is_what_it_was_when_the_run_is_made_again() -> None:
    """Traffic stopped before the end: the last look brought no information and tests that of the look before again."""
    chosen = experiment(end="2026-01-05T00:00:00Z")
    z = z_effects(0.3, 0.3, 2.2)
    moments = [row | {"n": min(row["n"], 300)} for row in series({"sales": [*z, z[2]]})]
    once = analysed(moments, [chosen], METRICS, as_of=after(4))
    assert column(once.looks, "alpha_spent")[-1] == pytest.approx(0.05)
    last = once.results[-1]
    assert (last["significant"], last["stopped_p_value"] is not None) == (True, True)
    assert last["p_value"] <= 0.05
    again = analysed(moments, [chosen], METRICS, as_of=after(4), looks=once.looks)
    assert again.looks == once.looks
    for name in set(last) - {"reason"}:
        known = last[name]
        expected = pytest.approx(known, rel=1e-12) if isinstance(known, float) else known
        assert again.results[-1][name] == expected, name


def test_the_run_ends_the_day_of_a_quantile() -> None:
    """A quantile is of the day of the run alone: waiting for midnight, it would have no look before the end."""
    slow = metric("slow", kind="quantile", quantile=0.9)
    table = [
        {"experiment_id": "e", "metric": "slow", "variant": variant, "day": day(4), "n": 4 * PER_DAY}
        | {"segment_name": None, "segment_value": None, "n_clusters": None}
        | {"value": value, "value_low": value - 3, "value_high": value + 3}
        for variant, value in (("a", 100.0), ("b", 101.0))
    ]
    chosen = experiment(metrics={"primary": ["sales", "slow"]})
    noon = after(4) - timedelta(hours=12)
    rows = analysed(
        series({"sales": QUIET[:4]}), [chosen], METRICS | {"slow": slow}, as_of=noon, quantiles=table
    )
    assert column(rows.looks, "day", metric="slow") == [day(4)]
    assert column(rows.looks, "day", metric="sales") == [day(1), day(2), day(3)]
    # an interval as long as 2 * 1.96 standard errors of its arm
    error = 2**0.5 * 6 / (2 * stats.norm.isf(0.025))
    assert column(rows.looks, "statistic", metric="slow") == [pytest.approx(1 / error)]


def test_an_unfinished_day_is_no_look() -> None:
    moments = series({"sales": QUIET[:4]})
    early = analysed(moments, [experiment()], METRICS, as_of=after(4) - timedelta(microseconds=1))
    assert column(early.looks, "day") == [day(n) for n in (1, 2, 3)]
    assert column(early.looks, "backfilled") == [True, True, False]
    (row,) = [row for row in early.results if row["day"] == day(4)]
    assert (row["boundary"], row["effect_low"], row["reason"], row["significant"]) == (
        None,
        None,
        "day_not_over",
        False,
    )
    assert row["effect"] is not None
    assert row["alpha_spent"] == pytest.approx(pocock(0.3))


def test_nothing_ahead_of_the_run_is_a_look() -> None:
    """A typo of the year on day 3: days that had not come were looks else, the last of which took all of alpha."""
    effects = {"sales": z_effects(0.5, 1, 1.5, 3, 4, 5, 6, 7, 8, 9)}
    moments = series(effects)
    once = found(effects, until=2).looks
    frozen = [row for row in moments if row["day"] <= day(3)]
    frozen += [row | {"day": day(n)} for n in range(4, 11) for row in moments if row["day"] == day(3)]
    started = after(3) + timedelta(hours=6)
    typo = analysed(frozen, [experiment()], METRICS, as_of=after(375), started_at=started, looks=once)
    assert typo.looks == found(effects, until=3, looks=once).looks
    assert column(typo.results, "reason") == [None] * 3 + ["day_not_over"] * 7
    evidence = Evidence(typo.results, (), typo.harmed, typo.now, typo.looks)
    [row] = decisions(evidence, [experiment()], METRICS)
    assert row["decision"] == "keep_running"
    for until in (4, 7, 10):
        later = found(effects, until=until, looks=typo.looks)
        assert later.looks[:3] == typo.looks
        assert column(later.looks, "day") == [day(n) for n in range(1, until + 1)]


def test_a_run_that_looks_ahead_ends_no_day_of_a_metric_without_days() -> None:
    """Its units count as complete by an instant that has not come."""
    alone = experiment(series={"enabled": False})
    moments = [row for row in series({"sales": QUIET[:4]}) if row["day"] == day(4)]
    noon = after(4) - timedelta(hours=12)
    now = analysed(moments, [alone], METRICS, as_of=noon, started_at=noon + timedelta(seconds=1))
    assert column(now.looks, "day") == [day(4)]
    ahead = analysed(moments, [alone], METRICS, as_of=noon, started_at=noon - timedelta(seconds=1))
    assert (ahead.looks, column(ahead.results, "reason")) == ([], ["day_not_over"])


def test_an_as_of_ahead_ends_what_has_ended_by_the_clock() -> None:
    """And methods with one look take the windows as over that are over by their as_of, wherever that lies."""
    given = {"as_of": after(99), "started_at": after(DAYS)}
    rows = analysed(series({"sales": QUIET}), [experiment()], METRICS, **given)
    assert rows.looks == found({"sales": QUIET}, until=DAYS).looks
    fixed = experiment(analysis={"method": "fixed"})
    early = analysed(series({"sales": QUIET}), [fixed], METRICS, as_of=after(99), started_at=after(3))
    assert (early.now.over(fixed), early.now.over(experiment())) == (True, False)


def behind(until: timedelta, effects: list[float]) -> list[dict[str, Any]]:
    """Moments after the end, of a log that is complete up to so long after the start."""
    told = after(0) + until
    moments = series({"sales": effects})
    return [row | {"complete_until": told if row["day"] == day(DAYS) else None} for row in moments]


@pytest.mark.parametrize("method", ["group_sequential", "anytime"])
def test_the_last_look_waits_for_the_logs_of_its_metric(method: str) -> None:
    """The log stops on day 8 at noon and comes to life again: all that is left of alpha is spent on the whole of it."""
    chosen = experiment(analysis=PLAN if method == "group_sequential" else {"method": method})
    stalled = [
        row | {"n": min(row["n"], 8 * PER_DAY)}
        for row in behind(timedelta(days=7.5), QUIET[:8] + QUIET[7:8] * 2)
    ]
    early = analysed(stalled, [chosen], METRICS, as_of=after(38))
    grown = 8 if method == "group_sequential" else 9
    spent = column(found({"sales": QUIET}, until=8, chosen=chosen).looks, "alpha_spent")
    assert column(early.looks, "alpha_spent")[:8] == pytest.approx(spent)
    assert column(early.looks, "day") == [day(n) for n in range(1, grown + 1)]
    evidence = Evidence(early.results, (), early.harmed, early.now, early.looks)
    [row] = decisions(evidence, [chosen], METRICS)
    assert row["decision"] == "keep_running"
    assert row["reasons"][-1] == (  # type: ignore[index]
        "The last look at sales waits for its logs: they are complete up to 2026-01-08 12:00 UTC, and not to the end "
        "of its windows. A log that has nothing more to come says so by complete_until."
    )
    caught_up = behind(timedelta(days=DAYS), QUIET)
    last = analysed(caught_up, [chosen], METRICS, as_of=after(39), looks=early.looks)
    assert last.looks[:grown] == early.looks
    assert column(last.looks, "day") == [day(n) for n in range(1, DAYS + 1)]
    per_arm = PER_DAY * DAYS
    assert column(last.looks, "information")[-1] == per_arm / 2
    evidence = Evidence(last.results, (), last.harmed, last.now, last.looks)
    [row] = decisions(evidence, [chosen], METRICS)
    assert row["decision"] == "do_not_ship"


@pytest.mark.parametrize(
    ("until", "waits"), [(timedelta(days=9), False), (timedelta(days=9, microseconds=-1), True)]
)
def test_a_log_is_complete_whose_newest_event_is_of_the_last_day(until: timedelta, *, waits: bool) -> None:
    rows = analysed(behind(until, QUIET), [experiment()], METRICS, as_of=after(DAYS))
    assert column(rows.results, "reason")[-1] == ("logs_behind" if waits else None)
    assert len(rows.looks) == (DAYS - 1 if waits else DAYS)


def test_a_metric_waits_for_its_own_windows_alone() -> None:
    """Those of the other last three days longer."""
    slow = metric("visits", window={"end": "3d", "start": "0d"})
    plan = PLAN | {"group_sequential": PLAN["group_sequential"] | {"planned_units": 2 * PLANNED}}
    chosen = experiment(metrics={"primary": ["sales", "visits"]}, analysis=plan)
    moments = [
        row | {"complete_until": after(DAYS)}
        for row in series({"sales": [*QUIET, *[0.01] * 3], "visits": [0.01] * 13})
    ]
    rows = analysed(moments, [chosen], METRICS | {"visits": slow}, as_of=after(DAYS + 9))
    assert column(rows.results, "reason", day=day(13)) == [None, "logs_behind"]


def test_the_watch_of_a_method_with_one_look_waits_for_no_log() -> None:
    fixed = experiment(analysis={"method": "fixed"})
    rows = analysed(behind(timedelta(days=3), QUIET), [fixed], METRICS, as_of=after(DAYS))
    evidence = Evidence(rows.results, (), rows.harmed, rows.now, rows.looks)
    [row] = decisions(evidence, [fixed], METRICS)
    assert (row["decision"], column(rows.results, "reason")[-1]) == ("do_not_ship", None)


@pytest.mark.parametrize(("then", "today"), [(0.3, 5.0), (5.0, 0.3)])
def test_a_look_that_today_would_go_otherwise_says_why_it_does_not(then: float, today: float) -> None:
    once = found({"sales": z_effects(0.3, then)}, until=2).looks
    rows = found({"sales": z_effects(0.3, today, 0.3)}, until=3, looks=once).results
    assert column(rows, "reason") == [None, "look_on_record", None]
    assert column(rows, "significant") == [False, *[then > today] * 2]


@pytest.mark.parametrize(
    ("looks", "days"), [("weekly", [7, 10]), ([2, 5], [2, 5, 10]), ("daily", list(range(1, 11)))]
)
def test_configured_looks_and_always_the_last_day(looks: Any, days: list[int]) -> None:
    chosen = experiment(analysis=PLAN | {"group_sequential": {**PLAN["group_sequential"], "looks": looks}})
    rows = found({"sales": QUIET}, until=DAYS, chosen=chosen)
    assert column(rows.looks, "day") == [day(n) for n in days]
    assert column(rows.results, "reason", day=day(9)) == [None if looks == "daily" else "not_a_look"]


def test_information_that_does_not_grow_skips_the_look() -> None:
    moments = series({"sales": QUIET[:3]})
    stalled = [row | {"n": 100} if row["day"] == day(2) else row for row in moments]
    rows = analysed(stalled, [experiment()], METRICS, as_of=after(3))
    assert column(rows.looks, "day") == [day(1), day(3)]
    (row,) = [row for row in rows.results if row["day"] == day(2)]
    assert (row["reason"], row["boundary"]) == ("information_not_grown", None)
    assert row["alpha_spent"] == pytest.approx(pocock(0.1))


def test_the_last_look_spends_the_rest_below_the_planned_units() -> None:
    chosen = experiment(
        analysis=PLAN | {"group_sequential": {"planned_units": 2 * PLANNED, "spending": "pocock"}}
    )
    daily: list[Any] = []
    for until in range(1, DAYS + 1):
        daily = found({"sales": QUIET}, until=until, looks=daily, chosen=chosen).looks
    assert column(daily, "alpha_spent")[-2:] == pytest.approx([pocock(9 / 20), 0.05])
    after_all = found({"sales": QUIET}, until=DAYS, looks=daily, chosen=chosen)
    assert after_all.looks == daily


def test_beyond_the_planned_units_nothing_is_left_to_spend() -> None:
    chosen = experiment(analysis=PLAN | {"group_sequential": {"planned_units": 800, "spending": "pocock"}})
    rows = found({"sales": QUIET}, until=6, chosen=chosen)
    assert column(rows.looks, "day") == [day(n) for n in (1, 2, 3, 4)]
    assert column(rows.results, "reason")[4:] == ["no_alpha_to_spend"] * 2
    assert column(rows.results, "information_fraction") == pytest.approx([0.25 * n for n in range(1, 7)])
    later = found({"sales": QUIET}, until=DAYS, chosen=chosen, looks=rows.looks)
    assert later.looks == rows.looks


def test_below_the_minimal_sample_size_there_is_no_look() -> None:
    rows = found({"sales": QUIET}, until=4, chosen=experiment(min_sample_size=201))
    assert column(rows.looks, "day") == [day(3), day(4)]
    assert column(rows.results, "reason") == ["below_min_sample_size"] * 2 + [None] * 2
    assert column(rows.results, "significant") == [None, None, False, False]


def test_primary_metrics_split_alpha_unless_told_not_to() -> None:
    effects = {"sales": QUIET, "visits": QUIET, "speed": QUIET}
    roles = {"primary": ["sales", "visits"], "secondary": ["speed"]}
    split = found(effects, until=DAYS, chosen=experiment(metrics=roles))
    assert [column(split.results, "alpha", metric=name)[0] for name in effects] == [0.025, 0.025, 0.05]
    assert column(split.looks, "alpha_spent", day=day(DAYS)) == pytest.approx([0.025, 0.025, 0.05])
    assert set(column(split.results, "p_adjusted")) == {None}
    whole = found(
        effects, until=DAYS, chosen=experiment(metrics=roles, analysis=PLAN | {"correction": "none"})
    )
    assert column(whole.looks, "alpha_spent", day=day(DAYS)) == pytest.approx([0.05] * 3)


def test_anytime_looks_have_the_half_width_as_boundary() -> None:
    chosen = experiment(analysis={"method": "anytime", "anytime": {"tuned_at": 1000}})
    looks = found({"sales": QUIET}, until=3, chosen=chosen).looks
    width = confidence_sequence(
        0.0,
        1.0,
        units=np.array([200.0, 400, 600]),
        rho=tuned_rho(1000, alpha=0.05, sides=2),
        alpha=0.05,
        sides=2,
    )
    assert column(looks, "boundary") == pytest.approx(list(width.high))
    assert column(looks, "alpha_spent") == [None] * 3
    again = found({"sales": QUIET}, until=4, chosen=chosen, looks=looks)
    assert again.looks[:3] == looks
    assert len(again.looks) == 4


TUNED = {"method": "anytime", "anytime": {"tuned_at": 1000}}
TAU = {"method": "anytime", "anytime": {"tau": 0.1}}
BIG = {"sales": z_effects(0.5, 1, 1.5, 3, 4, 5)}


@pytest.mark.parametrize(("before", "scale"), [(TUNED, "harmonic_units"), (TAU, "relative_precision")])
def test_a_group_sequential_test_goes_on_with_the_alpha_that_an_anytime_test_left(
    before: dict[str, Any], scale: str
) -> None:
    """How often the looks before err, by the normal distribution of all three; information grows as 1, 2, 3."""
    once = found(BIG, until=3, chosen=experiment(analysis=before)).looks
    assert column(once, "scale") == [scale] * 3
    bounds = np.array(column(once, "boundary"))
    growth = [np.sqrt(min(a, b) / max(a, b)) for a in (1, 2, 3) for b in (1, 2, 3)]
    joint = stats.multivariate_normal(cov=np.reshape(growth, (3, 3)), abseps=1e-9, releps=1e-9, maxpts=10**6)
    used = 1 - joint.cdf(bounds, lower_limit=-bounds)
    later = found(BIG, until=6, looks=once)
    assert later.looks[:3] == once
    assert column(later.looks, "day") == [day(n) for n in range(1, 7)]
    assert column(later.looks, "scale") == [scale] * 3 + ["harmonic_units"] * 3
    assert column(later.results, "alpha") == pytest.approx([0.05 - used] * 6, abs=1e-6)
    assert column(later.looks, "alpha_spent")[3:] == pytest.approx(
        [pocock(n / 10, 0.05 - used) for n in (4, 5, 6)], abs=1e-6
    )
    assert column(later.results, "reason") == (
        [None] * 6 if scale == "harmonic_units" else ["not_a_look"] * 3 + [None] * 3
    )
    assert column(later.results, "significant")[3:] == [True] * 3
    # the first look of the new scale stands alone
    first = column(later.looks, "boundary")[3]
    assert scale == "harmonic_units" or first == pytest.approx(
        stats.norm.isf(pocock(0.4, 0.05 - used) / 2), abs=1e-5
    )


@pytest.mark.parametrize("then", [TUNED, TAU])
def test_an_anytime_test_goes_on_with_the_alpha_that_a_group_sequential_one_left(
    then: dict[str, Any],
) -> None:
    once = found(BIG, until=3).looks
    chosen = experiment(analysis=then)
    later, alone = (found(BIG, until=6, chosen=chosen, looks=looks) for looks in (once, ()))
    spent = pocock(0.3)
    assert column(later.results, "alpha_spent") == pytest.approx([spent] * 6)
    assert column(alone.results, "alpha_spent") == [None] * 6
    larger = [min(p * 0.05 / (0.05 - spent), 1) for p in column(alone.results, "p_value")]
    assert column(later.results, "p_value") == pytest.approx(larger)
    for row in later.results:
        assert (row["p_value"] < 0.05) == row["significant"]
    outside = [row["effect_low"] > 0 for row in later.results]
    assert outside == column(later.results, "significant") == [False] * 4 + [True] * 2
    assert column(later.looks, "scale") == ["harmonic_units"] * 3 + [column(alone.looks, "scale")[0]] * 3


def test_nothing_is_left_for_an_anytime_test_after_the_last_look_of_a_group_sequential_one() -> None:
    plan = experiment(analysis=PLAN | {"group_sequential": PLAN["group_sequential"] | {"planned_units": 800}})
    once = found(BIG, until=4, chosen=plan).looks
    assert column(once, "alpha_spent")[-1] == pytest.approx(0.05)
    chosen = experiment(analysis=TUNED)
    later = found(BIG, until=6, chosen=chosen, looks=once)
    assert later.looks == once
    assert column(later.results, "significant") == [False] * 6
    assert column(later.results, "reason") == ["no_alpha_to_spend"] * 6
    [row] = decisions(Evidence(later.results, (), later.harmed, later.now, later.looks), [chosen], METRICS)
    assert row["decision"] == "do_not_ship"


def test_a_family_of_anytime_tests_shares_what_all_of_its_metrics_left() -> None:
    two = {"primary": ["sales", "visits"], "secondary": ["speed"]}
    effects = dict.fromkeys(("sales", "visits", "speed"), QUIET)
    once = found(effects, until=3, chosen=experiment(metrics=two)).looks
    later = found(effects, until=4, chosen=experiment(metrics=two, analysis=TUNED), looks=once).results
    spent = {name: column(later, "alpha_spent", metric=name)[-1] for name in effects}
    assert spent == pytest.approx({name: pocock(0.3) for name in effects})
    alone = found(
        effects, until=4, chosen=experiment(metrics=two, analysis=TUNED | {"correction": "none"}), looks=once
    )
    assert column(alone.results, "alpha_spent", metric="sales")[-1] == pytest.approx(pocock(0.3, 0.025))


def test_an_anytime_test_of_another_scale_begins_after_the_looks_of_the_first() -> None:
    once = found(BIG, until=3, chosen=experiment(analysis=TUNED)).looks
    chosen = experiment(analysis=TAU)
    later, alone = (found(BIG, until=6, chosen=chosen, looks=looks) for looks in (once, ()))
    assert column(later.looks, "scale") == ["harmonic_units"] * 3 + ["relative_precision"] * 3
    assert column(later.looks, "information")[3:] == column(alone.looks, "information")[3:]
    [used] = set(column(later.results, "alpha_spent"))
    assert 0 < used < 0.01
    raised = [min(p * 0.05 / (0.05 - used), 1) for p in column(alone.results, "p_value")]
    assert column(later.results, "p_value") == pytest.approx(raised)


@pytest.mark.parametrize("scale", [None, "units"])
def test_looks_of_earlier_versions_count(scale: str | None) -> None:
    """They counted units, of which harmonic ones are a quarter with equal arms, and once told no scale."""
    once = found(BIG, until=3).looks
    old = [row | {"scale": scale, "information": 4 * row["information"]} for row in once]
    later = found(BIG, until=6, looks=old)
    assert later.looks[:3] == old
    assert later.looks[3:] == found(BIG, until=6, looks=once).looks[3:]
    assert later.results == found(BIG, until=6, looks=once).results


def test_looks_of_a_metric_that_is_gone_stay_on_record() -> None:
    once = found(
        {"sales": QUIET, "visits": QUIET},
        until=2,
        chosen=experiment(metrics={"primary": ["sales", "visits"]}),
    )
    later = found({"sales": QUIET}, until=3, looks=once.looks)
    assert column(later.looks, "metric") == ["sales", "sales", "visits", "visits", "sales"]
    nothing = analysed([], [experiment()], METRICS, as_of=after(3), looks=once.looks)
    assert nothing.looks == once.looks


def test_a_metric_under_a_new_name_is_told_of() -> None:
    once = found({"sales": QUIET}, until=2).looks
    renamed = experiment(metrics={"primary": ["visits"], "secondary": ["speed"]})
    assert begun_anew(once, [renamed]) == {"e": (["visits"], ["sales"])}
    for nothing_new in (
        experiment(),
        experiment(metrics={"primary": ["visits"], "secondary": ["sales"]}),
        experiment(metrics={"primary": ["sales"], "secondary": ["visits"]}),
        experiment(metrics={"primary": ["visits"]}, analysis={"method": "fixed"}),
        experiment(id="f", metrics={"primary": ["visits"]}),
    ):
        assert begun_anew(once, [nothing_new]) == {}
    both = found({"visits": QUIET}, until=3, chosen=renamed, looks=once).looks
    assert begun_anew(both, [renamed]) == {}


@pytest.mark.parametrize(
    "now",
    [
        {"metrics": {"primary": ["sales", "visits"]}},
        {"analysis": {**PLAN, "alpha": 0.02}},
    ],
)
def test_a_level_below_what_looks_have_spent_is_what_they_spent(now: dict[str, Any]) -> None:
    effects = {"sales": z_effects(1.0, 1.0, 1.0, 1.0, 3.0, 1.0, 1.0), "visits": QUIET}
    once = found(effects, until=5).looks
    before = found(effects, until=5).results
    later = found(effects, until=7, chosen=experiment(**now), looks=once).results
    rows = [row for row in later if row["metric"] == "sales"]
    spent = column(once, "alpha_spent", metric="sales")[-1]
    assert column(rows, "alpha") == [spent] * 7
    assert column(rows, "significant") == [False] * 4 + [True] * 3
    assert [row["p_value"] <= row["alpha"] for row in rows] == column(rows, "significant")
    [stopped] = {row["stopped_effect"] for row in rows[4:]}
    assert stopped == pytest.approx(column(before, "stopped_effect", metric="sales")[-1])
    assert column(rows, "reason")[5:] == ["no_alpha_to_spend"] * 2


@pytest.mark.parametrize(("before", "now", "significant"), [(2, 1, False), (1, 2, True)])
def test_recorded_looks_are_judged_by_their_own_sides(before: int, now: int, significant: bool) -> None:
    effects = {
        "sales": z_effects(2.5, 2.0, 1.0, 1.0, 1.0)
    }  # boundaries of day 1: 2.66 two-sided, 2.41 one-sided
    chosen = [experiment(analysis={**PLAN, "sides": sides}) for sides in (before, now)]
    once = found(effects, until=3, chosen=chosen[0]).looks
    rows = found(effects, until=5, chosen=chosen[1], looks=once).results
    assert column(rows, "significant") == [significant] * 5
    assert [row["p_value"] <= 0.05 for row in rows] == [significant] * 5
    assert [row["stopped_effect"] is not None for row in rows] == [significant] * 5


THREE = {"variants": [{"key": key, "weight": weight} for key, weight in (("a", 0.4), ("b", 0.3), ("c", 0.3))]}


def of_three_arms(until: int) -> list[dict[str, Any]]:
    """Moments of b and c, which both gain what crosses on day 2 beside a, and do not differ from each other."""
    rows = series({"sales": z_effects(*[3.5] * until)})
    return rows + [row | {"variant": "c"} for row in rows if row["variant"] == "b"]


def test_looks_beside_another_control_are_of_another_comparison() -> None:
    before, now = experiment(**THREE), experiment(**THREE, control="b")
    once = analysed(of_three_arms(3), [before], METRICS, as_of=after(3)).looks
    later = analysed(of_three_arms(5), [now], METRICS, as_of=after(5), looks=once)
    assert set(column(later.results, "significant", treatment="c")) == {False}
    assert set(column(later.results, "reason", treatment="c")) == {None}
    alone = analysed(of_three_arms(5), [now], METRICS, as_of=after(5))
    assert (later.results, later.looks) == (alone.results, once + alone.looks)
    assert arms_begun_anew(once, [now]) == {
        "e": (["a against b", "c against b"], ["b against a", "c against a"])
    }
    back = analysed(of_three_arms(6), [before], METRICS, as_of=after(6), looks=later.looks)
    assert back.results == analysed(of_three_arms(6), [before], METRICS, as_of=after(6), looks=once).results


def test_a_decision_goes_by_looks_beside_the_control_of_its_comparison() -> None:
    """C is better than a, and worse than b, beside which it was looked at in between."""
    before, now = experiment(**THREE), experiment(**THREE, control="b")
    moments = [{**row, "mean_num": row["mean_num"] + (row["variant"] == "b")} for row in of_three_arms(5)]
    looks: list[Any] = []
    for until, chosen in ((3, before), (4, now), (5, before)):
        seen = [row for row in moments if row["day"] <= day(until)]
        result = analysed(seen, [chosen], METRICS, as_of=after(until), looks=looks)
        looks = result.looks
    evidence = Evidence(result.results, [], result.harmed, result.now, looks)
    [decided] = decisions(evidence, [before], METRICS)
    assert not [reason for reason in decided["reasons"] if "worse" in reason]


def test_looks_of_an_earlier_version_are_beside_the_control_of_today() -> None:
    once = found({"sales": QUIET}, until=2).looks
    assert column(once, "control") == ["a", "a"]
    old = [row | {"control": None} for row in once]
    assert (
        found({"sales": QUIET}, until=4, looks=old).results
        == found({"sales": QUIET}, until=4, looks=once).results
    )
    assert arms_begun_anew(old, [experiment()]) == {}
    assert arms_begun_anew(old, [experiment(control="b")]) == {"e": (["a against b"], ["b"])}


def test_an_arm_under_a_new_name_is_told_of() -> None:
    once = found({"sales": QUIET}, until=2).looks
    arms = [{"key": "a", "weight": 0.5}, {"key": "blue", "weight": 0.5}]
    assert arms_begun_anew(once, [experiment(variants=arms)]) == {"e": (["blue against a"], ["b against a"])}
    assert arms_begun_anew(once, [experiment(variants=arms, analysis={"method": "fixed"})]) == {}
    assert arms_begun_anew(once, [experiment(**THREE)]) == {}
    assert arms_begun_anew([], [experiment()]) == {}


def test_looks_of_other_methods_are_none() -> None:
    fixed = experiment(analysis={"method": "fixed"})
    assert found({"sales": QUIET}, until=3, chosen=fixed).looks == []


class Passes(list[Any]):
    """A list that counts how often somebody goes through the whole of it."""

    made = 0

    def __iter__(self) -> Iterator[Any]:
        self.made += 1
        return super().__iter__()


def test_many_experiments_are_told_apart_in_one_pass() -> None:
    """A pass over all comparisons for each experiment would take four times as long for twice as many."""
    chosen = [experiment(id=f"e{number}") for number in range(30)]
    moments = [row | {"experiment_id": each.id} for each in chosen for row in series({"sales": QUIET[:2]})]
    whole = compared(moments, chosen, METRICS)
    assert whole is not None
    batch = Batch(Passes(whole.pairs), whole.effect)
    assert {id_: list(places) for id_, places in by_experiment(batch).items()} == {
        each.id: [2 * number, 2 * number + 1] for number, each in enumerate(chosen)
    }
    looks = analysed(moments, chosen, METRICS, as_of=after(2)).looks
    earlier = Passes(looks)
    found = all_looks(batch, earlier, clock(after(2), chosen, METRICS))
    assert [each.recorded.all() for each in found.values()] == [True] * 30
    assert (batch.pairs.made, earlier.made) == (2, 1)  # type: ignore[attr-defined]


def test_experiments_of_one_run_have_their_own_days() -> None:
    late = experiment(id="f", start="2026-01-05T00:00:00Z", end="2026-01-15T00:00:00Z")
    moments = series({"sales": QUIET[:6]})
    other = [
        row | {"experiment_id": "f", "day": row["day"] + timedelta(days=4)}
        for row in series({"sales": QUIET[:2]})
    ]
    both = analysed([*moments, *other], [experiment(), late], METRICS, as_of=after(6))
    alone = analysed(other, [late], METRICS, as_of=after(6))
    assert [row for row in both.looks if row["experiment_id"] == "f"] == alone.looks
    assert [row for row in both.results if row["experiment_id"] == "f"] == alone.results
