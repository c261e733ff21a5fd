"""Planning a group sequential design: power, inflation of the sample size, boundaries for futility.

Jennison & Turnbull (2000), ch. 7 and 19. The drift of a design is E[Z] at its planned information.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from abspark.stats.boundaries import Bools, dense_design
from abspark.stats.group_sequential import Looks, Plan, look_boundaries
from abspark.stats.recursion import REACH, Floats, Stage, next_stage, tail_probability, upper_boundary
from abspark.stats.roots import increasing_root
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
    hope = np.asarray(effect, dtype=float)
    missed = spent_error(futility.spending, looks.fraction, error=futility.beta, sides=1)
    information, spent, order = dense_design(looks.information, missed, looks.counted)
    first = np.take_along_axis(looks.information, order, axis=1)[:, 0]
    upper = np.take_along_axis(np.where(looks.counted, looks.boundary, np.inf), order, axis=1)
    ended = np.take_along_axis(np.where(looks.counted, looks.fraction, 0.0), order, axis=1) >= 1
    increments = np.diff(spent, axis=1, prepend=0.0)
    drift = (hope * np.sqrt(first))[:, None] * np.sqrt(information)
    dense = _futile(information, increments, (upper, drift, ended), looks.plan.sides)
    boundary = np.full(information.shape, np.nan)
    np.put_along_axis(boundary, order, dense, axis=1)
    return np.where(looks.counted, boundary, np.nan)


def _futile(
    information: Floats, increments: Floats, design: tuple[Floats, Floats, Bools], sides: int
) -> Floats:
    """The recursion mirrored and centred at the drift, so that a lower boundary is found as an upper one."""
    upper, drift, ended = design
    futile = np.empty(information.shape)
    closed = np.zeros(len(information), dtype=bool)
    stage: Stage | None = None
    mirrored = np.full(len(information), np.inf)
    for look in range(information.shape[1]):
        now, shift = information[:, look], drift[:, look]
        mirrored = upper_boundary(stage, now, increments[:, look], mirrored)
        closed = closed | ended[:, look] | (shift - mirrored >= upper[:, look])
        futile[:, look] = np.where(closed, upper[:, look], shift - mirrored)
        if look + 1 < information.shape[1]:
            low = np.fmax(futile[:, look], -upper[:, look]) if sides == 2 else futile[:, look]
            bounds = (np.clip(shift - upper[:, look], -REACH, REACH), np.clip(shift - low, -REACH, REACH))
            stage = next_stage(stage, now, bounds, information[:, look + 1])
    return futile
