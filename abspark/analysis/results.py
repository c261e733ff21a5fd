"""Moments rows and configuration to results rows.

All comparisons of a run are one batch: rows are paired once, then every number is computed on arrays. A row is one
treatment against the control on one metric, for everyone or one segment value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from abspark.analysis.moments_batch import moments_batch
from abspark.config import Experiment, Metric
from abspark.schemas import RESULTS
from abspark.stats import multiplicity
from abspark.stats.effects import Effect, mean_effect, proportion_effect
from abspark.stats.fixed import FixedResult, proportion_z, welch
from abspark.stats.guardrails import guardrail
from abspark.stats.moments import Bools, Floats, Moments

Row = Mapping[str, Any]

NOT_FINISHED: Final = "not_finished"
TOO_FEW_UNITS: Final = "below_min_sample_size"
_CORRECTIONS: Final[Mapping[str, Callable[[Floats, NDArray[Any]], Floats]]] = {
    "bonferroni": multiplicity.bonferroni,
    "holm": multiplicity.holm,
    "hochberg": multiplicity.hochberg,
    "benjamini_hochberg": multiplicity.benjamini_hochberg,
    "benjamini_yekutieli": multiplicity.benjamini_yekutieli,
}


@dataclass(frozen=True)
class Comparison:
    """What one results row compares: positions of two moments rows, and the configuration that applies."""

    experiment: Experiment
    metric: Metric
    treatment: str
    role: str
    margin: float | None
    margin_kind: str
    finished: bool
    control_row: int
    treatment_row: int

    @property
    def direction(self) -> int:
        """+1 where more is better, -1 where less is."""
        return 1 if self.metric.direction == "increase" else -1


def results(
    moments: Sequence[Row],
    experiments: Sequence[Experiment],
    metrics: Mapping[str, Metric],
    *,
    as_of: datetime,
) -> list[dict[str, Any]]:
    """Results rows (all columns but run_id), ordered as experiments, metrics by role, treatments, segments.

    `moments` are rows of that table, with one row per variant for each experiment, metric and segment value.
    """
    pairs = _pairs(moments, experiments, metrics, as_of)
    if not pairs:
        return []
    batch = moments_batch(moments)
    control = batch.take(np.array([pair.control_row for pair in pairs]))
    treatment = batch.take(np.array([pair.treatment_row for pair in pairs]))
    effect, fixed = _fixed(pairs, control, treatment)
    adjusted = _adjusted(pairs, moments, fixed.p_value)
    margins, non_inferior = _guardrails(pairs, control, treatment)
    columns = _columns(pairs, moments, (control, treatment), effect)
    columns |= {
        "statistic": fixed.statistic, "dof": fixed.dof, "p_value": fixed.p_value, "p_adjusted": adjusted,
        "effect": fixed.effect, "effect_low": fixed.low, "effect_high": fixed.high, "std_error": fixed.std_error,
        "relative_effect": fixed.relative, "relative_low": fixed.relative_low, "relative_high": fixed.relative_high,
        "margin": margins, "non_inferior": non_inferior,
    }  # fmt: skip
    columns |= _verdict(pairs, (control, treatment), fixed, adjusted)
    return _as_rows(columns, len(pairs))


def _pairs(
    moments: Sequence[Row], experiments: Sequence[Experiment], metrics: Mapping[str, Metric], as_of: datetime
) -> list[Comparison]:
    by_metric: dict[tuple[str, str], dict[tuple[Any, ...], dict[str, int]]] = {}
    for index, row in enumerate(moments):
        slices = by_metric.setdefault((row["experiment_id"], row["metric"]), {})
        key = (row["segment_name"], row["segment_value"], row["day"])
        slices.setdefault(key, {})[row["variant"]] = index
    return [
        Comparison(
            experiment, metrics[name], treatment, role, *_margin(experiment, name),
            _finished(experiment, metrics, as_of), rows[experiment.control], rows[treatment],
        )
        for experiment in experiments
        for name, role in _roles(experiment)
        for rows in by_metric.get((experiment.id, name), {}).values()
        for treatment in experiment.treatments
        if experiment.control in rows and treatment in rows
    ]  # fmt: skip


def _roles(experiment: Experiment) -> list[tuple[str, str]]:
    roles = experiment.metrics
    return [
        *((name, "primary") for name in roles.primary),
        *((name, "secondary") for name in roles.secondary),
        *((given.metric, "guardrail") for given in roles.guardrails),
    ]


def _margin(experiment: Experiment, metric: str) -> tuple[float | None, str]:
    for given in experiment.metrics.guardrails:
        if given.metric == metric and given.margin is not None:
            kind = "relative" if given.margin.relative is not None else "absolute"
            return getattr(given.margin, kind), kind
    return None, "relative"


def _finished(experiment: Experiment, metrics: Mapping[str, Metric], as_of: datetime) -> bool:
    longest = max((metrics[name].window.end for name in experiment.metrics.names), default=timedelta())
    return as_of >= experiment.end + longest


def _fixed(pairs: Sequence[Comparison], control: Moments, treatment: Moments) -> tuple[Effect, FixedResult]:
    """Every comparison by its metric's test; the effects are the plain means' for all."""
    alpha = np.array([pair.experiment.analysis.alpha for pair in pairs])
    sides = np.array([pair.experiment.analysis.sides for pair in pairs])
    direction = np.array([pair.direction for pair in pairs])
    binary = np.array([pair.metric.kind == "proportion" for pair in pairs])
    joined = [
        np.empty(len(pairs), dtype=object if field == "reason" else float) for field in FixedResult._fields
    ]
    for mask, effect_of, test in ((binary, proportion_effect, proportion_z), (~binary, mean_effect, welch)):
        if mask.any():
            effect = effect_of(control.take(mask), treatment.take(mask))
            part = test(effect, alpha=alpha[mask], sides=sides[mask], direction=direction[mask])
            for target, values in zip(joined, part, strict=True):
                target[mask] = values
    return mean_effect(control, treatment), FixedResult(*joined)


def _adjusted(pairs: Sequence[Comparison], moments: Sequence[Row], p: Floats) -> Floats:
    """P adjusted over primary metrics x treatments of everyone on one day; NaN outside that family."""
    adjusted = np.full(len(pairs), np.nan)
    labels = [(pair.experiment.id, moments[pair.control_row]["day"]) for pair in pairs]
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    family = np.array([numbers[label] for label in labels])
    inside = np.array(
        [pair.role == "primary" and moments[pair.control_row]["segment_name"] is None for pair in pairs]
    )
    method = np.array([pair.experiment.analysis.correction for pair in pairs])
    for name, adjust in _CORRECTIONS.items():
        mask = inside & (method == name)
        if mask.any():
            adjusted[mask] = adjust(p[mask], family[mask])
    return adjusted


def _guardrails(
    pairs: Sequence[Comparison], control: Moments, treatment: Moments
) -> tuple[Floats, NDArray[Any]]:
    margins = np.array([np.nan if pair.margin is None else pair.margin for pair in pairs])
    verdict = np.full(len(pairs), None, dtype=object)
    binary = np.array([pair.metric.kind == "proportion" for pair in pairs])
    kinds = np.array([pair.margin_kind for pair in pairs])
    for kind in ("relative", "absolute"):
        for mask, effect_of in ((binary, proportion_effect), (~binary, mean_effect)):
            chosen = mask & (kinds == kind) & ~np.isnan(margins)
            if chosen.any():
                tested = guardrail(
                    effect_of(control.take(chosen), treatment.take(chosen)),
                    margin=margins[chosen],
                    direction=np.array([pair.direction for pair in pairs])[chosen],
                    kind=kind,
                    alpha=np.array([pair.experiment.analysis.alpha for pair in pairs])[chosen],
                )
                verdict[chosen] = _known(tested.non_inferior, np.isnan(tested.p_non_inferior))
    return margins, verdict


def _verdict(
    pairs: Sequence[Comparison], arms: tuple[Moments, Moments], fixed: FixedResult, adjusted: Floats
) -> dict[str, Any]:
    """`significant` and `reason`: no verdict before the end, below the sample size, nor where p is undefined."""
    p = np.where(np.isnan(adjusted), fixed.p_value, adjusted)
    alpha = np.array([pair.experiment.analysis.alpha for pair in pairs])
    reason = np.full(len(pairs), None, dtype=object)
    small: Bools = np.minimum(arms[0].n, arms[1].n) < [pair.experiment.min_sample_size for pair in pairs]
    unfinished: Bools = ~np.array([pair.finished for pair in pairs])
    undefined: Bools = fixed.reason != ""
    reason[small] = TOO_FEW_UNITS
    reason[unfinished] = NOT_FINISHED
    reason[undefined] = fixed.reason[undefined]
    undecided: Bools = np.isnan(p) | small | unfinished
    return {"alpha": alpha, "significant": _known(p < alpha, undecided), "reason": reason}


def _known(values: NDArray[Any], unknown: Bools) -> NDArray[Any]:
    """The values as objects, None where unknown."""
    known = values.astype(object)
    known[unknown] = None
    return known


def _columns(
    pairs: Sequence[Comparison], moments: Sequence[Row], arms: tuple[Moments, Moments], effect: Effect
) -> dict[str, Any]:
    control, treatment = arms
    rows = [moments[pair.control_row] for pair in pairs]
    complete = [
        row["n_complete"] + moments[pair.treatment_row]["n_complete"]
        for pair, row in zip(pairs, rows, strict=True)
    ]
    n = control.n + treatment.n
    share = np.divide(complete, n, out=np.full(len(pairs), np.nan), where=n > 0)
    return {
        "experiment_id": [pair.experiment.id for pair in pairs],
        "metric": [pair.metric.name for pair in pairs],
        "treatment": [pair.treatment for pair in pairs],
        "segment_name": [row["segment_name"] for row in rows],
        "segment_value": [row["segment_value"] for row in rows],
        "day": [row["day"] for row in rows],
        "method": [pair.experiment.analysis.method for pair in pairs],
        "estimator": ["unadjusted"] * len(pairs),
        "headline": [True] * len(pairs),
        "role": [pair.role for pair in pairs],
        "control": [pair.experiment.control for pair in pairs],
        "n_control": control.n.astype(int),
        "n_treatment": treatment.n.astype(int),
        "mean_control": effect.control.mean,
        "mean_treatment": effect.treatment.mean,
        "share_complete": share,
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
