"""Worlds whose plans are looked at, and the lazy frames over their logs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from kind_metrics import Logs, elsewhere, kind_metrics
from pipeline_runs import raw_frame
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from rule_world import AS_OF, BUYS, DAY, HOUR, START, VALUE, did, seen
from world import Experiment, Log, Metric, World
from world_models import exposure_source, study_of

from abspark.pipeline.caps import stated_bounds
from abspark.pipeline.cutoffs import Freshness
from abspark.pipeline.segments import SegmentValue, segment_positions
from abspark.pipeline.station import Analysis, assignment_table
from abspark.schemas import ASSIGNMENTS

LOGS = Logs("shop", "shop", "shop")
ATTRIBUTES = ("country", "platform", "age")


def plan_world(metrics: int, *, event_id: bool = False) -> World:
    many = tuple(
        Metric(f"m{k}", "shop", 0, (k + 1) * HOUR, where=BUYS, value=VALUE if k % 2 else None)
        for k in range(metrics)
    )
    return World(
        (
            Experiment("red", ("a", "b"), START, START + 3 * DAY, tuple(m.name for m in many), "log"),
            Experiment("blue", ("a", "b", "c"), START, START + 4 * DAY, (many[0].name,), "log"),
        ),
        many,
        (Log("log", [seen("u", START, "a")], carries_experiment=True),),
        (Log("shop", [did("u", START)], has_event_id=event_id),),
        AS_OF,
    )


def full_world() -> World:
    """60 metrics of every kind, covariates, triggers, caps; three segments; days in two zones and since exposure."""
    many = [
        *kind_metrics(LOGS, 6 * HOUR),
        *(
            replace(m, name=f"{m.name}_2", covariate=m.covariate and "elsewhere")
            for m in kind_metrics(LOGS, 9 * HOUR)
        ),
    ][:60]
    names = tuple(metric.name for metric in many)
    return World(
        (
            Experiment("red", ("a", "b"), START, START + 3 * DAY, names, "log", segments=ATTRIBUTES,
                time_zone="Europe/Berlin", since_exposure=True),
            Experiment("blue", ("a", "b", "c"), START, START + 4 * DAY, names[::2], "log",
                segments=ATTRIBUTES[:1]),
        ),
        tuple(many),
        (Log("log", [], attributes=ATTRIBUTES, carries_experiment=True),),
        (Log("shop", []),),
        AS_OF,
        (elsewhere(LOGS, HOUR),),
    )  # fmt: skip


def many_kinds(metrics: int, experiments: int) -> World:
    """Up to 200 metrics of every kind in each experiment, which all have segments and days."""
    full = full_world()
    many = tuple(
        replace(metric, name=f"{metric.name}_{k}", covariate=metric.covariate and "elsewhere")
        for k in range(8)
        for metric in kind_metrics(LOGS, (k + 1) * HOUR)
    )[:metrics]
    names = tuple(metric.name for metric in many)
    asking = tuple(replace(full.experiments[0], id=f"e{n}", metrics=names) for n in range(experiments))
    return replace(full, metrics=many, experiments=asking)


def write_logs(spark: SparkSession, root: Path) -> None:
    """The two logs in Parquet, exposures by experiment and events in Delta by day as well, with columns to spare."""
    world = plan_world(2)
    unused = F.lit("x").alias("unused")
    shown = raw_frame(spark, world.exposures[0]).select("*", unused)
    done = raw_frame(spark, world.events[0]).select("*", unused, F.to_date("ts").alias("day"))
    shown.write.partitionBy("test").parquet(str(root / "log"))
    done.write.parquet(str(root / "shop"))
    done.write.partitionBy("day").format("delta").save(str(root / "days"))


def plan_analysis(spark: SparkSession, lake: Path, world: World) -> Analysis:
    """The lazy frames over logs that `write_logs` wrote to `lake`, and over assignments that are written at first."""
    names = [name for name in ASSIGNMENTS.names if name != "run_id"]
    study, log = study_of(world), world.exposures[0]
    exposures = spark.read.parquet(str(lake / "log"))
    missing = [name for name in log.attributes if f"raw_{name}" not in exposures.columns]
    frame = exposures.withColumns({f"raw_{name}": F.lit("x") for name in missing})
    table = assignment_table({"log": frame}, {"log": exposure_source(log)}, study).select(*names)
    path = lake / f"assignments{len(log.attributes)}"
    if not path.exists():
        table.write.parquet(str(path))
    return Analysis(
        table=spark.read.parquet(str(path)),
        raws={"shop": spark.read.parquet(str(lake / "shop"))},
        study=study,
        fresh={"shop": Freshness(timedelta(), without_times=False, newest=())},
        positions=segment_positions(study, {"log": log.attributes}),
        kept=[SegmentValue(0, 0, 0, "x")] if log.attributes else [],
        bounds=stated_bounds(study),
        attributes={"log": log.attributes},
        split=False,
    )
