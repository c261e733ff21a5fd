"""How long it takes to plan the moments of many metrics in each of many experiments, with segments and days.

500 of the simulated project's in 50 experiments, and 200 of every kind in 20. From lazy frames over the logs to the
plan that Spark would execute; hardly anything is logged, and nothing is executed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from plan_worlds import full_world, many_kinds, plan_analysis, write_logs
from pyspark.sql import SparkSession
from world_models import study_of

from abspark import load_project
from abspark.command_common import session
from abspark.config import Project
from abspark.config.values import parse_instant
from abspark.pipeline.caps import stated_bounds
from abspark.pipeline.cutoffs import freshness
from abspark.pipeline.segments import SegmentValue, segment_positions
from abspark.pipeline.station import Analysis, assignment_table
from abspark.pipeline.study import make_study
from abspark.storage.sources import pin, read
from tests.perf.measures import AS_OF, Measure, abspark, measure
from tests.perf.projects import project
from tests.perf.timed_run import cpu_seconds

METRICS: Final = 500
EXPERIMENTS: Final = 50
UNITS: Final = 1_000
BUDGET: Final = 30.0
KINDS: Final = (200, 20)
"""Metrics of every kind, experiments; each kind is planned in every one."""
KINDS_BUDGET: Final = 20.0


def plans(metrics: int = METRICS, experiments: int = EXPERIMENTS) -> list[Measure]:
    """Seconds of planning, in a session that has planned and run nothing but the assignments."""
    with TemporaryDirectory(prefix="abspark-bench-") as folder:
        logs = Path(folder) / "logs"
        abspark(
            "simulate", "--out", str(logs), "--units", str(UNITS), "--experiments", str(experiments),
            "--share", "0.2", "--clean", "--format", "parquet",
        )  # fmt: skip
        known = load_project(project(logs, "plans", metrics=metrics, segments=3, series=True), "local")
        with session(known.environment, reads=known) as spark:
            analysis = _analysis(spark, known, Path(folder))
            wall, processor = _planned(analysis)
            lake = Path(folder) / "kinds"
            write_logs(spark, lake)
            kinds = plan_analysis(spark, lake, full_world())
            _, threads = _planned(replace(kinds, study=study_of(many_kinds(*KINDS))), _of_threads(spark))
    name = f"planning {metrics} metrics in each of {experiments} experiments"
    return [
        measure(name, wall, BUDGET, unit="s", limit=1.0),
        measure(f"{name}, processor", processor, BUDGET, unit="s"),
        measure(
            "planning {} metrics of every kind in each of {} experiments, processor".format(*KINDS),
            threads,
            KINDS_BUDGET,
            unit="s",
            limit=1.0,
        ),
    ]


def _planned(analysis: Analysis, clock: Callable[[], float] = cpu_seconds) -> tuple[float, float]:
    """Seconds and processor seconds from lazy frames to the plan."""
    processor, started = clock(), time.monotonic()
    for frame in (analysis.unit_counts, analysis.event_moments):
        frame._jdf.queryExecution().executedPlan()
    return time.monotonic() - started, clock() - processor


def _of_threads(spark: SparkSession) -> Callable[[], float]:
    """What this thread and the one that plans for it have taken of their processors: no compiler of Java's."""
    planner = spark._jvm.java.lang.management.ManagementFactory.getThreadMXBean()
    return lambda: time.process_time() + float(planner.getCurrentThreadCpuTime()) / 1e9


def _analysis(spark: SparkSession, known: Project, folder: Path) -> Analysis:
    """The lazy frames over the event log and over assignments that were written."""
    study = make_study(known, tuple(known.experiments.values()), parse_instant(AS_OF))
    raws = {
        name: read(spark, source, pin(spark, source))
        for name, source in {**known.exposures, **known.events}.items()
    }
    shown = {name: raws.pop(name) for name in known.exposures}
    assigned = str(folder / "assignments")
    assignment_table(shown, known.exposures, study).write.parquet(assigned)
    attributes = {name: known.attributes_of(name) for name in known.exposures}
    positions = segment_positions(study, attributes)
    return Analysis(
        table=spark.read.parquet(assigned),
        raws=raws,
        study=study,
        fresh={source.name: freshness(source, ()) for source in study.event_sources},
        positions=positions,
        kept=[SegmentValue(x, p, 0, "x") for x, p, _ in positions],
        bounds=stated_bounds(study),
        attributes=attributes,
        split=True,
    )


if __name__ == "__main__":
    sys.stdout.write(json.dumps(plans(), indent=1) + "\n")
