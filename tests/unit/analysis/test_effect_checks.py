"""Do effects differ between segment values, do they change over time: warnings, never more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from look_world import METRICS, PLAN, after, day, experiment, found, metric, series
from scipy import stats

from abspark.analysis.effect_checks import effect_checks
from abspark.analysis.health_row import HealthRow
from abspark.analysis.results import analysed
from abspark.config import Experiment
from abspark.schemas import HEALTH

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


def checked(moments: list[dict[str, Any]], **analysis: Any) -> list[HealthRow]:
    chosen = experiment(analysis={"method": "fixed", **analysis})
    rows = analysed(moments, [chosen], METRICS, as_of=after(10)).results
    return effect_checks(rows, [chosen], METRICS)


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


def test_one_value_is_not_compared() -> None:
    assert checked(sliced("country", {"DE": 0.05})) == []
    flat = sliced("country", {"DE": 0.05, "FR": 0.3}, var_num=0.0)
    assert checked(flat) == []


def test_secondary_metrics_and_other_estimators_are_not_compared() -> None:
    chosen = experiment(metrics={"primary": ["visits"], "secondary": ["sales"]}, analysis={"method": "fixed"})
    rows = analysed(sliced("country", {"DE": 0.0, "FR": 1.0}), [chosen], METRICS, as_of=after(10)).results
    assert rows
    assert effect_checks(rows, [chosen], METRICS) == []


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
