"""Sample ratio mismatch: do the variants' counts fit the shares they were configured to get?

Counts and expected weights have shape (r, v): a row is one experiment (or slice), a column one variant; or
(r, periods, v) where the weights changed, of which periods of the same shares are one. Rows with fewer variants are
filled up with a weight of NaN, rows with fewer periods with periods of no units. A configured variant that nobody saw
stands there with count 0: leaving it out would hide the worst mismatch there is.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from abspark.stats import reasons
from abspark.stats.moments import Bools, Floats
from abspark.stats.reasons import Reasons
from abspark.stats.tails import SMALLEST

SrmMethod = Literal["auto", "chi_square", "exact"]

SMALL_EXPECTED: Final = 5.0
"""Below this many expected units in a variant the chi-square approximation is not trusted (Cochran 1954)."""
TAIL: Final = 0.01
MANY_EXPECTED: Final = 500.0
"""A chi-square p below `TAIL` is not trusted below this many expected units in a variant of one period.

Counts are skewed, and the farther out the more it tells: of a variant with a share of 1 % that expects 5 units p
is below 2e-6, the level of one of 500 segment values, 30 times too often.
"""
MOST_SKEWNESS: Final = 0.045
"""Nor is it beyond this skewness of a variant's count, that of 500 expected units of a small share.

Three variants of 98/1/1 % and 1,000 units are below 1e-4 3.7 times too often, 10,000 units 1.3 times; a third each of
500 units, with a skewness of 0.03, are not.
"""
MOST_OUTCOMES: Final = 100_000
"""The exact test enumerates this many outcomes at most."""
TIE: Final = 1e-9
_BLOCK: Final = 4_000_000
_PLAIN: Final = 2
_TWO: Final = 2
_SAME_SHARE: Final = 1e-12
"""Shares of the same weights, in whatever unit these are, differ by rounding alone."""
_NO_SPREAD: Final = 1e-12
"""Eigenvalues up to this are rounding of 0."""


class SrmResult(NamedTuple):
    """Results of shape (r,), `expected` of shape (r, v).

    Attributes:
        statistic: Pearson's chi-square, with several periods the quadratic form that takes its place;
            infinite where units turned up in a variant that expects none, be it in one period.
        dof: variants that expect units, minus one; with several periods minus one for each group of variants
            between which no period splits units.
        p_value: probability of counts at least as unlikely as these if the shares hold; exactly 0 where
            the statistic is infinite.
        expected: units expected per variant, over all periods; NaN where a row has no such variant.
        exact: whether p comes from the multinomial distribution, or the binomials of the variants, instead of the
            chi-square approximation; with several periods, from those of their average shares.
        reason: why p is NaN, or 0.
    """

    statistic: Floats
    dof: Floats
    p_value: Floats
    expected: Floats
    exact: Bools
    reason: Reasons


def srm(counts: ArrayLike, weights: ArrayLike, *, method: SrmMethod = "auto") -> SrmResult:
    """Goodness of fit of counts to weights (which need not sum to 1), by chi-square or exactly.

    `auto` is exact where a variant expects fewer than 5 units; with one period also where it expects fewer than
    500 and chi-square gives p < 1 %. `exact` is wherever it can be. The exact p sums the probability of all outcomes
    that are no likelier than the one seen. Where these are too many, few units are tested variant by variant, which
    errs on the large side; so are, far out in the tail, two variants, of which that is the whole test, and several
    with a small share. With several
    periods the average shares are taken, whose counts spread more, so that p errs on the large side (shown for two
    variants: Hoeffding 1956, thm. 5).

    Raises:
        ValueError: the shapes differ.
    """
    seen, weight = np.atleast_2d(counts).astype(np.float64), np.atleast_2d(weights).astype(np.float64)
    if seen.shape != weight.shape:
        raise ValueError(f"counts and weights need one shape, not {seen.shape} and {weight.shape}")
    if seen.ndim == _PLAIN:
        seen, weight = seen[:, None], weight[:, None]
    present = ~np.isnan(weight)
    seen, weight = np.where(present, seen, 0.0), np.where(present, weight, 0.0)
    whole = weight.sum(axis=2, keepdims=True)
    share = np.divide(weight, whole, out=np.zeros_like(weight), where=whole > 0)
    counted = np.all(seen >= 0, axis=(1, 2))
    seen = _by_shares(seen, share)
    units = np.where(counted[:, None], seen.sum(axis=2), 0.0)
    expected = np.einsum("rp,rpv->rv", units, share)
    total, found = units.sum(axis=1), seen.sum(axis=1)
    stray = np.any((share == 0) & (seen > 0), axis=(1, 2))
    statistic, dof = _chi_square(found, expected, units, share)
    reason = reasons.first_reason(len(seen), [
        (~counted, reasons.NEGATIVE_COUNT),
        (total == 0, reasons.NO_UNITS),
        (stray, reasons.UNITS_WHERE_NONE_EXPECTED),
        (dof < 1, reasons.FEWER_THAN_2_VARIANTS),
    ])  # fmt: skip
    sound = reason == reasons.NONE
    statistic, dof = np.where(sound, statistic, np.nan), np.where(sound | stray, dof, np.nan)
    p = np.asarray(special.chdtrc(dof, statistic), dtype=np.float64)
    one_period = (units > 0).sum(axis=1) == 1
    enumerated, by_variant = _to_be_exact(found, expected, method, tail=one_period & (p < TAIL))
    for test, rows in ((_exact_p, sound & enumerated), (_p_by_variant, sound & by_variant)):
        p[rows] = test(found[rows], expected[rows] / total[rows, None])
    exact = sound & (enumerated | by_variant)
    p = np.maximum(p, SMALLEST)
    impossible = reason == reasons.UNITS_WHERE_NONE_EXPECTED
    statistic[impossible], p[impossible] = np.inf, 0.0
    return SrmResult(statistic, dof, p, np.where(present.any(axis=1), expected, np.nan), exact, reason)


def _by_shares(seen: Floats, share: Floats) -> Floats:
    """The counts, those of periods of the same shares all in the first of them: another salt or traffic is no other."""
    found = seen.copy()
    for later in range(1, seen.shape[1]):
        for first in range(later):
            same = (np.abs(share[:, later] - share[:, first]) <= _SAME_SHARE).all(axis=1)
            found[same, first] += found[same, later]
            found[same, later] = 0.0
    return found


def _chi_square(seen: Floats, expected: Floats, units: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Statistic and degrees of freedom; `units` have shape (r, p), `share` (r, p, v)."""
    off = seen - expected
    terms = np.divide(off**2, expected, out=np.zeros_like(off), where=expected > 0)
    statistic, dof = terms.sum(axis=1), (expected > 0).sum(axis=1) - 1.0
    several = (units > 0).sum(axis=1) > 1
    if several.any():
        rows = (off[several], expected[several], units[several], share[several])
        statistic[several], dof[several] = _over_periods(*rows)
    return statistic, dof


