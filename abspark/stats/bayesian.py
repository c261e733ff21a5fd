"""Bayesian comparison of a treatment with the control: beta-binomial for proportions, normal for the rest.

Rows r are comparisons. "Better" means larger: for a metric for which less is better take 1 - prob_better and
exchange the two losses. No Monte Carlo anywhere. A posterior does not keep an error rate when it is looked at
again and again until it convinces; see docs/statistics-sequential.md for how far it is off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
    """Normal prior of the relative effect: 0.1 is ten percent. `sd` may be inf: a flat prior.

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
    """Posterior of a relative effect under the normal model, each field (r,); losses are relative too."""

    prob_better: Floats
    relative_effect: Floats
    relative_low: Floats
    relative_high: Floats
    expected_loss_treatment: Floats
    expected_loss_control: Floats
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


def compare_relative_effect(
    relative_effect: ArrayLike, std_error: ArrayLike, *, prior: EffectPrior, alpha: float
) -> EffectPosterior:
    """Normal model: estimate (r,) with its standard error (r,), both relative to the control mean.

    Conjugate update (Gelman et al. 2013, eq. 2.10); loss E[max(-D, 0)] = s (phi(m / s) - m / s Phi(-m / s)).
    """
    estimate, error = np.broadcast_arrays(
        np.asarray(relative_effect, dtype=float), np.asarray(std_error, dtype=float)
    )
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
