"""Roots of many monotone functions at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STEPS: Final = 100


def increasing_root(
    function: Callable[[Floats], Floats], low: Floats, high: Floats, *, tolerance: float
) -> Floats:
    """Arguments, of the shape of `low`, where an elementwise increasing `function` is 0.

    Regula falsi with the Illinois correction, and bisection where a bracket isn't halved by two steps. Ends
    when every bracket is narrower, or every value smaller, than `tolerance`. Where the function has no sign
    change, the end of the bracket nearer to 0 comes back; NaN where it gives NaN.
    """
    left, right = low.astype(float), high.astype(float)
    at_left, at_right = function(left), function(right)
    root = np.where(np.abs(at_left) < np.abs(at_right), left, right)
    best = np.minimum(np.abs(at_left), np.abs(at_right))
    settled = ~((at_left < 0) & (at_right > 0))
    missing = np.isnan(at_left) | np.isnan(at_right)
    side, slow, width = np.zeros(left.shape), np.zeros(left.shape, dtype=bool), right - left
    for step in range(_STEPS):
        with np.errstate(divide="ignore", invalid="ignore"):
            middle = right - at_right * (right - left) / (at_right - at_left)
        middle = np.where((middle > left) & (middle < right) & ~slow, middle, (left + right) / 2)
        value = function(middle)
        root = np.where(~settled & (np.abs(value) <= best), middle, root)
        best = np.where(settled, best, np.minimum(best, np.abs(value)))
        below = value < 0
        at_right = np.where(below, np.where(side < 0, at_right / 2, at_right), value)
        at_left = np.where(below, value, np.where(side > 0, at_left / 2, at_left))
        left, right = np.where(below, middle, left), np.where(below, right, middle)
        side = np.where(below, -1.0, 1.0)
        if np.all(settled | (right - left <= tolerance) | (best <= tolerance)):
            break
        if step % 2:
            slow, width = right - left > width / 2, right - left
        else:
            slow = np.zeros_like(slow)
    return np.where(missing, np.nan, root)
