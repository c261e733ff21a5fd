"""When an experiment is over: from then on nothing more can count, so that there is a verdict."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from abspark.config.experiment import Experiment
from abspark.config.metric import Metric


def windows_over(experiment: Experiment, metrics: Iterable[Metric]) -> datetime:
    """When the experiment has ended and every window of `metrics` that closes is over.

    A unit first exposed just before the end has its windows from there, a trigger's wait included; windows that count
    from the experiment's start are the same for all units.
    """
    known = tuple(metrics)
    reach = max((metric.reach for metric in known), default=timedelta())
    fixed = [w.closes for metric in known for w in metric.windows if w.anchor == "experiment_start"]
    starts = [experiment.start + closes for closes in fixed if closes is not None]
    return max([experiment.end + reach, *starts])
