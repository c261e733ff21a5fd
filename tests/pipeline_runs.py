"""A world of logs run through the pipeline as a run does, without a lake: frames in, plain Python tables out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from oracle import Outcome, UnitRow
from oracle_moments import Moments
from oracle_quantiles import Quantile
from oracle_values import Assigned
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from world import Log, World
from world_models import RAW, TYPES, exposure_source, study_of

from abspark.config import EventSource, ExposureSource
from abspark.pipeline.caps import quantile_caps, stated_bounds
from abspark.pipeline.cutoffs import freshness
from abspark.pipeline.ledger import (
    Drop,
    SourceTally,
    assignment_drops,
    event_drops,
    exposure_drops,
    matched_events,
    merged,
    pair_drops,
)
from abspark.pipeline.profiles import assignment_profile
from abspark.pipeline.quantiles import of_events, of_units
from abspark.pipeline.row_counts import event_counts, exposure_counts
from abspark.pipeline.segments import frequent_values, segment_positions, segment_values
from abspark.pipeline.spreading import Spread
from abspark.pipeline.station import (
    Analysis,
    assignment_table,
    event_rows,
    exposure_rows,
)
from abspark.pipeline.study import Study
from abspark.pipeline.tables import ledger_rows, moments_rows, unit_metrics_table
from abspark.schemas import ASSIGNMENTS, COVARIANCE_PAIRS, SAMPLED, VARIABLES
from abspark.stages.caps import cap_bounds
from abspark.stages.quantiles import quantile_rows
from abspark.storage import run_settings


@contextmanager
def as_in_a_run(spark: SparkSession) -> Iterator[None]:
    with run_settings(spark):
        yield


@contextmanager
def planned_once(spark: SparkSession) -> Iterator[None]:
    """Without adaptive execution: plans over small logs are not worth a second thought."""
    before = spark.conf.get("spark.sql.adaptive.enabled", "true")
    spark.conf.set("spark.sql.adaptive.enabled", "false")
    try:
        yield
    finally:
        spark.conf.set("spark.sql.adaptive.enabled", before)


class Tables(NamedTuple):
    """What a run finds: comparable with the oracle's outcome, and what else the stages make of the rows."""

    outcome: Outcome
    drops: list[Drop]
    tallies: dict[str, SourceTally]
    matched: dict[str, int]


def raw_frame(spark: SparkSession, log: Log) -> DataFrame:
    """The raw rows: columns renamed, times as timestamps."""
    names = sorted({*RAW, *log.attributes, *log.properties})
    ddl = ", ".join(f"{RAW.get(name, f'raw_{name}')} {TYPES.get(name, 'string')}" for name in names)
    frame = spark.createDataFrame([tuple(row.get(name) for name in names) for row in log.rows], ddl)
    return frame.withColumn("ts", F.timestamp_micros("ts"))


def run_world(
    spark: SparkSession,
    world: World,
    raws: Mapping[str, DataFrame] | None = None,
    *,
    split: bool = False,
    per_unit: bool = True,
    spread: Spread | None = None,
) -> Tables:
    """The stages of a run over all logs of a world; `raws` replaces raw frames by name.

    Without `per_unit` the table unit_metrics, which most runs leave out, stays empty. `spread` is what a run finds out.
    """
    study = study_of(world)
    frames = {log.name: raw_frame(spark, log) for log in (*world.exposures, *world.events)} | dict(raws or {})
    exposures = {log.name: exposure_source(log) for log in world.exposures}
    events = {source.name: source for source in study.event_sources}
    return run_frames(study, (exposures, events), frames, split=split, per_unit=per_unit, spread=spread)


