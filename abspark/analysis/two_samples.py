"""Two plain samples through the same analysis as an experiment: moments, results, health, decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal

import numpy as np

from abspark.analysis.clock import clock
from abspark.analysis.decisions import Evidence, decisions
from abspark.analysis.health_ledger import drops_balanced
from abspark.analysis.health_row import percentage, skipped
from abspark.analysis.health_several import several_variants_checks
from abspark.analysis.health_srm import ratio_check
from abspark.analysis.results import results
from abspark.analysis.sample_cleaning import Sample
from abspark.config import Experiment, Metric
from abspark.schemas import DROPS, MOMENTS

CONTROL: Final = "control"
TREATMENT: Final = "treatment"
FILES: Final = "files"
Kind = Literal["proportion", "mean"]
Direction = Literal["increase", "decrease"]

_ID: Final = "compare"
_SPLIT_ADVICE: Final = (
    "Do not read the result. Look for units that one of the files lacks, or for another share."
)


@dataclass(frozen=True)
class Compared:
    """What the tables of a run would hold, without run_id, and the configuration that made it.

    Files know no times: the `day` of the results is NULL.
    """

    experiment: Experiment
    metric: Metric
    results: list[dict[str, Any]]
    health: list[dict[str, Any]]
    drops: list[dict[str, Any]]
    decision: dict[str, Any]


def kind_of(samples: Sequence[Sample]) -> Kind:
    """`proportion` where no value is anything but 0 or 1."""
    whole = np.concatenate([sample.values for sample in samples])
    return "proportion" if np.isin(whole, (0.0, 1.0)).all() else "mean"


def two_samples(
    control: Sample,
    treatment: Sample,
    *,
    metric: str,
    alpha: float = 0.05,
    direction: Direction = "increase",
    share: float | None = None,
    shared: int | None = None,
    now: datetime,
) -> Compared:
    """The comparison of two samples.

    `share` is the share of units that were meant for the treatment, and `shared` the number of units that are in both
    files, each where it is known.
    """
    arms = {CONTROL: control, TREATMENT: treatment}
    defined = _metric(metric, kind_of([control, treatment]), direction)
    experiment = _experiment(metric, alpha, share, now)
    day = now.astimezone(UTC).date()
    moments = [_moments(name, sample, metric, day) for name, sample in arms.items()]
    found = results(moments, [experiment], {metric: defined}, as_of=now)
    drops = [_drop(name, reason, rows) for name, arm in arms.items() for reason, rows in arm.left_out.items()]
    rows = [_profile(name, arm.rows, day) for name, arm in arms.items()]
    units = [_profile(name, arm.units, day) for name, arm in arms.items()]
    health = [
        *_split(units, experiment, share),
        *_several(shared, control.units + treatment.units, experiment),
        *drops_balanced(drops, rows, experiment),
    ]
    evidence = Evidence(found, health, frozenset(), clock(now, [experiment], {metric: defined}), ())
    [decision] = decisions(evidence, [experiment], {metric: defined})
    undated = [row | {"day": None} for row in found]
    return Compared(experiment, defined, undated, health, drops, decision)


def _profile(variant: str, n: int, day: date) -> dict[str, Any]:
    told = {"variant": variant, "excluded_reason": None, "period": 0, "day": day, "n": n}
    return {"experiment_id": _ID} | told


def _moments(variant: str, sample: Sample, metric: str, day: date) -> dict[str, Any]:
    n = len(sample.values)
    return dict.fromkeys(MOMENTS.names) | {
        "experiment_id": _ID,
        "variant": variant,
        "metric": metric,
        "day": day,
        "n": n,
        "n_complete": n,
        "mean_num": float(sample.values.mean()) if n else None,
        "var_num": float(sample.values.var(ddof=1)) if n > 1 else None,
    }


def _drop(variant: str, reason: str, rows: int) -> dict[str, Any]:
    told = {
        "stage": "events",
        "source": FILES,
        "reason": reason,
        "variant": variant,
        "rows": rows,
        "units": rows,
    }
    return dict.fromkeys(name for name in DROPS.names if name != "run_id") | {"experiment_id": _ID} | told


def _split(
    profile: Sequence[Mapping[str, Any]], experiment: Experiment, share: float | None
) -> list[dict[str, Any]]:
    if share is None:
        why = "The shares that were meant are not known; state that of the treatment with --share."
        return [skipped(experiment, "srm", why)]
    return [ratio_check(profile, experiment, what="units of the files", advice=_SPLIT_ADVICE)]


def _several(shared: int | None, units: int, experiment: Experiment) -> list[dict[str, Any]]:
    """The share of units in both files; `units` counts them twice."""
    if shared is None:
        why = "Units of both files are not told apart; name the column of their ids with --unit."
        return [skipped(experiment, "several_variants", why)]
    told = {"variant": CONTROL, "excluded_reason": None, "several": shared, "n": units - shared}
    [row, _] = several_variants_checks([told], experiment)
    if row["status"] == "skipped":
        return [row]
    return [row | {"message": f"{percentage(shared / (units - shared))} of units are in both files."}]


def _metric(name: str, kind: Kind, direction: Direction) -> Metric:
    given: dict[str, Any] = {"name": name, "kind": kind, "source": FILES, "direction": direction}
    given["window"] = {"end": "1d"}
    if kind == "mean":
        given["value"] = name
    return Metric.model_validate(given | {"description": f"The column {name}, a row per unit."})


def _experiment(metric: str, alpha: float, share: float | None, now: datetime) -> Experiment:
    """An experiment that is long over, as both files are whole."""
    treated = 0.5 if share is None else share
    return Experiment.model_validate(
        {
            "id": _ID,
            "variants": [{"key": CONTROL, "weight": 1 - treated}, {"key": TREATMENT, "weight": treated}],
            "control": CONTROL,
            "start": (now - timedelta(days=3)).isoformat(),
            "end": (now - timedelta(days=2)).isoformat(),
            "exposures": FILES,
            "status": "completed",
            "metrics": {"primary": [metric]},
            "analysis": {"alpha": alpha},
        }
    )
