"""A world of logs run through the pipeline as a run does, without a lake: frames in, plain Python tables out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from oracle import Assigned, Moments, Outcome
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from world import Experiment, Log, Metric, World

from abspark.config import EventSource, ExposureSource
from abspark.config import Experiment as ExperimentModel
from abspark.config import Metric as MetricModel
from abspark.pipeline.calendar import calendar
from abspark.pipeline.caps import stated_bounds
from abspark.pipeline.conversions import units
from abspark.pipeline.cutoffs import freshness
from abspark.pipeline.ledger import (
    Drop,
    SourceTally,
    assignment_drops,
    event_counts,
    event_drops,
    exposure_counts,
    exposure_drops,
    matched_events,
    pair_drops,
)
from abspark.pipeline.segments import SegmentValue, frequent_values, segment_positions
from abspark.pipeline.station import (
    Analysis,
    assignment_counts,
    assignment_table,
    event_rows,
    exposure_rows,
)
from abspark.pipeline.study import Study
from abspark.pipeline.tables import ledger_rows, moments_rows, unit_metrics_table
from abspark.schemas import ASSIGNMENTS
from abspark.storage import utc_session

RAW = {
    "unit": "user", "time": "ts", "experiment": "test", "variant": "arm", "event": "kind", "event_id": "eid",
    "value": "amount",
}  # fmt: skip
"""Raw column of each canonical one; properties and attributes have a raw column named raw_NAME."""
_TYPES = {"time": "bigint", "value": "double", "quantity": "int", "flag": "boolean"}


@contextmanager
def as_in_a_run(spark: SparkSession) -> Iterator[None]:
    with utc_session(spark):
        yield


class Tables(NamedTuple):
    """What a run finds: comparable with the oracle's outcome, and what else the stages make of the rows."""

    outcome: Outcome
    drops: list[Drop]
    tallies: dict[str, SourceTally]
    matched: dict[str, int]


def instant(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def study_of(world: World) -> Study:
    return Study(
        tuple(_experiment(e) for e in world.experiments),
        tuple(_metric(m) for m in world.metrics),
        tuple(event_source(log) for log in world.events),
        instant(world.as_of),
    )


def exposure_source(log: Log) -> ExposureSource:
    return ExposureSource.model_validate(
        _source(log, ("unit", "time", "experiment", "variant"))
        | {"attributes": {name: f"raw_{name}" for name in log.attributes}}
    )


def event_source(log: Log) -> EventSource:
    names = ["unit", "time", "event", "value"]
    names += ["experiment"] if log.carries_experiment else []
    names += ["variant"] if log.carries_variant else []
    given = {} if log.complete_until is None else {"complete_until": instant(log.complete_until).isoformat()}
    return EventSource.model_validate(_source(log, names) | given)


def raw_frame(spark: SparkSession, log: Log) -> DataFrame:
    """The raw rows: columns renamed, times as timestamps."""
    names = sorted({*RAW, *log.attributes, *log.properties})
    ddl = ", ".join(f"{RAW.get(name, f'raw_{name}')} {_TYPES.get(name, 'string')}" for name in names)
    frame = spark.createDataFrame([tuple(row.get(name) for name in names) for row in log.rows], ddl)
    return frame.withColumn("ts", F.timestamp_micros("ts"))


def run_world(
    spark: SparkSession,
    world: World,
    raws: Mapping[str, DataFrame] | None = None,
    *,
    split: bool = False,
    per_unit: bool = True,
) -> Tables:
    """The stages of a run over all logs of a world; `raws` replaces raw frames by name.

    Without `per_unit` the table unit_metrics, which most runs leave out, stays empty.
    """
    study = study_of(world)
    frames = {log.name: raw_frame(spark, log) for log in (*world.exposures, *world.events)} | dict(raws or {})
    exposures = {log.name: exposure_source(log) for log in world.exposures}
    events = {source.name: source for source in study.event_sources}
    return run_frames(study, (exposures, events), frames, split=split, per_unit=per_unit)


def run_frames(
    study: Study,
    sources: tuple[Mapping[str, ExposureSource], Mapping[str, EventSource]],
    frames: Mapping[str, DataFrame],
    *,
    split: bool = False,
    per_unit: bool = True,
) -> Tables:
    exposures, events = sources
    drops: list[Drop] = []
    tallies: dict[str, SourceTally] = {}
    for name, source in exposures.items():
        counted = exposure_counts(exposure_rows(frames[name], source, study, pruned=False)).collect()
        found, tallies[name] = exposure_drops(counted, study, name)
        drops += found
    table = _written(assignment_table({name: frames[name] for name in exposures}, exposures, study))
    drops += assignment_drops(assignment_counts(table).collect(), tallies, study)
    for name, given in events.items():
        counted = event_counts(event_rows(frames[name], given, study, pruned=False), study, name).collect()
        found, tallies[name] = event_drops(counted, study, name)
        drops += found
    analysis = _analysis(study, sources, frames, table, tallies, split=split)
    rows = analysis.summary.collect()
    drops += pair_drops(ledger_rows(rows, study), tallies, study)
    outcome = Outcome(
        _assignments(table),
        _moments(_last_days(moments_rows(rows, analysis))),
        _drops(drops),
        unit_values(analysis) if per_unit else {},
    )
    return Tables(outcome, drops, tallies, matched_events(ledger_rows(rows, study), study))


def assert_same(found: Outcome, expected: Outcome, *, tolerance: float = 1e-9) -> None:
    """Whole tables: assignments and drops exactly, numbers to a relative tolerance."""
    assert found.assignments == expected.assignments
    assert found.drops == expected.drops
    assert found.unit_metrics.keys() == expected.unit_metrics.keys()
    for key, (number, complete) in expected.unit_metrics.items():
        assert found.unit_metrics[key][1] == complete, key
        assert math.isclose(found.unit_metrics[key][0], number, rel_tol=tolerance, abs_tol=tolerance), key
    assert found.moments.keys() == expected.moments.keys()
    for slot, moments in expected.moments.items():
        assert found.moments[slot][:2] == moments[:2], slot
        for one, other in zip(found.moments[slot][2:], moments[2:], strict=True):
            close = one is other is None or (
                one is not None
                and other is not None
                and math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)
            )
            assert close, (slot, found.moments[slot], moments)


