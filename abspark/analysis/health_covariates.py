"""The A/A test of each covariate, before exposure the arms must not differ; and whether its log reaches back so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from abspark.analysis.by_experiment import rows_by_experiment
from abspark.analysis.health_row import HealthRow, Row, graded, tested
from abspark.analysis.moments_batch import moments_batch
from abspark.config import Experiment, Metric
from abspark.stats.balance import equal_means
from abspark.stats.moments import NUM, Floats, Moments
from abspark.stats.multiplicity import holm

_PRE_NUM: Final = 2
_ADVICE: Final = (
    "The arms differed before the experiment could act: look at the sample ratio, at the salt (was it used before?), "
    "and at what writes the log."
)

_HISTORY_ADVICE: Final = (
    "These units count with the history that there is, or 0, in all arms alike: the covariate takes less variance out. "
    "Shorten the lookback, or keep an older part of the log."
)

Pair = tuple[Experiment, str, str, Row, Row]


def covariate_checks(
    moments: Sequence[Row], experiments: Sequence[Experiment], metrics: Mapping[str, Metric]
) -> list[HealthRow]:
    """Health rows (all columns but run_id) of `covariate_balance`: one per metric with a covariate and treatment.

    Student's t on the covariate's numerator over everyone on the last day, Holm over an experiment's tests. One that
    can't be made (a variant of fewer than two units, a covariate that is constant) has no row.
    """
    everyone = rows_by_experiment(row for row in moments if row["segment_name"] is None)
    pairs = [
        pair
        for experiment in experiments
        for pair in _pairs(everyone.get(experiment.id, ()), experiment, metrics)
    ]
    if not pairs:
        return []
    control, treatment = ([row for *_, row, _ in pairs], [row for *_, row in pairs])
    found = equal_means(_before(control), _before(treatment))
    tests: dict[str, list[int]] = {}
    for i in np.flatnonzero(np.isfinite(found.p_value)).tolist():
        tests.setdefault(pairs[i][0].id, []).append(i)
    rows: list[HealthRow] = []
    for mine in tests.values():
        adjusted: Floats = holm(found.p_value[mine], np.zeros(len(mine), dtype=int))
        for i, p in zip(mine, adjusted, strict=True):
            rows.append(_row(pairs[i], float(p), float(found.statistic[i])))
    return rows


def history_check(experiment: Experiment, metric: str, units: int, early: int) -> HealthRow:
    """The health row `covariate_history` of a metric; `early` of its units look back to before their log begins.

    Units need no count where the log begins before all lookbacks.
    """
    share = early / units if units else 0.0
    told = f"for {early:,} of {units:,} units ({share:.1%})" if units else "for no unit"
    return graded(
        experiment, "covariate_history", experiment.health.covariate_history, share, advice=_HISTORY_ADVICE,
        slice_name="metric", slice_value=metric, observed=told,
        expected="for no unit",
        message=f"The lookback of {metric} begins before its log {told}.",
    )  # fmt: skip


def _pairs(own: Sequence[Row], experiment: Experiment, metrics: Mapping[str, Metric]) -> list[Pair]:
    """The comparisons of an experiment from its rows of everyone."""
    last = max((row["day"] for row in own), default=None)
    rows = {(row["metric"], row["variant"]): row for row in own if row["day"] == last}
    return [
        (experiment, name, treatment, rows[name, experiment.control], rows[name, treatment])
        for name in experiment.metrics.names
        if metrics[name].covariate is not None
        for treatment in experiment.treatments
        if (name, experiment.control) in rows and (name, treatment) in rows
    ]


def _before(rows: Sequence[Row]) -> Moments:
    """The covariate's numerator in the place of the metric's."""
    given = moments_batch(rows)
    mean, cov = np.full_like(given.mean, np.nan), np.full_like(given.cov, np.nan)
    mean[:, NUM] = given.mean[:, _PRE_NUM]
    cov[:, NUM, NUM] = given.cov[:, _PRE_NUM, _PRE_NUM]
    return Moments(given.n, mean, cov)


def _row(pair: Pair, p: float, statistic: float) -> HealthRow:
    experiment, metric, treatment, control_row, treatment_row = pair
    control_mean, treatment_mean = control_row["mean_pre_num"], treatment_row["mean_pre_num"]
    means = f"{control_mean:.6g} in {experiment.control}, {treatment_mean:.6g} in {treatment}"
    return tested(
        experiment, "covariate_balance", experiment.health.covariate_balance, p, advice=_ADVICE,
        slice_name="metric", slice_value=f"{metric}, {treatment}", statistic=statistic, observed=means,
        expected="equal means",
        message=f"Before exposure, {metric} is {means} (adjusted p = {p:.3g}).",
    )  # fmt: skip
