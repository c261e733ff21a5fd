"""Moments: the sufficient statistics of all estimators, as a batch of rows.

A row is one metric in one variant (and segment, and day). The four variables are, in this order, numerator,
denominator, and the same two before exposure. A variable that a metric does not have is NaN throughout: its
mean, and its row and column of the covariance matrix. Co-moments are centred here, never raw sums of squares,
so a large constant in the data costs nothing more than it did when they were made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NUM: Final = 0
DEN: Final = 1
PRE_NUM: Final = 2
PRE_DEN: Final = 3


@dataclass(frozen=True, eq=False)
class Moments:
    """A batch of r rows.

    Attributes:
        n: units, shape (r,).
        mean: means, shape (r, 4); NaN where n = 0.
        cov: sample covariances (ddof = 1), shape (r, 4, 4), symmetric; NaN where n < 2.

    Raises:
        ValueError: the shapes do not belong together.
    """

    n: Floats
    mean: Floats
    cov: Floats

    def __post_init__(self) -> None:
        """Make the arrays float64 and refuse shapes that do not belong together."""
        for name in ("n", "mean", "cov"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        rows = self.n.shape
        if len(rows) != 1 or self.mean.shape != (*rows, 4) or self.cov.shape != (*rows, 4, 4):
            raise ValueError(
                "moments need shapes (r,), (r, 4) and (r, 4, 4), "
                f"not {rows}, {self.mean.shape} and {self.cov.shape}"
            )

    def __len__(self) -> int:
        """Rows in the batch."""
        return len(self.n)

    def take(self, index: NDArray[Any] | slice) -> Moments:
        """The rows that an index array, boolean mask or slice picks."""
        return Moments(self.n[index], self.mean[index], self.cov[index])

    @classmethod
    def from_samples(
        cls,
        num: ArrayLike,
        den: ArrayLike | None = None,
        *,
        pre_num: ArrayLike | None = None,
        pre_den: ArrayLike | None = None,
    ) -> Moments:
        """Moments of values by unit: shape (n,) gives one row, shape (r, n) gives r rows.

        Two passes: the mean is taken off before anything is multiplied. A variable not given is NaN
        throughout.

        Raises:
            ValueError: the variables do not have one shape.
        """
        given = [
            None if v is None else np.atleast_2d(np.asarray(v, dtype=np.float64))
            for v in (num, den, pre_num, pre_den)
        ]
        rows, units = np.atleast_2d(np.asarray(num)).shape
        if any(values is not None and values.shape != (rows, units) for values in given):
            raise ValueError(f"all variables need the numerator's shape, {(rows, units)}")
        mean = np.full((rows, 4), np.nan)
        cov = np.full((rows, 4, 4), np.nan)
        centred: dict[int, Floats] = {}
        for i, values in enumerate(given):
            if values is not None and units > 0:
                mean[:, i] = values.mean(axis=1)
                centred[i] = values - mean[:, i, None]
        if units > 1:
            for i, x in centred.items():
                for j, y in centred.items():
                    cov[:, i, j] = np.einsum("ru,ru->r", x, y) / (units - 1)
        return cls(np.full(rows, float(units)), mean, cov)


def merge(first: Moments, second: Moments) -> Moments:
    """Row by row, the moments of the two sets of units together.

    Chan, Golub & LeVeque (1983, The American Statistician 37, 242-247), eq. 1.5, for vectors. n = 0 changes
    nothing; n = 1 has no covariances and merges as zero spread. A variable that is NaN in either set (of n > 0)
    is NaN in the result.
    """
    n = first.n + second.n
    share = np.divide(second.n, n, out=np.zeros_like(n), where=n > 0)
    delta = second.mean - first.mean
    mean = first.mean + delta * share[:, None]
    spread = _co_moments(first) + _co_moments(second)
    spread += delta[:, :, None] * delta[:, None, :] * (first.n * share)[:, None, None]
    cov = np.divide(
        spread, (n - 1)[:, None, None], out=np.full_like(spread, np.nan), where=(n > 1)[:, None, None]
    )
    for other, empty in ((second, first.n == 0), (first, second.n == 0)):
        if empty.any():
            mean[empty], cov[empty] = other.mean[empty], other.cov[empty]
    return Moments(n, mean, cov)


def concat(parts: Sequence[Moments]) -> Moments:
    """All rows of all parts, in order."""
    return Moments(
        np.concatenate([part.n for part in parts]),
        np.concatenate([part.mean for part in parts]),
        np.concatenate([part.cov for part in parts]),
    )


def _co_moments(moments: Moments) -> Floats:
    """Centred sums of products, zero where n < 2."""
    weight = np.maximum(moments.n - 1, 0)[:, None, None]
    single = (moments.n < 2)[:, None, None]
    return np.where(single, 0.0, moments.cov * weight)
