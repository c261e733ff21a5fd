"""What looks count where the split of units changes over time, and looks on record in another scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from look_world import METRICS, after, column, day, experiment, series

from abspark.analysis.results import Found, analysed
from abspark.config import Experiment
from abspark.stats.anytime import AnytimeResult, confidence_sequence, tuned_rho
from abspark.stats.sequential_design import crossing_probabilities

SHARES = (0.01, 0.01, 0.05, 0.05, 0.1, 0.2, *[0.5] * 8)
"""The share treated of each day's new units."""
DAYS, PER_DAY = len(SHARES), 1_000
TREATED = np.cumsum(np.multiply(SHARES, PER_DAY))
UNITS = np.arange(1.0, DAYS + 1) * PER_DAY
PRECISION = 1 / (1 / TREATED + 1 / (UNITS - TREATED))
"""1 / variance of the difference of the arms' means, where values have the variance 1."""
BIG = [0.02 * PRECISION[number] ** 0.5 for number in range(DAYS)]
"""Statistics of a constant effect of 0.02."""


def plan(spending: str = "pocock", units: int = DAYS * PER_DAY) -> dict[str, Any]:
    return {
        "method": "group_sequential",
        "group_sequential": {"planned_units": units, "spending": spending},
    }


TUNED = {"method": "anytime", "anytime": {"tuned_at": 1000}}
TAU = {"method": "anytime", "anytime": {"tau": 0.1}}


def on_ramp(analysis: dict[str, Any], **given: Any) -> Experiment:
    return experiment(end=f"2026-01-{DAYS + 1}T00:00:00Z", analysis=analysis, **given)


def ramp(z: Sequence[float]) -> list[dict[str, Any]]:
    """Moments of both arms day by day, whose statistics are these."""
    effects = (np.array(z) / PRECISION[: len(z)] ** 0.5).tolist()
    moments = series({"sales": effects})
    for row in moments:
        number = (row["day"] - day(1)).days
        treated = float(TREATED[number])
        row["n"] = treated if row["variant"] == "b" else (number + 1) * PER_DAY - treated
    return moments


def run(until: int, chosen: Experiment, looks: Sequence[Any] = (), z: Sequence[float] = BIG) -> Found:
    return analysed(ramp(z[:until]), [chosen], METRICS, as_of=after(until), looks=looks)


def in_units(looks: Sequence[dict[str, Any]], scale: str | None = "units") -> list[dict[str, Any]]:
    """The same looks as an earlier version recorded them."""
    return [row | {"information": float(UNITS[(row["day"] - day(1)).days]), "scale": scale} for row in looks]


@pytest.mark.parametrize("spending", ["pocock", "obf"])
@pytest.mark.parametrize("split", ["ramp", "back"])
def test_a_split_that_changes_over_time_leaves_the_level(spending: str, split: str) -> None:
    """How often any look crosses its boundary, by the precision that the statistics have: with units 7.0 and 5.7 %."""
    chosen = on_ramp(plan(spending))
    moments = ramp([0.3] * DAYS)
    if split == "back":  # the control is ramped up instead
        moments = [row | {"variant": {"a": "b", "b": "a"}[row["variant"]]} for row in moments]
    rows = analysed(moments, [chosen], METRICS, as_of=after(DAYS))
    known = PRECISION[-len(rows.looks) :]  # obf has nothing to spend on the first day
    assert column(rows.looks, "information") == pytest.approx(list(known))
    [error] = crossing_probabilities(known[None], np.array([column(rows.looks, "boundary")]), sides=2)
    assert error == pytest.approx(0.05, abs=1e-6)