def _over_periods(off: Floats, expected: Floats, units: Floats, share: Floats) -> tuple[Floats, Floats]:
    """The same over several periods: d' V^- d, V the sum of their multinomial covariances (Moore 1977).

    Over the roots of what is expected the counts have the covariance I - B'B, of eigenvalues at most 1: Pearson's
    statistic takes them all for 1, and is too small where shares changed. One is 0 for each group of variants
    between which no period splits units.
    """
    root = np.sqrt(expected)
    scaled = np.divide(off, root, out=np.zeros_like(off), where=root > 0)
    b = np.sqrt(units)[..., None] * share
    b = np.divide(b, root[:, None], out=np.zeros_like(b), where=root[:, None] > 0)
    open_variants = np.eye(share.shape[2]) * (expected > 0)[:, None]
    value, vector = np.linalg.eigh(open_variants - np.einsum("rpv,rpw->rvw", b, b))
    along = np.einsum("rv,rvk->rk", scaled, vector) ** 2
    free = value > _NO_SPREAD
    statistic = np.divide(along, value, out=np.zeros_like(along), where=free).sum(axis=1)
    return np.asarray(statistic, dtype=np.float64), free.sum(axis=1).astype(np.float64)


def _to_be_exact(seen: Floats, expected: Floats, method: SrmMethod, *, tail: Bools) -> tuple[Bools, Bools]:
    """Which rows are tested by enumeration, and which variant by variant; `tail` are those of a small chi-square p."""
    if method == "chi_square":
        return np.zeros(len(seen), dtype=np.bool_), np.zeros(len(seen), dtype=np.bool_)
    total, variants = seen.sum(axis=1), (expected > 0).sum(axis=1)
    outcomes = special.binom(total + variants - 1, np.maximum(variants - 1, 0))
    whole = (seen == np.floor(seen)).all(axis=1)
    least = np.where(expected > 0, expected, np.inf).min(axis=1, initial=np.inf)
    few, skewed = least < SMALL_EXPECTED, tail & (least < MANY_EXPECTED)
    two, enumerable = variants == _TWO, outcomes <= MOST_OUTCOMES
    enumerated = enumerable & (few | (skewed & ~two) | (method == "exact"))
    by_variant = ~enumerated & (few | (skewed & (two | (_skewness(expected) > MOST_SKEWNESS))))
    return np.asarray(whole & enumerated), np.asarray(whole & by_variant)


