"""Traffic: days without units between the first and the last, and variants that stop getting any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

import numpy as np

from abspark.analysis.health_row import HealthRow, Row, period_shares, skipped, tested, variant_keys
from abspark.config import Experiment
from abspark.stats.multiplicity import holm
from abspark.stats.tails import SMALLEST

_DAY: Final = timedelta(days=1)
_GAP_ADVICE: Final = "Find out whether the log is missing these days; if so, wait for it or repair it."
_STOP_ADVICE: Final = "Find out whether the variant was switched off, or its exposures are no longer logged."


def traffic_checks(profile: Sequence[Row], experiment: Experiment) -> list[HealthRow]:
    """Days without a unit's first exposure, and for each variant whether it stopped before the others."""
    days = Counter[date]()
    for row in profile:
        days[row["day"]] += row["n"]
    if not days:
        return [skipped(experiment, "traffic", "No units.")]
    return [_gaps(days, experiment), *_stops(profile, max(days), experiment)]


def _gaps(days: Counter[date], experiment: Experiment) -> HealthRow:
    """The most surprising gap: a Poisson count of zero at the rate of its poorer neighbour; p times the days."""
    first, last = min(days), max(days)
    length = (last - first).days + 1
    empty = [day for day in (first + index * _DAY for index in range(length)) if day not in days]
    known = sorted(days)
    expected = max((_neighbours(day, known, days) for day in empty), default=0)
    p = max(min(1.0, length * float(np.exp(-expected))), SMALLEST)
    shown = ", ".join(map(str, empty[:10])) + (f" and {len(empty) - 10} more" if len(empty) > 10 else "")
    return tested(
        experiment,
        "traffic",
        experiment.health.traffic,
        p,
        advice=_GAP_ADVICE,
        observed=shown or "units on every day",
        expected="units on every day",
        message=f"{len(empty)} of {length} days between {first} and {last} have no first exposure (p = {p:.3g}).",
    )


def _neighbours(day: date, known: Sequence[date], days: Counter[date]) -> int:
    before = max(other for other in known if other < day)
    after = min(other for other in known if other > day)
    return min(days[before], days[after])


def _stops(profile: Sequence[Row], last: date, experiment: Experiment) -> list[HealthRow]:
    """How likely none of the units after a variant's last day falls to it; Holm over the variants."""
    keys, shares = variant_keys(experiment), period_shares(experiment)
    ends = {key: max((row["day"] for row in profile if row["variant"] == key), default=None) for key in keys}
    p = []
    for place, key in enumerate(keys):
        end = ends[key]
        after = [row for row in profile if end is None or row["day"] > end]
        log_p = sum(row["n"] * np.log1p(-min(shares[row["period"], place], 1 - 1e-12)) for row in after)
        p.append(max(float(np.exp(log_p)), SMALLEST))
    adjusted = holm(p, np.zeros(len(p), dtype=np.int64))
    return [
        tested(
            experiment,
            "traffic",
            experiment.health.traffic,
            float(each),
            advice=_STOP_ADVICE,
            slice_name="variant",
            slice_value=key,
            observed=f"last unit on {ends[key]}" if ends[key] else "no units",
            expected=f"units until {last}",
            message=f"The last unit of {key} came on {ends[key]}, the last of all on {last} (p = {each:.3g})."
            if ends[key]
            else f"{key} has no units (p = {each:.3g}).",
        )
        for key, each in zip(keys, adjusted, strict=True)
    ]
