"""Days of a series from sums and sums of products: what rounding leaves of a variance, and what it must not make."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from world import Experiment, Log, Metric, Rule, World
from world_models import study_of

from abspark.pipeline.assembly import daily_moments, whole_moments
from abspark.pipeline.calendar import DAY

START = 20_000 * DAY
AMOUNT = Rule("value", lambda row: row["value"])
STUDY = study_of(
    World(
        (Experiment("one", ("a", "b"), START, START + DAY, ("m",), "log"),),
        (Metric("m", "web", 0, DAY, value=AMOUNT, lookback=DAY),),
        (Log("log", ()),), (Log("web", ()),), START + 3 * DAY,
    )
)  # fmt: skip
UNITS = 1000


def increments(num: np.ndarray, before: np.ndarray, units: int | None = None) -> dict[str, Any]:
    """What a day adds: sums one after the other, as Spark's; `units` is negative where they leave."""
    n = len(num) if units is None else units
    sign = 1 if n >= 0 else -1
    sums = {"d0": num, "d2": before, "d00": num * num, "d02": num * before, "d22": before * before}
    told = {name: sign * float(np.add.accumulate(values)[-1]) for name, values in sums.items()}
    return {"n_all": n, "n_complete": n, "dn": n, "dhistory": n, **told}


def days(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    ends = [START + DAY * day for day in range(len(rows))]
    return daily_moments(dict(enumerate(rows)), ends, STUDY, (0, 0), {}, strict=False)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0.1, 19.99, 1e9 + 1 / 3, -0.7])
@pytest.mark.parametrize("units", [2, 3, 10, UNITS, 30 * UNITS])
def test_what_does_not_vary_has_no_variance_by_day(value: float, units: int) -> None:
    rng = np.random.default_rng(1)
    same, before = np.full(units, value), rng.gamma(2, 3, units)
    for found in days([increments(same, before), increments(same, before)]):
        assert found["mean_num"] == pytest.approx(value, rel=1e-9)
        assert (found["var_num"], found["cov_num_pre_num"]) == (0, 0)
    assert found["var_pre_num"] == pytest.approx(np.tile(before, 2).var(ddof=1), rel=1e-9)


def test_units_that_leave_leave_their_rounding() -> None:
    rng = np.random.default_rng(2)
    others, same = rng.gamma(2, 3, UNITS), np.full(20, 0.1)
    come = increments(np.concatenate([others, same]), np.concatenate([others, same]))
    first, last = days([come, increments(others, others, -UNITS)])
    assert first["var_num"] == pytest.approx(np.concatenate([others, same]).var(ddof=1), rel=1e-9)
    assert (last["n"], last["var_num"], last["cov_num_pre_num"]) == (20, 0, 0)


@pytest.mark.parametrize("offset", [0, 1e2, 1e4, 1e5])
def test_a_small_spread_far_from_zero_is_kept(offset: float) -> None:
    """Within 2 sqrt(n) 2^-53 (1 + mean^2 / variance), docs/statistics.md."""
    values = np.random.default_rng(3).normal(offset, 1, UNITS)
    [found] = days([increments(values, values)])
    error = 2 * np.sqrt(UNITS) * 2.0**-53 * (1 + offset**2)
    assert found["var_num"] == pytest.approx(values.var(ddof=1), rel=error)
    assert found["var_num"] == found["cov_num_pre_num"] == found["var_pre_num"]


def test_a_spread_that_rounding_drowns_is_none() -> None:
    values = np.random.default_rng(4).normal(1e9, 1, UNITS)
    [found] = days([increments(values, values)])
    assert (found["var_num"], found["var_pre_num"]) == (0, 0)


def test_sums_of_squares_that_overflow_leave_no_variance_but_the_mean() -> None:
    """4 squares of 1e154 sum up to 4e308, and doubles end at 1.8e308: neither infinite nor, as of a constant, 0."""
    values = np.array([1e154, -1e154, 1e154, 1e154])
    with np.errstate(over="ignore"):
        [found] = days([increments(values, np.array([1.0, 2.0, 3.0, 4.0]))])
    assert (found["n"], found["mean_num"], found["var_num"]) == (4, 5e153, None)
    assert found["var_pre_num"] == pytest.approx(5 / 3)


def test_centred_sums_that_overflow_leave_no_variance() -> None:
    row = {"n_all": 4, "n_complete": 4, "n1": 4, "c1": 4, "history": 0, "capped": 0, "mean1_0": 0.0, "mean1_2": 2.5,
           "variance1_00": math.inf, "variance1_02": math.nan, "variance1_22": 1.25}  # fmt: skip
    found = whole_moments(row, STUDY, (0, 0), {}, strict=False)
    assert (found["mean_num"], found["var_num"], found["cov_num_pre_num"]) == (0, None, None)
    assert found["var_pre_num"] == pytest.approx(5 / 3)
