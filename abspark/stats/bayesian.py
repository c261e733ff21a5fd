"""Bayesian comparison of a treatment with the control: beta-binomial for proportions, normal for the rest.

The normal model is of the effect: its estimate is normal with the effect's standard error, its prior that of the
relative effect times the control's estimated mean. Of this one posterior are P(better), effect and losses.

Rows r are comparisons. "Better" means larger: for a metric for which less is better take 1 - prob_better and
exchange the two losses. No Monte Carlo anywhere. A posterior does not keep an error rate when it is looked at
again and again until it convinces; see docs/statistics-sequential.md for how far it is off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtr, ndtri

from abspark.stats.beta import (
    Beta,
    beta_quantile,
    difference_cdf,
    few,
    probability_greater,
    ratio_cdf,
)
from abspark.stats.effects import Effect
from abspark.stats.fixed import fieller
from abspark.stats.reasons import FIELLER_UNBOUNDED, either, first_reason
from abspark.stats.roots import increasing_root
from abspark.stats.sequential_reasons import (
    BAD_COUNTS,
    NONE,
    RELATIVE_MEAN_UNDEFINED,
    Reasons,
    reasons_where,
    spread_problem,
)

Floats = NDArray[np.float64]

SMALLEST_BETA_PARAMETER: Final = 0.1
_ROWS_AT_ONCE: Final = 2000


@dataclass(frozen=True)
class BetaPrior:
    """Prior of every variant's proportion: Beta(successes, failures), both >= 0.1; (1, 1) is uniform.

    Raises:
        ValueError: a parameter below 0.1.
    """

    successes: float = 1.0
    failures: float = 1.0

    def __post_init__(self) -> None:
        """Refuse priors so extreme that the quadrature would lose its accuracy."""
        if not min(self.successes, self.failures) >= SMALLEST_BETA_PARAMETER:
            raise ValueError(
                f"beta prior ({self.successes}, {self.failures}) falls below {SMALLEST_BETA_PARAMETER}"
            )


@dataclass(frozen=True)
class EffectPrior:
    """Normal prior of the relative effect: 0.1 is ten percent. `sd` may be inf: a flat prior of the effect.

    Raises:
        ValueError: a mean that isn't finite, or an sd that isn't positive.
    """

    mean: float
    sd: float

    def __post_init__(self) -> None:
        """Refuse priors that mean nothing."""
        if not (np.isfinite(self.mean) and self.sd > 0):
            raise ValueError(f"effect prior must have a finite mean and sd > 0, got ({self.mean}, {self.sd})")


class ProportionPosterior(NamedTuple):
    """Posterior comparison of two proportions, each field (r,).

    prob_better: P(treatment > control). effect, low, high: posterior mean and equal-tailed credible interval
    of treatment - control. relative_effect, relative_low, relative_high: the same of treatment / control - 1;
    its mean is NaN, reason relative_mean_undefined, where control successes + prior <= 1.
    expected_loss_treatment: E[max(control - treatment, 0)], what choosing the treatment costs on average;
    expected_loss_control: the other way. reason: why fields are NaN.
    """

    prob_better: Floats
    effect: Floats
    low: Floats
    high: Floats
    relative_effect: Floats
    relative_low: Floats
    relative_high: Floats
    expected_loss_treatment: Floats
    expected_loss_control: Floats
    reason: Reasons


class EffectPosterior(NamedTuple):
    """Posterior of an effect under the normal model, each field (r,), in the unit of estimate and prior."""

    prob_better: Floats
    effect: Floats
    low: Floats
    high: Floats
    expected_loss_treatment: Floats
    expected_loss_control: Floats
    reason: Reasons


class RelativePosterior(NamedTuple):
    """Posterior median and credible interval of treatment / control - 1, each field (r,); reason: why they are NaN."""

    effect: Floats
    low: Floats
    high: Floats
    reason: Reasons


def compare_proportions(
    successes: ArrayLike, units: ArrayLike, *, prior: BetaPrior, alpha: float
) -> ProportionPosterior:
    """Beta-binomial comparison: `successes` and `units` are (r, 2), control first; intervals hold 1 - alpha.

    Gelman et al. (2013), Bayesian Data Analysis, sec. 2.4 (posterior Beta(prior + successes, prior +
    failures)); losses by E[X 1(X > Y)] = E[X] P(X' > Y) with X' ~ Beta(a + 1, b). Exact to 1e-8 and better.
    """
    won, tried = np.asarray(successes, dtype=float), np.asarray(units, dtype=float)
    bad = bad_counts(won, tried)
    fields = np.full((9, len(won)), np.nan)
    rows = np.flatnonzero(~bad)
    arms = beta_posterior(won[rows], tried[rows], prior)
    control, treatment = (Beta(arms.a[:, arm], arms.b[:, arm]) for arm in (0, 1))
    hard = few(treatment, control)
    for fine, group in ((0, np.flatnonzero(~hard)), (1, np.flatnonzero(hard))):
        for part in np.array_split(group, 1 + len(group) * (1 + 5 * fine) // _ROWS_AT_ONCE):
            if len(part):
                pair = [Beta(arm.a[part], arm.b[part]) for arm in (treatment, control)]
                fields[:, rows[part]] = _compare(pair[0], pair[1], alpha, fine)
    masks = [(bad, BAD_COUNTS), (np.isnan(fields[4]), RELATIVE_MEAN_UNDEFINED)]
    reason = reasons_where(bad.shape, masks)
    named = dict(zip(ProportionPosterior._fields, fields, strict=False))
    return ProportionPosterior(**named, reason=reason)


def compare_effect(
    effect: ArrayLike, std_error: ArrayLike, *, prior: EffectPrior, alpha: float
) -> EffectPosterior:
    """Normal model: estimates (r,) with their standard errors (r,), both in the unit of the prior.

    Conjugate update (Gelman et al. 2013, eq. 2.10); loss E[max(-D, 0)] = s (phi(m / s) - m / s Phi(-m / s)).
    For a prior of relative effects divide effect and standard error by the control mean. Its own error has no
    place in `std_error`, as it doesn't count where there is no effect: P(treatment > control) is that of the
    effect, with a flat prior Phi(effect / standard error).
    """
    estimate, error = np.broadcast_arrays(np.asarray(effect, dtype=float), np.asarray(std_error, dtype=float))
    reason = spread_problem(estimate, error)
    error = np.where(reason == NONE, error, np.nan)
    precision = 1 / error**2 + 1 / prior.sd**2
    sd = 1 / np.sqrt(precision)
    mean = (estimate / error**2 + prior.mean / prior.sd**2) / precision
    z = mean / sd
    half = -ndtri(alpha / 2) * sd
    lost_by_treatment = sd * (_phi(z) - z * ndtr(-z))
    lost_by_control = sd * (_phi(z) + z * ndtr(z))
    return EffectPosterior(
        ndtr(z), mean, mean - half, mean + half, lost_by_treatment, lost_by_control, reason
    )


def relative_posterior(effect: Effect, *, prior: EffectPrior, alpha: float) -> RelativePosterior:
    """Posterior of treatment / control - 1 by its quantiles: the median, and the ends of the credible interval.

    The quantiles are the rho at which P(treatment > (1 + rho) control) is 1/2, 1 - alpha / 2 and alpha / 2, each by
    the normal model of effect - rho control mean, relative to that mean: estimate r - rho with its own standard
    error, prior mean less rho. So the error of the control mean counts, and 0 lies outside exactly where
    P(better) is beyond alpha / 2. With a flat prior the interval is Fieller's (1954) and the median the estimate.
    """
    critical = -ndtri(alpha / 2)
    if not np.isfinite(prior.sd):
        (low, high), unbounded = fieller(effect, np.full(len(effect), critical))
        too_wide = first_reason(len(effect), [(unbounded, FIELLER_UNBOUNDED)])
        return RelativePosterior(effect.relative, low, high, either(effect.relative_reason, too_wide))
    base = np.where(effect.relative_variance > 0, effect.control.mean, np.nan)
    variance, shared, control = (
        given / base**2 for given in (effect.variance, effect.covariance, effect.control.mean_variance)
    )

    def beyond(rho: Floats, target: float) -> Floats:
        """Normal quantile of P(relative effect < rho) less a target."""
        spread = np.maximum(variance - 2 * rho * shared + rho**2 * control, np.finfo(float).tiny)
        distance = (rho - effect.relative) / spread + (rho - prior.mean) / prior.sd**2
        return np.asarray(distance / np.sqrt(1 / spread + 1 / prior.sd**2) - target)

    room = critical * prior.sd
    bracket = (
        np.minimum(effect.relative, prior.mean) - room,
        np.maximum(effect.relative, prior.mean) + room,
    )
    low, median, high = (
        increasing_root(partial(beyond, target=target), *bracket, tolerance=1e-12)
        for target in (-critical, 0.0, critical)
    )
    # Without an error of its own, as at -100 %, the estimate is all there is.
    median = np.where(np.isnan(base), effect.relative, median)
    return RelativePosterior(median, low, high, effect.relative_reason)


def _phi(z: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi))


def bad_counts(won: Floats, tried: Floats) -> NDArray[np.bool_]:
    """(r,): rows of counts (r, v) that can't be successes among units."""
    return np.asarray(~np.all((won >= 0) & (won <= tried) & np.isfinite(tried), axis=1))


def beta_posterior(won: Floats, tried: Floats, prior: BetaPrior) -> Beta:
    """Conjugate posterior of each count, of the counts' shape."""
    return Beta(prior.successes + won, prior.failures + tried - won)


def _compare(treatment: Beta, control: Beta, alpha: float, fine: int) -> list[Floats]:
    better = probability_greater(treatment, control)
    effect = treatment.mean - control.mean
    cdf = difference_cdf(treatment, control, fine=fine)
    low, high = _interval(cdf, alpha, lambda p: _ends(treatment, p) - _ends(control, 1 - p))
    cdf = ratio_cdf(treatment, control, fine=fine)
    relative_low, relative_high = _interval(
        cdf, alpha, lambda p: np.log(_ends(treatment, p)) - np.log(_ends(control, 1 - p))
    )
    a, total = control.a, control.a + control.b
    inverse_mean = np.where(a > 1, (total - 1) / np.where(a > 1, a - 1, 1.0), np.nan)
    lost = [_loss(control, treatment), _loss(treatment, control)]
    relative = treatment.mean * inverse_mean - 1
    return [better, effect, low, high, relative, np.expm1(relative_low), np.expm1(relative_high), *lost]


def _loss(winner: Beta, chosen: Beta) -> Floats:
    """E[max(X_winner - X_chosen, 0)]."""
    gained = winner.mean * probability_greater(Beta(winner.a + 1, winner.b), chosen)
    kept = chosen.mean * (1 - probability_greater(Beta(chosen.a + 1, chosen.b), winner))
    return np.asarray(np.maximum(gained - kept, 0.0))


def _ends(arm: Beta, probability: float) -> Floats:
    return np.asarray(expit(beta_quantile(arm, np.full_like(arm.a, probability))))


def _interval(
    cdf: Callable[[Floats], Floats], alpha: float, bound: Callable[[float], Floats]
) -> tuple[Floats, Floats]:
    """Equal-tailed interval of a comparison of two independent variables.

    `bound(p)` compares the one's p quantile with the other's 1 - p quantile; by the union bound a quantile
    lies between that at half its tail below and that at half its tail above.
    """
    ends = []
    for probability in (alpha / 2, 1 - alpha / 2):
        target = ndtri(probability)

        def distance(x: Floats, target: float = target) -> Floats:
            return np.asarray(np.clip(ndtri(cdf(x)), -38.0, 8.3) - target)

        bracket = bound(probability / 2), bound((1 + probability) / 2)
        ends.append(increasing_root(distance, *bracket, tolerance=1e-11))
    return ends[0], ends[1]
