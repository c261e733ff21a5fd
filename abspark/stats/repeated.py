"""Repeated p-values of a group sequential design: below alpha exactly where the boundary is crossed.

Jennison & Turnbull (2000), sec. 9.4: the repeated p-value of a look is the smallest level whose design would
have stopped there. Its running minimum over the looks is a sequential p-value (Liu & Anderson 2008, JASA 103,
1621-1630).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from abspark.stats.group_sequential import Looks, Plan, boundaries_at
from abspark.stats.recursion import Floats

_LEVELS: Final = 48
_HIGHEST_LEVEL: Final = 0.999
LOWEST_P: Final = 1e-15
"""Smaller repeated p-values are given as this."""


def repeated_p_values(statistic: ArrayLike, looks: Looks) -> Floats:
    """Repeated p-value of each look, (r, K), two-sided where the plan is; NaN where the look was skipped.

    Each design's boundaries are tabulated at levels that include the plan's own and inverted by local cubic
    interpolation (boundary to 1e-5), so p <= alpha exactly where the statistic reaches the boundary.
    1 where no level below 0.999 would have stopped.
    """
    z = np.broadcast_to(np.asarray(statistic, dtype=float), looks.boundary.shape)
    z = np.abs(z) if looks.plan.sides == 2 else z
    alpha = np.broadcast_to(np.asarray(looks.plan.alpha, dtype=float).reshape(-1), z.shape[:1])
    key = np.hstack(
        [np.nan_to_num(looks.information), looks.fraction, looks.counted, looks.retested, alpha[:, None]]
    )
    _, first, index = np.unique(key, axis=0, return_index=True, return_inverse=True)
    index = index.reshape(-1)
    p_value = np.empty(z.shape)
    top = np.nanmax(np.where(np.isnan(looks.boundary), np.nan, z), initial=1.0)
    for design, row in enumerate(first):
        quantiles = _quantiles(float(alpha[row]), looks.plan.sides, float(top))
        table = _table(looks, int(row), quantiles)
        rows = np.flatnonzero(index == design)
        p_value[rows] = looks.plan.sides * ndtr(-_invert(table, quantiles, z[rows]))
    p_value = np.where(p_value > _HIGHEST_LEVEL, 1.0, np.maximum(p_value, LOWEST_P))
    return np.where(np.isnan(looks.boundary) | np.isnan(z), np.nan, p_value)


def _quantiles(alpha: float, sides: int, top: float) -> Floats:
    """Increasing upper quantiles (levels,) of the levels to tabulate, the plan's own among them."""
    lowest, highest = -ndtri(_HIGHEST_LEVEL / sides), -ndtri(LOWEST_P / sides)
    own = -ndtri(alpha / sides)
    grid = np.linspace(lowest, np.clip(top, own + 0.1, highest), _LEVELS)
    grid[np.argmin(np.abs(grid[1:-1] - own)) + 1] = own
    return np.asarray(grid)


def _table(looks: Looks, row: int, quantiles: Floats) -> Floats:
    """Boundaries (levels, K) of one row's design at each level."""
    plan = Plan(looks.plan.spending, looks.plan.sides * ndtr(-quantiles), looks.plan.sides)
    repeat = np.full(len(quantiles), row)
    copies = looks._replace(
        information=looks.information[repeat],
        fraction=looks.fraction[repeat],
        counted=looks.counted[repeat],
        retested=looks.retested[repeat],
    )
    return boundaries_at(copies, plan)


def _invert(table: Floats, quantiles: Floats, z: Floats) -> Floats:
    """Quantile at which each look's boundary equals z, (rows, K); -inf below the table, its end above.

    Four-point Lagrange interpolation, kept inside the two levels that bracket z. Where a level's boundary is
    infinite, the nearest level below, which has the larger p.
    """
    below = np.sum(table[:, None, :] <= z[None, :, :], axis=0)
    left = np.clip(below - 1, 0, len(quantiles) - 2)
    start = np.clip(left - 1, 0, len(quantiles) - 4)
    looks = np.broadcast_to(np.arange(table.shape[1]), z.shape)
    x = [quantiles[start + offset] for offset in range(4)]
    y = [table[start + offset, looks] for offset in range(4)]
    with np.errstate(invalid="ignore", divide="ignore"):
        value = sum((x[i] * _basis(y, i, z) for i in range(4)), np.zeros(z.shape))
    value = np.clip(value, quantiles[left], quantiles[left + 1])
    value = np.where(np.isfinite(y[0] + y[1] + y[2] + y[3]), value, quantiles[left])
    value = np.where(below == len(quantiles), quantiles[-1], value)
    return np.asarray(np.where(below == 0, -np.inf, value))


def _basis(y: list[Floats], i: int, z: Floats) -> Floats:
    others: list[NDArray[np.float64]] = [(z - y[j]) / (y[i] - y[j]) for j in range(4) if j != i]
    return np.asarray(others[0] * others[1] * others[2])
