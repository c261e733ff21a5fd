"""Summaries over the looks so far, for methods that hold at every look at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from abspark.stats.recursion import Floats


def running_minimum(p_value: ArrayLike) -> Floats:
    """Smallest p-value up to each look, along the last axis; looks without one (NaN) leave it as it was.

    Valid for p-values that hold at all looks at once (repeated, always-valid, e-processes), not for fixed
    ones.
    """
    return np.asarray(np.fmin.accumulate(np.asarray(p_value, dtype=float), axis=-1))


def running_interval(low: ArrayLike, high: ArrayLike) -> tuple[Floats, Floats]:
    """Intersection of the intervals up to each look, along the last axis; NaN ends leave it as it was.

    Holds the effect with the same probability as the sequence does. low > high means that the looks
    contradict each other: that they don't estimate one constant effect.
    """
    lowest = np.fmax.accumulate(np.asarray(low, dtype=float), axis=-1)
    return np.asarray(lowest), running_minimum(high)


def latest(values: ArrayLike) -> Floats:
    """The last value up to each look, along the last axis; looks without one (NaN) leave it as it was."""
    given = np.asarray(values, dtype=float)
    places = np.where(np.isnan(given), 0, np.arange(given.shape[-1]))
    return np.take_along_axis(given, np.maximum.accumulate(places, axis=-1), axis=-1)
