"""The shape of the plans: what reaches the scans, how often a log is read and shuffled, and what must not be there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kind_metrics import quantile_metrics
from pipeline_runs import collected
from plan_summary import assert_golden, difference, plan_summary
from plan_worlds import ATTRIBUTES, LOGS, full_world, many_kinds, plan_analysis, plan_world, write_logs
from py4j.clientserver import JavaClient
from py4j.protocol import MEMORY_COMMAND_NAME
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from rule_world import DAY, HOUR, START
from world import World
from world_models import event_source, exposure_source, study_of

from abspark.config import EventSource
from abspark.pipeline.caps import cap_values
from abspark.pipeline.profiles import assignment_profile
from abspark.pipeline.pruning import conditions, prune
from abspark.pipeline.quantiles import GROUP, cluster_moments, event_values, of_events, of_units, unit_values
from abspark.pipeline.ranks import ONE_TASK, values_at
from abspark.pipeline.row_counts import event_counts, exposure_counts
from abspark.pipeline.station import Analysis, assignment_table, event_rows, exposure_rows

PLANS = Path(__file__).parents[1] / "plans"
FORBIDDEN = (
    "BatchEvalPython",
    "ArrowEvalPython",
    "MapInPandas",
    "MapInArrow",
    "NestedLoopJoin",
    "CartesianProduct",
)


def _long_series(days: int) -> World:
    """Experiments of two weeks, windows of so many days, counted to the last: series of two weeks more."""
    world, fortnight = plan_world(6), 14 * DAY
    return replace(
        world,
        experiments=tuple(
            replace(e, end=START + fortnight, segments=ATTRIBUTES[:2], since_exposure=True)
            for e in world.experiments
        ),
        metrics=tuple(replace(metric, end=days * DAY) for metric in world.metrics),
        exposures=(replace(world.exposures[0], attributes=ATTRIBUTES[:2]),),
        as_of=START + fortnight + (days + 7) * DAY,
    )


@pytest.fixture(scope="module")
def lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("plans")
    write_logs(spark, root)
    return root


def _plan(frame: DataFrame, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    frame.explain("formatted")
    return capsys.readouterr().out


def _plans(analysis: Analysis, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Of the two frames that a run collects."""
    return {name: _plan(getattr(analysis, name), capsys) for name in ("unit_counts", "event_moments")}


def _both(analysis: Analysis, capsys: pytest.CaptureFixture[str]) -> str:
    return "\n\n".join(_plans(analysis, capsys).values())


def _scans(plan: str) -> list[str]:
    """The details of each scan of a log."""
    return [
        part for part in plan.split("\n\n") if re.match(r"\s*\(\d+\) Scan (parquet|ExistingRDD delta)", part)
    ]


def _exchanges(plan: str) -> list[str]:
    return [part for part in plan.split("\n\n") if re.match(r"\s*\(\d+\) Exchange", part)]


