"""What a run must find, in plain Python, row by row: an independent statement of the semantics.

Nothing here comes from the package.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, NamedTuple

from oracle_moments import Moments, days, days_of, moments, segments
from oracle_quantiles import Bounds, Quantile, bounds_of, quantile, resolved
from oracle_values import (
    DAY,
    Assigned,
    Case,
    Events,
    Span,
    UnitValue,
    all_spans,
    cut_after,
    exposure_days,
    unit_value,
    variables,
)
from world import Experiment, Feed, Log, RawRow, World

EVERYTHING = "*"


@dataclass
class Ledger:
    """Rows and distinct units per (experiment, stage, source, reason, variant)."""

    rows: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    units: dict[tuple[Any, ...], set[Any]] = field(default_factory=lambda: defaultdict(set))
    uncounted: set[tuple[Any, ...]] = field(default_factory=set)

    def drop(self, *key: Any, unit: Any = None, rows: int = 1) -> None:
        self.rows[key] += rows
        if unit is None:
            self.uncounted.add(key)
        else:
            self.units[key].add(unit)

    def table(self) -> dict[tuple[Any, ...], tuple[int, int | None]]:
        counted = {key: None if key in self.uncounted else len(self.units[key]) for key in self.rows}
        return {key: (rows, counted[key]) for key, rows in self.rows.items() if rows}


class UnitRow(NamedTuple):
    """A row of unit_metrics."""

    num: float | None
    den: float | None
    pre_num: float | None
    pre_den: float | None
    complete: bool


class Outcome(NamedTuple):
    """The tables; `moments` those of the last day, `days` of everyone on each day, `ages` by days since exposure."""

    assignments: dict[tuple[str, str], Assigned]
    moments: dict[tuple[str, str, str, str | None, str | None], Moments]
    days: dict[tuple[str, str, str, date], Moments]
    drops: dict[tuple[Any, ...], tuple[int, int | None]]
    unit_metrics: dict[tuple[str, str, str], UnitRow]
    ages: dict[tuple[str, str, str, int], Moments]
    quantiles: dict[tuple[str, str, str, str | None, str | None], Quantile]


class Reading(NamedTuple):
    """What is known at one as_of: assignments, the value of each unit that is not excluded, and the ledger."""

    assigned: dict[tuple[str, str], Assigned]
    values: dict[tuple[str, str], dict[str, UnitValue]]
    cases: dict[tuple[str, str], dict[str, Case]]
    ledger: Ledger
    bounds: Bounds


def run(world: World) -> Outcome:
    """Every table of a run over all logs of a world."""
    bounds = _bounds(world)
    final = _read(world, bounds, pairs=True)
    ends = {end for experiment in world.experiments for _, end in days(world, experiment)}
    readings = {end: _read(_until(world, end), bounds) for end in ends - {world.as_of}} | {world.as_of: final}
    unit_metrics = {
        (experiment, unit, metric): UnitRow(*value[:5])
        for (experiment, metric), values in final.values.items()
        for unit, value in values.items()
        if value.analysed
    }
    return Outcome(
        final.assigned,
        _last_day(world, final),
        _each_day(world, readings),
        final.ledger.table(),
        unit_metrics,
        _since_exposure(world, final),
        _quantiles(world, final),
    )


def _bounds(world: World) -> Bounds:
    """The caps that are quantiles, of the numbers as they are without them."""
    if all(metric.low_quantile is None and metric.high_quantile is None for metric in world.metrics):
        return {}
    uncapped = replace(world, metrics=tuple(replace(m, low=None, high=None) for m in world.metrics))
    values = _read(uncapped, {}).values
    return {
        (e.id, m.name): bounds_of(m, list(values[e.id, m.name].values()))
        for e in world.experiments
        for m in world.metrics_of(e)
        if m.low_quantile is not None or m.high_quantile is not None
    }


def _read(world: World, bounds: Bounds, *, pairs: bool = False) -> Reading:
    """`pairs`: whether the ledger is to tell what became of each event in each experiment."""
    ledger = Ledger()
    assigned = {key: row for log in world.exposures for key, row in _assignments(world, log, ledger).items()}
    known: dict[str, int] = {}
    live: dict[str, list[RawRow]] = {}
    for log in world.events:
        live[log.name] = list(_live(world, log, ledger))
        known[log.name] = _complete_until(world, log)
    events = _events_by_unit(world, assigned, live)
    cases = {
        (experiment.id, metric.name): {
            unit: Case(
                world,
                experiment,
                resolved(metric, experiment.id, bounds),
                row,
                events[experiment.id, unit],
                known,
            )
            for (name, unit), row in assigned.items()
            if name == experiment.id and row.excluded is None
        }
        for experiment in world.experiments
        for metric in world.metrics_of(experiment)
    }
    for log in world.events if pairs else ():
        _count(world, log, live[log.name], assigned=assigned, cases=cases, ledger=ledger)
    values = {key: {unit: unit_value(case) for unit, case in each.items()} for key, each in cases.items()}
    return Reading(assigned, values, cases, ledger, bounds)


def _until(world: World, end: int) -> World:
    """The world as it was at the end of a day, with the experiments that have that day."""
    mine = tuple(e for e in world.experiments if end in (at for _, at in days(world, e)))
    return replace(world, as_of=end, experiments=mine)


def _complete_until(world: World, log: Log) -> int:
    if log.lag is not None:
        return world.as_of - log.lag
    newest = max((row["time"] for row in log.rows if log.reads(row, world.as_of) is None), default=0)
    return newest if log.complete_until is None else log.complete_until


def _exposure_reason(world: World, log: Log, row: RawRow) -> tuple[str | None, Experiment | None]:
    mine = {e.id: e for e in world.experiments if e.exposures == log.name}
    experiment = mine.get(row["experiment"])
    shared = log.reads(row, world.as_of)
    if shared in ("null_id", "bad_time"):
        return shared, experiment
    if experiment is None:
        return "other_experiment", None
    if shared == "filtered":
        return shared, experiment
    if not experiment.start <= row["time"] < experiment.end:
        return "outside_interval", experiment
    if shared is not None:
        return shared, experiment
    return (None if row["variant"] in experiment.variants else "unknown_variant"), experiment


def _assignments(world: World, log: Log, ledger: Ledger) -> dict[tuple[str, str], Assigned]:
    valid: dict[tuple[str, str], list[RawRow]] = defaultdict(list)
    for row in log.rows:
        reason, experiment = _exposure_reason(world, log, row)
        name = experiment.id if experiment else EVERYTHING
        known = experiment is not None and row["variant"] in experiment.variants
        if reason is None:
            valid[name, row["unit"]].append(row)
        else:
            unit = None if reason in ("null_id", "other_experiment") else row["unit"]
            ledger.drop(name, "exposures", log.name, reason, row["variant"] if known else None, unit=unit)
    experiments = {e.id: e for e in world.experiments}
    found = {key: _assigned(experiments[key[0]], log, rows) for key, rows in valid.items()}
    for (name, unit), row_ in found.items():
        if row_.exposures > 1:
            first = None if row_.excluded == "tied_variants" else row_.variant
            key = (name, "exposures", log.name, "repeated_exposure", first)
            ledger.drop(*key, unit=unit, rows=row_.exposures - 1)
        if row_.excluded is not None:
            ledger.drop(name, "units", log.name, row_.excluded, row_.variant, unit=unit)
    return found


def _nulls_last(value: Any) -> tuple[bool, Any]:
    return (value is None, "" if value is None else value)


def _assigned(experiment: Experiment, log: Log, rows: Sequence[RawRow]) -> Assigned:
    def order(row: RawRow) -> tuple[Any, ...]:
        event_id = _nulls_last(row.get("event_id")) if log.has_event_id else None
        return (row["time"], event_id, *(_nulls_last(row.get(name)) for name in log.attributes))

    first = min(rows, key=order)
    seen = tuple(v for v in experiment.variants if any(row["variant"] == v for row in rows))
    at_first = {row["variant"] for row in rows if row["time"] == first["time"]}
    variant = next(v for v in experiment.variants if v in at_first)
    second = min((row["time"] for row in rows if row["variant"] != variant), default=None)
    reason = None
    if len(at_first) > 1:
        reason = "tied_variants"
    elif len(seen) > 1 and not experiment.first_wins:
        reason = "multiple_variants"
    attributes = tuple(first.get(name) for name in log.attributes)
    return Assigned(variant, first["time"], second, len(rows), seen, reason, attributes)


def _live(world: World, log: Log, ledger: Ledger) -> Iterator[RawRow]:
    """Rows that some metric can use, each once; all others into the ledger."""
    metrics = [m for e in world.experiments for m in world.metrics_of(e)]
    feeds = {m.name: [f for f in world.feeds_of(m) if f.source == log.name] for m in metrics}
    every = [feed for mine in feeds.values() for feed in mine]
    low, high = _span_of(world, log)
    copies: dict[Any, list[RawRow]] = defaultdict(list)
    for number, row in enumerate(log.rows):
        reason = log.reads(row, world.as_of)
        if reason is None and log.has_event_id:
            too_early = log.copies_within is not None and row["time"] < low - log.copies_within
            reason = "outside_windows" if too_early or row["time"] >= high else None
        if reason is None and not log.has_event_id:
            reason = _usable(every, row)
            if reason is None and not low <= row["time"] < high:
                reason = "outside_windows"
        if reason in (None, "bad_value"):
            for name, mine in feeds.items():
                if any(feed.claims(row) and not feed.counts(row) for feed in mine):
                    ledger.drop(EVERYTHING, "values", name, "bad_value", None)
        if reason is not None:
            ledger.drop(EVERYTHING, "events", log.name, reason, None)
        else:
            named = log.has_event_id and row.get("event_id") not in (None, "")
            own = row.get("experiment") if log.carries_experiment else None
            copies[(row["unit"], row.get("event_id"), own) if named else number].append(row)
    for rows in copies.values():
        earliest = min(rows, key=lambda row: (row["time"], *_value_order(row.get("value"))))
        for row in rows:
            reason = "duplicate_event" if row is not earliest else _usable(every, row)
            if reason is None:
                yield row
            else:
                ledger.drop(EVERYTHING, "events", log.name, reason, None, unit=row["unit"])


def _value_order(value: float | None) -> tuple[bool, bool, float]:
    """NaN is greater than any number, NULL comes last."""
    no_number = value is None or math.isnan(value)
    return value is None, no_number, 0.0 if no_number else value


def _span_of(world: World, log: Log) -> tuple[float, float]:
    """The instants [low, high) in which an event of a log can count for any unit that an experiment may have."""
    lows: list[float] = []
    highs: list[float] = []
    for experiment, metric in ((e, m) for e in world.experiments for m in world.metrics_of(e)):
        wait: float = 0
        if metric.trigger is not None:
            wait = math.inf if metric.trigger.within is None else metric.trigger.within
        if metric.trigger is not None and metric.trigger.feed.source == log.name:
            lows.append(experiment.start)
            highs.append(experiment.end + wait)
        for window in (metric.window_of(feed) for feed in metric.feeds if feed.source == log.name):
            latest = experiment.start if window.anchor == "experiment_start" else experiment.end + wait
            lows.append(experiment.start + window.start)
            highs.append(math.inf if window.end is None else latest + window.end)
        other = world.covariate_of(metric)
        if other is not None and any(feed.source == log.name for feed in other.feeds):
            lows.append(experiment.start - (metric.lookback or 0))
            highs.append(experiment.end)
    return min(lows, default=0), min(max(highs, default=0), world.as_of)


def _usable(feeds: Sequence[Feed], row: RawRow) -> str | None:
    claiming = [feed for feed in feeds if feed.claims(row)]
    if not claiming:
        return "no_metric"
    return None if any(feed.counts(row) for feed in claiming) else "bad_value"


def _pairs(
    world: World, log: Log, row: RawRow, assigned: Mapping[tuple[str, str], Assigned]
) -> list[tuple[Experiment, Assigned]]:
    """The experiments of the event's unit; of an event that carries an experiment, that one alone."""
    found = [(e, assigned[e.id, row["unit"]]) for e in world.experiments if (e.id, row["unit"]) in assigned]
    return [(e, u) for e, u in found if not log.carries_experiment or e.id == row["experiment"]]


