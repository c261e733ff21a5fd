"""Which of several treatments is the best by the posterior: all comparisons of one metric, slice and day together.

"Best" follows the metric's direction, and the control can be the best as well. The models are those of `prob_better`:
beta-binomial for plain proportions, for the rest a normal posterior of the effects, whose errors share the control's
part.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from abspark.analysis.comparisons import Batch
from abspark.config import Experiment
from abspark.stats.bayesian import BetaPrior, EffectPrior
from abspark.stats.best_variant import best_effect, best_proportion
from abspark.stats.moments import Floats

Places = NDArray[np.intp]


def probability_best(batch: Batch, prob_better: Floats) -> Floats:
    """P(the comparison's treatment is the best of all variants), in rows of method bayesian.

    With one treatment that is `prob_better`. NaN where a treatment of the experiment has no posterior.
    """
    best = np.where(batch.each(lambda pair: len(pair.experiment.treatments) == 1), prob_better, np.nan)
    binary = batch.binary
    for experiment, places in _families(batch):
        for kind, model in ((True, _of_proportions), (False, _of_effects)):
            mine = places[binary[places[:, 0]] == kind]
            if len(mine):
                best[mine] = model(batch, mine, experiment)
    return best


def normal_prior(batch: Batch, experiment: Experiment) -> tuple[EffectPrior, Floats]:
    """The prior of relative effects, and what a relative effect of 1 is in the metric's unit.

    That is the control mean. Where it isn't above 0 the unit is NaN, but for a flat prior, which is one in any unit.
    """
    given = experiment.analysis.bayesian.prior.relative_effect
    mean = batch.effect.control.mean
    if given.sd is None:
        return EffectPrior(given.mean, np.inf), np.where(mean > 0, mean, 1.0)
    return EffectPrior(given.mean, given.sd), np.where(mean > 0, mean, np.nan)


def _families(batch: Batch) -> Iterator[tuple[Experiment, Places]]:
    """Experiments of several treatments, and where the comparisons of one metric, slice, day and estimator are, (f, v).

    Treatments are in configured order; a family that lacks one is left out.
    """
    families: dict[tuple[object, ...], list[int]] = {}
    experiments: dict[str, Experiment] = {}
    for index, pair in enumerate(batch.pairs):
        if len(pair.experiment.treatments) > 1:
            experiments[pair.experiment.id] = pair.experiment
            key = pair.experiment.id, pair.metric.name, pair.direction, pair.segment, pair.day, pair.estimator
            families.setdefault(key, []).append(index)
    for id_, experiment in experiments.items():
        for direction in (1, -1):
            places = [
                indices
                for key, indices in families.items()
                if key[0] == id_ and key[2] == direction and len(indices) == len(experiment.treatments)
            ]
            if places:
                yield experiment, np.array(places)


def _of_proportions(batch: Batch, places: Places, experiment: Experiment) -> Floats:
    """Counts of control and treatments; where less is better, of the units without."""
    effect, prior = batch.effect, experiment.analysis.bayesian.prior.proportion
    n = np.column_stack([effect.control.n[places[:, 0]], effect.treatment.n[places]])
    mean = np.column_stack([effect.control.mean[places[:, 0]], effect.treatment.mean[places]])
    mean[(effect.reason[places] == "not_a_proportion").any(axis=1)] = np.nan
    won = np.round(mean * n)
    given = BetaPrior(prior.successes, prior.failures)
    if batch.pairs[places[0, 0]].direction < 0:
        won, given = n - won, BetaPrior(prior.failures, prior.successes)
    return best_proportion(won, n, prior=given)[0][:, 1:]


def _of_effects(batch: Batch, places: Places, experiment: Experiment) -> Floats:
    """Effects, each with an error of the treatment's own units and one of the control's."""
    effect, direction = batch.effect, batch.pairs[places[0, 0]].direction
    prior, base = normal_prior(batch, experiment)
    found, _ = best_effect(
        (direction * effect.effect / base)[places],
        (np.sqrt(effect.treatment.variance) / base)[places],
        (np.sqrt(effect.control.variance) / base)[places],
        prior=EffectPrior(direction * prior.mean, prior.sd),
    )
    return found[:, 1:]
