"""Group sequential tests by error spending: boundaries at looks as they come, crossing, repeated intervals.

Rows r are comparisons, columns K their looks in time order. Conventions: a statistic is effect / standard
error; a one-sided test looks for a positive effect (negate a metric for which less is better); two-sided
boundaries are symmetric. Sources: Lan & DeMets (1983); Jennison & Turnbull (2000), ch. 7 (spending), 9
(repeated intervals), 19.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abspark.stats.boundaries import Bools, solve_boundaries
from abspark.stats.recursion import Floats
from abspark.stats.sequential_reasons import (
    INFORMATION_NOT_GROWN,
    INFORMATION_UNDEFINED,
    NO_ALPHA_TO_SPEND,
    Reasons,
    reasons_where,
)
from abspark.stats.spending import Spending, fraction_at, spent_error

SMALLEST_GROWTH: Final = 1e-3
"""A look must add at least this share to the information of the look before it, else it is skipped."""
SMALLEST_FINAL_GROWTH: Final = 1e-6
"""The same for the final look; below it, it tests the information of the look before once more."""


@dataclass(frozen=True)
class Plan:
    """What is spent, and how: `alpha` in (0, 1), a number or (r,), over `sides` 1 or 2, by `spending`.

    Raises:
        ValueError: alpha outside (0, 1), or sides other than 1 and 2.
    """

    spending: Spending
    alpha: float | Floats
    sides: int = 2

    def __post_init__(self) -> None:
        """Refuse levels and sides that mean nothing."""
        if not np.all((np.asarray(self.alpha) > 0) & (np.asarray(self.alpha) < 1)):
            raise ValueError(f"alpha must lie in (0, 1), got {self.alpha}")
        if self.sides not in (1, 2):
            raise ValueError(f"sides must be 1 or 2, got {self.sides}")

    def spent(self, fraction: Floats) -> Floats:
        """Cumulative error spent at information fractions (r, K)."""
        return spent_error(self.spending, fraction, error=self._column(), sides=self.sides)

    def fraction_of(self, spent: Floats) -> Floats:
        """Information fractions (r, K) at which the cumulative error is `spent`."""
        return fraction_at(self.spending, spent, error=self._column(), sides=self.sides)

    def _column(self) -> Floats:
        return np.asarray(self.alpha, dtype=float).reshape(-1, 1)


class Looks(NamedTuple):
    """The looks of r comparisons; every field but `plan` is (r, K).

    information: as given. fraction: point of the spending function, never falling; 1 at the final look.
    counted: whether the look's information had grown. retested: whether it is a final look that brought no
    information and tests that of the look before again, with what was left of the error. alpha_spent:
    cumulative error used, both sides. boundary: on the Z scale, positive means favourable; two-sided tests
    stop outside +-boundary; NaN with a reason where the look was skipped, inf where it can't stop. reason:
    why a look was skipped or can't stop.
    """

    information: Floats
    fraction: Floats
    counted: Bools
    retested: Bools
    alpha_spent: Floats
    boundary: Floats
    reason: Reasons
    plan: Plan

    def take(self, rows: NDArray[np.intp]) -> Looks:
        """The looks of some rows, with their levels."""
        alpha = np.broadcast_to(np.asarray(self.plan.alpha, dtype=float), self.boundary.shape[:1])[rows]
        fields = {name: getattr(self, name)[rows] for name in self._fields if name != "plan"}
        return Looks(**fields, plan=replace(self.plan, alpha=alpha))


def information_fraction(observed: ArrayLike, planned: ArrayLike) -> Floats:
    """Observed / planned, elementwise; both are units, or both information (1 / squared standard error).

    May exceed 1 (overrunning). NaN where the plan isn't positive. `planned` broadcasts, for looks as (r, 1).
    """
    plan = np.asarray(planned, dtype=float)
    return np.asarray(np.asarray(observed, dtype=float) / np.where(plan > 0, plan, np.nan))


def look_boundaries(
    information: ArrayLike,
    fraction: ArrayLike,
    *,
    plan: Plan,
    final: ArrayLike | None = None,
    recorded: ArrayLike | None = None,
) -> Looks:
    """Boundaries at looks that came when they came.

    The boundary of a look depends only on the looks before it, so a longer series repeats the earlier
    boundaries. A look whose information hasn't grown by SMALLEST_GROWTH is skipped and spends nothing.
    Overrunning: the first look at or beyond fraction 1 spends what is left, at the information it really has;
    later looks can't stop. Under-running: where `final` holds, the row's last look spends what is left,
    whatever its fraction; sound only if what ended the experiment wasn't its effect.

    Args:
        information: (r, K), of each look in any unit (units, or 1 / squared standard error); NaN where a row
            has none.
        fraction: (r, K), how far the plan is fulfilled, see `information_fraction`.
        plan: spending function, level, sides.
        final: (r,), whether the row's last look with information is its last ever; default no.
        recorded: (r, K), cumulative error recorded at earlier looks, NaN where not recorded yet. It stands,
            whatever the plan says now; the information given for those looks must be the recorded one.
    """
    seen = np.atleast_2d(np.asarray(information, dtype=float))
    seen = np.where(np.isfinite(seen) & (seen > 0), seen, np.nan)
    share = np.broadcast_to(np.asarray(fraction, dtype=float), seen.shape)
    seen = np.where(np.isnan(share), np.nan, seen)
    ending = np.broadcast_to(np.asarray(False if final is None else final, dtype=bool), seen.shape[:1])
    if recorded is not None:
        past = np.broadcast_to(np.asarray(recorded, dtype=float), seen.shape)
        share = np.where(np.isnan(past), share, plan.fraction_of(past))
    closing = _closing(seen, ending)
    counted = _counted(seen, closing)
    retested = closing & ~counted & counted.any(axis=1, keepdims=True)
    share = np.where(closing, 1.0, np.where(counted, np.clip(share, 0.0, 1.0), 0.0))
    share = np.maximum.accumulate(share, axis=1)
    looks = Looks(seen, share, counted, retested, plan.spent(share), seen, np.empty(seen.shape, str), plan)
    boundary = boundaries_at(looks, plan)
    skipped = np.isnan(boundary)
    masks = [(np.isnan(seen), INFORMATION_UNDEFINED), (skipped, INFORMATION_NOT_GROWN)]
    masks.append((np.isinf(boundary), NO_ALPHA_TO_SPEND))
    return looks._replace(boundary=boundary, reason=reasons_where(seen.shape, masks))


def _closing(information: Floats, ending: Bools) -> Bools:
    """(r, K): the last look with information of each row that ends."""
    defined = ~np.isnan(information)
    later = np.cumsum(defined[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(defined & (later == 1) & ending[:, None])


def _counted(information: Floats, closing: Bools) -> Bools:
    """(r, K): the looks whose information has grown enough."""
    counted = np.zeros(information.shape, dtype=bool)
    reached = np.zeros(len(information))
    for look in range(information.shape[1]):
        growth = np.where(closing[:, look], SMALLEST_FINAL_GROWTH, SMALLEST_GROWTH)
        counted[:, look] = information[:, look] > reached * (1 + growth)
        reached = np.where(counted[:, look], information[:, look], reached)
    return counted


def counted_looks(information: Floats) -> Bools:
    """(r, K): the looks whose information has grown enough, none of which is the last; NaN where there is none."""
    return _counted(information, np.zeros(information.shape, dtype=bool))


def merged_design(looks: Looks) -> tuple[Floats, Bools]:
    """Information and counted looks (r, K), with a re-tested look carried out at the closing one.

    A final look without new information replaces the look before it by one at the same information that
    spends the rest as well: rejecting at the one or the other is rejecting beyond the lower boundary.
    """
    counted = looks.counted
    later = np.cumsum(counted[:, ::-1], axis=1)[:, ::-1]
    replaced = counted & (later == 1) & looks.retested.any(axis=1, keepdims=True)
    held = np.fmax.accumulate(np.where(counted, looks.information, np.nan), axis=1)
    return np.where(looks.retested, held, looks.information), (counted & ~replaced) | looks.retested


def boundaries_at(looks: Looks, plan: Plan) -> Floats:
    """Boundaries (r, K) that the looks would have under another plan's spending function and level."""
    spent = plan.spent(looks.fraction)
    boundary = solve_boundaries(looks.information, spent, looks.counted, plan.sides)
    rows = looks.retested.any(axis=1)
    if rows.any():
        information, counted = merged_design(looks)
        merged = solve_boundaries(information[rows], spent[rows], counted[rows], plan.sides)
        boundary[rows] = np.where(looks.retested[rows], merged, boundary[rows])
    return boundary


def first_crossing(statistic: ArrayLike, looks: Looks) -> NDArray[np.intp]:
    """Column, (r,), of the first look whose statistic (r, K) is at or beyond its boundary; -1 without one."""
    z = np.atleast_2d(np.asarray(statistic, dtype=float))
    distance = np.abs(z) if looks.plan.sides == 2 else z
    crossed = distance >= looks.boundary
    return np.where(crossed.any(axis=1), np.argmax(crossed, axis=1), -1)


def repeated_intervals(estimate: ArrayLike, std_error: ArrayLike, looks: Looks) -> tuple[Floats, Floats]:
    """Repeated confidence intervals (Jennison & Turnbull 2000, eq. 9.1), low and high, each (r, K).

    estimate -+ boundary x standard error: all looks' intervals together hold the effect with probability 1 -
    alpha, whatever the reason to stop. One-sided plans have high = inf. NaN where the look was skipped, see
    `Looks.reason`.
    """
    centre, error = np.asarray(estimate, dtype=float), np.asarray(std_error, dtype=float)
    half = looks.boundary * np.where(error > 0, error, np.nan)
    high = centre + half if looks.plan.sides == 2 else np.where(np.isnan(centre - half), np.nan, np.inf)
    return centre - half, high