def run_frames(
    study: Study,
    sources: tuple[Mapping[str, ExposureSource], Mapping[str, EventSource]],
    frames: Mapping[str, DataFrame],
    *,
    split: bool = False,
    per_unit: bool = True,
    spread: Spread | None = None,
) -> Tables:
    exposures, events = sources
    drops: list[Drop] = []
    tallies: dict[str, SourceTally] = {}
    for name, source in exposures.items():
        counted = exposure_counts(exposure_rows(frames[name], source, study, pruned=False)).collect()
        found, tallies[name] = exposure_drops(counted, study, name)
        drops += found
    table = _written(assignment_table({name: frames[name] for name in exposures}, exposures, study))
    counts = assignment_profile(table, study.experiments).collect()
    drops += assignment_drops([row.asDict() for row in counts], tallies, study)
    for name, given in events.items():
        counted = event_counts(event_rows(frames[name], given, study, pruned=False), study, name).collect()
        found, tallies[name] = event_drops(counted, study, name)
        drops += found
    drops = merged(drops)
    analysis = replace(_analysis(study, sources, frames, table, tallies, split=split), spread=spread)
    if _looks_twice(study):
        analysis = replace(analysis, held=analysis.unit_metrics.localCheckpoint())
    analysis = replace(analysis, bounds=cap_bounds(analysis)) if quantile_caps(study) else analysis
    rows = collected(analysis)
    drops += pair_drops(ledger_rows(rows), tallies, study)
    made = moments_rows(rows, analysis)
    outcome = Outcome(
        _assignments(table),
        _last_day(made),
        _days(made),
        _drops(drops),
        unit_values(analysis) if per_unit else {},
        _ages(made),
        _quantiles(analysis, rows),
    )
    return Tables(outcome, drops, tallies, matched_events(ledger_rows(rows), study))


def collected(analysis: Analysis) -> list[Mapping[str, Any]]:
    """The rows of an analysis, of which its moments are made."""
    return analysis.summary(analysis.unit_counts.collect(), analysis.event_moments.collect())


def _looks_twice(study: Study) -> bool:
    return bool(quantile_caps(study) or of_units(study) or of_events(study))


def _quantiles(analysis: Analysis, summary: Sequence[Any]) -> dict[Any, Quantile]:
    """The table quantiles; a group without any unit that is analysed has a row without values."""
    made = quantile_rows(analysis, summary) if _looks_twice(analysis.study) else []
    key = ("experiment_id", "variant", "metric", "segment_name", "segment_value")
    found = {
        tuple(row[name] for name in key): Quantile(*(row[name] for name in Quantile._fields)) for row in made
    }
    assert len(found) == len(made), "a row of quantiles is not unique by its key"
    return found


def assert_same(found: Outcome, expected: Outcome, *, tolerance: float = 1e-9) -> None:
    """Whole tables: assignments, drops and counts exactly, numbers to a relative tolerance.

    A covariance is compared beside the spreads of its variables. Days are running totals of sums of squares: their
    covariances are compared beside the mean squares.
    """
    assert found.assignments == expected.assignments
    assert found.drops == expected.drops
    assert found.unit_metrics.keys() == expected.unit_metrics.keys()
    for key, row in expected.unit_metrics.items():
        assert _numbers(found.unit_metrics[key]) == pytest.approx(
            _numbers(row), rel=tolerance, abs=tolerance
        ), key
    assert found.moments.keys() == expected.moments.keys()
    for slot, moments in expected.moments.items():
        assert_same_moments(found.moments[slot], moments, slot, tolerance, about_zero=False)
    assert found.days.keys() == expected.days.keys()
    for when, moments in expected.days.items():
        assert_same_moments(found.days[when], moments, when, tolerance, about_zero=True)
    assert found.quantiles.keys() == expected.quantiles.keys()
    for group, quantile in expected.quantiles.items():
        made = found.quantiles[group]
        assert made[:6] == quantile[:6], (group, made, quantile)
        assert _finite(made[6:]) == pytest.approx(_finite(quantile[6:]), rel=tolerance), (
            group,
            made,
            quantile,
        )
    assert found.ages.keys() == expected.ages.keys()
    for age, moments in expected.ages.items():
        assert_same_moments(found.ages[age], moments, age, tolerance, about_zero=True)


def assert_same_moments(
    found: Moments, expected: Moments, key: object, tolerance: float, *, about_zero: bool
) -> None:
    """One row: counts exactly, bounds as near as numbers can be, numbers as `assert_same` says."""
    assert found[:5] == expected[:5], (key, found, expected)
    assert _finite(found[5:7]) == pytest.approx(_finite(expected[5:7]), rel=1e-15), (key, found, expected)
    assert found.columns.keys() == expected.columns.keys(), (key, found, expected)
    for name, number in expected.columns.items():
        allowed = tolerance * max(1.0, _scale(expected, name, about_zero=about_zero))
        assert abs(found.columns[name] - number) <= allowed, (key, name, found, expected)


