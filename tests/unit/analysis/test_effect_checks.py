"""Do effects differ between segment values, do they change over time: warnings, never more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from look_world import METRICS, PLAN, after, day, experiment, found, metric, series
from scipy import stats

from abspark.analysis.effect_checks import effect_checks
from abspark.analysis.health_row import HealthRow
from abspark.analysis.results import analysed
from abspark.config import Experiment, Metric
from abspark.schemas import HEALTH
from abspark.segment_effects import segment_heterogeneity

SHARES = {"sales": metric("sales", kind="proportion", value=None)}
N = 5000
ERROR = (2 / N) ** 0.5
"""Standard error of an effect in a segment value."""


def sliced(segment: str, values: dict[str, float], **given: Any) -> list[dict[str, Any]]:
    return [
        row
        | {"segment_name": segment, "segment_value": value, "n": N, "n_complete": N, "day": day(10)}
        | given
        for value, effect in values.items()
        for row in series({"sales": [effect]})
    ]


def checked(
    moments: list[dict[str, Any]], metrics: Mapping[str, Metric] = METRICS, **analysis: Any
) -> list[HealthRow]:
    chosen = experiment(analysis={"method": "fixed", **analysis})
    rows = analysed(moments, [chosen], metrics, as_of=after(10)).results
    return effect_checks(rows, [chosen], metrics)


def test_equal_effects_pass_and_different_ones_warn() -> None:
    (equal,) = checked(sliced("country", {"DE": 0.05, "FR": 0.06, "IT": 0.04}))
    assert set(equal) == set(HEALTH.names) - {"run_id"}
    assert (equal["check"], equal["status"], equal["advice"]) == ("heterogeneity", "pass", None)
    (other,) = checked(sliced("country", {"DE": 0.05, "FR": 0.30, "IT": 0.04}))
    assert (other["status"], other["slice_name"], other["slice_value"]) == ("warn", "country", "sales, b")
    assert other["observed"] == "DE +0.05, FR +0.3, IT +0.04"
    assert "they differ" in other["message"]


def test_p_is_cochrans_over_all_segments() -> None:
    rows = checked(
        [*sliced("country", {"DE": 0.0, "FR": 3 * ERROR}), *sliced("device", {"web": 0.0, "app": ERROR})]
    )
    # two values: Q is the squared difference over its variance; Holm over the two segments
    p = [stats.chi2.sf(4.5, 1), stats.chi2.sf(0.5, 1)]
    assert [row["p_value"] for row in rows] == pytest.approx([2 * p[0], p[1]], rel=2e-3)


def welchs_f(variances: Any, units: Any, effects: Any) -> tuple[float, float]:
    """Welch (1951): statistic and p of effects whose arms' means have these variances, shape (values, 2)."""
    squared, k = np.asarray(variances), len(effects)
    dof = squared.sum(axis=1) ** 2 / (squared**2 / (np.asarray(units) - 1)).sum(axis=1)
    weight, effect = 1 / squared.sum(axis=1), np.asarray(effects)
    between = (weight * (effect - np.average(effect, weights=weight)) ** 2).sum() / (k - 1)
    doubt = ((1 - weight / weight.sum()) ** 2 / dof).sum()
    f = between / (1 + 2 * (k - 2) / (k**2 - 1) * doubt)
    return float(f), float(stats.f.sf(f, k - 1, (k**2 - 1) / (3 * doubt)))


def test_effects_of_few_units_are_compared_by_welchs_f() -> None:
    """Of 20 units per arm and value: each effect has the degrees of freedom of Satterthwaite (1946)."""
    n, effects = 20, {"DE": 0.2, "FR": 1.1, "IT": -0.4}
    variances = {"DE": {"a": 1.0, "b": 2.0}, "FR": {"a": 1.5, "b": 0.5}, "IT": {"a": 1.0, "b": 3.0}}
    moments = [
        row | {"var_num": variances[row["segment_value"]][row["variant"]]}
        for row in sliced("country", effects, n=n, n_complete=n)
    ]
    [row] = checked(moments)
    arms = np.array([[of["a"], of["b"]] for of in variances.values()])
    expected = welchs_f(arms / n, n, list(effects.values()))
    assert (row["statistic"], row["p_value"]) == pytest.approx(expected, rel=1e-9)


