"""First stage: exposure logs to assignments, with the exposures' part of the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abspark.assignment.compiled import overrides_source
from abspark.assignment.golden import golden_check
from abspark.pipeline.dimensions import Dimension, dimension_rows, repeats
from abspark.pipeline.forced import forced_units
from abspark.pipeline.ledger import (
    Drop,
    SourceTally,
    assignment_drops,
    check_read,
    exposure_counts,
    exposure_drops,
)
from abspark.pipeline.station import assignment_table, exposure_rows
from abspark.schemas import NO_EXPERIMENT
from abspark.stages.bots import find_bots
from abspark.stages.counts import count_by_segment, count_by_value, counted_assignments
from abspark.stages.inputs import experiments_of, explained, failing, raw
from abspark.stages.state import RunState
from abspark.storage import row_count


def assign(state: RunState) -> None:
    """Write the run's assignments and, aside, the drops of its exposure logs.

    Raises:
        AbsparkError: No experiment is left, the ledger does not add up, or the lake can't be written.
    """
    golden_check(state.spark, state.running)
    find_bots(state)
    drops: list[Drop] = []
    tallies: dict[str, SourceTally] = {}
    for name in dict.fromkeys(experiment.exposures for experiment in state.running):
        with failing(state, name), state.progress.stage(f"count {name}") as stage:
            found, tally = _count(state, name)
            drops += found
            tallies[name] = tally
            stage.rows = tally.read
    study = state.study
    sources = {e.exposures: state.project.exposures[e.exposures] for e in study.experiments}
    with explained(state), state.progress.stage("assignments") as stage:
        raws = {name: raw(state, name) for name in sources}
        dimensions = _dimensions(state)
        table = assignment_table(raws, sources, study, _overrides(state), dimensions)
        state.aside.wait()
        state.lake.append("assignments", table.withColumn("run_id", F.lit(state.run_id)))
    count_by_segment(state)
    state.settled = state.aside.start(lambda: _settle(state, drops, tallies, dimensions))
    count_by_value(state)


def _settle(
    state: RunState,
    drops: Sequence[Drop],
    tallies: Mapping[str, SourceTally],
    dimensions: Mapping[str, Dimension],
) -> None:
    """Count what was assigned, and hold it against what was read."""
    study = state.study
    with explained(state), state.progress.stage("count assignments", aside=True) as stage:
        counts = counted_assignments(state)
        stage.rows = sum(row["n"] for row in counts)
        repeated = [*assignment_drops(counts, tallies, study), *_repeats(dimensions)]
    for experiment in study.experiments:
        if all(row["experiment_id"] != experiment.id for row in counts):
            state.progress.say(
                f"  {experiment.id}: no valid exposures in {experiment.exposures}: see abspark drops"
            )
    for name, tally in tallies.items():
        mine = {e.id for e in experiments_of(state, name)}
        pinned = state.inputs[name]
        pinned.rows, pinned.kept = tally.read, sum(r["n"] for r in counts if r["experiment_id"] in mine)
    state.append_rows({"drops": [drop._asdict() for drop in [*drops, *repeated]]})


def _dimensions(state: RunState) -> dict[str, Dimension]:
    names = [name for e in state.running for name in state.project.exposures[e.exposures].dimensions]
    return {
        name: Dimension(state.project.dimensions[name], raw(state, name)) for name in dict.fromkeys(names)
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


def _count(state: RunState, name: str) -> tuple[list[Drop], SourceTally]:
    source, study = state.project.exposures[name], state.study
    pruned = prunes(state)
    rows = exposure_counts(exposure_rows(raw(state, name), source, study, pruned=pruned)).collect()
    drops, tally = exposure_drops(rows, study, name)
    there = row_count(state.spark, source, state.inputs[name].pinned)
    note_unread(state, name, tally, there, pruned=pruned)
    return drops, tally


def note_unread(
    state: RunState, name: str, tally: SourceTally, independent: int | None, *, pruned: bool
) -> None:
    """Compare the rows read with an independent count, or, where predicates skip rows, note how many were skipped."""
    if not pruned:
        check_read(tally, independent)
        return
    found = state.inputs[name]
    found.predicate = "time and experiment, as far as the columns' types allow"
    found.not_read = None if independent is None else independent - tally.read


def prunes(state: RunState) -> bool:
    """Whether even the ledger's read may leave rows unread."""
    environment = state.project.environment
    return environment is not None and environment.ledger == "read"
