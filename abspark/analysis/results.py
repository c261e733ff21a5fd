"""Moments rows and configuration to results rows.

All comparisons of a run are one batch: rows are paired once, then every number is computed on arrays. A row is one
treatment against the control on one metric, for everyone or one segment value. A method is a function that
fills columns for its comparisons; what every row has, whatever its method, is filled here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from abspark.analysis.clock import Clock, clock
from abspark.analysis.comparisons import CUPED, Batch, Comparison, Row, compared
from abspark.analysis.guardrails import Harm, guardrail_tests, harmed_guardrails
from abspark.analysis.look_record import look_rows
from abspark.analysis.look_series import NOT_A_LOOK, LookSeries
from abspark.analysis.looks import DAY_NOT_OVER, LOGS_BEHIND, TOO_FEW_UNITS, all_looks
from abspark.analysis.results_bayesian import bayesian_columns
from abspark.analysis.results_fixed import fixed_columns
from abspark.analysis.results_sequential import anytime_columns, group_sequential_columns
from abspark.config import Experiment, Metric
from abspark.schemas import RESULTS
from abspark.stats import multiplicity
from abspark.stats.moments import Bools, Floats

NOT_FINISHED: Final = "not_finished"
DESCRIPTIVE: Final = "descriptive"
QUANTILE_NOT_TAKEN: Final = "quantile_not_taken"
_WEAKER: Final = frozenset({DAY_NOT_OVER, LOGS_BEHIND, NOT_A_LOOK})
"""Reasons that say less than that there are too few units."""
METHODS: Final[Mapping[str, Callable[[Batch, Mapping[str, LookSeries]], Mapping[str, NDArray[Any]]]]] = {
    "fixed": lambda batch, _: fixed_columns(batch),
    "group_sequential": group_sequential_columns,
    "anytime": anytime_columns,
    "bayesian": lambda batch, _: bayesian_columns(batch),
}
"""Method -> the columns that it fills, among them `reason`; a column that it leaves out is NULL."""


@dataclass(frozen=True)
class Found:
    """Rows of the tables results and looks (all columns but run_id), the guardrails that are harmed, and the clock.

    `results` are those by day; `since_exposure` are rows of the same table by days since exposure.
    """

    results: list[dict[str, Any]]
    looks: list[dict[str, Any]]
    harmed: frozenset[Harm]
    now: Clock
    since_exposure: list[dict[str, Any]] = field(default_factory=list)


def analysed(
    moments: Sequence[Row],
    experiments: Sequence[Experiment],
    metrics: Mapping[str, Metric],
    *,
    as_of: datetime,
    started_at: datetime | None = None,
    quantiles: Sequence[Row] = (),
    looks: Sequence[Row] = (),
) -> Found:
    """What a run finds, ordered as experiments, metrics by role, segments and days, treatments, estimators.

    `moments` and `quantiles` are the run's rows of those tables, with one row per variant for each experiment,
    metric, segment value and day; `looks` the rows of that table that count, of the runs committed before. What lies
    ahead of `started_at`, when the run began (default: at `as_of`), is no look.
    """
    by_day = [row for row in moments if row.get("exposure_day") is None]
    last_days = [row for row in by_day if row.get("complete_until") is not None]
    now = clock(as_of, experiments, metrics, started_at=started_at, moments=last_days)
    batch = compared(by_day, experiments, metrics, quantiles=quantiles)
    if batch is None:
        return Found([], look_rows({}, looks, experiments), frozenset(), now)
    series = all_looks(batch, looks, now)
    columns = _common(batch) | _by_method(batch, series)
    columns["reason"] = _reasons(batch, columns["reason"])
    columns["p_adjusted"] = _adjusted(batch, columns["p_value"])
    tests = guardrail_tests(batch, columns["boundary"], now)
    unfinished = _unfinished(batch, now)
    columns["margin"], columns["non_inferior"] = tests.margin, tests.non_inferior
    columns["non_inferior"][unfinished] = None
    columns["harmed"] = tests.harmed
    columns |= _verdict(batch, columns, unfinished)
    return Found(
        _as_rows(columns, len(batch)),
        look_rows(series, looks, experiments),
        harmed_guardrails(batch, tests),
        now,
        _since_exposure(moments, experiments, metrics, as_of),
    )


def _since_exposure(
    moments: Sequence[Row], experiments: Sequence[Experiment], metrics: Mapping[str, Metric], as_of: datetime
) -> list[dict[str, Any]]:
    """Effects by days since exposure, with the intervals of one look: they describe, and decide nothing."""
    known_on = as_of.date()
    rows = [{**row, "day": known_on} for row in moments if row.get("exposure_day") is not None]
    batch = compared(rows, experiments, metrics)
    if batch is None:
        return []
    columns = _common(batch) | fixed_columns(batch) | {"alpha": batch.alpha}
    columns["reason"] = np.where(columns["reason"] == "", DESCRIPTIVE, columns["reason"])
    columns["method"], columns["day"] = ["fixed"] * len(batch), [None] * len(batch)
    columns["exposure_day"] = [pair.exposure_day for pair in batch.pairs]
    return _as_rows(columns, len(batch))


def results(
    moments: Sequence[Row],
    experiments: Sequence[Experiment],
    metrics: Mapping[str, Metric],
    *,
    as_of: datetime,
) -> list[dict[str, Any]]:
    """The results rows alone, of moments that no earlier look belongs to; see `analysed`."""
    return analysed(moments, experiments, metrics, as_of=as_of).results


def _by_method(batch: Batch, looks: Mapping[str, LookSeries]) -> dict[str, NDArray[Any]]:
    method = batch.each(lambda pair: pair.experiment.analysis.method)
    columns: dict[str, NDArray[Any]] = {
        name: np.full(len(batch), np.nan) for name in ("p_value", "boundary", "crossed", "futile")
    }
    columns["alpha"] = batch.alpha
    for name, function in METHODS.items():
        mask: Bools = method == name
        if not mask.any():
            continue
        for column, values in function(batch.take(mask), looks).items():
            blank: Any = "" if column == "reason" else np.nan
            columns.setdefault(column, np.full(len(batch), blank, dtype=values.dtype))[mask] = values
    return columns


def _reasons(batch: Batch, reason: NDArray[Any]) -> NDArray[np.object_]:
    """Those of the methods, which see no values where a quantile was not taken."""
    not_taken = batch.each(lambda pair: any(pair.units_without_quantile))
    return np.where(not_taken, QUANTILE_NOT_TAKEN, reason.astype(object))


def _unfinished(batch: Batch, now: Clock) -> Bools:
    """Where a method for one look has not come to it: before the end, and on the days before the last one."""
    last: dict[str, date] = {}
    for pair in batch.pairs:
        last[pair.experiment.id] = max(pair.day, last.get(pair.experiment.id, pair.day))
    return batch.each(
        lambda pair: (
            not pair.experiment.analysis.sequential
            and (not now.over(pair.experiment) or pair.day < last[pair.experiment.id])
        )
    )


def _adjusted(batch: Batch, p: Floats) -> Floats:
    """P adjusted over primary metrics x treatments of everyone on one day; NaN outside that family.

    Where one may look at any time, what has no p yet is of the family with p = 1: it will have one.
    """
    adjusted = np.full(len(batch), np.nan)
    labels = [(pair.experiment.id, pair.day) for pair in batch.pairs]
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    family = np.array([numbers[label] for label in labels])
    inside = batch.everyone & batch.each(lambda pair: pair.role == "primary" and pair.headline)
    correction = batch.each(_correction)
    awaited = np.isnan(p) & batch.each(lambda pair: pair.experiment.analysis.method == "anytime")
    counted = np.where(awaited, 1.0, p)
    for name, adjust in multiplicity.METHODS.items():
        mask = inside & (correction == name)
        if mask.any():
            adjusted[mask] = adjust(counted[mask], family[mask])
    return np.where(awaited, np.nan, adjusted)


def _correction(pair: Comparison) -> str:
    """How p is adjusted; group sequential families have their alpha split instead."""
    settings = pair.experiment.analysis
    return "none" if settings.method == "group_sequential" else settings.correction


def _verdict(batch: Batch, columns: Mapping[str, NDArray[Any]], unfinished: Bools) -> dict[str, Any]:
    """`significant`, `futile`, `reason`: no verdict before the end, below the sample size, nor where p is undefined."""
    p = np.where(np.isnan(columns["p_adjusted"]), columns["p_value"], columns["p_adjusted"])
    small = batch.too_small
    undefined: Bools = columns["reason"] != ""
    reason = np.full(len(batch), None, dtype=object)
    reason[undefined] = columns["reason"][undefined]
    weaker = undefined & np.array([code in _WEAKER for code in columns["reason"]])
    reason[small & (~undefined | weaker)] = TOO_FEW_UNITS
    reason[unfinished & ~undefined] = NOT_FINISHED
    by_look = ~np.isnan(columns["crossed"])
    significant = np.where(by_look, columns["crossed"] == 1, p < columns["alpha"]).astype(object)
    significant[(np.isnan(p) & ~by_look) | small | unfinished] = None
    futile = (columns["futile"] == 1).astype(object)
    futile[np.isnan(columns["futile"])] = None
    return {"significant": significant, "futile": futile, "reason": reason}


def _common(batch: Batch) -> dict[str, Any]:
    control, treatment = batch.effect.control, batch.effect.treatment
    adjusted = batch.each(lambda pair: pair.estimator == CUPED)
    complete = [_complete(pair.control_row) + _complete(pair.treatment_row) for pair in batch.pairs]
    n = batch.units
    unseen = batch.each(lambda pair: pair.units_without_quantile)
    return {
        "experiment_id": [pair.experiment.id for pair in batch.pairs],
        "metric": [pair.metric.name for pair in batch.pairs],
        "treatment": [pair.treatment for pair in batch.pairs],
        "segment_name": [pair.segment[0] for pair in batch.pairs],
        "segment_value": [pair.segment[1] for pair in batch.pairs],
        "day": [pair.day for pair in batch.pairs],
        "method": [pair.experiment.analysis.method for pair in batch.pairs],
        "estimator": [pair.estimator for pair in batch.pairs],
        "headline": [pair.headline for pair in batch.pairs],
        "role": [pair.role for pair in batch.pairs],
        "control": [pair.experiment.control for pair in batch.pairs],
        "n_control": (control.n + unseen[:, 0]).astype(int),
        "n_treatment": (treatment.n + unseen[:, 1]).astype(int),
        "mean_control": control.mean,
        "mean_treatment": treatment.mean,
        "mean_control_adjusted": np.where(adjusted, control.adjusted, np.nan),
        "mean_treatment_adjusted": np.where(adjusted, treatment.adjusted, np.nan),
        "variance_reduction": batch.effect.variance_reduction,
        "share_complete": np.divide(complete, n, out=np.full(len(batch), np.nan), where=n > 0),
    }


def _complete(row: Row) -> float:
    """Units with a complete window; unknown for rows of the table quantiles."""
    return float(row.get("n_complete", np.nan))


def _as_rows(columns: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """Columns as rows of plain Python values; NaN and infinite ends become None."""
    names = [name for name in RESULTS.names if name != "run_id"]
    plain = [_plain(columns[name]) if name in columns else [None] * count for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*plain, strict=True)]


def _plain(values: Any) -> list[Any]:
    column = np.asarray(values)
    plain = column.astype(object)
    if column.dtype.kind == "f":
        plain[~np.isfinite(column)] = None
    return list(plain)