def _skewness(expected: Floats) -> Floats:
    """That of the variant's count that has the most, of binomials."""
    total = expected.sum(axis=1, keepdims=True)
    spread = np.sqrt(expected * (total - expected) * total)
    off = np.abs(total - 2 * expected)
    return np.asarray(np.divide(off, spread, out=np.zeros_like(off), where=spread > 0).max(axis=1))


def _exact_p(seen: Floats, share: Floats) -> Floats:
    """Exact multinomial p of whole counts; rows of one total and number of open variants go together."""
    p = np.empty(len(seen))
    shape = np.column_stack([seen.sum(axis=1), (share > 0).sum(axis=1)]).astype(np.int64)
    for total, variants in np.unique(shape, axis=0):
        rows = np.flatnonzero((shape == (total, variants)).all(axis=1))
        outcomes = _compositions(int(total), int(variants))
        block = max(1, _BLOCK // len(outcomes))
        for start in range(0, len(rows), block):
            part = rows[start : start + block]
            open_variants = share[part] > 0
            log_share = np.log(share[part][open_variants].reshape(len(part), variants))
            own = seen[part][open_variants].reshape(len(part), variants)
            log_own = _log_ways(own) + (own * log_share).sum(axis=1)
            log_all = _log_ways(outcomes) + log_share @ outcomes.T
            # Outcomes as likely as the one seen count, whatever the rounding of their logarithms.
            limit = log_own + TIE * (1 + np.abs(log_own))
            p[part] = np.where(log_all <= limit[:, None], np.exp(log_all), 0.0).sum(axis=1)
    return np.minimum(p, 1.0)


def _p_by_variant(seen: Floats, share: Floats) -> Floats:
    """The smallest of the variants' two-sided binomial p, times as many as there are; two variants are one test."""
    total, open_variants = seen.sum(axis=1, keepdims=True), share > 0
    w = np.where(open_variants, share, 0.5)
    up = special.betainc(np.maximum(seen, 1.0), total - seen + 1, w)
    down = special.betainc(np.maximum(total - seen, 1.0), seen + 1, 1 - w)
    tails = np.minimum(np.where(seen > 0, up, 1.0), np.where(seen < total, down, 1.0))
    variants = open_variants.sum(axis=1)
    tests = np.where(variants == _TWO, 1, variants)
    smallest = np.where(open_variants, tails, 1.0).min(axis=1)
    return np.asarray(np.minimum(2 * tests * smallest, 1.0), dtype=np.float64)


def _log_ways(counts: Floats) -> Floats:
    """Logarithm of the multinomial coefficient of each row."""
    ways = special.gammaln(counts.sum(axis=1) + 1) - special.gammaln(counts + 1).sum(axis=1)
    return np.asarray(ways, dtype=np.float64)


def _compositions(total: int, parts: int) -> NDArray[np.float64]:
    """All vectors of `parts` counts that sum to `total`, a row each."""
    rows = np.arange(total + 1, dtype=np.float64)[:, None]
    for _ in range(parts - 2):
        left = (total - rows.sum(axis=1)).astype(np.int64)
        repeated = np.repeat(rows, left + 1, axis=0)
        within = np.arange(len(repeated)) - np.repeat(np.cumsum(left + 1) - (left + 1), left + 1)
        rows = np.column_stack([repeated, within])
    return np.column_stack([rows, total - rows.sum(axis=1)])
