"""Second stage: assignments and event logs to moments, with the events' part of the ledger. One pass for everything."""

from __future__ import annotations

from pyspark.sql import functions as F

from abspark.pipeline.calendar import calendar
from abspark.pipeline.caps import stated_bounds
from abspark.pipeline.conversions import units
from abspark.pipeline.cutoffs import freshness
from abspark.pipeline.ledger import (
    Drop,
    SourceTally,
    event_counts,
    event_drops,
    matched_events,
    pair_drops,
)
from abspark.pipeline.segments import SegmentValue, frequent_values, segment_positions
from abspark.pipeline.station import Analysis, event_rows
from abspark.pipeline.study import Study
from abspark.pipeline.tables import ledger_rows, moments_rows, unit_metrics_table
from abspark.stages.assign import note_unread, prunes
from abspark.stages.inputs import explained, failing, raw
from abspark.stages.state import RunState


def measure(state: RunState) -> None:
    """Write the run's moments and the drops of its event logs.

    Raises:
        AbsparkError: No experiment is left, the ledger does not add up, or the lake can't be written.
    """
    drops: list[Drop] = []
    tallies: dict[str, SourceTally] = {}
    for name in state.study.sources:
        with failing(state, name), state.progress.stage(f"count {name}") as stage:
            found, tally = _count(state, name)
            drops += found
            tallies[name] = tally
            stage.rows = tally.read
    study = state.study
    with explained(state):
        analysis = _analysis(state, study, tallies)
        with state.progress.stage("moments") as stage:
            rows = analysis.summary.collect()
            moments = moments_rows(rows, analysis)
            stage.rows = len(moments)
        pairs = ledger_rows(rows)
        drops += pair_drops(pairs, tallies, study)
        for name, count in matched_events(pairs, study).items():
            state.inputs[name].rows, state.inputs[name].kept = tallies[name].read, count
        with state.progress.stage("write moments"):
            tag = {"run_id": state.run_id}
            state.lake.append_rows("moments", [row | tag for row in moments])
            state.lake.append_rows("drops", [drop._asdict() | tag for drop in drops])
        if state.project.environment is not None and state.project.environment.keep_unit_metrics:
            _write_unit_metrics(state, analysis)


def _count(state: RunState, name: str) -> tuple[list[Drop], SourceTally]:
    source, study = state.project.events[name], state.study
    pruned = prunes(state)
    coded = event_rows(raw(state, name), source, study, pruned=pruned)
    drops, tally = event_drops(event_counts(coded, study, name).collect(), study, name)
    note_unread(state, name, tally, pruned=pruned)
    return drops, tally


def _analysis(state: RunState, study: Study, tallies: dict[str, SourceTally]) -> Analysis:
    table = state.lake.read_run("assignments", state.run_id)
    sources = {source.name: source for source in study.event_sources}
    attributes = {name: tuple(source.attributes) for name, source in state.project.exposures.items()}
    positions = segment_positions(study, attributes)
    kept: list[SegmentValue] = []
    if positions:
        with state.progress.stage("segment values") as stage:
            calendars = [calendar(experiment, study) for experiment in study.experiments]
            counted = frequent_values(units(table, study, calendars), positions)
            kept = [SegmentValue(**r.asDict()) for r in counted.collect()]
            stage.rows = len(kept)
    environment = state.project.environment
    return Analysis(
        table=table,
        raws={name: raw(state, name) for name in sources},
        study=study,
        fresh={name: freshness(source, tallies[name].newest) for name, source in sources.items()},
        positions=positions,
        kept=kept,
        bounds=stated_bounds(study),
        split=environment is not None and environment.ledger == "full",
    )


def _write_unit_metrics(state: RunState, analysis: Analysis) -> None:
    with state.progress.stage("unit metrics"):
        frame = unit_metrics_table(analysis)
        state.lake.append("unit_metrics", frame.withColumn("run_id", F.lit(state.run_id)))