def unit_values(analysis: Analysis) -> dict[tuple[str, str, str], tuple[float, bool]]:
    """The table unit_metrics by experiment, unit id and metric."""
    frame = unit_metrics_table(analysis)
    ids = analysis.table.select("experiment_id", "unit_key_hi", "unit_key_lo", "unit_id")
    rows = frame.join(ids, on=["experiment_id", "unit_key_hi", "unit_key_lo"], how="inner").collect()
    found = {(r["experiment_id"], r["unit_id"], r["metric"]): (r["num"], r["complete"]) for r in rows}
    assert len(found) == len(rows), "a row of unit_metrics is not unique by its key"
    return found


def _source(log: Log, names: Sequence[str]) -> dict[str, Any]:
    mapped = [*names, "event_id"] if log.has_event_id else names
    return {
        "name": log.name,
        "format": "parquet",
        "path": "nowhere",
        "columns": {name: RAW[name] for name in mapped},
        "filter": log.passes.sql if log.passes else None,
        "properties": {
            name: {"type": _TYPES.get(name, "string"), "column": f"raw_{name}"} for name in log.properties
        },
    }


def _experiment(given: Experiment) -> ExperimentModel:
    share = 1 / len(given.variants)
    return ExperimentModel.model_validate(
        {
            "id": given.id,
            "variants": [{"key": key, "weight": share} for key in given.variants],
            "control": given.variants[0],
            "start": instant(given.start).isoformat(),
            "end": instant(given.end).isoformat(),
            "exposures": given.exposures,
            "multiple_variants": "first" if given.first_wins else "exclude",
            "metrics": {"primary": given.metrics},
            "segments": given.segments,
        }
    )


def _metric(given: Metric) -> MetricModel:
    return MetricModel.model_validate(
        {
            "name": given.name,
            "kind": "proportion" if given.binary else "mean" if given.value else "count",
            "source": given.source,
            "where": given.where.sql if given.where else None,
            "value": given.value.sql if given.value else None,
            "window": {
                "start": timedelta(microseconds=given.start),
                "end": timedelta(microseconds=given.end),
            },
            "window_policy": "complete" if given.complete_only else "all",
        }
    )


def _written(table: DataFrame) -> DataFrame:
    """The table as if it had been written to a lake and read back."""
    names = [name for name in ASSIGNMENTS.names if name != "run_id"]
    frame = table.select(*names)
    return frame.localCheckpoint()


def _analysis(
    study: Study,
    sources: tuple[Mapping[str, ExposureSource], Mapping[str, EventSource]],
    frames: Mapping[str, DataFrame],
    table: DataFrame,
    tallies: Mapping[str, SourceTally],
    *,
    split: bool,
) -> Analysis:
    exposures, events = sources
    positions = segment_positions(study, {name: tuple(s.attributes) for name, s in exposures.items()})
    calendars = [calendar(experiment, study) for experiment in study.experiments]
    rows = frequent_values(units(table, study, calendars), positions).collect() if positions else []
    return Analysis(
        table=table,
        raws={name: frames[name] for name in events},
        study=study,
        fresh={n: freshness(s, tallies[n].newest) for n, s in events.items()},
        positions=positions,
        kept=[SegmentValue(**row.asDict()) for row in rows],
        bounds=stated_bounds(study),
        attributes={name: tuple(s.attributes) for name, s in exposures.items()},
        split=split,
    )


def _assignments(table: DataFrame) -> dict[tuple[str, str], Assigned]:
    times = {name: F.unix_micros(name) for name in ("first_exposure_at", "second_variant_at")}
    rows = table.withColumns(times).collect()
    found = {
        (r["experiment_id"], r["unit_id"]): Assigned(
            r["variant"], r["first_exposure_at"], r["second_variant_at"], r["exposures"],
            tuple(r["variants_seen"]), r["excluded_reason"], tuple(r["attributes"]),
        )
        for r in rows
    }  # fmt: skip
    assert len(found) == len(rows), "a unit has several assignments in one experiment"
    return found


def _moments(rows: Sequence[Mapping[str, Any]]) -> dict[Any, Moments]:
    key = ("experiment_id", "variant", "metric", "segment_name", "segment_value")
    found = {
        tuple(r[k] for k in key): Moments(r["n"], r["n_complete"], r["mean_num"], r["var_num"]) for r in rows
    }
    assert len(found) == len(rows), "a row of moments is not unique by its key"
    return found


def _last_days(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    last = {row["experiment_id"]: row["day"] for row in rows if row["segment_name"] is None}
    for row in rows:
        last[row["experiment_id"]] = max(last[row["experiment_id"]], row["day"])
    return [row for row in rows if row["day"] == last[row["experiment_id"]]]


def _drops(drops: Sequence[Drop]) -> dict[tuple[Any, ...], tuple[int, int | None]]:
    found = {(d.experiment_id, d.stage, d.source, d.reason, d.variant): (d.rows, d.units) for d in drops}
    assert len(found) == len(drops), "a row of drops is not unique by its key"
    return found
