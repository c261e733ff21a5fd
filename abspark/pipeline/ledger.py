"""The ledger: every row that is read is kept, or dropped for one reason.

Each log is read a second time, lightly and without a shuffle of its rows but for samples, to count the reasons that a
row's own columns decide. Those counts and the counts of the main read must agree; where they don't the run fails.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from pyspark.sql import Row

from abspark.config import EventSource
from abspark.errors import LedgerError
from abspark.pipeline.conversions import Status
from abspark.pipeline.copies import Copies
from abspark.pipeline.cutoffs import Newest
from abspark.pipeline.events import time_range
from abspark.pipeline.row_counts import KEPT, SEEN, SPAN, bad_values
from abspark.pipeline.spreading import MANY
from abspark.pipeline.study import Study
from abspark.schemas import NO_EXPERIMENT, SAMPLED

_PAIR_REASONS: Final = {
    Status.variant_disagrees: "variant_disagrees",
    Status.excluded_unit: "excluded_unit",
    Status.not_wanted: "no_metric",
    Status.before_window: "before_window",
    Status.after_window: "after_window",
    Status.outside_windows: "outside_windows",
}
_OUTSIDE: Final = ("before_window", "after_window", "outside_windows")
_EVENT_STATUSES: Final = (Status.duplicate_event, Status.no_metric, Status.bad_value)


class Drop(NamedTuple):
    """One row of the table `drops`, without its run."""

    experiment_id: str
    stage: str
    source: str
    reason: str
    variant: str | None
    rows: int
    units: int | None


class Values(NamedTuple):
    """Rows that a metric wants a value of, and those of them whose value it can't use."""

    wanted: int
    bad: int


@dataclass
class SourceTally:
    """What the light read of one source found: rows read and kept, and for events the newest valid time by span.

    `early` are rows kept though no window reaches back to their quarter of an hour: an event with an id may be a copy
    of one there. `copies` is None where the source does not say how far apart they are. `busy` are sampled rows by the
    first half of their unit's key, of units with many events. `values` are told of each metric that wants one, of the
    times alone in which events may count: where nothing counts values may well be missing.
    """

    source: str
    read: int
    kept: int
    newest: Newest = ()
    kept_by_experiment: Mapping[str, int] = field(default_factory=dict)
    early: int = 0
    copies: Copies | None = None
    busy: Mapping[int, int] = field(default_factory=dict)
    values: Mapping[str, Values] = field(default_factory=dict)


def exposure_drops(rows: Iterable[Row], study: Study, source: str) -> tuple[list[Drop], SourceTally]:
    """The drops of an exposure log and its tally, from the rows of `exposure_counts`."""
    drops, read = [], 0
    kept: dict[str, int] = defaultdict(int)
    for row in rows:
        read += row["rows"]
        experiment, variant = _names(study, row["x"], row["v"])
        if row["reason"] == KEPT:
            kept[experiment] += row["rows"]
            continue
        units = row["units"] if row["reason"] not in ("null_id", "other_experiment") else None
        drops.append(Drop(experiment, "exposures", source, row["reason"], variant, row["rows"], units))
    return drops, SourceTally(source, read, sum(kept.values()), kept_by_experiment=dict(kept))


