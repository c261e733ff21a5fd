"""Second stage: assignments and event logs to moments, with the events' part of the ledger. One pass for everything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from abspark.analysis.health_covariates import history_check
from abspark.analysis.health_ledger import copies_check
from abspark.analysis.health_lost import values_check
from abspark.pipeline.caps import Code, quantile_caps, stated_bounds
from abspark.pipeline.cutoffs import freshness
from abspark.pipeline.history import full_history_from, units_without_history
from abspark.pipeline.ledger import (
    SourceTally,
    early_events,
    left_out_by_fixed_times,
    matched_events,
    merged,
    pair_drops,
)
from abspark.pipeline.quantiles import of_events, of_units
from abspark.pipeline.segments import segment_positions
from abspark.pipeline.spreading import spread_over
from abspark.pipeline.station import Analysis
from abspark.pipeline.study import Study
from abspark.pipeline.tables import ledger_rows, moments_rows, unit_metrics_table
from abspark.pipeline.time import epoch_micros
from abspark.stages.bots import find_bots
from abspark.stages.caps import cap_bounds
from abspark.stages.counts import kept_values
from abspark.stages.inputs import explained, raw
from abspark.stages.log_counts import LogCounts, counted_logs, prunes
from abspark.stages.quantiles import quantile_rows
from abspark.stages.state import RunState


def measure(state: RunState, begun: LogCounts | None = None) -> None:
    """Write, aside, the run's moments and the drops of its event logs, whose counts may have `begun`.

    Raises:
        AbsparkError: No experiment is left, the ledger does not add up, or the lake can't be written.
    """
    find_bots(state)
    drops, tallies = counted_logs(state, lambda study: study.sources, begun)
    study = state.study
    with explained(state):
        analysis = _analysis(state, study, tallies)
        with _held(state, analysis) as analysis:
            with state.progress.stage("moments") as stage:
                rows = _summary(state, analysis)
                moments = moments_rows(rows, analysis, started_at=state.started_at)
                stage.rows = len(moments)
            quantiles = _quantiles(state, analysis, rows)
            if state.project.environment is not None and state.project.environment.keep_unit_metrics:
                _write_unit_metrics(state, analysis)
        pairs = ledger_rows(rows)
        drops += pair_drops(pairs, tallies, study)
        checks = [*_histories(state, tallies), *_copies(state, tallies), *_values(study, tallies)]
        for name, count in matched_events(pairs, study).items():
            state.inputs[name].rows, state.inputs[name].kept = tallies[name].read, count
        every = merged(drops)
        for name, lost in left_out_by_fixed_times(every, study.event_sources).items():
            state.progress.say(
                f"  {name}: its fixed_time is outside the windows of some units: {lost:,} rows do not count for them"
            )
        for name, early in early_events(tallies, study.event_sources).items():
            state.progress.say(
                f"  {name}: {early:,} rows are earlier than all windows, and kept as the earliest copy of an event may "
                "be there; where copies are never so far apart, copies_within in the source says it"
            )
        tables = {
            "moments": moments,
            "quantiles": quantiles,
            "drops": [drop._asdict() for drop in every],
            "health": checks,
        }
        state.append_rows(tables, told="write moments")


def _summary(state: RunState, analysis: Analysis) -> list[Mapping[str, Any]]:
    """Units are counted aside: they wait for no event, and planning either keeps one core busy."""
    counted = state.aside.start(lambda: _counted_units(state, analysis))
    events = analysis.event_moments.collect()
    return analysis.summary(counted.result(), events)


def _counted_units(state: RunState, analysis: Analysis) -> list[Row]:
    with state.progress.stage("count units", aside=True) as stage:
        rows = analysis.unit_counts.collect()
        stage.rows = len(rows)
    return rows


@contextmanager
def _held(state: RunState, analysis: Analysis) -> Iterator[Analysis]:
    """The analysis with its caps; where a quantile needs a second look at unit metrics, these are kept meanwhile."""
    study = analysis.study
    if not quantile_caps(study) and not of_units(study) and not of_events(study):
        yield analysis
        return
    with _persisted(analysis.unit_metrics) as held:
        holding = replace(analysis, held=held)
        if quantile_caps(study):
            with state.progress.stage("caps") as stage:
                holding = replace(holding, bounds=cap_bounds(holding))
                stage.rows = len(holding.bounds)
        yield holding


@contextmanager
def _persisted(frame: DataFrame) -> Iterator[DataFrame]:
    """A frame that is computed once; as often as it is read where the platform refuses, as Databricks serverless."""
    with suppress(PySparkException):
        frame.persist()
    try:
        yield frame
    finally:
        with suppress(PySparkException):
            frame.unpersist()


def _quantiles(
    state: RunState, analysis: Analysis, rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    if not of_units(analysis.study) and not of_events(analysis.study):
        return []
    with state.progress.stage("quantiles") as stage:
        found = quantile_rows(analysis, rows)
        stage.rows = len(found)
    return found


def _histories(state: RunState, tallies: Mapping[str, SourceTally]) -> list[dict[str, Any]]:
    """Health rows of covariates that look back; units are only counted where a log begins too late for some."""
    study = state.study
    limits = full_history_from(study, {name: tally.newest for name, tally in tallies.items()})
    late = {code: at for code, at in limits.items() if at > epoch_micros(study.experiments[code[0]].start)}
    counts: dict[Code, tuple[int, int]] = {}
    if late:
        table = state.lake.read_run("assignments", state.run_id)
        found = units_without_history(table, study, late).collect()
        counts = {(row["x"], row["m"]): (row["units"], row["early"]) for row in found}
    return [
        history_check(study.experiments[x], study.metrics[m].name, *counts.get((x, m), (0, 0)))
        for x, m in limits
    ]


def _copies(state: RunState, tallies: Mapping[str, SourceTally]) -> list[dict[str, Any]]:
    """Health rows of the sources that say how far apart copies of an event are."""
    found, study = [], state.study
    for experiment in study.experiments:
        for name in study.sources_of(experiment):
            within, copies = state.project.events[name].copies_within, tallies[name].copies
            if within is not None and copies is not None:
                counts = copies._asdict()
                found.append(copies_check(experiment, name, within, **counts, all_rows=not prunes(state)))
    return found


def _values(study: Study, tallies: Mapping[str, SourceTally]) -> list[dict[str, Any]]:
    """Health rows of the metrics that want values."""
    return [
        values_check(experiment, name, metric.name, **values._asdict())
        for experiment in study.experiments
        for name in study.sources_of(experiment)
        for metric in study.metrics_of(experiment)
        if (values := tallies[name].values.get(metric.name)) is not None
    ]


def _analysis(state: RunState, study: Study, tallies: dict[str, SourceTally]) -> Analysis:
    table = state.lake.read_run("assignments", state.run_id)
    sources = {source.name: source for source in study.event_sources}
    attributes = {name: state.project.attributes_of(name) for name in state.project.exposures}
    positions = segment_positions(study, attributes)
    kept = kept_values(state) if positions else []
    environment = state.project.environment
    return Analysis(
        table=table,
        raws={name: raw(state, name) for name in sources},
        study=study,
        fresh={name: freshness(source, tallies[name].newest) for name, source in sources.items()},
        positions=positions,
        kept=kept,
        bounds=stated_bounds(study),
        attributes=attributes,
        split=environment is not None and environment.ledger == "full",
        spread=spread_over([tallies[name].busy for name in sources]),
    )


def _write_unit_metrics(state: RunState, analysis: Analysis) -> None:
    with state.progress.stage("unit metrics"):
        frame = unit_metrics_table(analysis)
        state.lake.append("unit_metrics", frame.withColumn("run_id", F.lit(state.run_id)))