def test_exposures_read_their_partitions_columns_and_times(
    spark: SparkSession, lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = plan_world(2)
    source, study = exposure_source(world.exposures[0]), study_of(world)
    raw = spark.read.parquet(str(lake / "log"))
    (scan,) = _scans(_plan(exposure_rows(raw, source, study, pruned=True), capsys))
    assert re.search(r"PartitionFilters: \[.*test#\d+ IN \(red,blue\)", scan)
    assert "PushedFilters: [IsNotNull(ts), GreaterThanOrEqual(ts,2026-10-01" in scan
    assert "LessThanOrEqual(ts,2026-10-05" in scan
    assert "ReadSchema: struct<ts:timestamp,user:string,arm:string>" in scan
    (light,) = _scans(_plan(exposure_rows(raw, source, study, pruned=False), capsys))
    assert "PushedFilters" not in light


def test_events_read_their_columns_and_times(
    spark: SparkSession, lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = spark.read.parquet(str(lake / "shop"))
    world = plan_world(2)
    (scan,) = _scans(
        _plan(event_rows(raw, event_source(world.events[0]), study_of(world), pruned=True), capsys)
    )
    assert "PushedFilters: [IsNotNull(ts), GreaterThanOrEqual(ts,2026-10-01" in scan
    # blue ends on the 5th, and its longest window, an hour, may begin just before
    assert "LessThanOrEqual(ts,2026-10-05 01:00:00" in scan
    assert "ReadSchema: struct<kind:string,ts:timestamp,user:string,amount:double>" in scan
    world = plan_world(2, event_id=True)
    (scan,) = _scans(
        _plan(event_rows(raw, event_source(world.events[0]), study_of(world), pruned=True), capsys)
    )
    assert "GreaterThanOrEqual" not in scan
    assert "LessThanOrEqual(ts,2026-10-05" in scan
    source = event_source(world.events[0]).model_copy(update={"copies_within": timedelta(hours=3)})
    (scan,) = _scans(_plan(event_rows(raw, source, study_of(world), pruned=True), capsys))
    assert "GreaterThanOrEqual(ts,2026-09-30 21:00:00" in scan
    (scan,) = _scans(_plan(prune(raw, conditions(raw, source, (-(10**17), START))), capsys))
    assert "PushedFilters: [IsNotNull(ts), LessThanOrEqual(ts,2026-10-01" in scan


def test_a_date_that_partitions_the_log_prunes_folders(
    spark: SparkSession, lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = plan_world(2)
    given = event_source(world.events[0])
    source = EventSource.model_validate(
        given.model_dump(exclude_unset=True)
        | {"columns": {"unit": "user", "time": "day", "event": "kind", "value": "amount"}}
    )
    raw = spark.read.format("delta").load(str(lake / "days"))
    plan = _plan(event_rows(raw, source, study_of(world), pruned=True), capsys)
    assert re.search(r"PartitionFilters: \[.*day#\d+ >= 2026-10-01\), \(day#\d+ <= 2026-10-05\)", plan)
    assert "ts:timestamp" not in plan


def test_each_log_is_shuffled_once_whatever_the_number_of_metrics(
    spark: SparkSession, lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plans = {n: _both(plan_analysis(spark, lake, plan_world(n)), capsys) for n in (2, 60)}
    shapes = {n: (len(_scans(plan)), len(_exchanges(plan))) for n, plan in plans.items()}
    assert shapes[2] == shapes[60]
    for plan in plans.values():
        assert [word for word in FORBIDDEN if word in plan] == []
        scans = [re.search(r"Location: .*?/(\w+)\]", scan) for scan in _scans(plan)]
        assert [found[1] for found in scans if found].count("shop") == 1


def test_kinds_segments_and_days_cost_no_scan_and_no_shuffle(
    spark: SparkSession, lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = full_world()
    assert len(world.metrics) == 60
    plain = _both(plan_analysis(spark, lake, plan_world(2)), capsys)
    assert any(metric.attribute for metric in world.metrics)
    assert any(experiment.since_exposure for experiment in world.experiments)
    full = _both(plan_analysis(spark, lake, world), capsys)
    assert (len(_scans(full)), len(_exchanges(full))) == (len(_scans(plain)), len(_exchanges(plain)))
    for plan in (plain, full):
        assert [word for word in FORBIDDEN if word in plan] == []
        places = [re.search(r"Location: .*?/(\w+)\]", scan) for scan in _scans(plan)]
        assert [found[1] for found in places if found].count("shop") == 1


@pytest.mark.parametrize(
    ("world", "most_fields"),
    [
        pytest.param(full_world(), 200, id="all kinds"),
        pytest.param(_long_series(7), 200, id="windows of a week", marks=pytest.mark.long),
        pytest.param(_long_series(45), 200, id="windows of 45 days", marks=pytest.mark.long),
        pytest.param(_long_series(60), 100, id="windows of 60 days", marks=pytest.mark.long),
    ],
)
def test_code_for_all_kinds_segments_and_days_compiles(
    spark: SparkSession, lake: Path, world: World, most_fields: int
) -> None:
    """With the way back to interpretation closed, code that doesn't compile is an error.

    Up to so many fields Spark compiles a stage whole: 100 by itself, 200 in a local session.
    """
    closed = {
        "spark.sql.codegen.factoryMode": "CODEGEN_ONLY",
        "spark.sql.codegen.wholeStage": "true",
        "spark.sql.codegen.fallback": "false",
        "spark.sql.codegen.maxFields": str(most_fields),
    }
    before = {key: spark.conf.get(key) for key in closed}
    for key, value in closed.items():
        spark.conf.set(key, value)
    try:
        rows = collected(plan_analysis(spark, lake, world))
    finally:
        for key, old in before.items():
            spark.conf.set(key, old)
    assert {row["m"] for row in rows} >= set(range(len(world.metrics)))


def test_plans_hardly_grow_with_metrics_and_not_with_experiments(
    spark: SparkSession, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work of planning, in what no machine changes: columns that plans name and calls to Java that build them.

    Calls that release what Python has forgotten come when its garbage is collected, and are not counted.
    """
    calls = 0

    def counted(client: JavaClient, command: str, *given: Any, **more: Any) -> Any:
        nonlocal calls
        calls += not command.startswith(MEMORY_COMMAND_NAME)
        return asked(client, command, *given, **more)

    asked = JavaClient.send_command
    monkeypatch.setattr(JavaClient, "send_command", counted)
    whole = "spark.sql.debug.maxToStringFields"
    before = spark.conf.get(whole)
    analysis, work = plan_analysis(spark, lake, full_world()), {}
    spark.conf.set(whole, "1000000")
    try:
        for metrics, experiments in ((100, 20), (200, 2), (200, 20)):
            calls = 0
            given = replace(analysis, study=study_of(many_kinds(metrics, experiments)))
            frames = (given.unit_counts, given.event_moments)
            plan = "".join(frame._jdf.queryExecution().executedPlan().toString() for frame in frames)
            work[metrics, experiments] = (calls, len(re.findall(r"#\d", plan)))
    finally:
        spark.conf.set(whole, str(before))
    few_metrics, few_experiments, many = work.values()
    assert np.all(np.array(many) <= 1.5 * np.array(few_metrics)), work
    assert np.all(np.array(many) <= 1.02 * np.array(few_experiments)), work


def test_assignments_are_shuffled_once(
    spark: SparkSession, lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = plan_world(2)
    raw = spark.read.parquet(str(lake / "log"))
    plan = _plan(
        assignment_table({"log": raw}, {"log": exposure_source(world.exposures[0])}, study_of(world)), capsys
    )
    assert len(_scans(plan)) == 1
    assert len(_exchanges(plan)) == 1
    assert [word for word in FORBIDDEN if word in plan] == []


@pytest.fixture
def large(spark: SparkSession) -> Iterator[None]:
    """Plans as they are over logs that are too large to broadcast; the driver's own rows are not."""
    spark.conf.set("spark.sql.autoBroadcastJoinThreshold", "1000b")
    yield
    spark.conf.unset("spark.sql.autoBroadcastJoinThreshold")


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(("shape", "world"), [
    ("moments_two_metrics", plan_world(2)),
    ("moments_with_event_ids", plan_world(2, event_id=True)),
    ("moments_60_metrics_segments_days", full_world()),
])  # fmt: skip
def test_golden_plan_of_moments(
    spark: SparkSession, lake: Path, capsys: pytest.CaptureFixture[str], shape: str, world: World
) -> None:
    assert_golden(shape, _plans(plan_analysis(spark, lake, world), capsys), PLANS)


@pytest.mark.usefixtures("large")
def test_golden_plan_of_assignments_and_counts(
    spark: SparkSession, lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = plan_world(2, event_id=True)
    study, shown = study_of(world), exposure_source(world.exposures[0])
    raws = {name: spark.read.parquet(str(lake / name)) for name in ("log", "shop")}
    done = event_rows(raws["shop"], event_source(world.events[0]), study, pruned=False)
    frames = {
        "assignments": assignment_table({"log": raws["log"]}, {"log": shown}, study),
        "assignments counted": assignment_profile(plan_analysis(spark, lake, world).table, study.experiments),
        "exposures counted": exposure_counts(exposure_rows(raws["log"], shown, study, pruned=False)),
        "events counted": event_counts(done, study, "shop"),
    }
    assert_golden("assignments_and_counts", {n: _plan(f, capsys) for n, f in frames.items()}, PLANS)


@pytest.mark.usefixtures("large")
def test_golden_plan_of_assignments_with_event_ids(
    spark: SparkSession, lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both reads of the attribute sets want the same columns of their shuffle, or Spark could not use it twice."""
    world = plan_world(2)
    shown = exposure_source(world.exposures[0])
    columns = shown.columns.model_copy(update={"event_id": "user"})
    shown = shown.model_copy(update={"attributes": {"arm": "arm"}, "columns": columns})
    table = assignment_table({"log": spark.read.parquet(str(lake / "log"))}, {"log": shown}, study_of(world))
    assert_golden("assignments_with_event_ids", {"assignments": _plan(table, capsys)}, PLANS)


@pytest.mark.usefixtures("large")
def test_golden_plan_of_quantiles(
    spark: SparkSession, lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unit metrics are held while quantiles look at them again; an empty folder stands for what is held."""
    many = quantile_metrics(LOGS, HOUR)
    names = tuple(metric.name for metric in many)
    world = replace(plan_world(2), metrics=many)
    world = replace(world, experiments=tuple(replace(e, metrics=names) for e in world.experiments))
    analysis = plan_analysis(spark, lake, world)
    folder = lake / "held"
    folder.mkdir()
    held = replace(analysis, held=spark.read.schema(analysis.unit_metrics.schema).parquet(str(folder)))
    given = (held.unit_metrics, held.study, held.segments)
    of_a_unit, of_an_event = ((0, 0, -1, 0, codes(held.study)[0]) for codes in (of_units, of_events))
    frames = {
        "unit metrics": analysis.unit_metrics,
        "caps": cap_values(held.unit_metrics, held.study, {(0, 0): 1}),
        "quantiles of units": values_at(
            unit_values(*given, {}), GROUP, {of_a_unit: (1, 2, 3)}, largest=ONE_TASK, interval=(1, 2)
        ),
        "quantiles of events": values_at(
            event_values(*given), GROUP, {of_an_event: (1, 2, 3)}, largest=ONE_TASK, interval=(1, 2)
        ),
        "quantiles of many events": values_at(
            event_values(*given), GROUP, {of_an_event: (1, 2, 3)}, largest=ONE_TASK + 1, interval=(1, 2)
        ),
        "clusters": cluster_moments(*given, {of_an_event: 1.0}),
    }
    assert_golden("quantiles", {n: _plan(f, capsys) for n, f in frames.items()}, PLANS)


def test_what_a_plan_has_gained_is_told_first() -> None:
    golden, made = "sort [hi]\n  scan shop", "shuffle x\n  sort [hi]\n    scan shop\n    scan shop"
    assert difference(golden, made)[:2] == ["gained: shuffle x", "gained: scan shop"]
    assert difference(golden, golden) == []


def test_python_stages_are_in_a_summary(
    spark: SparkSession, lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = spark.read.parquet(str(lake / "shop")).select(F.udf(str.upper)("user"))
    assert plan_summary(_plan(frame, capsys)) == "PYTHON ArrowEvalPython\n  scan shop; columns user"
