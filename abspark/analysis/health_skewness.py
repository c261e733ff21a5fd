"""Whether the arms have enough units for a metric's skewed values, so that its test has about the level it claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from abspark.analysis.by_experiment import rows_by_experiment
from abspark.analysis.comparisons import UNADJUSTED
from abspark.analysis.health_row import HealthRow, Row, health_row, percentage
from abspark.analysis.moments_batch import moments_batch
from abspark.config import Experiment, Metric
from abspark.stats.skewness import skewed_tails

_MOST: Final = 2.0
"""How many times its level a side may have of false significance before the check warns."""
_ADVICE: Final = (
    "Take this p with caution: wait for more units in the smaller arm, cap the metric, or test the share of units that "
    "have any of it. min_sample_size keeps looks and decisions from so few units."
)


class _Pair(NamedTuple):
    experiment: Experiment
    metric: Metric
    result: Row
    control_row: Row
    treatment_row: Row

    @property
    def tail(self) -> float:
        """The level of its test on each side that is tested."""
        return self.experiment.analysis.alpha / self.sides

    @property
    def sides(self) -> int:
        return self.experiment.analysis.sides_of(self.result["role"])

    def tests(self, side: int) -> bool:
        """Whether a decrease (-1) or an increase (1) may be significant."""
        return self.sides == 2 or side == self.metric.better


def skewness_checks(
    results: Sequence[Row],
    moments: Sequence[Row],
    experiments: Sequence[Experiment],
    metrics: Mapping[str, Metric],
) -> list[HealthRow]:
    """Health rows (all columns but run_id) of `skewness`, for each test that is told to err; others have none.

    Of everyone on the last day, of primary metrics and guardrails that are means or proportions with unpooled errors,
    where there is a p of as many units as decisions want; not of adjusted headlines, as what a covariate was taken off
    may be negative.
    """
    tests = rows_by_experiment(row for row in results if _is_test(row))
    everyone = rows_by_experiment(row for row in moments if row["segment_name"] is None)
    pairs = [
        pair
        for experiment in experiments
        for pair in _pairs(tests.get(experiment.id, ()), everyone.get(experiment.id, ()), experiment, metrics)
    ]
    if not pairs:
        return []
    tail = np.array([pair.tail for pair in pairs])
    control = moments_batch([pair.control_row for pair in pairs])
    treatment = moments_batch([pair.treatment_row for pair in pairs])
    found = skewed_tails(control, treatment, tail)
    sides = np.where(found.skewness > 0, -1, 1)
    return [
        _row(pairs[i], int(sides[i]), float(found.skewness[i]), float(found.false_tail[i]))
        for i in np.flatnonzero(found.false_tail > _MOST * tail).tolist()
        if pairs[i].tests(int(sides[i]))
    ]


def _is_test(row: Row) -> bool:
    return bool(
        row["headline"]
        and row["segment_name"] is None
        and row["role"] != "secondary"
        and row["estimator"] == UNADJUSTED
        and row["p_value"] is not None
    )


def _pairs(
    tests: Sequence[Row], own: Sequence[Row], experiment: Experiment, metrics: Mapping[str, Metric]
) -> Iterator[_Pair]:
    last = max((row["day"] for row in own), default=None)
    rows = {(row["metric"], row["variant"]): row for row in own if row["day"] == last}
    for test in tests:
        name = test["metric"]
        arms = rows.get((name, experiment.control)), rows.get((name, test["treatment"]))
        if test["day"] != last or arms[0] is None or arms[1] is None:
            continue
        if _has_own_errors(test, experiment, metrics[name]) and (
            min(arms[0]["n"], arms[1]["n"]) >= experiment.min_sample_size
        ):
            yield _Pair(experiment, metrics[name], test, arms[0], arms[1])


def _has_own_errors(test: Row, experiment: Experiment, metric: Metric) -> bool:
    """Whether each arm has an error of its own: not so in the one test of proportions at the end, which is pooled."""
    unpooled = experiment.analysis.sequential or test["margin"] is not None
    return metric.form == "mean" or (metric.form == "proportion" and unpooled)


def _row(pair: _Pair, side: int, skewness: float, false_tail: float) -> HealthRow:
    treatment, control = pair.result["treatment"], pair.experiment.control
    arms = ((treatment, pair.treatment_row["n"]), (control, pair.control_row["n"]))
    (small, few), (large, many) = arms if side < 0 else arms[::-1]
    significant = "a decrease" if side < 0 else "an increase"
    return health_row(
        pair.experiment, "skewness", "warn", advice=_ADVICE, statistic=skewness,
        slice_name="metric", slice_value=f"{pair.metric.name}, {treatment}",
        observed=f"{few:,} units in {small}, {many:,} in {large}", expected="more units in the smaller arm",
        message=f"{pair.metric.name} is too skewed for {few:,} units in {small} beside {many:,} in {large}: if it is "
        f"never negative, {significant} is significant by mistake in about {percentage(false_tail)} or more of "
        f"experiments without an effect, not in {percentage(pair.tail)}.",
    )  # fmt: skip