def _disagrees(log: Log, row: RawRow, unit: Assigned) -> bool:
    return log.carries_variant and row["variant"] != unit.variant


def _events_by_unit(
    world: World, assigned: Mapping[tuple[str, str], Assigned], live: Mapping[str, Sequence[RawRow]]
) -> Mapping[tuple[str, str], Events]:
    found: dict[tuple[str, str], dict[str, list[RawRow]]] = defaultdict(lambda: defaultdict(list))
    for log in world.events:
        for row in live[log.name]:
            for experiment, unit in _pairs(world, log, row, assigned):
                if not _disagrees(log, row, unit):
                    found[experiment.id, row["unit"]][log.name].append(row)
    return found


def _count(
    world: World,
    log: Log,
    live: Sequence[RawRow],
    *,
    assigned: Mapping[tuple[str, str], Assigned],
    cases: Mapping[tuple[str, str], Mapping[str, Case]],
    ledger: Ledger,
) -> None:
    """What became of each event in each experiment of its unit, into the ledger."""
    feeds = {
        e.id: {f for m in world.metrics_of(e) for f in world.feeds_of(m) if f.source == log.name}
        for e in world.experiments
    }
    spans: dict[tuple[str, str], set[Span]] = {}
    for row in live:
        pairs = _pairs(world, log, row, assigned)
        if not pairs:
            ledger.drop(EVERYTHING, "events", log.name, "unmatched_unit", None, unit=row["unit"])
        for experiment, unit in pairs:
            key = (experiment.id, row["unit"])
            if key not in spans and unit.excluded is None:
                mine = (
                    cases[experiment.id, metric.name][row["unit"]] for metric in world.metrics_of(experiment)
                )
                spans[key] = {span for case in mine for span in all_spans(case)}
            counting = {feed for feed in feeds[experiment.id] if feed.counts(row)}
            if _disagrees(log, row, unit):
                reason = "variant_disagrees"
            elif unit.excluded is not None:
                reason = "excluded_unit"
            elif not counting:
                reason = "no_metric"
            elif not any(s.feed in counting and s.low <= row["time"] < s.high for s in spans[key]):
                reason = "outside_windows"
            else:
                continue
            ledger.drop(experiment.id, "pairs", log.name, reason, unit.variant, unit=row["unit"])


