"""Rates across variants: is the same share of each variant's units affected?"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from abspark.stats import reasons
from abspark.stats.moments import Floats
from abspark.stats.srm import MANY_EXPECTED, SMALL_EXPECTED, TAIL, srm
from abspark.stats.tails import SMALLEST

_TWO: Final = 2


class RatesTest(NamedTuple):
    """Whether rates are equal.

    Attributes:
        statistic: Pearson's chi-square of the table of affected and other units by variant.
        dof: variants with units, minus one.
        p_value: of the chi-square; where a variant expects fewer than 5 affected units, of the affected units'
            multinomial distribution over the variants, which is exact for rare ones and too large otherwise. Of
            two variants, where it is below 1 % and one expects fewer than 500 affected or other units, exact:
            twice the smaller tail of the hypergeometric distribution (Fisher 1935).
        expected: affected units per variant at equal rates, shape (v,).
        reason: why p is NaN; empty otherwise.
    """

    statistic: float
    dof: int
    p_value: float
    expected: Floats
    reason: str


def equal_rates(affected: ArrayLike, others: ArrayLike) -> RatesTest:
    """Test that affected / (affected + others) is the same in all variants; both of shape (v,).

    Where affected units were counted apart from `others` and may be among them, p is too large, never too small.

    Raises:
        ValueError: the shapes differ.
    """
    rows = np.stack([np.asarray(affected, dtype=np.float64), np.asarray(others, dtype=np.float64)])
    columns, totals = rows.sum(axis=0), rows.sum(axis=1)
    whole = float(totals.sum())
    expected = np.outer(totals, columns) / whole if whole else np.zeros_like(rows)
    open_variants = columns > 0
    reason = _reason(rows, whole, int(open_variants.sum()))
    if reason != reasons.NONE:
        return RatesTest(np.nan, 0, np.nan, expected[0], reason)
    dof = int(open_variants.sum()) - 1
    if np.any(totals == 0):
        return RatesTest(0.0, dof, 1.0, expected[0], reasons.NONE)
    statistic = float(np.sum((rows - expected)[:, open_variants] ** 2 / expected[:, open_variants]))
    p = float(special.chdtrc(dof, statistic))
    if np.any(expected[:, open_variants] < SMALL_EXPECTED):
        rarer = int(totals[1] < totals[0])
        p = float(srm([rows[rarer][open_variants]], [columns[open_variants]]).p_value[0])
    elif p < TAIL and dof == 1 and np.any(expected[:, open_variants] < MANY_EXPECTED):
        p = _exact_p(rows[:, open_variants])
    return RatesTest(statistic, dof, max(p, SMALLEST), expected[0], reasons.NONE)


def _exact_p(table: Floats) -> float:
    """P of a table of shape (2, 2) given the sums of its rows and columns.

    By the rarer units in the smaller variant: what is drawn are few then, over which older versions of scipy sum.
    """
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    count = table[rows.argmin(), columns.argmin()]
    drawn, marked = sorted((rows.min(), columns.min()))
    given = stats.hypergeom(table.sum(), marked, drawn)
    return min(1.0, 2 * float(min(given.cdf(count), given.sf(count - 1))))


def _reason(rows: Floats, whole: float, variants: int) -> str:
    if np.any(~(rows >= 0)):
        return reasons.NEGATIVE_COUNT
    if whole == 0:
        return reasons.NO_UNITS
    return reasons.FEWER_THAN_2_VARIANTS if variants < _TWO else reasons.NONE
