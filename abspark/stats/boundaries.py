"""Boundaries of many group sequential designs at once, from what each look spends.

Rows r are designs, columns K looks. Equal designs are solved once; only looks loop.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from abspark.stats.recursion import REACH, Floats, Stage, next_stage, upper_boundary

Bools = NDArray[np.bool_]

_CELLS_PER_CHUNK: Final = 1.5e6


def solve_boundaries(information: Floats, spent: Floats, counted: Bools, sides: int) -> Floats:
    """Boundaries on the Z scale, (r, K), such that each counted look spends what `spent` rises by there.

    `spent` (r, K) is cumulative and covers both sides where `sides` is 2. NaN where a look doesn't count, inf
    where nothing is spent.
    """
    amount, used, order = dense_design(information, spent, counted)
    increments = np.diff(used, axis=1, prepend=0.0) / sides
    designs, index = np.unique(np.hstack([amount, increments]), axis=0, return_inverse=True)
    looks = amount.shape[1]
    solved = np.empty((len(designs), looks))
    for rows in chunks(designs[:, :looks]):
        steps = walk(designs[rows, :looks], designs[rows, looks:], sides, (REACH, REACH))
        solved[rows] = np.stack([boundary for boundary, _ in steps], axis=1)
    boundary = np.full(amount.shape, np.nan)
    np.put_along_axis(boundary, order, solved[index.reshape(-1)], axis=1)
    return np.where(counted, boundary, np.nan)


def dense_design(
    information: Floats, spent: Floats, counted: Bools
) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Counted looks moved to the left: information, cumulative spending, the column each came from, (r, K).

    Information is relative to a row's first look; behind the last look it doubles and spending stands still.
    """
    order = np.argsort(~counted, axis=1, kind="stable")
    kept = np.take_along_axis(counted, order, axis=1)
    amount = np.take_along_axis(information, order, axis=1)
    amount = amount / np.where(kept[:, :1], amount[:, :1], 1.0)
    used = np.where(kept, np.take_along_axis(spent, order, axis=1), 0.0)
    used = np.maximum.accumulate(used, axis=1)
    for look in range(amount.shape[1]):
        before = amount[:, look - 1] * 2 if look else np.ones(amount.shape[0])
        amount[:, look] = np.where(kept[:, look], amount[:, look], before)
    return amount, used, order


def chunks(information: Floats) -> list[slice]:
    """Slices of the rows such that one look's kernel stays near the size of the processor's cache."""
    growth = np.min(np.diff(information, axis=1) / information[:, :-1], initial=1.0)
    nodes = 4 * REACH * max(1.0, np.sqrt(2 / growth))
    size = max(1, int(_CELLS_PER_CHUNK / nodes**2))
    return [slice(start, start + size) for start in range(0, len(information), size)]


def walk(
    information: Floats, increments: Floats, sides: int, reach: tuple[float, float]
) -> list[tuple[Floats, Stage | None]]:
    """Per look: the boundary (r,) and the stage of the paths that run on (None after the last look).

    `increments` (r, K) are what one side spends at each look; `reach` bounds the integration, in standard
    deviations below and above 0, where no boundary is nearer.
    """
    steps: list[tuple[Floats, Stage | None]] = []
    stage: Stage | None = None
    boundary = np.full(len(information), np.inf)
    for look in range(information.shape[1]):
        boundary = upper_boundary(stage, information[:, look], increments[:, look], boundary)
        if look + 1 == information.shape[1]:
            steps.append((boundary, None))
            break
        low = -np.minimum(boundary, reach[0]) if sides == 2 else np.full_like(boundary, -reach[0])
        bounds = (low, np.minimum(boundary, reach[1]))
        stage = next_stage(stage, information[:, look], bounds, information[:, look + 1])
        steps.append((boundary, stage))
    return steps
