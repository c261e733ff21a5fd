"""Results by posterior: beta-binomial for proportions, for the rest a normal prior of the relative effect.

There is no p-value and no significance. Losses and the effect are in the metric's unit. A prior of the relative
effect becomes one of the effect by the control mean; that mean's own error counts in the interval of the relative
effect only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from abspark.analysis.best_treatment import normal_prior, probability_best
from abspark.analysis.comparisons import Batch
from abspark.config import Experiment
from abspark.config.analysis import Analysis
from abspark.stats.bayesian import BetaPrior, compare_effect, compare_proportions, relative_posterior
from abspark.stats.moments import Bools
from abspark.stats.reasons import either
from abspark.stats.sequential_reasons import OTHER_TREATMENT_UNDEFINED

Columns = dict[str, NDArray[Any]]

_NUMBERS: Final = (
    "effect", "effect_low", "effect_high", "relative_effect", "relative_low", "relative_high",
    "prob_better", "expected_loss_treatment", "expected_loss_control",
)  # fmt: skip


def bayesian_columns(batch: Batch) -> Columns:
    """Every comparison by its metric's model; `reason` is "" where nothing is undefined."""
    columns: Columns = {name: np.full(len(batch), np.nan) for name in _NUMBERS}
    columns["reason"] = np.full(len(batch), "", dtype=object)
    for alike, experiment in _same_settings(batch):
        for kind, model in ((batch.binary, _proportions), (~batch.binary, _means)):
            mask: Bools = alike & kind
            if mask.any():
                for name, values in model(batch.take(mask), experiment).items():
                    columns[name][mask] = values
    best = probability_best(batch, columns["prob_better"])
    unknown = np.isnan(best) & ~np.isnan(columns["prob_better"]) & (columns["reason"] == "")
    reason = np.where(unknown, OTHER_TREATMENT_UNDEFINED, columns["reason"])
    return columns | {"prob_best": best, "reason": reason}


def _same_settings(batch: Batch) -> Iterator[tuple[Bools, Experiment]]:
    """Comparisons of one analysis configuration, with an experiment that has it."""
    first: dict[Analysis, int] = {}
    settings = np.array([first.setdefault(pair.experiment.analysis, i) for i, pair in enumerate(batch.pairs)])
    for place in first.values():
        yield settings == place, batch.pairs[place].experiment


def _proportions(batch: Batch, experiment: Experiment) -> Columns:
    prior = experiment.analysis.bayesian.prior.proportion
    control, treatment = batch.effect.control, batch.effect.treatment
    units = np.stack([control.n, treatment.n], axis=1)
    means = np.stack([control.mean, treatment.mean], axis=1)
    means[batch.effect.reason == "not_a_proportion"] = np.nan
    posterior = compare_proportions(
        np.round(means * units),
        units,
        prior=BetaPrior(prior.successes, prior.failures),
        alpha=experiment.analysis.alpha,
    )
    return _directed(
        batch,
        {
            "effect": posterior.effect,
            "effect_low": posterior.low,
            "effect_high": posterior.high,
            "relative_effect": posterior.relative_effect,
            "relative_low": posterior.relative_low,
            "relative_high": posterior.relative_high,
            "prob_better": posterior.prob_better,
            "expected_loss_treatment": posterior.expected_loss_treatment,
            "expected_loss_control": posterior.expected_loss_control,
            "reason": posterior.reason,
        },
    )


def _means(batch: Batch, experiment: Experiment) -> Columns:
    effect, alpha = batch.effect, experiment.analysis.alpha
    prior, base = normal_prior(batch, experiment)
    posterior = compare_effect(
        effect.effect / base, np.sqrt(effect.variance) / base, prior=prior, alpha=alpha
    )
    relative = relative_posterior(effect, prior=prior, alpha=alpha)
    return _directed(
        batch,
        {
            "effect": posterior.effect * base,
            "effect_low": posterior.low * base,
            "effect_high": posterior.high * base,
            "relative_effect": np.where(np.isnan(posterior.effect), np.nan, relative.effect),
            "relative_low": relative.low,
            "relative_high": relative.high,
            "prob_better": posterior.prob_better,
            "expected_loss_treatment": posterior.expected_loss_treatment * base,
            "expected_loss_control": posterior.expected_loss_control * base,
            "reason": either(relative.reason, posterior.reason),
        },
    )


def _directed(batch: Batch, columns: Columns) -> Columns:
    """Where less is better, better means smaller: the probability turns and the losses change places."""
    less = batch.direction < 0
    better = columns["prob_better"]
    treatment, control = columns["expected_loss_treatment"], columns["expected_loss_control"]
    return columns | {
        "prob_better": np.where(less, 1 - better, better),
        "expected_loss_treatment": np.where(less, control, treatment),
        "expected_loss_control": np.where(less, treatment, control),
    }
