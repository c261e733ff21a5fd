"""Two or more independent Beta distributions: who is larger, by how much; by quadrature on the logit scale.

On the scale t = log(x / (1 - x)) a Beta density is smooth on the whole line whatever its parameters, also
where it is infinite or jumps at 0 or 1. Integrals run over the distribution with the smaller spread, so that
the other's distribution function never changes faster than the nodes can follow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv, expit, logit, ndtr

from abspark.stats.quadrature import gauss_panels

Floats = NDArray[np.float64]

_BREAKS: Final = ndtr(np.arange(-8.0, 9.0, 2.0))
_POINTS: Final = 16
_FEW: Final = 8.0
_NEXT_TO_1: Final = 1 - 2.0**-53
"""The farthest difference that is tried: at 1 itself nothing is left to integrate over."""


class _Rule(NamedTuple):
    """Panels between these quantiles of the narrow distribution, points in each, graded or not."""

    levels: Floats
    points: int
    graded: int


_EVEN: Final = _Rule(_BREAKS, _POINTS, 0)
_COARSE: Final = _Rule(ndtr(np.linspace(-6.6, 6.6, 7)), 12, 0)
_FINE: Final = _Rule(ndtr(np.arange(-8.0, 8.5, 0.5)), 24, 1)


class Beta(NamedTuple):
    """Parameters of Beta distributions, equally shaped arrays; both at least 0.1."""

    a: Floats
    b: Floats

    @property
    def mean(self) -> Floats:
        """A / (a + b)."""
        return self.a / (self.a + self.b)

    def where(self, condition: NDArray[np.bool_], other: Beta) -> Beta:
        """These parameters where the condition holds, else the other's."""
        return Beta(np.where(condition, self.a, other.a), np.where(condition, self.b, other.b))


def beta_quantile(beta: Beta, probability: Floats) -> Floats:
    """Quantiles on the logit scale, exact in both tails; `probability` of the parameters' shape."""
    upper = probability > 0.5
    a, b = np.where(upper, beta.b, beta.a), np.where(upper, beta.a, beta.b)
    x = np.clip(betaincinv(a, b, np.where(upper, 1 - probability, probability)), 1e-300, None)
    return np.asarray(np.where(upper, -logit(x), logit(x)))


def beta_cdf(beta: Beta, t: Floats) -> Floats:
    """Distribution function at logit t."""
    upper = t > 0
    a, b = np.where(upper, beta.b, beta.a), np.where(upper, beta.a, beta.b)
    value = betainc(a, b, expit(-np.abs(t)))
    return np.asarray(np.where(upper, 1 - value, value))


def beta_kernel(beta: Beta, t: Floats) -> Floats:
    """Density of the logit, up to a constant: relative to its value at the mode, t = log(a / b)."""
    step = t - np.log(beta.a / beta.b)
    with np.errstate(over="ignore"):
        falling = np.log1p(beta.mean * np.expm1(np.minimum(step, 30.0)))
    far = np.log(beta.mean) + step + np.log1p(np.exp(-np.abs(step)) * (1 / beta.mean - 1))
    return np.asarray(np.exp(beta.a * step - (beta.a + beta.b) * np.where(step > 30.0, far, falling)))


class _Pair(NamedTuple):
    """Rows of two distributions, that to integrate over (`narrow`) and the other, its panels and its constant."""

    narrow: Beta
    wide: Beta
    breaks: Floats
    constant: Floats
    points: int
    graded: int


def _pair(first: Beta, second: Beta, is_first: NDArray[np.bool_], rule: _Rule) -> _Pair:
    """The pair with `first` as the narrow one where `is_first`."""
    narrow, wide = first.where(is_first, second), second.where(is_first, first)
    levels = np.broadcast_to(rule.levels, (len(narrow.a), len(rule.levels)))
    breaks = beta_quantile(_column(narrow), levels)
    nodes, weights = gauss_panels(breaks, points=_POINTS)
    constant = np.sum(weights * beta_kernel(_column(narrow), nodes), axis=1)
    return _Pair(narrow, wide, breaks, constant, rule.points, rule.graded)


def _column(beta: Beta) -> Beta:
    return Beta(beta.a[:, None], beta.b[:, None])


def probability_greater(first: Beta, second: Beta) -> Floats:
    """P(X_first > X_second), (r,), to about 1e-12."""
    is_first = 1 / first.a + 1 / first.b <= 1 / second.a + 1 / second.b
    pair = _pair(first, second, is_first, _EVEN)
    nodes, weights = gauss_panels(pair.breaks, points=_POINTS)
    mass = weights * beta_kernel(_column(pair.narrow), nodes) / pair.constant[:, None]
    below = np.clip(np.sum(mass * beta_cdf(_column(pair.wide), nodes), axis=1), 0.0, 1.0)
    return np.asarray(np.where(is_first, below, 1 - below))


