"""The run's assignments, counted once for the ledger and the health checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pyspark.sql import Row

from abspark.config import Experiment
from abspark.pipeline.profiles import assignment_profile, segment_profile
from abspark.pipeline.segments import SegmentValue, frequent_values, segment_positions, segment_values
from abspark.stages.state import ByValue, RunState

_WRONG: Final = ("mismatch", "not_allocated")
Rows = list[dict[str, Any]]


def counted_assignments(state: RunState, experiments: Sequence[Experiment] | None = None) -> Rows:
    """The assignments of some experiments, by default of those that run, as `assignment_profile` counts them."""
    chosen = state.running if experiments is None else experiments
    if state.profile is None:
        table = state.lake.read_run("assignments", state.run_id)
        state.profile = [row.asDict() for row in assignment_profile(table, chosen).collect()]
    return _of(chosen, state.profile)


def count_by_segment(state: RunState) -> None:
    """Begin to look for the frequent values of segments, beside what the run does next."""
    state.frequent = state.aside.start(lambda: _frequent(state))


def count_by_value(state: RunState) -> None:
    """Begin to count by attributes, beside what the run does next."""
    state.by_value = state.aside.start(lambda: _by_value(state))


def kept_values(state: RunState) -> list[SegmentValue]:
    """The values of the running experiments' segments that get rows of their own."""
    rows = _frequent(state) if state.frequent is None else state.frequent.result()
    return segment_values(rows, state.study)


def counted_by_value(state: RunState) -> ByValue:
    """Units of the running experiments by values of their segments, and of attributes that may explain mismatches."""
    segments, attributes = _by_value(state) if state.by_value is None else state.by_value.result()
    return _of(state.running, segments), _of(state.running, attributes)


def _frequent(state: RunState) -> list[Row]:
    study = state.study
    attributes = {name: state.project.attributes_of(name) for name in state.project.exposures}
    positions = segment_positions(study, attributes)
    if not positions:
        return []
    table = state.lake.read_run("assignments", state.run_id)
    with state.progress.stage("segment values", aside=True) as stage:
        rows = frequent_values(table, positions, study).collect()
        stage.rows = len(rows)
    return rows


def _by_value(state: RunState) -> ByValue:
    experiments = state.running
    segments = {e.id: e.segments for e in experiments if e.segments}
    return (
        _counted(state, experiments, segments),
        _counted(state, experiments, _unexplained(state, experiments)),
    )


def _counted(state: RunState, experiments: Sequence[Experiment], names: Mapping[str, Sequence[str]]) -> Rows:
    known = {name: state.project.attributes_of(name) for name in state.project.exposures}
    chosen = [experiment for experiment in experiments if experiment.id in names]
    if not chosen:
        return []
    table = state.lake.read_run("assignments", state.run_id)
    return [row.asDict() for row in segment_profile(table, chosen, known, names).collect()]


def _unexplained(state: RunState, experiments: Sequence[Experiment]) -> dict[str, list[str]]:
    """Attributes that are no segments, of experiments with mismatches: one value may have them all."""
    wrong = {row["experiment_id"] for row in counted_assignments(state) if row["hash_status"] in _WRONG}
    found = {e.id: _others(state, e) for e in experiments if e.id in wrong}
    return {name: others for name, others in found.items() if others}


def _others(state: RunState, experiment: Experiment) -> list[str]:
    known = state.project.attributes_of(experiment.exposures)
    return [name for name in known if name not in experiment.segments]


def _of(experiments: Sequence[Experiment], rows: Rows) -> Rows:
    chosen = {experiment.id for experiment in experiments}
    return [row for row in rows if row["experiment_id"] in chosen]
