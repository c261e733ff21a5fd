"""How far a t-test of values that are never negative is from its level: too few units for how skewed they are.

Of values that are never negative E[X^2]^2 <= E[X] E[X^3] (Cauchy and Schwarz), so their skewness is at least
sd / mean - mean / sd: moments of second order bound that of the third from below. What it does to a t-statistic of n
values is in its Edgeworth expansion, P(T <= x) = Phi(x) + skewness (2 x^2 + 1) phi(x) / (6 sqrt(n)) (Hall 1992, *The
Bootstrap and Edgeworth Expansion*, sec. 2.6); of a difference of means skewness / sqrt(n) is that of the difference.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from abspark.stats.moments import NUM, Floats, Moments, merge


class SkewedTails(NamedTuple):
    """Results of a batch, arrays of shape (r,).

    Attributes:
        skewness: the least that the skewness of the difference of means may be, under no effect, with the sign of the
            side on which the smaller arm's mean has its long tail; 0 where the arms have one size; NaN where an arm has
            fewer than two units, nothing varies or the mean isn't positive.
        false_tail: the probability, to first order and by that bound at least, of a false significance on the side that
            has too many: of a decrease where `skewness` is positive, else of an increase. Never above 1/2.
    """

    skewness: Floats
    false_tail: Floats


def skewed_tails(control: Moments, treatment: Moments, tail: Floats) -> SkewedTails:
    """What skewness does to a test with the level `tail`, (r,), on each side; numerators alone, none negative.

    Both arms together tell mean and variance, because those of a small arm err together with its mean.
    """
    together = merge(control, treatment)
    mean, variance = together.mean[:, NUM], together.cov[:, NUM, NUM]
    usable = (control.n > 1) & (treatment.n > 1) & (mean > 0) & (variance > 0)
    ratio = np.sqrt(np.where(usable, variance, np.nan)) / np.where(usable, mean, np.nan)
    own = np.maximum(ratio - 1 / ratio, 0.0)
    first, second = (1 / np.where(usable, arm.n, np.nan) for arm in (control, treatment))
    skewness = own * (second**2 - first**2) / (first + second) ** 1.5
    z = norm.isf(tail)
    more = np.abs(skewness) * (2 * z**2 + 1) * norm.pdf(z) / 6
    return SkewedTails(skewness, np.minimum(tail + more, 0.5))
