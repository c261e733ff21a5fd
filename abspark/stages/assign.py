"""First stage: exposure logs to assignments, with the exposures' part of the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abspark.assignment.compiled import overrides_source
from abspark.assignment.golden import golden_check
from abspark.pipeline.dimensions import Dimension, dimension_rows, repeats
from abspark.pipeline.forced import forced_units
from abspark.pipeline.ledger import Drop, SourceTally, assignment_drops
from abspark.pipeline.station import assignment_table
from abspark.pipeline.study import Study
from abspark.schemas import NO_EXPERIMENT
from abspark.stages.bots import find_bots
from abspark.stages.counts import count_by_segment, count_by_value, counted_assignments
from abspark.stages.inputs import explained, raw
from abspark.stages.log_counts import LogCounts, counted_logs, exposure_logs
from abspark.stages.state import RunState


def assign(state: RunState, begun: LogCounts | None = None) -> None:
    """Write the run's assignments and, aside, the drops of its exposure logs, whose counts may have `begun`.

    Raises:
        AbsparkError: No experiment is left, the ledger does not add up, or the lake can't be written.
    """
    golden_check(state.spark, state.running)
    find_bots(state)
    prepared = None if begun is None else _prepared(state)
    drops, tallies = counted_logs(state, exposure_logs, begun)
    if prepared is None or prepared.experiments != state.running_ids:
        prepared = _prepared(state)
    with explained(state), state.progress.stage("assignments"):
        if state.opened is not None:
            state.opened.result()
        state.lake.append("assignments", prepared.table.withColumn("run_id", F.lit(state.run_id)))
    count_by_segment(state)
    study, dimensions = state.study, prepared.dimensions
    state.settled = state.aside.start(lambda: _settle(state, study, drops, tallies, dimensions))
    count_by_value(state)


class _Prepared(NamedTuple):
    """The assignments as a frame: of which experiments, and with the dimensions that were joined."""

    experiments: tuple[str, ...]
    table: DataFrame
    dimensions: Mapping[str, Dimension]


def _prepared(state: RunState) -> _Prepared:
    """Made while the exposures are counted: it takes as long over few rows."""
    study = state.study
    with explained(state):
        sources = {name: state.project.exposures[name] for name in exposure_logs(study)}
        raws = {name: raw(state, name) for name in sources}
        dimensions = _dimensions(state)
        table = assignment_table(raws, sources, study, _overrides(state), dimensions)
    return _Prepared(state.running_ids, table, dimensions)


def _settle(
    state: RunState,
    study: Study,
    drops: Sequence[Drop],
    tallies: Mapping[str, SourceTally],
    dimensions: Mapping[str, Dimension],
) -> None:
    """Count what was assigned, and hold it against what was read.

    Both are of the study's experiments, some of which may leave the run meanwhile.
    """
    with explained(state), state.progress.stage("count assignments", aside=True) as stage:
        counts = counted_assignments(state, study.experiments)
        stage.rows = sum(row["n"] for row in counts)
        repeated = [*assignment_drops(counts, tallies, study), *_repeats(dimensions)]
    for experiment in study.experiments:
        if all(row["experiment_id"] != experiment.id for row in counts):
            state.progress.say(
                f"  {experiment.id}: no valid exposures in {experiment.exposures}: see abspark drops"
            )
    for name, tally in tallies.items():
        mine = {e.id for e in study.experiments if e.exposures == name}
        pinned = state.inputs[name]
        pinned.rows, pinned.kept = tally.read, sum(r["n"] for r in counts if r["experiment_id"] in mine)
    state.append_rows({"drops": [drop._asdict() for drop in [*drops, *repeated]]})


def _dimensions(state: RunState) -> dict[str, Dimension]:
    names = [name for e in state.running for name in state.project.exposures[e.exposures].dimensions]
    project = state.project
    return {
        name: Dimension(project.dimensions[name], raw(state, name), project.pseudonym_key)
        for name in dict.fromkeys(names)
    }


def _repeats(dimensions: Mapping[str, Dimension]) -> list[Drop]:
    """Rows of dimensions that another row of the same unit and instant stands for."""
    counts = {name: repeats(dimension_rows(dimension)).collect()[0] for name, dimension in dimensions.items()}
    return [
        Drop(NO_EXPERIMENT, "dimensions", name, "repeated_dimension", None, row["rows"], row["units"])
        for name, row in counts.items()
        if row["rows"]
    ]


def _overrides(state: RunState) -> DataFrame | None:
    names = dict.fromkeys(name for e in state.running if (name := overrides_source(e)) is not None)
    return forced_units({name: raw(state, name) for name in names}, state.project.exposures, state.running)