def test_the_fraction_is_of_planned_units_split_as_configured() -> None:
    """Two of three arms with 10, 20 and 70 %: a constant split as configured has the fraction of units."""
    weights = {"a": 0.2, "b": 0.1, "c": 0.7}
    variants = [{"key": key, "weight": weight} for key, weight in weights.items()]
    moments = [
        row | {"variant": key, "n": weights[key] * 1000 * (1 + (row["day"] - day(1)).days)}
        for row in ramp([0.3] * DAYS) if row["variant"] == "a" for key in weights
    ]  # fmt: skip
    rows = analysed(moments, [on_ramp(plan(), variants=variants)], METRICS, as_of=after(DAYS))
    for treatment in "bc":
        fractions = column(rows.results, "information_fraction", treatment=treatment)
        assert fractions == pytest.approx(list(UNITS / UNITS[-1]))
    ramped = run(DAYS, on_ramp(plan())).results
    assert column(ramped, "information_fraction") == pytest.approx(list(PRECISION / (UNITS[-1] / 4)))


def test_an_arm_without_weight_is_planned_like_an_equal_one() -> None:
    """A treatment that gets no units any more: no information was planned for it, but it has some."""
    ended = on_ramp(plan(), variants=[{"key": "a", "weight": 1}, {"key": "b", "weight": 0}])
    rows = run(3, ended)
    fractions = list(PRECISION[:3] / (UNITS[-1] / 4))
    assert column(rows.results, "information_fraction") == pytest.approx(fractions)


@pytest.mark.parametrize("empty", ["b", "ab"])
def test_an_empty_arm_has_no_information(empty: str) -> None:
    moments = [
        row | ({"n": 0.0, "var_num": None, "mean_num": None} if row["variant"] in empty else {})
        for row in ramp(BIG[:3])
    ]
    rows = analysed(moments, [on_ramp(plan())], METRICS, as_of=after(3))
    assert rows.looks == []
    assert column(rows.results, "information_fraction") == [0.0] * 3
    recorded = in_units(run(2, on_ramp(plan())).looks)
    later = analysed(moments, [on_ramp(plan())], METRICS, as_of=after(3), looks=recorded)
    assert later.looks == recorded
    assert (
        column(later.results, "alpha_spent")
        == [recorded[0]["alpha_spent"]] + [recorded[1]["alpha_spent"]] * 2
    )


@pytest.mark.parametrize("scale", ["units", None])
def test_looks_in_units_go_on_as_if_they_had_been_recorded_in_harmonic_ones(scale: str | None) -> None:
    """By the split that each day had, not by today's: else the first looks had more information than those to come."""
    chosen = on_ramp(plan())
    z = [0.3] * 7 + [4.0] * 2
    once = run(7, chosen, z=z).looks
    old = in_units(once, scale)
    later, same = run(9, chosen, old, z), run(9, chosen, once, z)
    assert later.looks[:7] == old
    assert column(later.looks, "scale")[7:] == ["harmonic_units"] * 2
    assert column(later.looks, "boundary") == pytest.approx(column(same.looks, "boundary"), rel=1e-12)
    for name in (
        "p_value",
        "alpha_spent",
        "stopped_p_value",
        "stopped_effect",
        "stopped_low",
        "stopped_high",
    ):
        assert later.results[-1][name] == pytest.approx(same.results[-1][name], rel=1e-9), name


def test_futility_goes_on_from_looks_in_units() -> None:
    futile = {"effect": {"absolute": 0.05}, "spending": "pocock"}
    settings = plan() | {"group_sequential": plan()["group_sequential"] | {"futility": futile}}
    chosen = on_ramp(settings)
    quiet = [0.3] * DAYS
    once = run(7, chosen, z=quiet).looks
    later, same = (run(9, chosen, looks, z=quiet) for looks in (in_units(once), once))
    for name in ("beta_spent", "futility_boundary", "planned_statistic"):
        assert column(later.looks, name) == pytest.approx(column(same.looks, name), rel=1e-9), name


def always_valid(z: Sequence[float], alpha: float) -> AnytimeResult:
    """The sequence of a run by hand: 250 harmonic units are 1000 units of equal arms."""
    rho = tuned_rho(250, alpha=0.05, sides=2)
    return confidence_sequence(np.array(z), 1.0, units=PRECISION[: len(z)], rho=rho, alpha=alpha, sides=2)


