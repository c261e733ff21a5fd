"""Quadrature rules for many integrals at once: one row of nodes per integral."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LARGEST_S: Final = 3.2
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(16)


@lru_cache(maxsize=8)
def _tanh_sinh(count: int) -> tuple[Floats, Floats]:
    s = np.linspace(-_LARGEST_S, _LARGEST_S, count)
    inner = 0.5 * np.pi * np.sinh(s)
    weights = (s[1] - s[0]) * 0.25 * np.pi * np.cosh(s) / np.cosh(inner) ** 2
    return 1 / (1 + np.exp(-2 * inner)), weights


def tanh_sinh(low: Floats, high: Floats, count: int) -> tuple[Floats, Floats]:
    """Nodes and weights (r, count) of the double-exponential rule on [low, high] (r,).

    Takahasi & Mori (1974), Publ. RIMS 9, 721-741: exponentially accurate for integrands that are analytic
    inside and may have algebraic singularities at the ends.
    """
    nodes, weights = _tanh_sinh(count)
    width = (high - low)[:, None]
    return low[:, None] + width * nodes, width * weights


def gauss_panels(breaks: Floats) -> tuple[Floats, Floats]:
    """Nodes and weights (r, 16 panels) of a 16-point Gauss-Legendre rule between increasing breaks (r, panels + 1)."""
    width = np.diff(breaks, axis=1)[:, :, None]
    nodes = breaks[:, :-1, None] + width * (_POINTS + 1) / 2
    weights = width * _WEIGHTS / 2
    return nodes.reshape(len(breaks), -1), weights.reshape(len(breaks), -1)
