"""The run's health checks, from its assignments, its ledger and what was read."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame

from abspark.analysis.health import SourceCount, health
from abspark.pipeline.profiles import assignment_profile, segment_profile
from abspark.stages.state import RunState


def health_rows(state: RunState) -> list[dict[str, Any]]:
    """Rows of `health` (all columns but run_id) of the running experiments."""
    experiments = state.running
    table = state.lake.read_run("assignments", state.run_id)
    attributes = {name: tuple(source.attributes) for name, source in state.project.exposures.items()}
    segmented = any(experiment.segments for experiment in experiments)
    return health(
        _rows(assignment_profile(table, experiments)),
        experiments,
        segments=_rows(segment_profile(table, experiments, attributes)) if segmented else [],
        drops=_rows(state.lake.read_run("drops", state.run_id)),
        sources=_sources(state),
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


def _rows(frame: DataFrame) -> list[dict[str, Any]]:
    return [row.asDict(recursive=True) for row in frame.collect()]