Slice = tuple[str | None, str | None, set[str]]


def _slices(world: World, final: Reading, experiment: Experiment) -> list[Slice]:
    """Everyone, and each value of each segment, with the units."""
    attributes = {log.name: log.attributes for log in world.exposures}
    units = {u: r for (name, u), r in final.assigned.items() if name == experiment.id and r.excluded is None}
    slices: list[Slice] = [(None, None, set(units))]
    for name in experiment.segments:
        position = attributes[experiment.exposures].index(name)
        values = {u: row.attributes[position] for u, row in units.items()}
        slices.extend(
            (name, value, members) for value, members in segments(values, experiment.segment_values).items()
        )
    return slices


def _last_day(world: World, final: Reading) -> dict[tuple[str, str, str, str | None, str | None], Moments]:
    found = {}
    for experiment in world.experiments:
        slices = _slices(world, final, experiment)
        for metric in world.metrics_of(experiment):
            for variant in experiment.variants:
                for name, value, members in slices:
                    key = (experiment.id, variant, metric.name)
                    found[*key, name, value] = _moment(world, final, key, members, last=True)
    return found


def _quantiles(world: World, final: Reading) -> dict[tuple[str, str, str, str | None, str | None], Quantile]:
    """The table quantiles: a row per variant and slice that has any unit (of events: any event)."""
    found = {}
    for experiment in world.experiments:
        for metric in (m for m in world.metrics_of(experiment) if m.is_a == "quantile"):
            key = (experiment.id, metric.name)
            for variant in experiment.variants:
                for name, value, members in _slices(world, final, experiment):
                    units = [u for u in members if final.assigned[experiment.id, u].variant == variant]
                    values = [final.values[key][u] for u in units]
                    row = quantile(metric, [final.cases[key][u] for u in units], values) if units else None
                    if row is not None:
                        found[experiment.id, variant, metric.name, name, value] = row
    return found


