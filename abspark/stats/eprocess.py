"""Sequential test for a sample ratio mismatch: an e-process that may be looked at after every unit.

Lindon & Malek (2020), Anytime-valid inference for multinomial count data, arXiv:2011.03567: the likelihood
ratio of counts under shares drawn from a Dirichlet distribution against the expected shares.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from abspark.stats.recursion import Floats
from abspark.stats.running import running_minimum
from abspark.stats.sequential_reasons import BAD_COUNTS, BAD_SHARES, Reasons, reasons_where
from abspark.stats.tails import SMALLEST

CONCENTRATION: Final = 10_000.0
"""Default concentration: expects deviations of about sqrt(share (1 - share) / 10,000)."""
_SERIES_FROM: Final = 20.0


class SampleRatioProcess(NamedTuple):
    """One row per experiment e, one column per day d; each field (e, d).

    log_e_value: natural logarithm of the evidence against the expected shares after the day; inf once a unit
    was seen where none is expected. p_value: anytime-valid, running minimum of 1 / e, at most 1 and 0 only
    for inf: below a level at any time with at most that probability if the shares are right. posterior: e /
    (1 + e), the probability of a mismatch after even odds. reason: why they are NaN.
    """

    log_e_value: Floats
    p_value: Floats
    posterior: Floats
    reason: Reasons


def sample_ratio_process(
    counts: ArrayLike,
    shares: ArrayLike,
    *,
    concentration: float = CONCENTRATION,
    centre: ArrayLike | None = None,
) -> SampleRatioProcess:
    """Evidence against the expected shares after each day.

    Args:
        counts: (e, d, k), new units per day and variant (not cumulative).
        shares: (e, k) or (e, d, k), expected shares per experiment (and day), each summing to 1. Where they
            change from one day to the next, the test starts anew and the evidences multiply.
        concentration: weight in units of the Dirichlet distribution; large for small mismatches.
        centre: its mean, like `shares`; default the expected shares.

    Raises:
        ValueError: a concentration that isn't positive.
    """
    if not concentration > 0:
        raise ValueError(f"concentration must be positive, got {concentration}")
    new = np.asarray(counts, dtype=float)
    expected = _daily(shares, new)
    prior = expected if centre is None else _daily(centre, new)
    bad_counts = np.logical_or.accumulate(~np.all(new >= 0, axis=2), axis=1)
    bad_shares = np.logical_or.accumulate(_improper(expected) | _improper(prior), axis=1)
    bad = bad_counts | bad_shares
    new, even = np.where(bad[..., None], 0.0, new), 1 / new.shape[2]
    expected, prior = (np.where(bad[..., None], even, share) for share in (expected, prior))
    log_e_value = np.where(bad, np.nan, _over_periods(new, expected, concentration * prior))
    evidence = np.clip(log_e_value, -745.0, None)
    reason = reasons_where(bad.shape, [(bad_counts, BAD_COUNTS), (bad_shares, BAD_SHARES)])
    inverse = np.maximum(np.exp(-np.maximum(evidence, 0.0)), np.where(np.isinf(evidence), 0.0, SMALLEST))
    p_value = np.where(bad, np.nan, running_minimum(inverse))
    return SampleRatioProcess(log_e_value, p_value, 1 / (1 + np.exp(-evidence)), reason)


def _daily(shares: ArrayLike, counts: Floats) -> Floats:
    given = np.asarray(shares, dtype=float)
    return np.broadcast_to(given[:, None, :] if given.ndim == 2 else given, counts.shape)


def _improper(shares: Floats) -> NDArray[np.bool_]:
    return np.asarray(~(np.all(shares >= 0, axis=2) & (np.abs(np.sum(shares, axis=2) - 1) < 1e-9)))


def _over_periods(new: Floats, expected: Floats, alpha: Floats) -> Floats:
    """Log e-values (e, d): sums over periods of constant shares of each period's log e-value so far."""
    days = new.shape[1]
    starts = np.ones(new.shape[:2], dtype=bool)
    starts[:, 1:] = np.any(expected[:, 1:] != expected[:, :-1], axis=2) | np.any(
        alpha[:, 1:] != alpha[:, :-1], axis=2
    )
    first = np.maximum.accumulate(np.where(starts, np.arange(days), 0), axis=1)
    before = np.concatenate([np.zeros_like(new[:, :1]), np.cumsum(new, axis=1)], axis=1)
    counts = before[:, 1:] - np.take_along_axis(before, first[..., None], axis=1)
    log_e_value = _log_e_value(counts, expected, alpha)
    ends = np.concatenate([starts[:, 1:], np.zeros_like(starts[:, :1])], axis=1)
    closed = np.cumsum(np.where(ends, log_e_value, 0.0), axis=1)
    earlier = np.concatenate([np.zeros_like(closed[:, :1]), closed], axis=1)
    return np.asarray(log_e_value + np.take_along_axis(earlier, first, axis=1))


def _log_e_value(counts: Floats, expected: Floats, alpha: Floats) -> Floats:
    """Log of [B(alpha + n) / B(alpha)] / prod share^n over the last axis (arXiv:2011.03567, sec. 2).

    Written with Stirling's formula around the expected counts, so that the large terms cancel on paper
    instead of in the last digits: with x = alpha + n, X = sum x, the leading term is sum x log(x / (X
    share)).
    """
    open_ = expected > 0
    share, a = np.where(open_, expected, 1.0), np.where(open_ & (alpha > 0), alpha, 0.0)
    x = a + np.where(open_, counts, 0.0)
    total, weight = np.sum(x, axis=-1, keepdims=True), np.sum(a, axis=-1, keepdims=True)
    part = x > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        leading = np.where(part, x * np.log1p((x - total * share) / (total * share)), 0.0)
        prior = np.where(part, a * np.log(share) - gammaln(a), 0.0)
        lower = np.where(part, _below_stirling(x), 0.0)
    value = np.sum(leading + prior + lower, axis=-1)
    value = value + (gammaln(weight) - _below_stirling(total))[..., 0]
    impossible = np.any(~open_ & (counts > 0), axis=-1)
    return np.asarray(np.where(impossible, np.inf, value))


def _below_stirling(x: Floats) -> Floats:
    """Log Gamma(x) - x log x + x: by Stirling's series for large x, directly for small."""
    large = np.maximum(x, _SERIES_FROM)
    inverse = 1 / large**2
    series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse / 1680))) / large
    small = np.clip(x, 1e-300, _SERIES_FROM)
    exact = gammaln(small) - small * np.log(small) + small
    return np.asarray(
        np.where(x > _SERIES_FROM, 0.5 * np.log(2 * np.pi) - 0.5 * np.log(large) + series, exact)
    )
