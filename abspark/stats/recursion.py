"""The recursion under group sequential designs: the distribution of a statistic not stopped so far.

On the score scale S = Z sqrt(I) the increments between looks are independent, S_k - S_{k-1} ~ N(theta dI,
dI), so the density of paths still running after a look follows from the one before by one integral (Armitage,
McPherson & Rowe 1969, JRSS A 132, 235-244; Jennison & Turnbull 2000, Group Sequential Methods, ch. 19). Here
the integral is a composite 16-point Gauss-Legendre rule whose panels are a fixed multiple of the smoothness
of the integrand, which is analytic between the boundaries, so the error is near machine precision. Everything
is vectorised over rows r; only looks loop.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]

REACH: Final = 10.0
"""Half-width, in standard deviations, of the range where no boundary is nearer; sf(10) is 8e-24."""
SMALLEST_INCREMENT: Final = 1e-14
"""Below it a boundary is its upper bound isf(increment), conservative by at most this much error."""
_PANEL_WIDTH: Final = 8.0
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_NEWTON_STEPS: Final = 60
_SQRT_2PI: Final = float(np.sqrt(2 * np.pi))


class Stage(NamedTuple):
    """Paths that are still running after a look, under no effect.

    `score` (r, n) are quadrature nodes on the score scale, `mass` (r, n) the null sub-density there times the
    quadrature weight (its sum over n is the probability of still running), `information` (r,) the information
    at the look.
    """

    score: Floats
    mass: Floats
    information: Floats


@lru_cache(maxsize=256)
def unit_panels(panels: int) -> tuple[Floats, Floats]:
    """Nodes and weights (16 panels,) of the composite rule on [0, 1]."""
    starts = np.arange(panels)[:, None]
    nodes = (starts + (_POINTS + 1) / 2) / panels
    weights = np.broadcast_to(_WEIGHTS / (2 * panels), (panels, _POINTS.size))
    return nodes.ravel(), weights.ravel().copy()


def next_stage(
    previous: Stage | None, information: Floats, bounds: tuple[Floats, Floats], ahead: Floats
) -> Stage:
    """The paths of `previous` (None before the first look) that stay inside `bounds` at this look and run on.

    Args:
        previous: the stage of the look before.
        information: (r,), at this look; larger than the previous one's.
        bounds: lower and upper boundary on the Z scale, each (r,), finite.
        ahead: (r,), information of the look to come, which decides how fine the nodes must be.
    """
    root = np.sqrt(information)
    low, high = bounds[0] * root, bounds[1] * root
    step = information - (0.0 if previous is None else previous.information)
    smoothness = 1 / np.sqrt(1 / step + 1 / (ahead - information))
    panels = int(np.ceil(np.max((high - low) / (_PANEL_WIDTH * smoothness), initial=1.0)))
    nodes, weights = unit_panels(panels)
    score = low[:, None] + (high - low)[:, None] * nodes
    if previous is None:
        density = np.exp(-0.5 * score**2 / step[:, None])
    else:
        scale = np.sqrt(step)[:, None]
        kernel = (score / scale)[:, :, None] - (previous.score / scale)[:, None, :]
        np.square(kernel, out=kernel)
        kernel *= -0.5
        np.exp(kernel, out=kernel)
        density = np.matmul(kernel, previous.mass[:, :, None])[:, :, 0]
    density /= (_SQRT_2PI * np.sqrt(step))[:, None]
    return Stage(score, density * (high - low)[:, None] * weights, information)


def tail_probability(
    previous: Stage | None, information: Floats, z: Floats, drift: Floats | None = None
) -> Floats:
    """P(not stopped at an earlier look, Z >= z at this look), (r,), where E[Z] = drift sqrt(information).

    No drift by default. The null sub-density is turned into that under a drift by the likelihood ratio
    exp(theta S - theta^2 I / 2) (Jennison & Turnbull 2000, sec. 19.2), so one recursion serves every drift.
    `z` may be infinite.
    """
    theta = np.zeros_like(information) if drift is None else drift
    root = np.sqrt(information)
    if previous is None:
        return np.asarray(ndtr(theta * root - z))
    step = information - previous.information
    ahead = previous.score + (theta * step)[:, None] - (z * root)[:, None]
    mass = previous.mass if drift is None else previous.mass * _likelihood_ratio(previous, theta)
    return np.asarray(np.sum(mass * ndtr(ahead / np.sqrt(step)[:, None]), axis=1))


def _likelihood_ratio(stage: Stage, theta: Floats) -> Floats:
    return np.asarray(np.exp(theta[:, None] * stage.score - (0.5 * theta**2 * stage.information)[:, None]))


def upper_boundary(previous: Stage | None, information: Floats, increment: Floats, last: Floats) -> Floats:
    """The z, (r,), that a path not stopped before exceeds with null probability `increment` at this look.

    `last` is the upper boundary of the look before (inf where none). The tail is log-concave in z and both
    starting values bound the root from above, so Newton steps on its logarithm fall to the root without
    overshooting. Infinite where `increment` is 0; isf(increment) where it is below SMALLEST_INCREMENT.
    """
    with np.errstate(divide="ignore"):
        alone = -ndtri(increment)
    if previous is None:
        return np.asarray(alone)
    solved = increment >= SMALLEST_INCREMENT
    target = np.where(solved, increment, 0.01)
    root, scale = np.sqrt(information), np.sqrt(information - previous.information)
    start = -ndtri(target)
    z = np.minimum(start, (last * np.sqrt(previous.information) + scale * start) / root)
    for _ in range(_NEWTON_STEPS):
        ahead = (previous.score - (z * root)[:, None]) / scale[:, None]
        tail = np.sum(previous.mass * ndtr(ahead), axis=1)
        slope = np.sum(previous.mass * np.exp(-0.5 * ahead**2), axis=1) * root / (scale * _SQRT_2PI)
        some = slope > 0  # nothing runs on: the row has been closed
        change = np.log(np.where(some, tail, target) / target) * tail / np.where(some, slope, 1.0)
        z = np.maximum(z + change, -REACH)
        if np.max(np.abs(change)) < 1e-12:
            break
    return np.asarray(np.where(solved, z, alone))