def _each_day(world: World, readings: Mapping[int, Reading]) -> dict[tuple[str, str, str, date], Moments]:
    """Everyone's moments on each day: those of a whole run that only knows what was before the day's end."""
    found = {}
    for experiment in world.experiments:
        for metric in world.metrics_of(experiment):
            for day, end in days_of(world, experiment, metric):
                for variant in experiment.variants:
                    key = (experiment.id, variant, metric.name)
                    last = end == world.as_of
                    found[*key, day] = _moment(world, readings[end], key, None, last=last)
    return found


def _since_exposure(world: World, final: Reading) -> dict[tuple[str, str, str, int], Moments]:
    """Everyone's moments by days since exposure: those of a metric whose windows end after so many."""
    found = {}
    for experiment in world.experiments:
        for metric in world.metrics_of(experiment):
            for day in exposure_days(world, experiment, metric):
                cut = cut_after(resolved(metric, experiment.id, final.bounds), (day + 1) * DAY)
                for variant in experiment.variants:
                    values = [
                        unit_value(case._replace(metric=cut))
                        for case in final.cases[experiment.id, metric.name].values()
                        if case.unit.variant == variant
                    ]
                    key = (experiment.id, variant, metric.name, day)
                    found[key] = moments(values, cut, variables(world, cut), last=False)
    return found


def _moment(
    world: World, reading: Reading, key: tuple[str, str, str], members: set[str] | None, *, last: bool
) -> Moments:
    """The moments of a variant, of all its units or of those in `members`."""
    experiment, variant, name = key
    metric = next(metric for metric in world.metrics if metric.name == name)
    values = [
        value
        for unit, value in reading.values[experiment, name].items()
        if reading.assigned[experiment, unit].variant == variant and (members is None or unit in members)
    ]
    return moments(values, resolved(metric, experiment, reading.bounds), variables(world, metric), last=last)
