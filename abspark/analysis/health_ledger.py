"""Checks on what was left out: drops that hit one variant, events of nobody, events logged twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import numpy as np

from abspark.analysis.health_lost import Unread, events_lost
from abspark.analysis.health_row import (
    TIED,
    HealthRow,
    Row,
    by_variant,
    graded,
    of_one_variant,
    percentage,
    skipped,
    tested,
    variant_keys,
)
from abspark.config import Experiment
from abspark.config.values import format_duration
from abspark.schemas import SAMPLED
from abspark.stats.contingency import RatesTest, equal_rates
from abspark.stats.multiplicity import holm
from abspark.stats.reasons import NONE

_OWN_CHECK: Final = frozenset({TIED, "multiple_variants", "excluded_unit"})
"""Units of several variants are compared by `several_variants_balanced`; a tie has no variant."""
_OF_BEHAVIOUR: Final = frozenset({"repeated_exposure", "outside_windows", "after_window", "no_metric"})
"""Reasons that what units do after exposure decides: a treatment that works may shift them."""
_ADVICE: Final = (
    "Find out why rows of one variant are dropped more often: its logging, its redirects, its filter."
)
_BEHAVIOUR_ADVICE: Final = (
    "The treatment itself may do this. If it should not change how often units come back or act, "
    "compare the logging of the variants."
)


class SourceCount(NamedTuple):
    """An event source: rows read, events that met a unit, and whether events have ids. None: not counted."""

    source: str
    read: int | None
    matched: int | None
    identified: bool


def drops_balanced(drops: Sequence[Row], profile: Sequence[Row], experiment: Experiment) -> list[HealthRow]:
    """For each source and reason that knows the variant: do the variants lose equal shares of their units?

    p is adjusted by Holm over the reasons. Units are compared, not rows, as a unit's rows drop together.
    """
    check, keys = "drops_balanced", variant_keys(experiment)
    assigned, dropped = Counter[str](), dict[tuple[str, str, str], Counter[str]]()
    for row in of_one_variant(profile):
        assigned[row["variant"]] += row["n"]
    for row in drops:
        if _comparable(row, experiment):
            key = (row["source"], row["reason"], row["stage"])
            dropped.setdefault(key, Counter())[row["variant"]] += row["units"]
    tests = {key: _rates(key, lost, assigned, keys) for key, lost in sorted(dropped.items())}
    tests = {key: test for key, test in tests.items() if test.reason == NONE}
    if not tests:
        return [skipped(experiment, check, "No row was dropped for a reason that knows the variant.")]
    adjusted = holm([test.p_value for test in tests.values()], np.zeros(len(tests), dtype=np.int64))
    return [
        _drop_row(experiment, key, dropped[key], (test, float(p)))
        for (key, test), p in zip(tests.items(), adjusted, strict=True)
    ]


def _comparable(row: Row, experiment: Experiment) -> bool:
    mine = row["experiment_id"] == experiment.id and row["reason"] not in _OWN_CHECK
    return mine and row["variant"] is not None and row["units"] is not None


def _rates(
    key: tuple[str, str, str], lost: Counter[str], assigned: Counter[str], keys: Sequence[str]
) -> RatesTest:
    """Repeated exposures and pairs are of assigned units; units of other reasons may have no valid exposure."""
    _, reason, stage = key
    among = stage in ("pairs", SAMPLED) or reason == "repeated_exposure"
    return equal_rates(
        [lost[v] for v in keys], [max(assigned[v] - lost[v], 0) if among else assigned[v] for v in keys]
    )


def _drop_row(
    experiment: Experiment, key: tuple[str, str, str], lost: Counter[str], found: tuple[RatesTest, float]
) -> HealthRow:
    (source, reason, _), (test, p), keys = key, found, variant_keys(experiment)
    settings = experiment.health.drops_balanced
    verdict = "differ" if p < settings.threshold else "are not shown to differ"
    return tested(
        experiment,
        "drops_balanced",
        settings,
        p,
        advice=_BEHAVIOUR_ADVICE if reason in _OF_BEHAVIOUR else _ADVICE,
        slice_name="source: reason",
        slice_value=f"{source}: {reason}",
        statistic=test.statistic,
        observed=by_variant(keys, (lost[v] for v in keys)),
        expected=by_variant(keys, test.expected),
        message=f"The shares of the variants' units with rows of {source} dropped as {reason} {verdict} "
        f"(p = {p:.3g} after Holm over the reasons).",
    )


def event_checks(
    drops: Sequence[Row],
    sources: Sequence[SourceCount],
    experiment: Experiment,
    *,
    unread: Unread,
    exposed: bool,
) -> list[HealthRow]:
    """Unreadable, unmatched and duplicate events of each source that the experiment's metrics read.

    `exposed` is whether all but a few exposures could be read: units of those that could not have events of nobody.
    """
    by_source: dict[str, Counter[str]] = {source.source: Counter() for source in sources}
    for row in drops:
        if row["stage"] == "events" and row["source"] in by_source:
            by_source[row["source"]][row["reason"]] += row["rows"]
    rows = []
    for source in sources:
        name, lost = source.source, by_source[source.source]
        rows += events_lost(name, source.read, lost, experiment, unread.get(name, frozenset()))
        rows.append(_unmatched(source, lost["unmatched_unit"], experiment, exposed=exposed))
        looked_at = (source.read or 0) - lost["outside_windows"]
        rows.append(_duplicates(source, lost["duplicate_event"], looked_at, experiment))
    return rows


_COMPARE_IDS: Final = (
    "Compare the unit ids of the event log with those of the exposures: their form, and what they name."
)
_EXPOSURES_FIRST: Final = (
    "See to the exposures that were lost first (check exposures_lost): units without any are in no experiment, "
    "whatever their ids."
)


def _unmatched(source: SourceCount, unmatched: int, experiment: Experiment, *, exposed: bool) -> HealthRow:
    check, where = "unmatched_events", {"slice_name": "source", "slice_value": source.source}
    if source.matched is None or not source.matched + unmatched:
        return skipped(experiment, check, f"{source.source} has no events to match.", **where)
    total = source.matched + unmatched
    share = unmatched / total
    compare = (
        _COMPARE_IDS
        if source.matched
        else f"See in abspark drops whether any exposure was kept. {_COMPARE_IDS}"
    )
    return graded(
        experiment,
        check,
        experiment.health.unmatched_events,
        share,
        advice=compare if exposed else _EXPOSURES_FIRST,
        observed=f"{unmatched:,} of {total:,} events ({percentage(share)})",
        message=f"{percentage(share)} of the events in {source.source} are of units that are in no experiment "
        "of the run.",
        **where,
    )


def _duplicates(source: SourceCount, duplicates: int, looked_at: int, experiment: Experiment) -> HealthRow:
    """`looked_at` are the rows among which duplicates are found: not those outside all windows."""
    check, where = "duplicates", {"slice_name": "source", "slice_value": source.source}
    if not source.identified:
        why = f"{source.source} maps no event_id, so repeated rows can't be told from repeated events."
        return skipped(experiment, check, why, **where)
    if looked_at <= 0:
        return skipped(experiment, check, f"{source.source} has no rows within reach of a window.", **where)
    share = duplicates / looked_at
    return graded(
        experiment,
        check,
        experiment.health.duplicates,
        share,
        advice="They count once, so nothing is biased; look for retries or for ids that are not unique.",
        observed=f"{duplicates:,} of {looked_at:,} rows ({percentage(share)})",
        expected="none",
        message=f"{percentage(share)} of the rows in {source.source} repeat the id of another event of their unit.",
        **where,
    )


def copies_check(
    experiment: Experiment, source: str, within: timedelta, *, compared: int, distant: int, all_rows: bool
) -> HealthRow:
    """The health row `distant_copies` of a source: of the events `compared` some are `distant`.

    `all_rows` says whether its whole log was looked at.
    """
    check, where = "distant_copies", {"slice_name": "source", "slice_value": source}
    if not compared:
        return skipped(
            experiment, check, f"No event of {source} has an id and was drawn to be compared.", **where
        )
    share = distant / compared
    how = f"are more than {format_duration(within)} apart" if within else "differ"
    looked = "" if all_rows else " Rows that the ledger left unread were not looked at."
    return graded(
        experiment,
        check,
        experiment.health.distant_copies,
        share,
        advice=f"Raise copies_within of {source}, or leave it out: where the earliest row of an event is too early to "
        "be read, a later one counts in its place.",
        observed=f"{distant:,} of {compared:,} events compared ({percentage(share)})",
        expected="none",
        message=f"{percentage(share)} of the events compared in {source} have rows whose times {how}.{looked}",
        **where,
    )
