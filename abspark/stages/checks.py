"""The run's health checks, from its assignments, its ledger and what was read."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame

from abspark.analysis.health import Arrivals, SourceCount, health
from abspark.pipeline.arrivals import LAGS, arrivals
from abspark.pipeline.bots import assigned_bots
from abspark.stages.bots import find_bots
from abspark.stages.counts import counted_assignments, counted_by_value
from abspark.stages.inputs import raw
from abspark.stages.state import RunState

Rows = list[dict[str, Any]]


def health_rows(state: RunState) -> Rows:
    """Rows of `health` (all columns but run_id) of the running experiments."""
    profile = counted_assignments(state)
    segments, attributes = counted_by_value(state)
    drops = state.rows_of("drops")
    return health(
        profile,
        state.running,
        segments=segments,
        drops=drops,
        sources=_sources(state),
        arrivals=_arrivals(state, drops),
        bots=_bots(state),
        attributes=attributes,
        unread={name: _unread(state, name) for name in state.inputs},
        as_of=state.as_of,
    )


def _sources(state: RunState) -> dict[str, list[SourceCount]]:
    study = state.study
    return {
        experiment.id: [_source(state, name) for name in study.sources_of(experiment)]
        for experiment in study.experiments
    }


def _source(state: RunState, name: str) -> SourceCount:
    found, columns = state.inputs[name], state.project.events[name].columns
    return SourceCount(name, found.rows, found.kept, columns.event_id is not None)


def _unread(state: RunState, name: str) -> frozenset[str]:
    """Reasons that the ledger did not count, as predicates on a column leave rows unread that have NULL there."""
    found, project = state.inputs[name], state.project
    source = project.exposures.get(name) or project.events.get(name)
    if source is None or found.predicate is None or found.not_read == 0:
        return frozenset()
    conditions = found.predicate.split(" and ")
    of = {"bad_time": source.columns.time, "other_experiment": source.columns.experiment}
    return frozenset(
        reason
        for reason, column in of.items()
        if column is not None and any(c.startswith((f"{column} <= ", f"{column} in (")) for c in conditions)
    )


def _arrivals(state: RunState, drops: Rows) -> dict[str, list[Arrivals]]:
    study = state.study
    reads = {e.id: (e.exposures, *study.sources_of(e)) for e in study.experiments}
    found = {name: _arrival(state, name, drops) for names in reads.values() for name in names}
    return {experiment: [found[name] for name in names] for experiment, names in reads.items()}


def _arrival(state: RunState, name: str, drops: Rows) -> Arrivals:
    project, now = state.project, state.as_of >= state.started_at
    source = project.exposures.get(name) or project.events[name]
    after = sum(row["rows"] for row in drops if row["source"] == name and row["reason"] == "after_as_of")
    cells = None
    if source.columns.ingested is not None:
        with state.progress.stage(f"arrivals in {name}"):
            cells = _rows(arrivals(raw(state, name), source, state.as_of))
    return Arrivals(name, state.inputs[name].rows, after if now else None, cells, LAGS)


def _bots(state: RunState) -> dict[str, Rows]:
    """Units over a limit and not left out, of experiments that read a source with a limit."""
    find_bots(state)
    study, busy = state.study, state.busy or {}
    keys = {key for name in study.sources for key in busy.get(name, ())}
    table = state.lake.read_run("assignments", state.run_id)
    rows = _rows(assigned_bots(table, sorted(keys))) if keys else []
    return {e.id: rows for e in study.experiments if any(name in busy for name in study.sources_of(e))}


def _rows(frame: DataFrame) -> Rows:
    return [row.asDict(recursive=True) for row in frame.collect()]
