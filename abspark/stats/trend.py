"""Does an effect change over time: novelty wears off, or users learn (primacy)?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abspark.stats import reasons
from abspark.stats.moments import Bools, Floats
from abspark.stats.reasons import Reasons
from abspark.stats.running import latest
from abspark.stats.tails import level, p_value


class TrendResult(NamedTuple):
    """One row per series, shape (s,).

    Attributes:
        slope: change of the effect per day.
        std_error: its standard error.
        statistic: slope / std_error, normal without a trend.
        p_value: two-sided p of no trend.
        first: fitted effect on the first day with an estimate.
        last: fitted effect on the last one.
        pattern: `novelty` where the trend is significant and shrinks the average effect, `primacy` where it
            is and
            grows it, else empty.
        reason: why numbers are NaN.
    """

    slope: Floats
    std_error: Floats
    statistic: Floats
    p_value: Floats
    first: Floats
    last: Floats
    pattern: NDArray[np.str_]
    reason: Reasons


def daily_increments(effect: ArrayLike, variance: ArrayLike) -> tuple[Floats, Floats]:
    """Effects and variances of each day's new units, from cumulative ones of shape (s, d), days ascending.

    With information I = 1 / variance, what is new is (I_k effect_k - I_(k-1) effect_(k-1)) / (I_k -
    I_(k-1)) with variance 1 / (I_k - I_(k-1)), independent from day to day (Jennison & Turnbull 2000, sec.
    3.5). NaN where information didn't grow. A day without an estimate is passed over: the next one's new
    units are those since the estimate before.
    """
    value = np.asarray(effect, dtype=np.float64)
    spread = np.asarray(variance, dtype=np.float64)
    information = np.where(spread > 0, 1 / np.where(spread > 0, spread, 1.0), 0.0)
    defined = (information > 0) & np.isfinite(value)
    begun = np.logical_or.accumulate(defined, axis=1)
    information, score = (
        np.where(begun, latest(np.where(defined, given, np.nan)), 0.0)
        for given in (information, value * information)
    )
    gained = np.diff(information, axis=1, prepend=0.0)
    new = np.diff(score, axis=1, prepend=0.0)
    known = (gained > 0) & defined
    return _quotient(known, new, gained), _quotient(known, np.ones_like(gained), gained)


def trend(effect: ArrayLike, variance: ArrayLike, *, day: ArrayLike, alpha: ArrayLike = 0.05) -> TrendResult:
    """Weighted least squares line through series of independent daily effects (s, d) at `day` (d,).

    Cumulative effects are not independent: pass them through `daily_increments` first. NaN = no estimate
    that day.
    """
    value, spread = np.asarray(effect, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    used = (spread > 0) & np.isfinite(spread) & np.isfinite(value)
    weight = np.where(used, 1 / np.where(used, spread, 1.0), 0.0)
    value = np.where(used, value, 0.0)
    when = np.broadcast_to(np.asarray(day, dtype=np.float64), value.shape)
    whole = weight.sum(axis=1)
    enough = used.sum(axis=1) > 2
    centre = _quotient(enough, (weight * when).sum(axis=1), whole)
    average = _quotient(enough, (weight * value).sum(axis=1), whole)
    distance = when - centre[:, None]
    information = (weight * distance**2).sum(axis=1)
    slope = _quotient(information > 0, (weight * distance * value).sum(axis=1), information)
    std_error = np.sqrt(_quotient(information > 0, np.ones_like(information), information))
    statistic = slope / std_error
    test = level(len(slope), alpha=alpha, sides=2, direction=1)
    p, _ = p_value(statistic, np.full(len(slope), np.inf), test)
    moved = p < test.alpha
    change = np.where(moved, slope * average, 0.0)
    pattern = np.select([change < 0, change > 0], ["novelty", "primacy"], "")
    first = np.where(used, when, np.inf).min(axis=1, initial=np.inf)
    last = np.where(used, when, -np.inf).max(axis=1, initial=-np.inf)
    ends = [average + slope * (np.where(enough, end, np.nan) - centre) for end in (first, last)]
    reason = reasons.first_reason(len(slope), [(~enough, reasons.FEWER_THAN_3_DAYS)])
    return TrendResult(slope, std_error, statistic, p, ends[0], ends[1], pattern, reason)


def _quotient(condition: Bools, numerator: Floats, denominator: Floats) -> Floats:
    """Quotient where the condition holds, NaN elsewhere."""
    return np.divide(numerator, denominator, out=np.full_like(denominator, np.nan), where=condition)
