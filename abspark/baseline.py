"""Baseline of a planned comparison, from what a committed run measured in the control."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from abspark.config import Metric
from abspark.errors import UsageError


def baseline_of(
    moments: Sequence[Mapping[str, Any]], metric: Metric, control: str, *, estimator: str
) -> dict[str, float]:
    """`rate` of a proportion, else `mean` and `sd` (of a ratio the linearised one): everyone in control, latest day.

    Estimator `cuped` with a covariate: also `variance_reduction`, the share of the variance that it explains in the
    control. Where some units have no value of the metric: also `share_with_value`, the share of those that do.

    Raises:
        UsageError: The control has no such rows, fewer than two units, or the metric is a quantile.
    """
    if metric.form == "quantile":
        raise UsageError(f"{metric.name} is a quantile, whose spread moments don't have")
    rows = [
        row
        for row in moments
        if row["metric"] == metric.name
        and row["variant"] == control
        and row["segment_name"] is None
        and row["exposure_day"] is None
    ]
    newest = max(rows, key=lambda row: row["day"], default=None)
    if newest is None or newest["var_num"] is None:
        raise UsageError(f"{control} has no measured {metric.name} of at least two units")
    from abspark.analysis.comparisons import CUPED
    from abspark.analysis.moments_batch import moments_batch
    from abspark.stats.effects import (
        cuped_mean_effect,
        cuped_ratio_by_mean_effect,
        cuped_ratio_effect,
        linearised_variance,
    )
    from abspark.stats.moments import PRE_DEN

    batch = moments_batch([newest])
    kind = "ratio" if metric.form == "ratio" else "mean"
    (mean,), (variance,) = linearised_variance(batch, kind)
    found = {"rate": mean} if metric.form == "proportion" else {"mean": mean, "sd": math.sqrt(variance)}
    if newest["n"] < newest["n_units"]:
        found["share_with_value"] = newest["n"] / newest["n_units"]
    if metric.covariate is not None and estimator == CUPED:
        by_mean = math.isnan(batch.mean[0, PRE_DEN])
        of_ratio = cuped_ratio_by_mean_effect if by_mean else cuped_ratio_effect
        adjusted = of_ratio if kind == "ratio" else cuped_mean_effect
        (reduction,) = adjusted(batch, batch).variance_reduction
        if math.isfinite(reduction):
            found["variance_reduction"] = max(reduction, 0.0)
    return {name: float(value) for name, value in found.items()}


def read_baseline(conf: Path, env: str, *, experiment: str, metric: str) -> tuple[dict[str, float], int]:
    """The baseline of a metric in an experiment's committed run, and +1 or -1: which way is better.

    A covariate counts where the experiment's estimator, by which it is decided, uses it.

    Raises:
        ConfigError: The configuration has faults.
        UsageError: The experiment or the metric is not there, or nothing is committed.
    """
    from abspark.command_common import load, session

    project = load(conf, env)
    found = project.experiments.get(experiment)
    if found is None:
        raise UsageError(f"there is no experiment {experiment}", allowed=", ".join(project.experiments))
    if metric not in found.metrics.names:
        raise UsageError(f"{experiment} has no metric {metric}", allowed=", ".join(found.metrics.names))
    from abspark import queries

    with session(project.environment) as spark:
        moments = queries.rows(spark, project, "moments", experiments=(experiment,))
    defined = project.metrics[metric]
    baseline = baseline_of(moments, defined, found.control, estimator=found.analysis.estimator)
    return baseline, defined.better
