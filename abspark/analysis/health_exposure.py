"""Checks on exposures against time and on units that act too much to be people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from abspark.analysis.health_row import HealthRow, Row, by_variant, graded, percentage, skipped, variant_keys
from abspark.config import Experiment
from abspark.schemas import SAMPLE

_OUTSIDE_ADVICE: Final = (
    "Compare start and end with when the experiment was really on; exposures outside don't count."
)
_ALL_OUTSIDE_ADVICE: Final = (
    "Compare columns.time, time_unit and time_zone of the source with the log's times, and start and end with when the "
    "experiment was really on; exposures outside don't count."
)
_BEFORE_ADVICE: Final = (
    "Units act before they are seen as exposed: look whether exposures are logged late, after the action that they "
    "should precede. Returning units have such events in a sound experiment too."
)
_FEW: Final = 30
"""A sample of fewer units says nothing about a share."""
_BOT_ADVICE: Final = "Look at these units; bots.drop: true in the source leaves them out of everything."


def exposure_checks(
    drops: Sequence[Row], profile: Sequence[Row], bots: Sequence[Row] | None, experiment: Experiment
) -> list[HealthRow]:
    """Exposures outside the interval, events before the exposure, bots.

    `bots` are assigned units over a source's limit by experiment and variant (n); None: no source has a limit.
    """
    mine = [row for row in drops if row["experiment_id"] == experiment.id]
    return [
        _outside(mine, profile, experiment),
        _before(mine, profile, experiment),
        _bots(mine, profile, bots, experiment),
    ]


def _outside(drops: Sequence[Row], profile: Sequence[Row], experiment: Experiment) -> HealthRow:
    rows = Counter[str]()
    for row in drops:
        if row["stage"] == "exposures":
            rows[row["reason"]] += row["rows"]
    kept = sum(row["n"] for row in profile)
    total = rows.total() + kept
    if not total:
        return skipped(experiment, "exposures_outside_interval", "No exposures.")
    outside = rows["outside_interval"]
    share = outside / total
    return graded(
        experiment,
        "exposures_outside_interval",
        experiment.health.exposures_outside_interval,
        share,
        advice=_OUTSIDE_ADVICE if kept else _ALL_OUTSIDE_ADVICE,
        observed=f"{outside:,} of {total:,} exposures ({percentage(share)})",
        expected="none",
        message=f"{percentage(share)} of the exposures lie before the experiment's start or after its end.",
    )


def _before(drops: Sequence[Row], profile: Sequence[Row], experiment: Experiment) -> HealthRow:
    """The largest share over the sources; whether the variants differ is for `drops_balanced` to say.

    Of all units where the ledger tells of all on which side of the windows their events lie; else of the sample. It
    tells of the one or of the other: early events are in it once.
    """
    check = "events_before_exposure"
    whole = any(
        row["stage"] == "pairs" and row["reason"] in ("before_window", "after_window") for row in drops
    )
    total = sum(row["n" if whole else "sampled"] for row in profile)
    if total < (1 if whole else _FEW):
        why = f"Only {total:,} units are in the sample of 1 in {SAMPLE}; with ledger: full all are judged."
        return skipped(experiment, check, why)
    by_source = Counter[str]()
    for row in drops:
        if row["reason"] == "before_window":
            by_source[row["source"]] += row["units"]
    ((source, units),) = by_source.most_common(1) or [("", 0)]
    share = units / total
    whose = "the units" if whole else f"a sample of 1 in {SAMPLE} units"
    return graded(
        experiment,
        check,
        experiment.health.events_before_exposure,
        share,
        advice=_BEFORE_ADVICE,
        observed=f"{units:,} of {total:,} {'units' if whole else 'sampled units'} ({percentage(share)})",
        message=f"{percentage(share)} of {whose} have events{f' in {source}' if source else ''} before their windows "
        "begin that a metric would count.",
    )


def _bots(
    drops: Sequence[Row], profile: Sequence[Row], bots: Sequence[Row] | None, experiment: Experiment
) -> HealthRow:
    check, keys = "bots", variant_keys(experiment)
    if bots is None:
        return skipped(experiment, check, "No event source of the experiment has a limit (bots.limit).")
    found = Counter[str]()
    for row in bots:
        if row["experiment_id"] == experiment.id:
            found[row["variant"]] += row["n"]
    dropped = Counter[str]()
    for row in drops:
        if row["stage"] == "exposures" and row["reason"] == "bot":
            dropped[row["variant"]] += row["units"]
    total = sum(row["n"] for row in profile) + dropped.total()
    if not total:
        return skipped(experiment, check, "No units.")
    units = found.total() + dropped.total()
    share = units / total
    fate = "they are kept"
    if dropped:
        fate = f"{dropped.total():,} of them are left out" if found else "they are left out"
    return graded(
        experiment,
        check,
        experiment.health.bots,
        share,
        advice=_BOT_ADVICE,
        observed=by_variant(keys, (found[key] + dropped[key] for key in keys)),
        expected="no unit over the limit",
        message=f"{units:,} of {total:,} units ({percentage(share)}) have more events than their log's limit; {fate}.",
    )
