"""What a run must find, in plain Python, row by row: an independent statement of the semantics.

Nothing here comes from the package.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from world import Experiment, Log, Metric, RawRow, World

KEPT_SEGMENT_VALUES = 50
EVERYTHING = "*"


class Assigned(NamedTuple):
    variant: str
    first: int
    second: int | None
    exposures: int
    seen: tuple[str, ...]
    excluded: str | None
    attributes: tuple[str | None, ...]


class Moments(NamedTuple):
    n: int
    n_complete: int
    mean: float | None
    var: float | None


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


class Outcome(NamedTuple):
    assignments: dict[tuple[str, str], Assigned]
    moments: dict[tuple[str, str, str, str | None, str | None], Moments]
    drops: dict[tuple[Any, ...], tuple[int, int | None]]
    unit_metrics: dict[tuple[str, str, str], tuple[float, bool]]


def run(world: World) -> Outcome:
    """Every table of a run over all logs of a world."""
    ledger = Ledger()
    assigned = {key: row for log in world.exposures for key, row in _assignments(world, log, ledger).items()}
    totals: dict[tuple[str, str, str], float] = defaultdict(float)
    complete: dict[str, int] = {}
    for log in world.events:
        live = list(_live(world, log, ledger))
        newest = max((row["time"] for row in log.rows if log.reads(row, world.as_of) is None), default=0)
        complete[log.name] = newest if log.complete_until is None else log.complete_until
        _count(world, log, live, assigned=assigned, totals=totals, ledger=ledger)
    analysed = _analysed(world, assigned, totals, complete)
    return Outcome(assigned, _moments(world, assigned, analysed), ledger.table(), analysed)


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
            key = (name, "exposures", log.name, "repeated_exposure", row_.variant)
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
    metrics = [m for m in world.metrics if m.source == log.name]
    spans = [(e, m) for e in world.experiments for m in world.metrics_of(e) if m.source == log.name]
    low = min(e.start + m.start for e, m in spans)
    high = min(max(e.end + m.end for e, m in spans), world.as_of)
    copies: dict[Any, list[RawRow]] = defaultdict(list)
    for number, row in enumerate(log.rows):
        reason = log.reads(row, world.as_of)
        if reason is None and log.has_event_id and row["time"] >= high:
            reason = "outside_windows"
        if reason is None and not log.has_event_id:
            reason = _usable(metrics, row)
            if reason is None and not low <= row["time"] < high:
                reason = "outside_windows"
        if reason in (None, "bad_value"):
            for metric in metrics:
                if metric.claims(row) and metric.amount(row) is None:
                    ledger.drop(EVERYTHING, "values", metric.name, "bad_value", None)
        if reason is not None:
            ledger.drop(EVERYTHING, "events", log.name, reason, None)
        else:
            named = log.has_event_id and row.get("event_id") not in (None, "")
            copies[(row["unit"], row.get("event_id")) if named else number].append(row)
    for rows in copies.values():
        earliest = min(rows, key=lambda row: (row["time"], _nulls_last(row.get("value"))))
        for row in rows:
            reason = "duplicate_event" if row is not earliest else _usable(metrics, row)
            if reason is None:
                yield row
            else:
                ledger.drop(EVERYTHING, "events", log.name, reason, None, unit=row["unit"])


def _usable(metrics: Sequence[Metric], row: RawRow) -> str | None:
    claiming = [metric for metric in metrics if metric.claims(row)]
    if not claiming:
        return "no_metric"
    return None if any(metric.amount(row) is not None for metric in claiming) else "bad_value"


def _count(
    world: World,
    log: Log,
    live: Sequence[RawRow],
    *,
    assigned: Mapping[tuple[str, str], Assigned],
    totals: dict[tuple[str, str, str], float],
    ledger: Ledger,
) -> None:
    for row in live:
        pairs = [
            (e, assigned[e.id, row["unit"]]) for e in world.experiments if (e.id, row["unit"]) in assigned
        ]
        if log.carries_experiment:
            pairs = [(e, unit) for e, unit in pairs if e.id == row["experiment"]]
        if not pairs:
            ledger.drop(EVERYTHING, "events", log.name, "unmatched_unit", None, unit=row["unit"])
        for experiment, unit in pairs:
            mine = [m for m in world.metrics_of(experiment) if m.source == log.name]
            usable = [m for m in mine if m.claims(row) and m.amount(row) is not None]
            hit = [m for m in usable if unit.first + m.start <= row["time"] < unit.first + m.end]
            if log.carries_variant and row["variant"] != unit.variant:
                reason = "variant_disagrees"
            elif unit.excluded is not None:
                reason = "excluded_unit"
            elif not usable:
                reason = "no_metric"
            elif not hit:
                reason = "outside_windows"
            else:
                for metric in hit:
                    key = (experiment.id, row["unit"], metric.name)
                    totals[key] = 1.0 if metric.binary else totals[key] + (metric.amount(row) or 0.0)
                continue
            ledger.drop(experiment.id, "pairs", log.name, reason, unit.variant, unit=row["unit"])


def _analysed(
    world: World,
    assigned: Mapping[tuple[str, str], Assigned],
    totals: Mapping[tuple[str, str, str], float],
    complete: Mapping[str, int],
) -> dict[tuple[str, str, str], tuple[float, bool]]:
    """The value of each analysed unit and metric, and whether its window is complete."""
    found = {}
    for experiment in world.experiments:
        for metric in world.metrics_of(experiment):
            known_until = min(world.as_of, complete[metric.source])
            for (name, unit), row in assigned.items():
                over = row.first + metric.end <= known_until
                if name == experiment.id and row.excluded is None and (over or not metric.complete_only):
                    found[name, unit, metric.name] = (totals.get((name, unit, metric.name), 0.0), over)
    return found


def _moments(
    world: World,
    assigned: Mapping[tuple[str, str], Assigned],
    analysed: Mapping[tuple[str, str, str], tuple[float, bool]],
) -> dict[tuple[str, str, str, str | None, str | None], Moments]:
    attributes = {log.name: log.attributes for log in world.exposures}
    found = {}
    for experiment in world.experiments:
        units = {u: r for (name, u), r in assigned.items() if name == experiment.id and r.excluded is None}
        slices: list[tuple[str | None, str | None, set[str]]] = [(None, None, set(units))]
        for name in experiment.segments:
            position = attributes[experiment.exposures].index(name)
            values = {u: row.attributes[position] for u, row in units.items()}
            slices.extend((name, value, members) for value, members in _segments(values).items())
        for metric in world.metrics_of(experiment):
            for variant in experiment.variants:
                for name, value, members in slices:
                    mine = [
                        analysed[experiment.id, u, metric.name]
                        for u in members
                        if units[u].variant == variant and (experiment.id, u, metric.name) in analysed
                    ]
                    found[experiment.id, variant, metric.name, name, value] = _moment(mine)
    return found


def _segments(values: Mapping[str, str | None]) -> dict[str, set[str]]:
    counts = Counter(value for value in values.values() if value is not None)
    kept = sorted(counts, key=lambda value: (-counts[value], value))[:KEPT_SEGMENT_VALUES]
    members: dict[str, set[str]] = defaultdict(set)
    for unit, value in values.items():
        label = "(missing)" if value is None else value if value in kept else "(other)"
        members[label].add(unit)
    return members


def _moment(values: Sequence[tuple[float, bool]]) -> Moments:
    n = len(values)
    complete = sum(over for _, over in values)
    if n == 0:
        return Moments(0, 0, None, None)
    mean = math.fsum(value for value, _ in values) / n
    squares = math.fsum((value - mean) ** 2 for value, _ in values)
    return Moments(n, complete, mean, squares / (n - 1) if n > 1 else None)