def event_drops(rows: Iterable[Row], study: Study, source: str) -> tuple[list[Drop], SourceTally]:
    """The drops of an event log that its own columns decide, and its tally, from the rows of `event_counts`."""
    groups = bad_values(study, source)
    bad, bad_there, good_there = ([0] * len(groups) for _ in range(3))
    counts: dict[str, int] = defaultdict(int)
    newest: dict[int, int] = {}
    busy: dict[int, int] = {}
    (begins, ends), early = time_range(study, source), 0
    copies = None if study.event_source(source).copies_within is None else Copies(0, 0)
    for row in rows:
        # the one row of all events compared, which is there where there are any
        if row["reason"] is None and copies is not None and row["compared"]:
            copies = Copies(row["compared"], row["distant"])
            continue
        if row["reason"] is None:
            busy[row["unit"]] = row["rows"]
            continue
        counts[row["reason"]] += row["rows"]
        if row["reason"] == KEPT and (row["span"] + 1) * SPAN <= begins:
            early += row["rows"]
        if row["reason"] in (KEPT, Status.bad_value.name):
            bad = _added(bad, row, "bad")
            if begins < (row["span"] + 1) * SPAN and row["span"] * SPAN < ends:
                bad_there, good_there = _added(bad_there, row, "bad"), _added(good_there, row, "good")
        if row["reason"] in SEEN and row["newest"] is not None:
            newest[row["span"]] = max(newest.get(row["span"], row["newest"]), row["newest"])
    left_out = {reason: count for reason, count in counts.items() if reason != KEPT}
    drops = [Drop(NO_EXPERIMENT, "events", source, reason, None, n, None) for reason, n in left_out.items()]
    for names, count in zip(groups.values(), bad, strict=True):
        drops += [Drop(NO_EXPERIMENT, "values", n, "bad_value", None, count, None) for n in names if count]
    times = tuple(sorted(newest.values()))
    read, kept = sum(counts.values()), counts[KEPT]
    values = {
        name: Values(well + ill, ill)
        for names, well, ill in zip(groups.values(), good_there, bad_there, strict=True)
        for name in names
    }
    return drops, SourceTally(source, read, kept, times, early=early, copies=copies, busy=busy, values=values)


def _added(totals: Sequence[int], row: Row, prefix: str) -> list[int]:
    return [total + row[f"{prefix}{j}"] for j, total in enumerate(totals)]


def merged(drops: Iterable[Drop]) -> list[Drop]:
    """One drop for each key: values that one metric could not use in several logs add up."""
    totals: dict[Drop, int] = defaultdict(int)
    for drop in drops:
        totals[drop._replace(rows=0)] += drop.rows
    return [key._replace(rows=rows) for key, rows in totals.items()]


def assignment_drops(
    rows: Iterable[Mapping[str, Any]], tallies: Mapping[str, SourceTally], study: Study
) -> list[Drop]:
    """Repeated exposures and excluded units, from assignments counted by experiment_id, variant, excluded_reason.

    They may be counted more finely. Each row has n, assignments; exposures, their sum; and repeating, those with more
    than one. Repeated exposures of tied units have no variant: each of the unit's is as much the first as the others.

    Raises:
        LedgerError: The exposures behind the assignments are not the valid exposures of the light read.
    """
    sources = {experiment.id: experiment.exposures for experiment in study.experiments}
    drops: list[Drop] = []
    assigned: dict[str, int] = defaultdict(int)
    repeated: dict[tuple[str, str | None], list[int]] = defaultdict(lambda: [0, 0])
    excluded: dict[tuple[str, str, str], int] = defaultdict(int)
    for row in rows:
        experiment, variant, reason = row["experiment_id"], row["variant"], row["excluded_reason"]
        assigned[experiment] += row["exposures"]
        first = None if reason == "tied_variants" else variant
        repeated[experiment, first][0] += row["exposures"] - row["n"]
        repeated[experiment, first][1] += row["repeating"]
        if reason is not None:
            excluded[experiment, reason, variant] += row["n"]
    for (experiment, reason, variant), n in excluded.items():
        drops.append(Drop(experiment, "units", sources[experiment], reason, variant, n, n))
    for (experiment, variant), (rows_, units) in repeated.items():
        if rows_:
            source = sources[experiment]
            drops.append(Drop(experiment, "exposures", source, "repeated_exposure", variant, rows_, units))
    for experiment, source in sources.items():
        seen = tallies[source].kept_by_experiment.get(experiment, 0)
        if seen != assigned[experiment]:
            raise _unequal(f"valid exposures of {experiment} in {source}", seen, assigned[experiment])
    return drops


