"""Which rows of moments are compared with which, and the configuration that applies to each comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abspark.analysis.moments_batch import moments_batch
from abspark.config import Experiment, Metric
from abspark.stats.effects import Effect, mean_effect, proportion_effect
from abspark.stats.moments import Bools, Floats, Moments

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Comparison:
    """One treatment against the control on one metric, for everyone or one segment value."""

    experiment: Experiment
    metric: Metric
    treatment: str
    role: str
    segment: tuple[str | None, str | None]
    day: date
    control_row: int
    treatment_row: int

    @property
    def direction(self) -> int:
        """+1 where more is better, -1 where less is."""
        return 1 if self.metric.direction == "increase" else -1

    @property
    def margin(self) -> tuple[float | None, str]:
        """Tolerated worsening and whether it is `relative` or `absolute`; None without one."""
        for given in self.experiment.metrics.guardrails:
            if given.metric == self.metric.name and given.margin is not None:
                kind = "relative" if given.margin.relative is not None else "absolute"
                return getattr(given.margin, kind), kind
        return None, "relative"


@dataclass(frozen=True)
class Batch:
    """Comparisons with the moments of their two arms, row by row."""

    pairs: Sequence[Comparison]
    control: Moments
    treatment: Moments

    def __len__(self) -> int:
        """Comparisons in the batch."""
        return len(self.pairs)

    def take(self, mask: Bools) -> Batch:
        """The comparisons for which the mask holds."""
        pairs = [pair for pair, chosen in zip(self.pairs, mask, strict=True) if chosen]
        return Batch(pairs, self.control.take(mask), self.treatment.take(mask))

    def each(self, setting: Callable[[Comparison], Any]) -> NDArray[Any]:
        """A value per comparison."""
        return np.array([setting(pair) for pair in self.pairs])

    @property
    def direction(self) -> NDArray[np.int64]:
        """+1 where more is better, -1 where less is."""
        return self.each(lambda pair: pair.direction)

    @property
    def alpha(self) -> Floats:
        """Level of each comparison's experiment."""
        return self.each(lambda pair: pair.experiment.analysis.alpha)

    @property
    def binary(self) -> Bools:
        """Which comparisons are of proportions."""
        return self.each(lambda pair: pair.metric.kind == "proportion")

    @property
    def everyone(self) -> Bools:
        """Which comparisons are of all units, not of a segment value."""
        return self.each(lambda pair: pair.segment[0] is None)


def compared(
    moments: Sequence[Row], experiments: Sequence[Experiment], metrics: Mapping[str, Metric]
) -> Batch | None:
    """All comparisons, ordered as experiments, metrics by role, segments, treatments; None without any.

    `moments` are rows of that table, with one row per variant for each experiment, metric, segment value
    and day.
    """
    slices: dict[tuple[str, str], dict[tuple[Any, ...], dict[str, int]]] = {}
    for index, row in enumerate(moments):
        key = (row["segment_name"], row["segment_value"], row["day"])
        of_metric = slices.setdefault((row["experiment_id"], row["metric"]), {})
        of_metric.setdefault(key, {})[row["variant"]] = index
    pairs = [
        Comparison(
            experiment, metrics[name], treatment, role, (segment, value), day,
            rows[experiment.control], rows[treatment],
        )
        for experiment in experiments
        for name, role in _roles(experiment)
        for (segment, value, day), rows in slices.get((experiment.id, name), {}).items()
        for treatment in experiment.treatments
        if experiment.control in rows and treatment in rows
    ]  # fmt: skip
    if not pairs:
        return None
    batch = moments_batch(moments)
    return Batch(
        pairs,
        batch.take(np.array([pair.control_row for pair in pairs])),
        batch.take(np.array([pair.treatment_row for pair in pairs])),
    )


def effects_by_kind(batch: Batch) -> Iterator[tuple[Bools, Batch, Effect]]:
    """Proportions, then means: which comparisons, those comparisons, and their effects."""
    binary = batch.binary
    for mask, effect_of in ((binary, proportion_effect), (~binary, mean_effect)):
        if mask.any():
            part = batch.take(mask)
            yield mask, part, effect_of(part.control, part.treatment)


def verdict_at(experiment: Experiment, metrics: Mapping[str, Metric]) -> datetime:
    """The experiment's end plus its longest window: from then on every window is over."""
    longest = max((metrics[name].reach for name in experiment.metrics.names), default=timedelta())
    return experiment.end + longest


def _roles(experiment: Experiment) -> list[tuple[str, str]]:
    roles = experiment.metrics
    return [
        *((name, "primary") for name in roles.primary),
        *((name, "secondary") for name in roles.secondary),
        *((given.metric, "guardrail") for given in roles.guardrails),
    ]