def test_an_anytime_test_mixes_over_the_same_effects_at_all_looks() -> None:
    """In units its mixing variance would fall as arms become equal, and what a look errs would not be made up for."""
    rows = run(8, on_ramp(TUNED))
    assert column(rows.looks, "information") == pytest.approx(list(PRECISION[:8]))
    known = always_valid(BIG[:8], 0.05)
    width = (known.high - known.low) / 2
    assert column(rows.looks, "boundary") == pytest.approx(list(width))
    assert column(rows.results, "p_value") == pytest.approx(list(np.minimum.accumulate(known.p_value)))


@pytest.mark.parametrize("ended", [True, False])
def test_the_watch_for_harm_goes_by_harmonic_units(ended: bool) -> None:
    """Of a fixed horizon, one-sided at 2.5 %, narrowest at 10,000 units if split by the weights."""
    weights = (1, 0) if ended else (0.8, 0.2)
    variants = [{"key": key, "weight": weight} for key, weight in zip("ab", weights, strict=True)]
    chosen = on_ramp({"method": "fixed"}, variants=variants, metrics={"guardrails": [{"metric": "sales"}]})
    rho = tuned_rho(10_000 * (0.25 if ended else 0.16), alpha=0.025, sides=1)
    width = -confidence_sequence(0.0, 1.0, units=PRECISION[4], rho=rho, alpha=0.025, sides=1).low
    for z, harmed in ((1e-6 - width, []), (-1e-6 - width, [True])):
        rows = run(5, chosen, z=[0.0] * 4 + [float(z)])
        assert [True for _ in rows.harmed] == harmed


def test_looks_of_an_anytime_test_in_units_go_on_too() -> None:
    z = [4.0 - 0.2 * number for number in range(8)]
    once = run(6, on_ramp(TUNED), z=z).looks
    for analysis in (TUNED, TAU, plan()):
        later, same = (run(8, on_ramp(analysis), looks, z) for looks in (in_units(once), once))
        for name in ("p_value", "alpha"):
            assert column(later.results, name) == pytest.approx(column(same.results, name), rel=1e-9), name


def test_a_group_sequential_test_goes_on_with_what_an_anytime_test_left_on_a_ramp() -> None:
    once = run(6, on_ramp(TUNED)).looks
    [used] = crossing_probabilities(PRECISION[None, :6], np.array([column(once, "boundary")]), sides=2)
    then = run(8, on_ramp(plan()), once)
    assert column(then.results, "alpha") == pytest.approx([0.05 - used] * 8)
    by_tau = run(8, on_ramp(TAU), once)
    assert column(by_tau.results, "alpha_spent") == pytest.approx([used] * 8)


def test_an_anytime_test_counts_the_looks_of_a_group_sequential_one_on_a_ramp() -> None:
    z = [4.0 - 0.2 * number for number in range(8)]
    once = run(6, on_ramp(plan()), z=z).looks
    later = run(8, on_ramp(TUNED), once, z)
    left = 0.05 - once[-1]["alpha_spent"]
    p = np.minimum.accumulate(np.minimum(always_valid(z, left).p_value * 0.05 / left, 1))
    assert column(later.results, "p_value") == pytest.approx(list(p))


def test_days_that_a_run_has_no_more_go_by_the_next_that_it_has() -> None:
    """A metric without a series has its last day alone."""
    chosen = on_ramp(plan(), series={"enabled": False})
    alone = [[row for row in ramp(BIG[:until]) if row["day"] == day(until)] for until in (5, 7)]
    once = analysed(alone[0], [chosen], METRICS, as_of=after(5)).looks
    then = analysed(alone[1], [chosen], METRICS, as_of=after(7), looks=in_units(once))
    share = PRECISION[6] / UNITS[6]
    told = [once[0] | {"information": UNITS[4] * share}]
    same = analysed(alone[1], [chosen], METRICS, as_of=after(7), looks=told)
    assert column(then.looks, "boundary") == pytest.approx(column(same.looks, "boundary"), rel=1e-12)
