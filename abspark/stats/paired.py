"""Paired tables: do two labels of the same units have the same distribution?

A table has shape (k, k): units by first label (rows) and second label (columns). Only units whose labels differ
bear on the question; a category that none of them has drops out by itself.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from abspark.stats import reasons
from abspark.stats.moments import Floats
from abspark.stats.tails import SMALLEST

FEW_DISCORDANT: Final = 25
"""Below this many units with two labels a table of two categories is tested exactly."""
_RELATIVE_ZERO: Final = 1e-9


class MarginsTest(NamedTuple):
    """Whether the margins of a paired table are equal.

    Attributes:
        statistic: Stuart and Maxwell's chi-square, d' V^- d; McNemar's for two categories.
        dof: rank of V: categories that units enter or leave, less one for each closed group of them.
        p_value: 1 where no unit has two labels; exact (two-sided binomial) where `exact`.
        discordant: units with two labels.
        exact: whether p comes from the binomial distribution.
        reason: why p is NaN; empty otherwise.
    """

    statistic: float
    dof: int
    p_value: float
    discordant: float
    exact: bool
    reason: str


def equal_margins(table: ArrayLike) -> MarginsTest:
    """Test that rows and columns of a paired table have the same margins.

    Stuart (1955), Biometrika 42, 412, and Maxwell (1970), Br. J. Psychiatry 116, 651: d is the difference of the
    margins, V its covariance under equality, diag(row + column) - T - T'. V is singular, so its pseudo-inverse is
    used and its rank counts. McNemar (1947) is the case of two categories.

    Raises:
        ValueError: the table is not square.
    """
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"a paired table is square, not of shape {counts.shape}")
    if np.any(~(counts >= 0)):
        return MarginsTest(np.nan, 0, np.nan, np.nan, exact=False, reason=reasons.NEGATIVE_COUNT)
    moved = counts - np.diag(np.diag(counts))
    leaving, entering = moved.sum(axis=1), moved.sum(axis=0)
    discordant = float(moved.sum())
    if discordant == 0:
        return MarginsTest(0.0, 0, 1.0, 0.0, exact=False, reason=reasons.NONE)
    values, vectors = np.linalg.eigh(np.diag(leaving + entering) - moved - moved.T)
    kept = values > _RELATIVE_ZERO * values.max()
    along = vectors[:, kept].T @ (leaving - entering)
    statistic, dof = float(np.sum(along**2 / values[kept])), int(kept.sum())
    exact = dof == 1 and discordant < FEW_DISCORDANT
    p = _binomial(leaving, discordant) if exact else float(special.chdtrc(dof, statistic))
    return MarginsTest(statistic, dof, max(p, SMALLEST), discordant, exact=exact, reason=reasons.NONE)


def _binomial(leaving: Floats, discordant: float) -> float:
    """Two-sided p of the moves one way among all, each way as likely as the other (rank 1: two categories)."""
    one_way = float(leaving.max())
    most = max(one_way, discordant - one_way)
    return min(1.0, 2 * float(special.betainc(most, discordant - most + 1, 0.5)))
