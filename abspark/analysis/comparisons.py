"""Which rows are compared with which, the configuration that applies to each comparison, and its effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from abspark.analysis.moments_batch import moments_batch, quantile_batch
from abspark.config import Experiment, Metric, windows_over
from abspark.stats.effects import (
    Effect,
    cuped_mean_effect,
    cuped_ratio_by_mean_effect,
    cuped_ratio_effect,
    joined,
    mean_effect,
    proportion_effect,
    ratio_effect,
)
from abspark.stats.moments import Bools, Floats, Moments
from abspark.stats.quantiles import quantile_effect

Row = Mapping[str, Any]
Slices = dict[tuple[Any, ...], dict[str, Row]]

UNADJUSTED: Final = "unadjusted"
CUPED: Final = "cuped"
QUANTILE: Final = "quantile"
_NO_VALUES: Final[Row] = {"n": 0, "n_clusters": 0, "value": None, "value_low": None, "value_high": None}
"""What stands for a variant without a row of quantiles: it has no values."""
_UNITS_SEEN: Final = "units_seen"
"""Beside it: the units of its row of moments."""

_EFFECTS: Final[Mapping[tuple[str, str], Callable[[Moments, Moments], Effect]]] = {
    ("proportion", UNADJUSTED): proportion_effect,
    ("mean", UNADJUSTED): mean_effect,
    ("ratio", UNADJUSTED): ratio_effect,
    ("proportion", CUPED): cuped_mean_effect,
    ("mean", CUPED): cuped_mean_effect,
    ("ratio", CUPED): cuped_ratio_effect,
    ("ratio by mean", CUPED): cuped_ratio_by_mean_effect,
}
"""What is estimated and how -> the effect of moments; an adjusted proportion is a mean of 0 and 1."""


@dataclass(frozen=True)
class Comparison:
    """One treatment against the control on one metric, for everyone or one segment value, on one day.

    `headline` says whether the estimator is the configured one. `margin` is the tolerated worsening and whether it is
    `relative` or `absolute`; None without one. With an `exposure_day`, `day` is that of the run.
    """

    experiment: Experiment
    metric: Metric
    treatment: str
    role: str
    margin: tuple[float | None, str]
    segment: tuple[str | None, str | None]
    day: date
    estimator: str
    headline: bool
    control_row: Row
    treatment_row: Row
    exposure_day: int | None = None

    @property
    def direction(self) -> int:
        """+1 where more is better, -1 where less is."""
        return self.metric.better

    @property
    def binary(self) -> bool:
        """Whether it is of plain proportions, with the variance p (1 - p)."""
        return self.metric.form == "proportion" and self.estimator == UNADJUSTED

    @property
    def everyone(self) -> bool:
        """Whether it is of all units, not of a segment value."""
        return self.segment[0] is None

    @property
    def units_without_quantile(self) -> tuple[int, int]:
        """Units of control and treatment on the days before the last, on which no quantile was taken; else none."""
        return self.control_row.get(_UNITS_SEEN, 0), self.treatment_row.get(_UNITS_SEEN, 0)


@dataclass(frozen=True)
class Batch:
    """Comparisons and their effects, row by row."""

    pairs: Sequence[Comparison]
    effect: Effect

    def __len__(self) -> int:
        """Comparisons in the batch."""
        return len(self.pairs)

    def take(self, chosen: Bools | NDArray[np.intp]) -> Batch:
        """The comparisons that a mask or places name."""
        places = np.arange(len(self))[chosen]
        return Batch([self.pairs[place] for place in places], self.effect.take(places))

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
        """Which comparisons are of plain proportions."""
        return self.each(lambda pair: pair.binary)

    @property
    def everyone(self) -> Bools:
        """Which comparisons are of all units, not of a segment value."""
        return self.each(lambda pair: pair.everyone)

    @property
    def units(self) -> Floats:
        """Units of both arms."""
        return self.effect.control.n + self.effect.treatment.n

    @property
    def harmonic_units(self) -> Floats:
        """Product of the arms' units / their sum: in proportion to the information of a difference of means."""
        units = self.units
        return np.asarray(self.effect.control.n * self.effect.treatment.n / np.where(units > 0, units, 1.0))

    @property
    def smaller(self) -> Floats:
        """Units of the smaller arm."""
        return np.minimum(self.effect.control.n, self.effect.treatment.n)

    @property
    def too_small(self) -> Bools:
        """Which comparisons have an arm below the `min_sample_size` of their experiment."""
        return np.asarray(self.smaller < self.each(lambda pair: pair.experiment.min_sample_size))


