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

from abspark.stats.quadrature import gauss_panels, tanh_sinh

Floats = NDArray[np.float64]

_NODES: Final = 160
_TAIL: Final = 1e-15


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
    """Two rows of distributions, the one to integrate over first, and where to integrate it."""

    narrow: Beta
    wide: Beta
    low: Floats
    high: Floats
    constant: Floats


def _pair(first: Beta, second: Beta) -> tuple[_Pair, NDArray[np.bool_]]:
    """The pair, and whether the narrow one is `first`."""
    is_first = 1 / first.a + 1 / first.b <= 1 / second.a + 1 / second.b
    narrow, wide = first.where(is_first, second), second.where(is_first, first)
    tail = np.full_like(narrow.a, _TAIL)
    low, high = beta_quantile(narrow, tail), -beta_quantile(Beta(narrow.b, narrow.a), tail)
    nodes, weights = tanh_sinh(low, high, _NODES)
    constant = np.sum(weights * beta_kernel(_column(narrow), nodes), axis=1)
    return _Pair(narrow, wide, low, high, constant), is_first


def _column(beta: Beta) -> Beta:
    return Beta(beta.a[:, None], beta.b[:, None])


def probability_greater(first: Beta, second: Beta) -> Floats:
    """P(X_first > X_second), (r,), to about 1e-13."""
    pair, is_first = _pair(first, second)
    below = _wide_below(pair, lambda t: t, (pair.low, pair.high))
    return np.asarray(np.where(is_first, below, 1 - below))


def difference_cdf(first: Beta, second: Beta) -> Callable[[Floats], Floats]:
    """The function d -> P(X_first - X_second <= d) for d (r,) in (-1, 1)."""
    pair, is_first = _pair(first, second)

    def cdf(d: Floats) -> Floats:
        shift = np.where(is_first, -d, d)
        low = logit(np.clip(-shift, 0.0, 1.0))
        high = logit(np.clip(1 - shift, 0.0, 1.0))
        below = _wide_below(pair, lambda t: logit(np.clip(expit(t) + shift[:, None], 0.0, 1.0)), (low, high))
        return np.asarray(np.where(is_first, 1 - below, below))

    return cdf


def ratio_cdf(first: Beta, second: Beta) -> Callable[[Floats], Floats]:
    """The function l -> P(log(X_first / X_second) <= l) for l (r,)."""
    pair, is_first = _pair(first, second)

    def cdf(log_ratio: Floats) -> Floats:
        factor = np.exp(np.where(is_first, -log_ratio, log_ratio))
        high = logit(np.clip(1 / factor, 0.0, 1.0))
        below = _wide_below(
            pair, lambda t: logit(np.clip(expit(t) * factor[:, None], 0.0, 1.0)), (pair.low, high)
        )
        return np.asarray(np.where(is_first, 1 - below, below))

    return cdf


def _wide_below(pair: _Pair, curve: Callable[[Floats], Floats], limits: tuple[Floats, Floats]) -> Floats:
    """P(wide <= curve(narrow)), (r,), for an increasing curve on the logit scale.

    Between `limits` the curve runs inside (0, 1); beyond the upper one it is 1, below the lower one 0.
    """
    low, high = (np.clip(limit, pair.low, pair.high) for limit in limits)
    nodes, weights = tanh_sinh(low, high, _NODES)
    mass = weights * beta_kernel(_column(pair.narrow), nodes) / pair.constant[:, None]
    inside = np.sum(mass * beta_cdf(_column(pair.wide), curve(nodes)), axis=1)
    above = np.where(limits[1] < pair.high, 1 - beta_cdf(pair.narrow, high), 0.0)
    return np.asarray(np.clip(inside + above, 0.0, 1.0))


def probability_best(arms: Beta) -> Floats:
    """P(arm is the largest of its row), (r, v) for parameters (r, v).

    Nodes are shared by the arms of a row; their panels end at every arm's own quantiles, so arms of very
    different sizes are all resolved.
    """
    steps = ndtr(np.arange(-8.0, 9.0))
    spread = Beta(arms.a[:, :, None], arms.b[:, :, None])
    quantiles = beta_quantile(spread, np.broadcast_to(steps, (*arms.a.shape, len(steps))))
    nodes, weights = gauss_panels(np.sort(quantiles.reshape(len(arms.a), -1), axis=1))
    below = beta_cdf(spread, nodes[:, None, :])
    density = beta_kernel(spread, nodes[:, None, :])
    density /= np.sum(density * weights[:, None, :], axis=2, keepdims=True)
    best = np.empty(arms.a.shape)
    for arm in range(arms.a.shape[1]):
        others = np.prod(np.delete(below, arm, axis=1), axis=1)
        best[:, arm] = np.sum(weights * density[:, arm] * others, axis=1)
    return best