def test_proportions_of_few_units_are_compared_by_welchs_f() -> None:
    """The variance without bias is that of the values 0 and 1 themselves: p (1 - p) / (n - 1)."""
    units = np.array([[20, 24], [30, 20], [12, 16]])
    p = np.array([[0.5, 0.25], [0.2, 0.6], [0.5, 0.75]])
    moments = [
        row | {"mean_num": share, "n": n, "n_complete": n}
        for value, shares, ns in zip(("DE", "FR", "IT"), p.tolist(), units.tolist(), strict=True)
        for row, share, n in zip(sliced("country", {value: 0.0}), shares, ns, strict=True)
    ]
    [row] = checked(moments, metrics=SHARES)
    expected = welchs_f(p * (1 - p) / (units - 1), units, p[:, 1] - p[:, 0])
    assert (row["statistic"], row["p_value"]) == pytest.approx(expected, rel=1e-9)


def test_small_segments_of_a_proportion_keep_the_level() -> None:
    """50 values of 20 units per arm, no effect: of 1,000 experiments 6 % warn where errors are taken as known."""
    drawn = np.random.default_rng(7).binomial(20, 0.5, (1000 * 50, 2)) / 20
    blank = {"metric": "sales", "estimator": "unadjusted", "dof": None, "n_control": 20, "n_treatment": 20}
    rows = [
        blank
        | {"mean_control": control, "mean_treatment": treatment, "effect": treatment - control}
        | {"std_error": ((control * (1 - control) + treatment * (1 - treatment)) / 20) ** 0.5}
        for control, treatment in drawn.tolist()
    ]
    found = segment_heterogeneity(rows, SHARES, group=np.repeat(np.arange(1000), 50))
    assert 0.005 < (found.p_value < 0.01).mean() < 0.025


