"""Tail probabilities and critical values of the t and normal distributions, exact far into the tail.

Degrees of freedom may be infinite, which is the normal distribution. `sides` is 2, or 1 for a test in the
metric's direction: +1 where more is better, -1 where less is better.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from abspark.stats.moments import Floats

SMALLEST: Final = 5e-324
"""The smallest positive double: p-values below it are given as it, an upper bound, never as 0."""
_UNSAFE: Final = 1e-280
_NODES, _WEIGHTS = np.polynomial.laguerre.laggauss(16)


class Level(NamedTuple):
    """How a test is to be made, each of shape (r,): the level, 1 or 2 sides, and the direction +1 or -1."""

    alpha: Floats
    sides: NDArray[np.int64]
    direction: NDArray[np.int64]


def level(rows: int, *, alpha: ArrayLike, sides: ArrayLike, direction: ArrayLike) -> Level:
    """The settings spread over the rows.

    Raises:
        ValueError: alpha is not strictly between 0 and 1, sides not 1 or 2, or direction not +1 or -1.
    """
    spread = Level(
        np.broadcast_to(np.asarray(alpha, dtype=np.float64), (rows,)),
        np.broadcast_to(np.asarray(sides, dtype=np.int64), (rows,)),
        np.broadcast_to(np.asarray(direction, dtype=np.int64), (rows,)),
    )
    if not ((spread.alpha > 0) & (spread.alpha < 1)).all():
        raise ValueError("alpha must lie strictly between 0 and 1")
    if not np.isin(spread.sides, (1, 2)).all():
        raise ValueError("sides must be 1 or 2")
    if not np.isin(spread.direction, (-1, 1)).all():
        raise ValueError("direction must be +1 (more is better) or -1 (less is better)")
    return spread


def critical_value(dof: Floats, test: Level) -> Floats:
    """Quantile of the t distribution at 1 - alpha / sides, positive for alpha < sides / 2."""
    return np.asarray(-special.stdtrit(dof, test.alpha / test.sides), dtype=np.float64)


def sided(bounds: tuple[Floats, Floats], test: Level, *, limit: ArrayLike) -> tuple[Floats, Floats]:
    """Two-sided bounds as they are; one-sided ones open where more (direction +1) or less would be better.

    `limit` is how far from 0 the values can be at all: bounds are within it, and open ones at it. NaN stays NaN.
    """
    one, low, high = test.sides == 1, *bounds
    low = np.where(
        one & (test.direction < 0) & ~np.isnan(low), -np.asarray(limit), np.maximum(low, -np.asarray(limit))
    )
    high = np.where(one & (test.direction > 0) & ~np.isnan(high), limit, np.minimum(high, limit))
    return low, high


def p_value(statistic: Floats, dof: Floats, test: Level) -> tuple[Floats, Floats]:
    """The p-value and its natural logarithm; the logarithm stays exact where p is below every double."""
    two = test.sides == 2
    distance = np.where(two, np.abs(statistic), test.direction * statistic)
    p = np.asarray(special.stdtr(dof, -distance), dtype=np.float64) * test.sides
    log_p = np.log(p, out=np.full_like(p, np.nan), where=p > 0)
    tiny = p < _UNSAFE
    if tiny.any():
        log_p[tiny] = log_survival(distance[tiny], dof[tiny]) + np.log(test.sides[tiny])
        p[tiny] = np.maximum(np.exp(log_p[tiny]), SMALLEST)
    return p, log_p


def log_survival(statistic: Floats, dof: Floats) -> Floats:
    """Logarithm of P(T > statistic) far in the upper tail of t (statistic well above 0).

    With u = t exp(w) the density's tail integral decays like exp(-rate w), which Gauss-Laguerre quadrature
    takes exactly enough (relative error of p below 1e-9).
    """
    normal = np.isinf(dof)
    nu = np.where(normal, 1.0, dof)[:, None]
    t = np.asarray(statistic)[:, None]
    rate = (nu + 1) * t**2 / (nu + t**2) - 1
    log_density = -special.betaln(nu / 2, 0.5) - np.log(nu) / 2 - (nu + 1) / 2 * np.log1p(t**2 / nu)
    w = _NODES / rate
    decay = _NODES + w - (nu + 1) / 2 * np.log1p(t**2 * np.expm1(2 * w) / (nu + t**2))
    integral = (_WEIGHTS * np.exp(decay)).sum(axis=1, keepdims=True)
    finite = (log_density + np.log(t) - np.log(rate) + np.log(integral))[:, 0]
    return np.asarray(np.where(normal, special.log_ndtr(-np.asarray(statistic)), finite), dtype=np.float64)


def welch_dof(control: tuple[Floats, Floats], treatment: tuple[Floats, Floats]) -> Floats:
    """Satterthwaite's degrees of freedom of the sum of two (variance, dof) pairs; infinite where both are."""
    total = control[0] + treatment[0]
    share = np.divide(control[0], total, out=np.full_like(total, np.nan), where=total > 0)
    inverse = share**2 / control[1] + (1 - share) ** 2 / treatment[1]
    return np.divide(1.0, inverse, out=np.where(inverse == 0, np.inf, np.nan), where=inverse > 0)
