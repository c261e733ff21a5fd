"""Moments rows and configuration to results rows.

All comparisons of a run are one batch: rows are paired once, then every number is computed on arrays. A row is one
treatment against the control on one metric, for everyone or one segment value. A method is a function that
fills columns for its comparisons; what every row has, whatever its method, is filled here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from abspark.analysis.comparisons import Batch, Row, compared, verdict_at
from abspark.analysis.guardrails import non_inferiority
from abspark.analysis.results_bayesian import bayesian_columns
from abspark.analysis.results_fixed import fixed_columns
from abspark.config import Experiment, Metric
from abspark.schemas import RESULTS
from abspark.stats import multiplicity
from abspark.stats.moments import NUM, Bools, Floats

NOT_FINISHED: Final = "not_finished"
TOO_FEW_UNITS: Final = "below_min_sample_size"
METHODS: Final[Mapping[str, Callable[[Batch], Mapping[str, NDArray[Any]]]]] = {
    "fixed": fixed_columns,
    "bayesian": bayesian_columns,
}
"""Method -> the columns that it fills, among them `reason`; a column that it leaves out is NULL."""


def results(
    moments: Sequence[Row],
    experiments: Sequence[Experiment],
    metrics: Mapping[str, Metric],
    *,
    as_of: datetime,
) -> list[dict[str, Any]]:
    """Results rows (all columns but run_id), ordered as experiments, metrics by role, segments, treatments.

    `moments` are rows of that table, with one row per variant for each experiment, metric and segment value.
    """
    batch = compared(moments, experiments, metrics)
    if batch is None:
        return []
    columns = _common(batch, moments) | _by_method(batch)
    columns["p_adjusted"] = _adjusted(batch, columns["p_value"])
    columns["margin"], columns["non_inferior"] = non_inferiority(batch)
    unfinished = batch.each(lambda pair: as_of < verdict_at(pair.experiment, metrics))
    columns |= _verdict(batch, columns, unfinished)
    return _as_rows(columns, len(batch))


def _by_method(batch: Batch) -> dict[str, NDArray[Any]]:
    method = batch.each(lambda pair: pair.experiment.analysis.method)
    columns: dict[str, NDArray[Any]] = {"p_value": np.full(len(batch), np.nan)}
    for name, function in METHODS.items():
        mask: Bools = method == name
        if not mask.any():
            continue
        for column, values in function(batch.take(mask)).items():
            blank: Any = "" if column == "reason" else np.nan
            columns.setdefault(column, np.full(len(batch), blank, dtype=values.dtype))[mask] = values
    return columns


def _adjusted(batch: Batch, p: Floats) -> Floats:
    """P adjusted over primary metrics x treatments of everyone on one day; NaN outside that family."""
    adjusted = np.full(len(batch), np.nan)
    labels = [(pair.experiment.id, pair.day) for pair in batch.pairs]
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    family = np.array([numbers[label] for label in labels])
    inside = batch.everyone & batch.each(lambda pair: pair.role == "primary")
    correction = batch.each(lambda pair: pair.experiment.analysis.correction)
    for name, adjust in multiplicity.METHODS.items():
        mask = inside & (correction == name)
        if mask.any():
            adjusted[mask] = adjust(p[mask], family[mask])
    return adjusted


def _verdict(batch: Batch, columns: Mapping[str, NDArray[Any]], unfinished: Bools) -> dict[str, Any]:
    """`significant` and `reason`: no verdict before the end, below the sample size, nor where p is undefined."""
    p = np.where(np.isnan(columns["p_adjusted"]), columns["p_value"], columns["p_adjusted"])
    alpha = batch.alpha
    smallest = batch.each(lambda pair: pair.experiment.min_sample_size)
    small: Bools = np.minimum(batch.control.n, batch.treatment.n) < smallest
    undefined: Bools = columns["reason"] != ""
    reason = np.full(len(batch), None, dtype=object)
    reason[small] = TOO_FEW_UNITS
    reason[unfinished] = NOT_FINISHED
    reason[undefined] = columns["reason"][undefined]
    significant = (p < alpha).astype(object)
    significant[np.isnan(p) | small | unfinished] = None
    return {"alpha": alpha, "significant": significant, "reason": reason}


def _common(batch: Batch, moments: Sequence[Row]) -> dict[str, Any]:
    control, treatment = batch.control, batch.treatment
    complete = [
        moments[pair.control_row]["n_complete"] + moments[pair.treatment_row]["n_complete"]
        for pair in batch.pairs
    ]
    n = control.n + treatment.n
    return {
        "experiment_id": [pair.experiment.id for pair in batch.pairs],
        "metric": [pair.metric.name for pair in batch.pairs],
        "treatment": [pair.treatment for pair in batch.pairs],
        "segment_name": [pair.segment[0] for pair in batch.pairs],
        "segment_value": [pair.segment[1] for pair in batch.pairs],
        "day": [pair.day for pair in batch.pairs],
        "method": [pair.experiment.analysis.method for pair in batch.pairs],
        "estimator": ["unadjusted"] * len(batch),
        "headline": [True] * len(batch),
        "role": [pair.role for pair in batch.pairs],
        "control": [pair.experiment.control for pair in batch.pairs],
        "n_control": control.n.astype(int),
        "n_treatment": treatment.n.astype(int),
        "mean_control": control.mean[:, NUM],
        "mean_treatment": treatment.mean[:, NUM],
        "share_complete": np.divide(complete, n, out=np.full(len(batch), np.nan), where=n > 0),
    }


def _as_rows(columns: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """Columns as rows of plain Python values; NaN and infinite ends become None."""
    plain = {name: [_plain(value) for value in columns[name]] for name in columns}
    names = [name for name in RESULTS.names if name != "run_id"]
    return [{name: plain[name][i] if name in plain else None for name in names} for i in range(count)]


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