def compared(
    moments: Sequence[Row],
    experiments: Sequence[Experiment],
    metrics: Mapping[str, Metric],
    *,
    quantiles: Sequence[Row] = (),
) -> Batch | None:
    """All comparisons, ordered as experiments, metrics by role, segments and days, treatments, estimators.

    `moments` and `quantiles` are rows of those tables, with one row per variant for each experiment, metric, segment
    value and day; metrics whose form is a quantile are read from the latter. None where nothing can be compared.
    """
    tables = {True: _sliced(quantiles), False: _sliced(moments)}
    pairs = [
        Comparison(
            experiment, metrics[name], treatment, role, margin, (segment, value), day, estimator, estimator == headline,
            rows[experiment.control], rows[treatment], exposure_day,
        )
        for experiment in experiments
        for name, role, margin in _roles(experiment)
        for estimators, headline in (_estimators(experiment, metrics[name]),)
        for (segment, value, day, exposure_day), rows in _slices(tables, experiment, metrics[name])
        for treatment in experiment.treatments
        if experiment.control in rows and treatment in rows
        for estimator in estimators
    ]  # fmt: skip
    return Batch(pairs, _effect(pairs)) if pairs else None


def verdict_at(experiment: Experiment, metrics: Mapping[str, Metric]) -> datetime:
    """From when on there is a verdict: the experiment and the windows of its metrics are over."""
    return windows_over(experiment, (metrics[name] for name in experiment.metrics.names))


def _slices(
    tables: Mapping[bool, Mapping[tuple[str, str], Slices]], experiment: Experiment, metric: Metric
) -> Iterator[tuple[tuple[Any, ...], Mapping[str, Row]]]:
    """Segment and days, and the rows by variant, from the table that the metric is read from.

    That of quantiles has no row of what has no value; moments tell where there might have been one.
    """
    code = experiment.id, metric.name
    moments, own = (tables[by_quantile].get(code, {}) for by_quantile in (False, True))
    if metric.form != QUANTILE:
        yield from moments.items()
        return
    nothing = {variant.key: _NO_VALUES for variant in experiment.variants}
    keys = dict.fromkeys([*moments, *own])
    last = max((day for _, _, day, _ in keys), default=None)
    for key in keys:
        before = moments.get(key, {}) if key[2] != last else {}
        seen = {variant: {**_NO_VALUES, _UNITS_SEEN: row["n"]} for variant, row in before.items()}
        yield key, nothing | seen | own.get(key, {})


def _sliced(rows: Sequence[Row]) -> dict[tuple[str, str], Slices]:
    """By experiment and metric, then by segment and days, then by variant."""
    slices: dict[tuple[str, str], Slices] = {}
    for row in rows:
        key = (row["segment_name"], row["segment_value"], row["day"], row.get("exposure_day"))
        of_metric = slices.setdefault((row["experiment_id"], row["metric"]), {})
        of_metric.setdefault(key, {})[row["variant"]] = row
    return slices


def _estimators(experiment: Experiment, metric: Metric) -> tuple[tuple[str, ...], str]:
    """What is computed for a metric, and which of it the experiment goes by."""
    if metric.covariate is None or metric.form == QUANTILE:
        return (UNADJUSTED,), UNADJUSTED
    return (UNADJUSTED, CUPED), experiment.analysis.estimator


def _effect(pairs: Sequence[Comparison]) -> Effect:
    """One batch per form and estimator, put back in the order of the pairs."""
    kinds: dict[tuple[str, str], list[int]] = {}
    for index, pair in enumerate(pairs):
        kinds.setdefault((_estimand(pair), pair.estimator), []).append(index)
    parts = []
    for (form, estimator), places in kinds.items():
        arms = [[pairs[i].control_row for i in places], [pairs[i].treatment_row for i in places]]
        if form == QUANTILE:
            alpha = np.array(
                [pairs[i].experiment.analysis.alpha for i in places]
            )  # the level of the table's intervals
            parts.append(quantile_effect(*map(quantile_batch, arms), alpha=alpha))
        else:
            parts.append(_EFFECTS[form, estimator](*map(moments_batch, arms)))
    return joined(parts).take(np.argsort(np.concatenate(list(kinds.values())), kind="stable"))


def _estimand(pair: Comparison) -> str:
    """The metric's form; a ratio whose covariate is no ratio itself is one of its own."""
    covariate = pair.metric.covariate
    by_mean = covariate is not None and (covariate.attribute is not None or covariate.metric is not None)
    return (
        "ratio by mean"
        if pair.metric.form == "ratio" and pair.estimator == CUPED and by_mean
        else pair.metric.form
    )


def _roles(experiment: Experiment) -> Iterator[tuple[str, str, tuple[float | None, str]]]:
    """Metric, role and margin."""
    roles, none = experiment.metrics, (None, "relative")
    yield from ((name, "primary", none) for name in roles.primary)
    yield from ((name, "secondary", none) for name in roles.secondary)
    for given in roles.guardrails:
        kind = "absolute" if given.margin is not None and given.margin.relative is None else "relative"
        yield given.metric, "guardrail", (None if given.margin is None else getattr(given.margin, kind), kind)
