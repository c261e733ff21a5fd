"""Traffic: days without units from the first on, and variants that stop getting any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np

from abspark.analysis.health_row import HealthRow, Row, period_shares, skipped, tested, variant_keys
from abspark.config import Experiment
from abspark.naming import plural
from abspark.stats.multiplicity import holm
from abspark.stats.tails import SMALLEST

_DAY: Final = timedelta(days=1)
_GAP_ADVICE: Final = "Find out whether the log is missing these days; if so, wait for it or repair it."
_END_ADVICE: Final = " Where exposures were stopped on purpose, move the experiment's end to when that was."
_STOP_ADVICE: Final = "Find out whether the variant was switched off, or its exposures are no longer logged."
_MAILING: Final = 2
"""Days on which units of a mailing are exposed: that none come later is no fault of the log."""


def traffic_checks(
    profile: Sequence[Row], experiment: Experiment, as_of: datetime | None = None
) -> list[HealthRow]:
    """Days without a unit's first exposure, and for each variant whether it stopped before the others.

    `as_of` None: days after the last unit are none on which one was due.
    """
    days = Counter[date]()
    for row in profile:
        days[row["day"]] += row["n"]
    if not days:
        return [skipped(experiment, "traffic", "No units.")]
    return [
        _gaps(days, _last_due(days, experiment, as_of), experiment),
        *_stops(profile, max(days), experiment),
    ]


def _last_due(days: Counter[date], experiment: Experiment, as_of: datetime | None) -> date:
    """The last day of a running experiment that was over at `as_of`; at least the last that has units."""
    newest = max(days)
    if as_of is None or experiment.status != "running" or len(days) <= _MAILING:
        return newest
    return max(newest, min(as_of, experiment.end).astimezone(UTC).date() - _DAY)


def _gaps(days: Counter[date], last: date, experiment: Experiment) -> HealthRow:
    """The most surprising gap: a Poisson count of zero at the rate of its poorer neighbour; p times the days."""
    first = min(days)
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
        advice=_GAP_ADVICE + (_END_ADVICE if last not in days else ""),
        observed=shown or "units on every day",
        expected="units on every day",
        message=f"{len(empty)} of {plural(length, 'day')} between {first} and {last} "
        f"have no first exposure (p = {p:.3g}).",
    )


def _neighbours(day: date, known: Sequence[date], days: Counter[date]) -> int:
    before = max(other for other in known if other < day)
    after = min((other for other in known if other > day), default=before)
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