def _finite(values: Sequence[Any]) -> list[float]:
    """With a number that no log holds in place of NULL."""
    return [-1e300 if value is None else value for value in values]


def _scale(moments: Moments, name: str, *, about_zero: bool) -> float:
    """What a number is compared beside: a mean itself, a covariance beside the two root mean squares."""
    if name.startswith("mean_"):
        return abs(moments.columns[name])
    product = 1.0
    for variable in _variables_of(name):
        square = moments.columns[f"var_{variable}"]
        square += moments.columns[f"mean_{variable}"] ** 2 if about_zero else 0.0
        product *= math.sqrt(square)
    return product


def _variables_of(name: str) -> tuple[str, str]:
    pairs = {f"cov_{a}_{b}": (a, b) for a, b in COVARIANCE_PAIRS}
    own = {f"var_{a}": (a, a) for a in VARIABLES}
    return (pairs | own)[name]


def _numbers(row: UnitRow) -> dict[str, float]:
    """By name, without what is NULL."""
    return {name: float(value) for name, value in row._asdict().items() if value is not None}


def unit_values(analysis: Analysis) -> dict[tuple[str, str, str], UnitRow]:
    """The table unit_metrics by experiment, unit id and metric."""
    frame = unit_metrics_table(analysis)
    ids = analysis.table.select("experiment_id", "unit_key_hi", "unit_key_lo", "unit_id")
    rows = frame.join(ids, on=["experiment_id", "unit_key_hi", "unit_key_lo"], how="inner").collect()
    found = {
        (r["experiment_id"], r["unit_id"], r["metric"]): UnitRow(*(r[name] for name in UnitRow._fields))
        for r in rows
    }
    assert len(found) == len(rows), "a row of unit_metrics is not unique by its key"
    return found


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
    rows = frequent_values(table, positions, study).collect() if positions else []
    return Analysis(
        table=table,
        raws={name: frames[name] for name in events},
        study=study,
        fresh={n: freshness(s, tallies[n].newest) for n, s in events.items()},
        positions=positions,
        kept=segment_values(rows, study),
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


def _last_day(rows: Sequence[Mapping[str, Any]]) -> dict[Any, Moments]:
    key = ("experiment_id", "variant", "metric", "segment_name", "segment_value")
    last: dict[str, Any] = {}
    rows = [row for row in rows if row["exposure_day"] is None]
    for row in rows:
        last[row["experiment_id"]] = max(last.get(row["experiment_id"], row["day"]), row["day"])
    return _by_key([row for row in rows if row["day"] == last[row["experiment_id"]]], key)


def _days(rows: Sequence[Mapping[str, Any]]) -> dict[Any, Moments]:
    key = ("experiment_id", "variant", "metric", "day")
    mine = [row for row in rows if row["segment_name"] is None and row["exposure_day"] is None]
    return _by_key(mine, key)


def _ages(rows: Sequence[Mapping[str, Any]]) -> dict[Any, Moments]:
    key = ("experiment_id", "variant", "metric", "exposure_day")
    mine = [row for row in rows if row["exposure_day"] is not None]
    assert all(row["day"] is None for row in mine), "a row is of a day and of a day since exposure"
    return _by_key(mine, key)


def _by_key(rows: Sequence[Mapping[str, Any]], key: Sequence[str]) -> dict[Any, Moments]:
    found = {tuple(row[name] for name in key): _moments(row) for row in rows}
    assert len(found) == len(rows), "a row of moments is not unique by its key"
    return found


def _moments(row: Mapping[str, Any]) -> Moments:
    numbers = [f"mean_{v}" for v in VARIABLES] + [f"var_{v}" for v in VARIABLES]
    numbers += [f"cov_{a}_{b}" for a, b in COVARIANCE_PAIRS]
    columns = {name: row[name] for name in numbers if row[name] is not None}
    return Moments(*(row[name] for name in Moments._fields[:-1]), columns)


def _drops(drops: Sequence[Drop]) -> dict[tuple[Any, ...], tuple[int, int | None]]:
    """Without what is told of the sample: the oracle has no unit keys."""
    drops = [drop for drop in drops if drop.stage != SAMPLED]
    found = {(d.experiment_id, d.stage, d.source, d.reason, d.variant): (d.rows, d.units) for d in drops}
    assert len(found) == len(drops), "a row of drops is not unique by its key"
    return found