def few(first: Beta, second: Beta) -> NDArray[np.bool_]:
    """Whether a distribution leans so much on 0 or 1 that its differences and ratios need the fine rule."""
    smallest = np.minimum(np.minimum(first.a, first.b), np.minimum(second.a, second.b))
    return np.asarray(smallest < _FEW)


def difference_cdf(first: Beta, second: Beta, *, fine: int) -> Callable[[Floats], Floats]:
    """The function d -> P(X_first - X_second <= d) for d (r,) in [-1, 1]; `fine` 1 where `few` holds."""
    is_first = _variance(first) <= _variance(second)
    pair = _pair(first, second, is_first, _FINE if fine else _COARSE)

    def cdf(d: Floats) -> Floats:
        inside = np.clip(d, -_NEXT_TO_1, _NEXT_TO_1)
        shift = np.where(is_first, -inside, inside)
        limits = logit(np.clip(-shift, 0.0, 1.0)), logit(np.clip(1 - shift, 0.0, 1.0))
        below = _wide_below(pair, lambda x: x + shift[:, None], limits)
        return np.asarray(np.where(is_first, 1 - below, below))

    return cdf


def ratio_cdf(first: Beta, second: Beta, *, fine: int) -> Callable[[Floats], Floats]:
    """The function l -> P(log(X_first / X_second) <= l) for l (r,); `fine` 1 where `few` holds."""
    is_first = 1 / first.a - 1 / (first.a + first.b) <= 1 / second.a - 1 / (second.a + second.b)
    pair = _pair(first, second, is_first, _FINE if fine else _COARSE)

    def cdf(log_ratio: Floats) -> Floats:
        factor = np.exp(np.where(is_first, -log_ratio, log_ratio))
        limits = np.full_like(factor, -np.inf), logit(np.clip(1 / factor, 0.0, 1.0))
        below = _wide_below(pair, lambda x: x * factor[:, None], limits)
        return np.asarray(np.where(is_first, 1 - below, below))

    return cdf


def _variance(beta: Beta) -> Floats:
    return np.asarray(beta.mean * (1 - beta.mean) / (beta.a + beta.b + 1))


def _wide_below(pair: _Pair, curve: Callable[[Floats], Floats], limits: tuple[Floats, Floats]) -> Floats:
    """P(wide <= curve(narrow)), (r,), for an increasing curve.

    Between `limits`, on the logit scale, the curve runs inside (0, 1); beyond the upper one it is above 1,
    beyond the lower one below 0.
    """
    breaks = np.clip(pair.breaks, limits[0][:, None], limits[1][:, None])
    nodes, weights = gauss_panels(breaks, points=pair.points, graded=pair.graded)
    mass = weights * beta_kernel(_column(pair.narrow), nodes) / pair.constant[:, None]
    wide = _column(pair.wide)
    inside = np.sum(mass * betainc(wide.a, wide.b, np.clip(curve(expit(nodes)), 0.0, 1.0)), axis=1)
    above = np.where(limits[1] < pair.breaks[:, -1], 1 - beta_cdf(pair.narrow, limits[1]), 0.0)
    return np.asarray(np.clip(inside + above, 0.0, 1.0))


def probability_best(arms: Beta) -> Floats:
    """P(arm is the largest of its row), (r, v) for parameters (r, v).

    Nodes are shared by the arms of a row; their panels end at every arm's own quantiles, so arms of very
    different sizes are all resolved.
    """
    spread = Beta(arms.a[:, :, None], arms.b[:, :, None])
    quantiles = beta_quantile(spread, np.broadcast_to(_BREAKS, (*arms.a.shape, len(_BREAKS))))
    nodes, weights = gauss_panels(np.sort(quantiles.reshape(len(arms.a), -1), axis=1), points=_POINTS)
    below = beta_cdf(spread, nodes[:, None, :])
    density = beta_kernel(spread, nodes[:, None, :])
    density /= np.sum(density * weights[:, None, :], axis=2, keepdims=True)
    best = np.empty(arms.a.shape)
    for arm in range(arms.a.shape[1]):
        others = np.prod(np.delete(below, arm, axis=1), axis=1)
        best[:, arm] = np.sum(weights * density[:, arm] * others, axis=1)
    return np.minimum(best, 1.0)
