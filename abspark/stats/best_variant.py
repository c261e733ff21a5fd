"""Several variants: the posterior probability that each is the best of its experiment.

"Best" means largest; for a metric for which less is better, count failures instead of successes; negative
means need a flat prior. The probabilities of a row sum to 1.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from abspark.stats.bayesian import BetaPrior, EffectPrior, Floats, bad_counts, beta_posterior
from abspark.stats.beta import probability_best
from abspark.stats.quadrature import gauss_panels
from abspark.stats.sequential_reasons import (
    BAD_COUNTS,
    CONTROL_MEAN_NOT_POSITIVE,
    ESTIMATE_UNDEFINED,
    ZERO_STD_ERROR,
    Reasons,
    reasons_where,
)

_CELLS_AT_ONCE: Final = 8000
_FARTHEST: Final = 8.5
_PANEL_WIDTH: Final = 3.0
_POINTS: Final = 16
_FEWEST_PANELS: Final = 6
_MOST_PANELS: Final = 400
_MOST_PAIRS: Final = 3000
"""Panels of the one integral times panels of the other."""
_CELLS_OF_NODES: Final = 1e6


def best_proportion(successes: ArrayLike, units: ArrayLike, *, prior: BetaPrior) -> tuple[Floats, Reasons]:
    """P(variant has the largest proportion), (r, v), for counts (r, v), and the reasons (r,) of NaN rows."""
    won, tried = np.asarray(successes, dtype=float), np.asarray(units, dtype=float)
    bad = bad_counts(won, tried)
    best = np.full(won.shape, np.nan)
    rows = np.flatnonzero(~bad)
    for part in np.array_split(rows, 1 + len(rows) * won.shape[1] ** 2 // _CELLS_AT_ONCE):
        if len(part):
            best[part] = probability_best(beta_posterior(won[part], tried[part], prior))
    return best, reasons_where(bad.shape, [(bad, BAD_COUNTS)])


def best_mean(mean: ArrayLike, std_error: ArrayLike, *, prior: EffectPrior) -> tuple[Floats, Reasons]:
    """P(variant has the largest mean), (r, v), control first, and the reasons (r,) of NaN rows.

    Model: the arms' estimates are independent and normal, the control's true mean has a flat prior, each
    treatment's relative effect the prior given, scaled by the control's estimate. Given the control's mean
    the treatments are independent, so the probability is one integral over that mean and one over the best
    effect.
    """
    estimate, error = np.asarray(mean, dtype=float), np.asarray(std_error, dtype=float)
    missing = ~np.all(np.isfinite(estimate) & np.isfinite(error) & (error >= 0), axis=1)
    masks = [
        (missing, ESTIMATE_UNDEFINED),
        (np.any(error == 0, axis=1), ZERO_STD_ERROR),
        (~(estimate[:, 0] > 0) & np.isfinite(prior.sd), CONTROL_MEAN_NOT_POSITIVE),
    ]
    reason = reasons_where(missing.shape, masks)
    rows = np.flatnonzero(reason == "")
    base = np.where(np.isfinite(prior.sd) & (estimate[:, :1] > 0), estimate[:, :1], 1.0)
    scaled = (estimate[:, 1:] - estimate[:, :1]) / base, error[:, 1:] / base, error[:, :1] / base
    shared = np.broadcast_to(scaled[2], scaled[0].shape)
    return _in_parts(scaled[0], scaled[1], shared, rows, prior), reason


def best_effect(
    effect: ArrayLike, own_error: ArrayLike, shared_error: ArrayLike, *, prior: EffectPrior
) -> tuple[Floats, Reasons]:
    """P(variant is the best), (r, v + 1), control first, for the effects (r, v) of v treatments against it.

    An effect's error has a part of the treatment's own units, standard error `own_error` (r, v), and one of
    the control's, `shared_error` (r, v), which moves all effects of the row together. `prior` is of each
    effect, in the unit of `effect`. With one treatment this is `compare_effect`.
    Returns the reasons (r,) of NaN rows as well.
    """
    estimate, own, shared = np.broadcast_arrays(
        *(np.asarray(values, dtype=float) for values in (effect, own_error, shared_error))
    )
    defined = np.isfinite(estimate) & np.isfinite(own) & np.isfinite(shared) & (own >= 0) & (shared >= 0)
    missing = ~np.all(defined, axis=1)
    reason = reasons_where(
        missing.shape, [(missing, ESTIMATE_UNDEFINED), (np.any(own == 0, axis=1), ZERO_STD_ERROR)]
    )
    return _in_parts(estimate, own, shared, np.flatnonzero(reason == ""), prior), reason


def _in_parts(
    effect: Floats, own: Floats, shared: Floats, rows: NDArray[np.intp], prior: EffectPrior
) -> Floats:
    """`_best_effect` of some rows, as many at a time as fit the memory; NaN for the others."""
    arms = effect.shape[1] + 1
    best = np.full((len(effect), arms), np.nan)
    outer, inner = _panels_needed(own[rows], shared[rows], prior)
    cells = outer * inner * _POINTS**2 * arms
    order = np.argsort(cells, kind="stable")
    start = 0
    while start < len(rows):
        together = np.arange(1, len(rows) - start + 1) * cells[order[start:]]
        count = max(1, int(np.searchsorted(together, _CELLS_OF_NODES, side="right")))
        chosen = order[start : start + count]
        part, panels = rows[chosen], (int(outer[chosen].max()), int(inner[chosen].max()))
        best[part] = _best_effect(effect[part], own[part], shared[part], prior, panels)
        start += count
    return best


def _panels_needed(own: Floats, shared: Floats, prior: EffectPrior) -> tuple[Floats, Floats]:
    """Panels of the integral over the control's error and of that over the best effect, each (r,).

    Steps as narrow as the posteriors make them are followed, up to the bounds on panels: beyond, where standard
    errors of a row differ more than a hundredfold, probabilities are good to a percent or so.
    """
    trust = 0.0 if not np.isfinite(prior.sd) else 1 / prior.sd**2
    noise = own**2
    precision = 1 + np.sum(trust / (1 + trust * noise) * shared**2, axis=1, keepdims=True)
    width = own * np.sqrt((1 + trust * noise) * precision)
    finest = np.divide(width, shared, out=np.ones_like(width), where=shared > 0)
    spread = np.sqrt(1 / (trust + 1 / noise))
    outer, inner = (
        np.minimum(np.ceil(2 * _FARTHEST / (_PANEL_WIDTH * np.minimum(ratio, 1.0))), _MOST_PANELS)
        for ratio in (np.min(finest, axis=1), np.min(spread, axis=1) / np.max(spread, axis=1))
    )
    return outer, np.minimum(inner, np.maximum(np.floor(_MOST_PAIRS / outer), _FEWEST_PANELS))


def _best_effect(
    estimate: Floats, own: Floats, shared: Floats, prior: EffectPrior, panels: tuple[int, int]
) -> Floats:
    """One integral over the control's error, in its standard errors; given it the effects are independent."""
    noise = own**2
    flat = not np.isfinite(prior.sd)
    hoped, trust = (0.0, 0.0) if flat else (prior.mean, 1 / prior.sd**2)
    # The control's error: what it is beforehand, and what the effects say about it through the prior.
    said = trust / (1 + trust * noise)
    precision = 1 + np.sum(said * shared**2, axis=1, keepdims=True)
    centre = -np.sum(said * shared * (estimate - hoped), axis=1, keepdims=True) / precision
    breaks = np.linspace(-_FARTHEST, _FARTHEST, panels[0] + 1)
    steps, weights = gauss_panels(breaks[None, :], points=_POINTS)
    level = centre + steps / np.sqrt(precision)
    weights = weights * np.exp(-0.5 * steps**2)
    weights = weights / np.sum(weights)
    # Each treatment's effect given that error: (r, nodes, treatments).
    spread = np.sqrt(1 / (trust + 1 / noise))[:, None, :]
    seen = estimate[:, None, :] + level[:, :, None] * shared[:, None, :]
    effect = (trust * hoped + seen / noise[:, None, :]) * spread**2
    best = np.empty((len(estimate), estimate.shape[1] + 1))
    best[:, 0] = np.sum(weights * np.prod(ndtr(-effect / spread), axis=2), axis=1)
    for arm in range(estimate.shape[1]):
        best[:, arm + 1] = np.sum(
            weights * _largest(effect, np.broadcast_to(spread, effect.shape), arm, panels[1]), axis=1
        )
    return np.minimum(best, 1.0)


def _largest(effect: Floats, spread: Floats, arm: int, panels: int) -> Floats:
    """P(effect of `arm` is positive and the largest), (r, nodes), for independent normal effects (r, nodes, v)."""
    shape = effect.shape[:2]
    lowest = np.clip(-effect[..., arm] / spread[..., arm], -_FARTHEST, _FARTHEST).reshape(-1, 1)
    breaks = lowest + (_FARTHEST - lowest) * np.linspace(0, 1, panels + 1)
    nodes, weights = gauss_panels(breaks, points=_POINTS)
    at = effect[..., arm, None] + spread[..., arm, None] * nodes.reshape(*shape, -1)
    density = np.exp(-0.5 * nodes**2) * weights / np.sqrt(2 * np.pi)
    density = density.reshape(at.shape)
    for other in range(effect.shape[2]):
        if other != arm:
            density = density * ndtr((at - effect[..., other, None]) / spread[..., other, None])
    return np.asarray(np.sum(density, axis=2))
