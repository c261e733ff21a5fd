"""Bayesian comparison of two or more variants: beta-binomial for proportions, normal for everything else.

Rows r are comparisons. "Better" means larger: for a metric for which less is better take 1 - prob_better and
exchange the two losses. No Monte Carlo anywhere. A posterior does not keep an error rate when it is looked at
again and again until it convinces; see docs/statistics-sequential.md for how far it is off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtr, ndtri

from abspark.stats.beta import (
    Beta,
    beta_quantile,
    difference_cdf,
    probability_best,
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
                f"beta prior ({self.successes}, {self.failures}) must not fall below {SMALLEST_BETA_PARAMETER}"
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
    """Posterior of a relative effect under the normal model, each field (r,); losses in relative effect too."""

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
    bad = _bad_counts(won, tried)
    fields = np.full((9, len(won)), np.nan)
    rows = np.flatnonzero(~bad)
    for part in np.array_split(rows, 1 + len(rows) // _ROWS_AT_ONCE):
        if len(part):
            control, treatment = (_posterior(won[part, arm], tried[part, arm], prior) for arm in (0, 1))
            fields[:, part] = _compare(treatment, control, alpha)
    masks = [(bad, BAD_COUNTS), (np.isnan(fields[4]), RELATIVE_MEAN_UNDEFINED)]
    return ProportionPosterior(*fields, reasons_where(bad.shape, masks))


def best_proportion(successes: ArrayLike, units: ArrayLike, *, prior: BetaPrior) -> tuple[Floats, Reasons]:
    """P(variant has the largest proportion), (r, v), for counts (r, v), and the reasons (r,) of NaN rows."""
    won, tried = np.asarray(successes, dtype=float), np.asarray(units, dtype=float)
    bad = _bad_counts(won, tried)
    best = np.full(won.shape, np.nan)
    rows = np.flatnonzero(~bad)
    for part in np.array_split(rows, 1 + len(rows) * won.shape[1] ** 2 // _ROWS_AT_ONCE):
        if len(part):
            best[part] = probability_best(_posterior(won[part], tried[part], prior))
    return best, reasons_where(bad.shape, [(bad, BAD_COUNTS)])


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


def _bad_counts(won: Floats, tried: Floats) -> NDArray[np.bool_]:
    return np.asarray(~np.all((won >= 0) & (won <= tried) & np.isfinite(tried), axis=1))


def _posterior(won: Floats, tried: Floats, prior: BetaPrior) -> Beta:
    return Beta(prior.successes + won, prior.failures + tried - won)


def _compare(treatment: Beta, control: Beta, alpha: float) -> list[Floats]:
    better = probability_greater(treatment, control)
    effect = treatment.mean - control.mean
    low, high = _interval(treatment, control, alpha, relative=False)
    relative_low, relative_high = _interval(treatment, control, alpha, relative=True)
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


def _interval(treatment: Beta, control: Beta, alpha: float, *, relative: bool) -> tuple[Floats, Floats]:
    """Equal-tailed interval of the difference, or of the logarithm of the ratio.

    Each end lies between values built from the two marginal quantiles at half its tail, by the union bound.
    """
    cdf = ratio_cdf(treatment, control) if relative else difference_cdf(treatment, control)
    ends = []
    for probability in (alpha / 2, 1 - alpha / 2):
        bracket = []
        for at in (probability / 2, (1 + probability) / 2):
            top, bottom = (
                expit(beta_quantile(arm, np.full_like(arm.a, p)))
                for arm, p in ((treatment, at), (control, 1 - at))
            )
            bracket.append(np.log(top) - np.log(bottom) if relative else top - bottom)
        target = ndtri(probability)

        def distance(x: Floats, target: float = target) -> Floats:
            return np.asarray(np.clip(ndtri(cdf(x)), -38.0, 8.3) - target)

        ends.append(increasing_root(distance, bracket[0], bracket[1], tolerance=1e-11))
    return ends[0], ends[1]
