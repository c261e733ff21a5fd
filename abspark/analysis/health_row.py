"""What all health checks share: how a row is made, and how its status follows from a level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from abspark.config import Experiment
from abspark.config.health import LevelCheck, ShareCheck
from abspark.schemas import HEALTH
from abspark.stats.moments import Floats

Row = Mapping[str, Any]
HealthRow = dict[str, Any]
TIED: Final = "tied_variants"
"""Why a unit of two variants at its first instant is left out. It stands under the first in configured order."""


def health_row(experiment: Experiment, check: str, status: str, **given: Any) -> HealthRow:
    """A row of `health` without its run; columns that aren't given are NULL."""
    names = [name for name in HEALTH.names if name != "run_id"]
    return dict.fromkeys(names) | {"experiment_id": experiment.id, "check": check, "status": status} | given


def skipped(experiment: Experiment, check: str, why: str, **given: Any) -> HealthRow:
    """A check that can't be computed, and why."""
    return health_row(experiment, check, "skipped", message=why, **given)


def tested(
    experiment: Experiment, check: str, settings: LevelCheck, p: float, *, advice: str, **given: Any
) -> HealthRow:
    """A check that does not pass where p is below its level; `advice` is given only then."""
    fired = p < settings.threshold
    status = settings.severity if fired else "pass"
    more = {"p_value": float(p), "threshold": settings.threshold, "advice": advice if fired else None}
    return health_row(experiment, check, status, **more, **given)


def graded(
    experiment: Experiment, check: str, settings: ShareCheck, share: float, *, advice: str, **given: Any
) -> HealthRow:
    """A check that warns and fails above a share; `advice` is given only then."""
    status = "fail" if share > settings.fail else "warn" if share > settings.warn else "pass"
    level = settings.fail if status == "fail" else settings.warn
    more = {"statistic": share, "threshold": level, "advice": None if status == "pass" else advice}
    return health_row(experiment, check, status, **more, **given)


def of_one_variant(profile: Iterable[Row]) -> list[Row]:
    """Rows of the profile whose units have a recorded variant, so that variants can be compared by them."""
    return [row for row in profile if row["excluded_reason"] != TIED]


def variant_keys(experiment: Experiment) -> list[str]:
    """Keys of the variants in configured order."""
    return [variant.key for variant in experiment.variants]


def period_shares(experiment: Experiment) -> Floats:
    """Expected shares, shape (periods, v), rows summing to 1: the weights as `history` has them."""
    weights = [(variant.key, variant.weight) for variant in experiment.variants]
    shares = np.array([[w for _, w in during] for _, _, during in experiment.assignment.periods(weights)])
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float64)


def units_by_period(rows: Iterable[Row], experiment: Experiment, label: str = "variant") -> Floats:
    """Sums of n, shape (periods, v), by the variant in column `label`; rows without one are left out."""
    place = {key: index for index, key in enumerate(variant_keys(experiment))}
    units = np.zeros((len(period_shares(experiment)), len(place)))
    for row in rows:
        if row[label] is not None:
            units[row["period"], place[row[label]]] += row["n"]
    return units


def by_variant(keys: Sequence[str], numbers: Iterable[float]) -> str:
    """`control 500, treatment 480`."""
    return ", ".join(f"{key} {number:,.10g}" for key, number in zip(keys, numbers, strict=True))


def percentage(share: float) -> str:
    """A share of a whole in per cent with three digits, never rounded to none or to all of it."""
    if 0 < share < 5e-6:
        return "< 0.0005%"
    if 0.9995 <= share < 1:
        return "> 99.9%"
    return f"{share * 100:.3g}%"


def finite(value: float) -> float | None:
    """The number, or None where it isn't finite."""
    return float(value) if np.isfinite(value) else None
