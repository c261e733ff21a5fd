"""Inference after stopping: p-value, median-unbiased estimate and interval under the stage-wise ordering.

Earlier stopping for a positive effect is more extreme than later, at one look a larger statistic is (Armitage
1957; Tsiatis, Rosner & Mehta 1984, Biometrics 40, 797-803; Jennison & Turnbull 2000, sec. 8.4-8.5). Needs no
look that did not happen, so it suits error spending.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from abspark.stats.boundaries import Bools, chunks, dense_design, walk
from abspark.stats.group_sequential import Looks, merged_design
from abspark.stats.recursion import Floats, Stage, tail_probability
from abspark.stats.roots import increasing_root
from abspark.stats.sequential_reasons import (
    ESTIMATE_UNDEFINED,
    INFORMATION_NOT_GROWN,
    NOT_STOPPED,
    Reasons,
    reasons_where,
)
from abspark.stats.tails import SMALLEST

FARTHEST: Final = 20.0
"""Statistics beyond it (in standard errors) are moved there and the estimates moved back."""
_MARGIN: Final = 8.3
_ROWS_AT_ONCE: Final = 4000


class StoppedEstimates(NamedTuple):
    """Inference at stopping, each field (r,).

    p_value: stage-wise, two-sided where the plan is. effect: median-unbiased estimate, in the effect's unit:
    as likely above as below the truth. low, high: confidence limits at level 1 - alpha (one-sided plans: high
    = inf). reason: why they are NaN.
    """

    p_value: Floats
    effect: Floats
    low: Floats
    high: Floats
    reason: Reasons


class _Paths(NamedTuple):
    """Steps of the recursion per look, and for each of s stopped rows its design and its dense look."""

    information: Floats
    steps: list[tuple[Floats, Stage | None]]
    design: NDArray[np.intp]
    depth: NDArray[np.intp]
    statistic: Floats


def estimates_at_stopping(
    statistic: ArrayLike, std_error: ArrayLike, *, stopped_at: ArrayLike, looks: Looks
) -> StoppedEstimates:
    """Inference for experiments that stopped, by crossing or because the last planned look was reached.

    Args:
        statistic: (r,), effect / standard error at the look where the row stopped.
        std_error: (r,), the standard error there.
        stopped_at: (r,), column of that look (see `first_crossing`); -1 = not stopped.
        looks: the looks, at least up to there.
    """
    z, error = np.asarray(statistic, dtype=float), np.asarray(std_error, dtype=float)
    column = np.asarray(stopped_at, dtype=int)
    information, counted = merged_design(looks)
    retested = looks.retested.any(axis=1)
    column = np.where(retested & (column >= 0) & ~_at(counted, column), _last(counted), column)
    masks = [
        (column < 0, NOT_STOPPED),
        (~np.isfinite(z) | ~(error > 0), ESTIMATE_UNDEFINED),
        (~_at(counted, column), INFORMATION_NOT_GROWN),
    ]
    reason = reasons_where(z.shape, masks)
    rows = np.flatnonzero(reason == "")
    amount, spent, _ = dense_design(information[rows], looks.alpha_spent[rows], counted[rows])
    depth = np.cumsum(counted[rows], axis=1)[np.arange(len(rows)), column[rows]] - 1
    increments = np.diff(spent, axis=1, prepend=0.0) / looks.plan.sides
    alpha = np.broadcast_to(np.asarray(looks.plan.alpha, dtype=float).reshape(-1), z.shape)[rows]
    flip = np.where((z[rows] < 0) & (looks.plan.sides == 2), -1.0, 1.0)
    out = np.full((4, len(z)), np.nan)
    found = _solve(np.hstack([amount, increments]), depth, z[rows] * flip, alpha, looks.plan.sides)
    out[0, rows] = found[0]
    ordered = np.where(flip > 0, found[1:], -found[:0:-1])
    out[1:, rows] = ordered * error[rows]
    return StoppedEstimates(out[0], out[2], out[1], out[3], reason)


def _at(values: Bools, column: NDArray[np.int_]) -> Bools:
    return values[np.arange(len(values)), np.maximum(column, 0)]


def _last(counted: Bools) -> NDArray[np.intp]:
    return np.asarray(counted.shape[1] - 1 - np.argmax(counted[:, ::-1], axis=1))


def _solve(designs: Floats, depth: NDArray[np.intp], z: Floats, alpha: Floats, sides: int) -> Floats:
    """p, low, median, high in standard errors, (4, s), for z >= 0 where two-sided."""
    result = np.empty((4, len(z)))
    unique, index = np.unique(designs, axis=0, return_inverse=True)
    index = index.reshape(-1)
    looks = designs.shape[1] // 2
    for part in chunks(unique[:, :looks]):
        rows = np.flatnonzero((index >= part.start) & (index < part.stop))
        near = np.clip(z[rows], -FARTHEST, FARTHEST)
        reach = (10.0 + max(0.0, -np.min(near)), 15.0 + max(0.0, np.max(near)))
        information = unique[part, :looks]
        steps = walk(information, unique[part, looks:], sides, reach)
        for some in np.array_split(np.arange(len(rows)), 1 + len(rows) // _ROWS_AT_ONCE):
            chosen = rows[some]
            paths = _Paths(information, steps, index[chosen] - part.start, depth[chosen], near[some])
            p_value = sides * _upper_p(paths._replace(statistic=z[chosen]), None)
            result[:, chosen] = [np.clip(p_value, SMALLEST, 1.0), *_limits(paths, alpha[chosen], sides)]
            result[1:, chosen] += z[chosen] - near[some]
    return result


def _limits(paths: _Paths, alpha: Floats, sides: int) -> list[Floats]:
    """Low, median, high: drifts in standard errors with upper p alpha / sides, 1/2, 1 - alpha / sides."""
    z, tail = paths.statistic, alpha / sides
    root = np.sqrt(paths.information[paths.design, paths.depth])
    ends = np.minimum(z, 0) - _MARGIN, np.maximum(z, 0) + _MARGIN
    targets = [tail, np.full_like(tail, 0.5)] + ([1 - tail] if sides == 2 else [])
    limits = [increasing_root(_distance(paths, root, ndtri(at)), *ends, tolerance=1e-10) for at in targets]
    return limits if sides == 2 else [*limits, np.full_like(z, np.inf)]


def _distance(paths: _Paths, root: Floats, target: Floats) -> Callable[[Floats], Floats]:
    def distance(drift: Floats) -> Floats:
        probit = ndtri(np.minimum(_upper_p(paths, drift / root), 1.0))
        return np.asarray(np.clip(probit, -38.0, 8.3) - target)

    return distance


def _upper_p(paths: _Paths, drift: Floats | None) -> Floats:
    """P(stop earlier for a positive effect, or get to the look of the stop and at least as far), (s,)."""
    total = np.zeros(len(paths.design))
    previous: Stage | None = None
    for look, (boundary, stage) in enumerate(paths.steps):
        at_stop = np.where(paths.depth == look, paths.statistic, np.inf)
        z = np.where(paths.depth > look, boundary[paths.design], at_stop)
        total += tail_probability(previous, paths.information[paths.design, look], z, drift)
        if look == np.max(paths.depth) or stage is None:
            break
        previous = Stage(*(field[paths.design] for field in stage))
    return total
