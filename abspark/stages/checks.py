"""The run's health checks, from its assignments, its ledger and what was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame

from abspark.analysis.health import Arrivals, SourceCount, health
from abspark.config import Experiment
from abspark.pipeline.arrivals import LAGS, arrivals
from abspark.pipeline.bots import assigned_bots
from abspark.pipeline.profiles import assignment_profile, segment_profile
from abspark.stages.bots import find_bots
from abspark.stages.inputs import raw
from abspark.stages.state import RunState

_WRONG = ("mismatch", "not_allocated")
Rows = list[dict[str, Any]]


def health_rows(state: RunState) -> Rows:
    """Rows of `health` (all columns but run_id) of the running experiments."""
    experiments = state.running
    table = state.lake.read_run("assignments", state.run_id)
    profile = _rows(assignment_profile(table, experiments))
    drops = state.rows_of("drops")
    return health(
        profile,
        experiments,
        segments=_by_value(state, table, {e.id: e.segments for e in experiments if e.segments}),
        drops=drops,
        sources=_sources(state),
        arrivals=_arrivals(state, drops),
        bots=_bots(state, table),
        attributes=_by_value(state, table, _unexplained(state, profile)),
    )


def _by_value(state: RunState, table: DataFrame, names: Mapping[str, Sequence[str]]) -> Rows:
    """Units by the values of some attributes of some experiments."""
    attributes = {name: state.project.attributes_of(name) for name in state.project.exposures}
    experiments = [experiment for experiment in state.running if experiment.id in names]
    return _rows(segment_profile(table, experiments, attributes, names)) if experiments else []


def _unexplained(state: RunState, profile: Rows) -> dict[str, list[str]]:
    """Attributes that are no segments, of experiments with mismatches: one value may have them all."""
    wrong = {row["experiment_id"] for row in profile if row["hash_status"] in _WRONG}
    found = {e.id: _others(state, e) for e in state.running if e.id in wrong}
    return {name: others for name, others in found.items() if others}


def _others(state: RunState, experiment: Experiment) -> list[str]:
    known = state.project.attributes_of(experiment.exposures)
    return [name for name in known if name not in experiment.segments]


def _sources(state: RunState) -> dict[str, list[SourceCount]]:
    study = state.study
    return {
        experiment.id: [_source(state, name) for name in study.sources_of(experiment)]
        for experiment in study.experiments
    }


def _source(state: RunState, name: str) -> SourceCount:
    found, columns = state.inputs[name], state.project.events[name].columns
    return SourceCount(name, found.rows, found.kept, columns.event_id is not None)


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


def _bots(state: RunState, table: DataFrame) -> dict[str, Rows]:
    """Units over a limit and not left out, of experiments that read a source with a limit."""
    find_bots(state)
    study, busy = state.study, state.busy or {}
    keys = {key for name in study.sources for key in busy.get(name, ())}
    rows = _rows(assigned_bots(table, sorted(keys))) if keys else []
    return {e.id: rows for e in study.experiments if any(name in busy for name in study.sources_of(e))}


def _rows(frame: DataFrame) -> Rows:
    return [row.asDict(recursive=True) for row in frame.collect()]
