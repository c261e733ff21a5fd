"""Aggregates of units with events to moments of all units: arithmetic on moments-sized rows, on the driver.

Of everyone and segment values there are centred sums, to which units without events join as one group of equal values
(Chan, Golub & LeVeque 1983, eq. 1.5). The days of a series are running totals of increments of raw sums and sums of
products, about which the means are taken out here: what rounding that costs, docs/statistics.md says.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from abspark.pipeline.attribute_values import sum_names
from abspark.pipeline.caps import NO_BOUNDS, Bounds, Code, default_num
from abspark.pipeline.plans import FOREVER, NUM, PRE_NUM, MetricPlan
from abspark.pipeline.study import Study
from abspark.schemas import VARIABLES

_STEPS: Final = 4
"""Roundings that each day adds to those of summing up its units, at the most."""


@dataclass
class Totals:
    """Sums over units: how many, of which complete, and sums of values and products, by variable.

    `n_all` and `n_complete` of all units; `n_seen`, `n_over` and `n_history` of those that have a row of unit metrics.
    For the bound on rounding: `days`, how many were added; `most`, the most units there were, and `squares`, the most
    that a variable's squares summed up to, as units that leave take their values with them, but not their rounding.
    """

    n_all: int = 0
    n_complete: int = 0
    n_seen: int = 0
    n_over: int = 0
    n_history: int = 0
    sums: dict[int, float] = field(default_factory=dict)
    products: dict[tuple[int, int], float] = field(default_factory=dict)
    days: int = 0
    most: int = 0
    squares: dict[int, float] = field(default_factory=dict)


def whole_moments(
    row: Mapping[str, Any], study: Study, code: Code, bounds: Mapping[Code, Bounds], *, strict: bool
) -> dict[str, Any]:
    """The columns of `moments` but for the key, from a row of `summary` for everyone or for a segment value."""
    plan = study.plans[code[1]]
    n_units = (row["n_complete"] if strict else row["n_all"]) or 0
    n1 = row["n1"] or 0
    n = n1 if plan.present_only else n_units
    complete = (row["c1"] or 0) if plan.present_only else (row["n_complete"] or 0)
    means = {v: (row[f"mean1_{v}"] or 0.0) if n1 else 0.0 for v in plan.variables}
    spread = {
        (a, b): (row[f"variance1_{a}{b}"] or 0.0) * n1
        + means[a] * means[b] * n1 * ((n - n1) / n if n else 0.0)
        for a, b in plan.pairs
    }
    merged = {v: mean * n1 / n if n else None for v, mean in means.items()}
    history = row["history"] or 0
    if n and (names := sum_names(study, code[1], complete=strict)):
        merged[PRE_NUM] = mean = row[names["mean"]]
        beside = (
            (pair, row[f"variance1_{pair[0]}{pair[1]}"] or 0.0) for pair in spread if pair[1] == PRE_NUM
        )
        spread |= {(a, b): within * n1 + means[a] * n1 * (means[b] - mean) for (a, b), within in beside}
        spread[PRE_NUM, PRE_NUM] = row[names["variance"]] * n
        history = row[names["history"]] or 0
    found = _moments(n, merged, spread, default_num(study, code, bounds))
    counts = {"n": n, "n_complete": complete, "n_units": n_units}
    capped = _capped(row["capped"] or 0, n - n1, bounds.get(code, NO_BOUNDS))
    return counts | found | _limits(bounds, code) | capped | _history(plan, history)


def _capped(seen: int, others: int, bound: Bounds) -> dict[str, int | None]:
    """Units beyond a bound, `others` being those without events."""
    if bound == NO_BOUNDS:
        return {"n_capped": None}
    return {"n_capped": seen + (others if bound.clip(0.0) != 0.0 else 0)}


def _limits(bounds: Mapping[Code, Bounds], code: Code) -> dict[str, float | None]:
    bound = bounds.get(code, NO_BOUNDS)
    return {"cap_lower": bound.low, "cap_upper": bound.high}


def _history(plan: MetricPlan, units: int) -> dict[str, int | None]:
    return {"n_history": units if PRE_NUM in plan.variables else None}


def daily_moments(
    rows: Mapping[int, Mapping[str, Any]],
    ends: Sequence[int],
    study: Study,
    code: Code,
    bounds: Mapping[Code, Bounds],
    *,
    strict: bool,
) -> list[dict[str, Any]]:
    """The same for each day of a series, from the rows of `summary` by day; days without a row change nothing.

    `ends` are the days' cutoffs. `n_capped` is not told.
    """
    total, found = Totals(), []
    for day, cutoff in enumerate(ends):
        if day in rows:
            _add(total, rows[day], study, code[1], strict=strict)
        made = _day_moments(total, study, code, bounds, strict=strict)
        found.append(made | {"n_complete": 0} if cutoff == -FOREVER else made)
    return found


def _add(total: Totals, row: Mapping[str, Any], study: Study, m: int, *, strict: bool) -> None:
    plan = study.plans[m]
    names = sum_names(study, m, complete=strict)
    total.n_all += row["n_all"] or 0
    total.n_complete += row["n_complete"] or 0
    total.n_seen += row["dn"] or 0
    total.n_over += (row["dover"] or 0) if study.triggers else 0
    total.n_history += row[names.get("history", "dhistory")] or 0
    total.days += 1
    total.most = max(total.most, total.n_all, total.n_seen)
    for v in plan.variables:
        name = names.get("sum", "d2") if v == PRE_NUM else f"d{v}"
        total.sums[v] = total.sums.get(v, 0.0) + (row[name] or 0.0)
    for pair in plan.pairs:
        name = names.get("square", "d22") if pair == (PRE_NUM, PRE_NUM) else f"d{pair[0]}{pair[1]}"
        total.products[pair] = total.products.get(pair, 0.0) + (row[name] or 0.0)
        if pair[0] == pair[1]:
            total.squares[pair[0]] = max(total.squares.get(pair[0], 0.0), total.products[pair])


def _day_moments(
    total: Totals, study: Study, code: Code, bounds: Mapping[Code, Bounds], *, strict: bool
) -> dict[str, Any]:
    plan = study.plans[code[1]]
    n_units = total.n_complete if strict else total.n_all
    n = total.n_seen if plan.present_only else n_units
    # units of a metric that is strict are complete, all of them
    complete = n if strict else total.n_over if plan.trigger is not None else total.n_complete
    means = {v: total.sums.get(v, 0.0) / n if n else None for v in plan.variables}
    spread = {pair: _spread(total, means, n, pair) for pair in plan.pairs}
    constant = {v for v in means if spread.get((v, v), 0.0) <= _rounding(total, v) < math.inf}
    spread = {pair: 0.0 if constant & {*pair} else about for pair, about in spread.items()}
    found = _moments(n, means, spread, default_num(study, code, bounds))
    counts = {"n": n, "n_complete": complete, "n_units": n_units}
    return counts | found | _limits(bounds, code) | _history(plan, total.n_history)


def _spread(total: Totals, means: Mapping[int, float | None], n: int, pair: tuple[int, int]) -> float:
    """Sum of products about the means."""
    a, b = pair
    return total.products.get(pair, 0.0) - (means[a] or 0.0) * (means[b] or 0.0) * n


def _rounding(total: Totals, v: int) -> float:
    """The most that rounding makes of the sum of squares about the mean of a variable that does not vary.

    An addition costs at most u = 2^-53 of the sum so far, those of k equal numbers k u / 2 of the whole: that of the
    squares comes in once, that of the mean twice.
    """
    terms = total.most + _STEPS * total.days
    return terms * sys.float_info.epsilon * total.squares.get(v, 0.0)


def _moments(
    n: int, means: Mapping[int, float | None], spread: Mapping[tuple[int, int], float], base: float
) -> dict[str, Any]:
    """Means and sample covariances, NULL where sums have overflowed; `base` is what num was measured from."""
    found: dict[str, Any] = {}
    for v, mean in means.items():
        found[f"mean_{VARIABLES[v]}"] = None if mean is None else mean + (base if v == NUM else 0.0)
    for (a, b), squares in spread.items():
        found[_covariance_name(a, b)] = squares / (n - 1) if n > 1 else None
    return {
        name: None if value is None or not math.isfinite(value) else value for name, value in found.items()
    }


def _covariance_name(a: int, b: int) -> str:
    return f"var_{VARIABLES[a]}" if a == b else f"cov_{VARIABLES[a]}_{VARIABLES[b]}"
