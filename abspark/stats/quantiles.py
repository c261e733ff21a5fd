"""Quantiles: intervals from order statistics, and effects whose variance comes from these intervals.

The log's side picks the values at three ranks per variant; nothing else of the distribution is needed. For
a quantile of units the ranks follow the binomial distribution; for a quantile of events, which come in
clusters of one unit, their spread is widened by the clusters (Deng, Knoblich & Lu 2018, arXiv:1803.06336,
sec. 4.2).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from abspark.stats import reasons
from abspark.stats.arms import Arm
from abspark.stats.effects import Effect, compare, linearised_variance
from abspark.stats.moments import DEN, Floats, Moments

MOST_TIED: Final = 0.25
"""The share of an interval's ranks that one value may have.

Beyond it the interval's length is a matter of the few values that there are, not of the sample: of two arms on
adjacent whole numbers z is 2.77 whatever the data. Found by simulation, in tests/statistical.
"""


class Ranks(NamedTuple):
    """Ranks counted from 1 in ascending order, shape (r,).

    `rank` is the quantile's (the smallest value with at least a share q at or below it). `low` and `high`
    end the interval; 0 or n + 1 says that there are too few values for that end.
    """

    rank: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]


class QuantileEstimate(NamedTuple):
    """Values at the ranks of one variant, shape (r,); n counts units. NaN where there is no such rank.

    `tied` is the share of the interval's ranks that its most frequent value has; 0 where no two values are equal.
    """

    n: Floats
    value: Floats
    low: Floats
    high: Floats
    tied: Floats


def quantile_ranks(n: ArrayLike, q: ArrayLike, *, alpha: ArrayLike = 0.05) -> Ranks:
    """Ranks of the q-quantile of n independent values and of its 1 - alpha interval.

    Exact: low is the binomial quantile at alpha / 2, high the one at 1 - alpha / 2 plus 1 (Conover 1999,
        sec. 3.2).
    """
    count, share, level = (np.asarray(x, dtype=np.float64) for x in np.broadcast_arrays(n, q, alpha))
    low = stats.binom.ppf(level / 2, count, share)
    high = stats.binom.isf(level / 2, count, share) + 1
    return _ranks(count, share, low, high)


class Interpolation(NamedTuple):
    """Ranks below and above a quantile, counted from 1, and the `share` of the way between their values.

    Rank 0 and NaN where no quantile is asked for.
    """

    below: NDArray[np.int64]
    above: NDArray[np.int64]
    share: Floats


def interpolation_ranks(n: ArrayLike, q: ArrayLike) -> Interpolation:
    """Where the q-quantile of n values lies between two of them; q of NaN asks for none.

    Linear between the ranks around (n - 1) q + 1: type 7 of Hyndman & Fan (1996), the default of numpy and R.
    """
    place = (np.asarray(n, dtype=np.float64) - 1) * np.asarray(q, dtype=np.float64) + 1
    asked = ~np.isnan(place)
    below, above = np.floor(place), np.ceil(place)
    first, second = (np.where(asked, rank, 0).astype(np.int64) for rank in (below, above))
    return Interpolation(first, second, place - below)


def interpolated(places: Interpolation, below: Floats, above: Floats) -> Floats:
    """The quantiles from the values at the ranks below and above them."""
    return np.asarray((1 - places.share) * below + places.share * above, dtype=np.float64)


def clustered_ranks(n: ArrayLike, q: ArrayLike, *, inflation: ArrayLike, alpha: ArrayLike = 0.05) -> Ranks:
    """The same for n events in clusters: normal approximation, standard deviation times `inflation`."""
    count, share, level, factor = (
        np.asarray(x, dtype=np.float64) for x in np.broadcast_arrays(n, q, alpha, inflation)
    )
    half = special.ndtri(1 - level / 2) * np.sqrt(count * share * (1 - share)) * factor
    low = np.maximum(np.floor(count * share - half), 0)
    high = np.minimum(np.ceil(count * share + half) + 1, count + 1)
    return _ranks(count, share, low, high)


def cluster_inflation(moments: Moments) -> Floats:
    """Standard deviation of the share of events at or below the quantile, relative to independent events.

    `moments` has per unit, as numerator, its events at or below the sample's quantile and, as denominator,
    all its events. With ties that share is more than q, so independent events are given its own spread. Where no
    event lies above, it has none to compare: then events of one unit are taken for all alike, which is the most.
    """
    events = moments.mean[:, DEN]
    share, per_unit = linearised_variance(moments, "ratio")
    independent = share * (1 - share) / events
    alike = events + moments.cov[:, DEN, DEN] * (1 - 1 / moments.n) / events
    varies = independent > 0
    seen = np.divide(per_unit, independent, out=np.full_like(share, np.nan), where=varies)
    return np.asarray(np.sqrt(np.where(varies | np.isnan(share), seen, alike)), dtype=np.float64)


def quantile_effect(
    control: QuantileEstimate, treatment: QuantileEstimate, *, alpha: ArrayLike = 0.05
) -> Effect:
    """Difference of quantiles; `alpha` is the level that the ranks were made for.

    The standard error of an arm is its interval's length over 2 z. The reference is normal. Both assume a density at
    the quantile, so there is no standard error where one value has more than `MOST_TIED` of an interval's ranks.
    """
    width = 2 * special.ndtri(1 - np.asarray(alpha, dtype=np.float64) / 2)

    def arm(estimate: QuantileEstimate) -> Arm:
        smooth = estimate.tied <= MOST_TIED
        variance = np.where(smooth, ((estimate.high - estimate.low) / width) ** 2, np.nan)
        infinite = np.full(len(variance), np.inf)
        return Arm(estimate.n, estimate.value, estimate.value, variance, variance, variance, infinite)

    open_ended = np.isnan(control.low + control.high + treatment.low + treatment.high)
    tied = (control.tied > MOST_TIED) | (treatment.tied > MOST_TIED)
    masks = [(open_ended, reasons.TOO_FEW_FOR_QUANTILE), (tied, reasons.TIED_VALUES)]
    return compare(arm(control), arm(treatment), masks=masks)


def _ranks(n: Floats, q: Floats, low: Floats, high: Floats) -> Ranks:
    # n q is rounded first, so that 0.1 * 30 has rank 3, not 4.
    rank = np.clip(np.ceil(np.round(n * q, 9)), 1, np.maximum(n, 1))
    return Ranks(rank.astype(np.int64), low.astype(np.int64), high.astype(np.int64))