def test_means_of_few_units_are_compared_by_welchs_f_in_sequential_experiments() -> None:
    """Their rows have no degrees of freedom; those of arms that spread alike are near Satterthwaite's."""
    n, effects = 20, {"DE": 0.2, "FR": 1.1, "IT": -0.4}
    [row] = checked(sliced("country", effects, n=n, n_complete=n), method="anytime")
    expected = welchs_f(np.full((3, 2), 1 / n), n, list(effects.values()))
    assert (row["statistic"], row["p_value"]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("metrics", [METRICS, SHARES])
def test_values_of_very_few_units_are_left_out(metrics: dict[str, Metric]) -> None:
    """Three units in either arm are 4 degrees of freedom: the variance of 1 / variance is infinite up to there."""

    def shares(values: dict[str, float], n: int) -> list[dict[str, Any]]:
        rows = sliced("country", values, n=n, n_complete=n)
        return [row | {"mean_num": (row["mean_num"] - 3) + 1 / 3} for row in rows]

    many = shares({"DE": 0.05, "FR": 0.06}, N)
    [row] = checked([*many, *shares({"IT": 1 / 3, "ES": 0.0}, 3)], metrics=metrics)
    [without] = checked(many, metrics=metrics)
    assert (row["statistic"], row["p_value"]) == (without["statistic"], without["p_value"])
    assert row["message"] == without["message"].replace(").", "; too few units to compare: 2).")
    assert checked([*shares({"DE": 0.05}, N), *shares({"IT": 1 / 3}, 3)], metrics=metrics) == []


def test_one_value_is_not_compared() -> None:
    assert checked(sliced("country", {"DE": 0.05})) == []
    flat = sliced("country", {"DE": 0.05, "FR": 0.3}, var_num=0.0)
    assert checked(flat) == []


def test_secondary_metrics_are_not_compared() -> None:
    chosen = experiment(metrics={"primary": ["visits"], "secondary": ["sales"]}, analysis={"method": "fixed"})
    rows = analysed(sliced("country", {"DE": 0.0, "FR": 1.0}), [chosen], METRICS, as_of=after(10)).results
    assert rows
    assert effect_checks(rows, [chosen], METRICS) == []


def test_only_the_headline_is_compared() -> None:
    """The other estimator's effects are 5 standard errors larger, which would tell them from the headline's."""
    chosen = experiment(analysis={"method": "fixed"})
    complete = METRICS | {"sales": metric("sales", window_policy="complete")}
    moments = [*series({"sales": [0.5] * 10}), *sliced("country", {"DE": 0.05, "FR": 0.06, "IT": 0.04})]
    rows = analysed(moments, [chosen], complete, as_of=after(10)).results
    others = [
        row | {"headline": False, "estimator": "unadjusted", "effect": row["effect"] + 5 * row["std_error"]}
        for row in rows
    ]
    alone = effect_checks(rows, [chosen], complete)
    assert {row["check"]: row["status"] for row in alone} == {"heterogeneity": "pass", "novelty": "pass"}
    assert effect_checks([*rows, *others], [chosen], complete) == alone


def test_a_bayesian_method_has_no_standard_errors_to_compare_by() -> None:
    moments = sliced("country", {"DE": 0.0, "FR": 1.0})
    assert [row["status"] for row in checked(moments)] == ["warn"]
    assert checked(moments, method="bayesian") == []
    complete = METRICS | {"sales": metric("sales", window_policy="complete")}
    falling = [1.0 - 0.1 * number for number in range(10)]
    assert novelty(falling, experiment(analysis={"method": "bayesian"}), metrics=complete) == []


def novelty(entering: list[float], chosen: Experiment | None = None, **given: Any) -> list[HealthRow]:
    """Checks where each day's new units have these effects."""
    cumulative = list(np.cumsum(entering) / np.arange(1, len(entering) + 1))
    settings = {"chosen": chosen} if chosen else {}
    rows = found({"sales": cumulative}, until=len(entering), **settings, **given).results
    return effect_checks(rows, [chosen or experiment()], given.get("metrics", METRICS))


def test_an_effect_that_wears_off() -> None:
    (steady,) = novelty([0.5] * 10)
    assert (steady["check"], steady["status"]) == ("novelty", "pass")
    falling = [1.0 - 0.1 * number for number in range(10)]
    (row,) = novelty(falling)
    assert (row["status"], row["slice_value"]) == ("warn", "sales, b")
    assert "novelty" in row["message"]
    # least squares through equally precise days: slope / (sd of a day's effect / sqrt(sum of squared distances))
    error = (2 / 100 / 82.5) ** 0.5
    assert row["statistic"] == pytest.approx(-0.1 / error, rel=1e-6)
    assert row["p_value"] == pytest.approx(2 * stats.norm.sf(0.1 / error), rel=1e-6)
    (rising,) = novelty(falling[::-1])
    assert "primacy" in rising["message"]


def test_a_pattern_is_named_only_where_the_check_warns() -> None:
    """p between 1 % and 5 %: slope over its standard error is -2.2."""
    error = (2 / 100 / 82.5) ** 0.5
    (row,) = novelty([0.5 - 2.2 * error * number for number in range(10)])
    assert row["p_value"] == pytest.approx(2 * stats.norm.sf(2.2), rel=1e-6)
    assert (row["status"], row["advice"]) == ("pass", None)
    assert row["message"] == "Effect of b on sales by day of entry: no trend shown (adjusted p = 0.0278)."


def test_days_are_told_apart_only_with_complete_windows() -> None:
    fixed = experiment(analysis={"method": "fixed"})
    falling = [1.0 - 0.1 * number for number in range(10)]
    assert novelty(falling, fixed) == []
    complete = METRICS | {"sales": metric("sales", window_policy="complete")}
    assert [row["status"] for row in novelty(falling, fixed, metrics=complete)] == ["warn"]
    assert novelty(falling[:2], experiment(analysis=PLAN)) == []


def test_days_of_a_ramp_are_weighed_by_units_and_not_by_what_few_of_them_spread() -> None:
    """The treatment begins with few units, whose own spread tells little: every day has that of all units."""
    arms = {"a": np.array([90, 90, 80, 50, 50]), "b": np.array([10, 10, 20, 50, 50])}
    spread, entering = [0.01, 0.04, 0.3, 0.9, 1.0], np.array([0.1, -0.2, 0.3, 0.5, 0.2])
    total = {name: units.cumsum() for name, units in arms.items()}
    harmonic = total["a"] * total["b"] / (total["a"] + total["b"])
    gained = np.diff(harmonic, prepend=0.0)
    cumulative = np.cumsum(gained * entering) / harmonic
    moments = [
        row | {"n": int(total[row["variant"]][number]), "n_complete": int(total[row["variant"]][number])}
        for number, effect in enumerate(cumulative)
        for row in series({"sales": [effect]}, day=day(number + 1), var_num=spread[number])
    ]
    chosen = experiment(analysis={"method": "anytime"})
    (row,) = effect_checks(analysed(moments, [chosen], METRICS, as_of=after(5)).results, [chosen], METRICS)
    distance = np.arange(5) - np.average(np.arange(5), weights=gained)
    slope = (gained * distance * entering).sum() / (gained * distance**2).sum()
    assert row["statistic"] == pytest.approx(
        slope * ((gained * distance**2).sum() / spread[-1]) ** 0.5, rel=1e-9
    )
