"""Planning a group sequential design: power, inflation of the sample size, boundaries for futility.

Jennison & Turnbull (2000), ch. 7 and 19. The drift of a design is E[Z] at its planned information.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from abspark.stats.boundaries import Bools, chunks, dense_design
from abspark.stats.group_sequential import Looks, Plan, counted_looks, look_boundaries
from abspark.stats.recursion import REACH, Floats, Stage, next_stage, tail_probability, upper_boundary
from abspark.stats.roots import increasing_root
from abspark.stats.running import latest
from abspark.stats.spending import Spending, spent_error

_LARGEST_DRIFT: Final = 40.0


@dataclass(frozen=True)
class Futility:
    """Non-binding stopping for futility: `beta`, 1 - power, is spent by `spending` under the planned effect.

    Non-binding: the boundaries against a false effect ignore it, so going on after all keeps their level.

    Raises:
        ValueError: beta outside (0, 1).
    """

    spending: Spending
    beta: float

    def __post_init__(self) -> None:
        """Refuse a beta that means nothing."""
        if not 0 < self.beta < 1:
            raise ValueError(f"beta must lie in (0, 1), got {self.beta}")


def exit_probabilities(
    information: Floats, lower: Floats, upper: Floats, effect: Floats
) -> tuple[Floats, Floats]:
    """P(first exit at each look) through the lower and through the upper boundary, each (r, K).

    Boundaries (r, K) are on the Z scale and may be infinite; E[Z] = effect (r,) x sqrt(information (r, K)).
    """
    drift = effect[:, None] * np.sqrt(information)
    below, above = np.empty(information.shape), np.empty(information.shape)
    stage: Stage | None = None
    running = np.ones(len(information))
    for look in range(information.shape[1]):
        now = information[:, look]
        low, high = lower[:, look] - drift[:, look], upper[:, look] - drift[:, look]
        above[:, look] = tail_probability(stage, now, high)
        below[:, look] = np.maximum(running - tail_probability(stage, now, low), 0.0)
        if look + 1 < information.shape[1]:
            bounds = (np.clip(low, -REACH, REACH), np.clip(high, -REACH, REACH))
            stage = next_stage(stage, now, bounds, information[:, look + 1])
            running = np.sum(stage.mass, axis=1)
    return below, above


def crossing_probabilities(information: Floats, boundary: Floats, *, sides: int) -> Floats:
    """P(any look is beyond its boundary), (r,), under no effect; information and boundary are (r, K), NaN for no look.

    A look whose information has not grown adds what it would err alone, which is an upper bound.
    """
    given = np.isfinite(information) & (information > 0) & ~np.isnan(boundary)
    seen = np.where(given, information, np.nan)
    counted = counted_looks(seen)
    alone = np.where(given & ~counted, sides * ndtr(-np.where(given, boundary, np.inf)), 0.0)
    amount, _, order = dense_design(np.where(counted, seen, 1.0), np.zeros(seen.shape), counted)
    upper = np.take_along_axis(np.where(counted, boundary, np.inf), order, axis=1)
    designs, index = np.unique(np.hstack([amount, upper]), axis=0, return_inverse=True)
    looks, found = seen.shape[1], np.empty(len(designs))
    for rows in chunks(designs[:, :looks]):
        high = designs[rows, looks:]
        low = -high if sides == 2 else np.full(high.shape, -np.inf)
        below, above = exit_probabilities(designs[rows, :looks], low, high, np.zeros(len(high)))
        found[rows] = above.sum(axis=1) + (below.sum(axis=1) if sides == 2 else 0.0)
    return np.asarray(found[index.reshape(-1)] + alone.sum(axis=1))


def inflation_factor(
    fraction: ArrayLike, *, plan: Plan, power: float, futility: Futility | None = None
) -> Floats:
    """Planned sample size / that of a fixed test of the same level and power, (r,), for planned looks (r, K).

    Power counts stopping for the effect's own direction. With `futility`, stopping there counts as lost.
    NaN where no sample size gives the power.

    Raises:
        ValueError: a look beyond the plan, or a last look that isn't its end (fraction 1), or power that
            isn't 1 - beta of `futility`.
    """
    share = np.atleast_2d(np.asarray(fraction, dtype=float))
    if np.any(share[:, -1] != 1) or np.any(share > 1):
        raise ValueError("planned looks must end at fraction 1")
    if futility is not None and not np.isclose(power, 1 - futility.beta):
        raise ValueError(f"power {power} must be 1 - beta = {1 - futility.beta}")
    looks = look_boundaries(share, share, plan=plan)
    information, _, order = dense_design(share, looks.alpha_spent, looks.counted)
    upper = np.take_along_axis(np.where(looks.counted, looks.boundary, np.inf), order, axis=1)
    first = np.sqrt(share[np.arange(len(share)), order[:, 0]])
    below = -upper if plan.sides == 2 else np.full_like(upper, -np.inf)

    def shortfall(drift: Floats) -> Floats:
        lower = below
        if futility is not None:
            lost = futility_boundaries(looks, drift, futility=futility)
            lower = np.fmax(lower, np.take_along_axis(lost, order, axis=1))
        _, above = exit_probabilities(information, lower, upper, drift * first)
        return np.asarray(np.sum(above, axis=1) - power)

    fixed = -ndtri(np.asarray(plan.alpha, dtype=float) / plan.sides) + ndtri(power)
    ends = np.zeros(len(share)), np.full(len(share), _LARGEST_DRIFT)
    drift = increasing_root(shortfall, *ends, tolerance=1e-10)
    return np.asarray(np.where(drift < _LARGEST_DRIFT, drift / fixed, np.nan) ** 2)


def futility_boundaries(looks: Looks, effect: ArrayLike, *, futility: Futility) -> Floats:
    """Z, (r, K), at or below which going on is futile; non-binding. NaN where the look was skipped.

    `effect` (r,) is what the plan hopes for: E[Z] = effect x sqrt(looks.information). Each look spends its
    share of beta under it; at fraction 1 the boundary meets the one for stopping, and never lies above that.
    Two-sided plans are futile in the positive direction only. -inf where no beta is due.
    """
    drift = np.asarray(effect, dtype=float)[:, None] * np.sqrt(looks.information)
    return futility_at_looks(looks, drift, futility=futility).boundary


class FutileLooks(NamedTuple):
    """Futility at looks, each (r, K).

    beta_spent: cumulative error used, 0 where none is due. boundary: as in `futility_boundaries`, and NaN
    where the drift is.
    """

    beta_spent: Floats
    boundary: Floats


def futility_at_looks(
    looks: Looks, drift: Floats, *, futility: Futility, recorded: FutileLooks | None = None
) -> FutileLooks:
    """Futility at looks that come when they come, the planned effect stated as `drift` (r, K), E[Z] by look.

    With a standard error that is estimated anew at each look the drift is planned effect / standard error
    (Jennison & Turnbull 2000, ch. 11: E[Z] = theta sqrt(I), I = 1 / squared standard error). A boundary
    depends only on the looks before it. A look whose drift is undefined spends nothing. `recorded` stands
    where its `beta_spent` is not NaN, whatever `futility` says now.
    """
    due = spent_error(futility.spending, looks.fraction, error=futility.beta, sides=1)
    due = np.where(np.isfinite(drift), due, 0.0)
    standing = np.full(due.shape, np.nan)
    if recorded is not None:
        stands = ~np.isnan(recorded.beta_spent)
        due = np.where(stands, recorded.beta_spent, due)
        never = np.isnan(recorded.boundary)
        standing = np.where(stands, np.where(never, -np.inf, recorded.boundary), np.nan)
    information, spent, order = dense_design(looks.information, due, looks.counted)
    path = _filled(drift / np.sqrt(looks.information), looks.counted) * np.sqrt(looks.information)

    def dense(grid: Floats, behind: float) -> Floats:
        return np.take_along_axis(np.where(looks.counted, grid, behind), order, axis=1)

    ended = dense(looks.fraction, 0.0) >= 1
    design = _Design(dense(looks.boundary, np.inf), dense(path, 0.0), ended, dense(standing, np.nan))
    increments = np.diff(spent, axis=1, prepend=0.0)
    solved = _futile(information, increments, design, looks.plan.sides)
    beta, boundary = np.empty(due.shape), np.empty(due.shape)
    np.put_along_axis(beta, order, spent, axis=1)
    np.put_along_axis(boundary, order, solved, axis=1)
    defined = looks.counted & (np.isfinite(drift) | ~np.isnan(standing))
    boundary = np.where(defined, boundary, np.where(looks.retested, looks.boundary, np.nan))
    return FutileLooks(beta, boundary)


def _filled(rate: Floats, counted: Bools) -> Floats:
    """Drift per root of information, (r, K): where a look has none, that of the look before, else of the next."""
    known = np.where(counted & np.isfinite(rate), rate, np.nan)
    for step in (1, -1):
        known = latest(known[:, ::step])[:, ::step]
    return np.where(np.isnan(known), 0.0, known)


class _Design(NamedTuple):
    """Counted looks moved to the left, each (r, K); behind the last one the boundary is inf, the drift 0.

    upper: boundary for stopping. drift: E[Z] under the planned effect. ended: whether all error is spent.
    standing: boundaries for futility on record, else NaN.
    """

    upper: Floats
    drift: Floats
    ended: Bools
    standing: Floats


def _futile(information: Floats, increments: Floats, design: _Design, sides: int) -> Floats:
    """The recursion mirrored and centred at the drift, so that a lower boundary is found as an upper one."""
    futile = np.empty(information.shape)
    closed = np.zeros(len(information), dtype=bool)
    stage: Stage | None = None
    mirrored = np.full(len(information), np.inf)
    for look in range(information.shape[1]):
        now, shift, upper = information[:, look], design.drift[:, look], design.upper[:, look]
        standing = design.standing[:, look]
        mirrored = upper_boundary(stage, now, increments[:, look], mirrored)
        closed = closed | design.ended[:, look] | (shift - mirrored >= upper)
        solved = np.where(closed, upper, shift - mirrored)
        futile[:, look] = np.where(np.isnan(standing), solved, np.minimum(standing, upper))
        mirrored = np.maximum(shift - futile[:, look], -REACH)
        if look + 1 < information.shape[1]:
            low = np.fmax(futile[:, look], -upper) if sides == 2 else futile[:, look]
            bounds = (np.clip(shift - upper, -REACH, REACH), np.clip(shift - low, -REACH, REACH))
            stage = next_stage(stage, now, bounds, information[:, look + 1])
    return futile
