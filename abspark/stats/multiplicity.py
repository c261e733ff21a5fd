"""Adjusted p-values, many families in one call.

`p` has shape (r,); `family` has one label per row, any integers, and rows are adjusted among those of their
label. A NaN p stays NaN and is not counted in its family's size. A hypothesis is rejected at level alpha
where its adjusted p < alpha. Only products and running extremes are taken, so a p of 1e-300 keeps all its
digits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abspark.stats.moments import Floats

Integers = NDArray[np.int64]
Factor = Callable[[Integers, Integers], Floats]


class _Ranked(NamedTuple):
    """Known p-values by family, then p; `rank` counts from 1 within the family of `size`."""

    p: Floats
    rank: Integers
    size: Integers
    place: Integers


def bonferroni(p: ArrayLike, family: ArrayLike) -> Floats:
    """Family-wise error, any dependence: p times the family's size."""
    return _adjust(p, family, lambda _rank, size: size.astype(np.float64), step=None)


def holm(p: ArrayLike, family: ArrayLike) -> Floats:
    """Family-wise error, any dependence (Holm 1979): step-down; never worse than Bonferroni."""
    return _adjust(p, family, lambda rank, size: (size - rank + 1).astype(np.float64), step="down")


def hochberg(p: ArrayLike, family: ArrayLike) -> Floats:
    """Family-wise error, independent or positively dependent tests (Hochberg 1988): step-up."""
    return _adjust(p, family, lambda rank, size: (size - rank + 1).astype(np.float64), step="up")


def benjamini_hochberg(p: ArrayLike, family: ArrayLike) -> Floats:
    """False discovery rate, independent or positively dependent tests (Benjamini & Hochberg 1995)."""
    return _adjust(p, family, lambda rank, size: size / rank, step="up")


def benjamini_yekutieli(p: ArrayLike, family: ArrayLike) -> Floats:
    """False discovery rate, any dependence (Benjamini & Yekutieli 2001, theorem 1.3): step-up."""

    def factor(rank: Integers, size: Integers) -> Floats:
        harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, size.max(initial=0) + 1))])
        return np.asarray(size * harmonic[size] / rank, dtype=np.float64)

    return _adjust(p, family, factor, step="up")


METHODS: Final[dict[str, Callable[[ArrayLike, ArrayLike], Floats]]] = {
    "bonferroni": bonferroni,
    "holm": holm,
    "hochberg": hochberg,
    "benjamini_hochberg": benjamini_hochberg,
    "benjamini_yekutieli": benjamini_yekutieli,
}
"""Method by the name that the configuration has for it."""


def _adjust(p: ArrayLike, family: ArrayLike, factor: Factor, *, step: str | None) -> Floats:
    values = np.asarray(p, dtype=np.float64)
    ranked = _rank(values, np.asarray(family))
    adjusted = ranked.p * factor(ranked.rank, ranked.size)
    if step == "down":
        adjusted = _running(adjusted, ranked.rank - 1, np.maximum)
    elif step == "up":
        adjusted = _running(adjusted[::-1], (ranked.size - ranked.rank)[::-1], np.minimum)[::-1]
    out = np.full_like(values, np.nan)
    out[ranked.place] = np.minimum(adjusted, 1.0)
    return out


def _rank(values: Floats, family: NDArray[np.generic]) -> _Ranked:
    if values.shape != family.shape:
        raise ValueError(f"p and family need one shape, not {values.shape} and {family.shape}")
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.lexsort((values[known], family[known]))]
    labels = family[order]
    starts = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]]) if len(order) else order
    sizes = np.diff(np.r_[starts, len(order)])
    size = np.repeat(sizes, sizes)
    rank = np.arange(len(order)) - np.repeat(starts, sizes) + 1
    return _Ranked(values[order], rank, size, order)


def _running(values: Floats, before: Integers, extreme: np.ufunc) -> Floats:
    """Running extreme within families; `before` counts the rows of the family ahead of each row.

    Doubling: after k passes each row holds the extreme over itself and up to 2^k - 1 rows before it.
    """
    out = values.copy()
    reach = 1
    while reach <= before.max(initial=0):
        inside = before[reach:] >= reach
        out[reach:] = np.where(inside, extreme(out[reach:], out[:-reach]), out[reach:])
        reach *= 2
    return out