def pair_drops(
    rows: Sequence[Mapping[str, Any]], tallies: Mapping[str, SourceTally], study: Study
) -> list[Drop]:
    """Drops after the join, from the ledger's rows of `summary`.

    Raises:
        LedgerError: The events that left the join are not the valid events of the light read.
    """
    drops: list[Drop] = []
    left: dict[str, int] = defaultdict(int)
    for row in rows:
        source, status, count = study.sources[row["s"]], Status(row["status"]), round(row["total"])
        experiment, variant = _names(study, row["x"], row["v"])
        if status in _PAIR_REASONS:
            drops.append(Drop(experiment, "pairs", source, _PAIR_REASONS[status], variant, count, row["n1"]))
            if status is Status.outside_windows and row["early"]:
                early = _PAIR_REASONS[Status.before_window]
                drops.append(
                    Drop(experiment, SAMPLED, source, early, variant, row["early"], row["early_units"])
                )
        elif status in _EVENT_STATUSES or status is Status.unmatched_unit:
            drops.append(Drop(NO_EXPERIMENT, "events", source, status.name, None, count, row["n1"]))
        left[source] += _events(row, status, study)
    for source in study.sources:
        if tallies[source].kept != left[source]:
            raise _unequal(f"valid events of {source}", tallies[source].kept, left[source])
    return drops


def left_out_by_fixed_times(drops: Sequence[Drop], sources: Sequence[EventSource]) -> dict[str, int]:
    """Rows outside windows, of logs without times: they are meant for all units, so that losing some is a surprise."""
    timeless = {source.name for source in sources if source.fixed_time is not None}
    lost: dict[str, int] = defaultdict(int)
    for drop in drops:
        if drop.source in timeless and drop.reason in _OUTSIDE and drop.stage != SAMPLED:
            lost[drop.source] += drop.rows
    return dict(lost)


def early_events(tallies: Mapping[str, SourceTally], sources: Sequence[EventSource]) -> dict[str, int]:
    """By source its early rows, where those are many and the source does not say how far apart copies are."""
    silent = [s.name for s in sources if s.copies_within is None and s.columns.time is not None]
    return {name: early for name in silent if (early := tallies[name].early) >= MANY}


def matched_events(rows: Sequence[Mapping[str, Any]], study: Study) -> dict[str, int]:
    """Events per source that met at least one assignment: the rows that an event log keeps."""
    matched = dict.fromkeys(study.sources, 0)
    for row in rows:
        status = Status(row["status"])
        if status > Status.unmatched_unit:
            matched[study.sources[row["s"]]] += _events(row, status, study)
    return matched


def _events(row: Mapping[str, Any], status: Status, study: Study) -> int:
    """Events behind a ledger row: a pair counts where it is its event's only or leading one."""
    alone = status <= Status.unmatched_unit or study.event_sources[row["s"]].columns.experiment is not None
    return int(row["total"] if alone else row["lead_total"])


def check_read(tally: SourceTally, independent: int | None) -> None:
    """Compare rows read with a count that did not pass through the pipeline, where there is one.

    Raises:
        LedgerError: They differ.
    """
    if independent is not None and independent != tally.read:
        raise _unequal(f"rows of {tally.source}", independent, tally.read)


def _names(study: Study, x: int | None, v: int | None) -> tuple[str, str | None]:
    if x is None:
        return NO_EXPERIMENT, None
    experiment = study.experiments[x]
    return experiment.id, None if v is None else experiment.variants[v].key


def _unequal(what: str, expected: int, found: int) -> LedgerError:
    return LedgerError(
        f"the ledger does not add up: {what}: {expected:,} counted on their own, {found:,} in the main read",
        advice="nothing was committed; where the source has a partition_date, rows lie further from their dates than "
        "its `within` says: raise it, or leave partition_date out; else please report this with the run's id",
    )
