"""Do effects differ between groups of units, such as the values of a segment?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from abspark.stats import reasons
from abspark.stats.moments import Floats
from abspark.stats.reasons import Reasons
from abspark.stats.tails import SMALLEST


class HeterogeneityResult(NamedTuple):
    """One row per group, in ascending order of its label; shape (g,).

    Attributes:
        group: the label.
        estimates: effects compared; those without a positive variance are left out.
        pooled: their mean, weighted by inverse variance.
        q: Cochran's Q, the weighted sum of squared deviations from `pooled`.
        statistic: Q / (estimates - 1), corrected for the variances being estimates (Welch).
        dof: estimates - 1.
        dof_error: second degrees of freedom of the F reference; infinite where all variances are known.
        p_value: p of equal effects.
        i_squared: share of the spread between estimates beyond their errors, 0 to 1 (Higgins & Thompson
            2002).
        reason: why numbers are NaN.
    """

    group: NDArray[np.int64]
    estimates: Floats
    pooled: Floats
    q: Floats
    statistic: Floats
    dof: Floats
    dof_error: Floats
    p_value: Floats
    i_squared: Floats
    reason: Reasons


def heterogeneity(
    effect: ArrayLike, variance: ArrayLike, *, group: ArrayLike, dof: ArrayLike = np.inf
) -> HeterogeneityResult:
    """Test of equal effects within each group of independent estimates, such as the values of one segment.

    Cochran (1954) Q with Welch's (1951) correction for estimated variances: with `dof` per estimate the
    reference is F; with infinite dof it is chi-square with estimates - 1 degrees of freedom.
    """
    spread = np.asarray(variance, dtype=np.float64)
    used = (spread > 0) & np.isfinite(spread) & np.isfinite(np.asarray(effect, dtype=np.float64))
    labels, place = np.unique(np.asarray(group), return_inverse=True)
    place = place[used]

    def total(values: Floats) -> Floats:
        return np.bincount(place, weights=values, minlength=len(labels)).astype(np.float64)

    value, weight = np.asarray(effect, dtype=np.float64)[used], 1 / spread[used]
    k, whole = total(np.ones(len(value))), total(weight)
    enough = k > 1
    pooled = _quotient(k > 0, total(weight * value), whole)
    q = np.where(enough, total(weight * (value - pooled[place]) ** 2), np.nan)
    own_dof = np.broadcast_to(np.asarray(dof, dtype=np.float64), spread.shape)[used]
    doubt = total((1 - weight / whole[place]) ** 2 / own_dof)
    statistic = _quotient(enough, q, (k - 1) * (1 + 2 * (k - 2) / (k**2 - 1 + (k == 1)) * doubt))
    dof_error = np.divide(k**2 - 1, 3 * doubt, out=np.full_like(k, np.inf), where=doubt > 0)
    finite = np.isfinite(dof_error)
    p = np.where(
        finite,
        special.fdtrc(k - 1, np.where(finite, dof_error, 1.0), statistic),
        special.chdtrc(k - 1, q),
    )
    excess = np.maximum(_quotient(enough & (q > 0), q - (k - 1), q), 0.0)
    reason = reasons.first_reason(len(labels), [(~enough, reasons.FEWER_THAN_2_ESTIMATES)])
    return HeterogeneityResult(
        labels, k, pooled, q, statistic, np.where(enough, k - 1, np.nan), np.where(enough, dof_error, np.nan),
        np.where(enough, np.maximum(p, SMALLEST), np.nan), np.where(enough & (q == 0), 0.0, excess), reason,
    )  # fmt: skip


def _quotient(condition: NDArray[np.bool_], numerator: Floats, denominator: Floats) -> Floats:
    """Quotient where the condition holds, NaN elsewhere."""
    return np.divide(numerator, denominator, out=np.full_like(denominator, np.nan), where=condition)
