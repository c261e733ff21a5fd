"""Units with very many events: found by a sample, spread over several keys, and none of it shows in any table."""

from __future__ import annotations

from dataclasses import replace

import oracle
import pytest
from kind_world import WORLD as KINDS
from pipeline_runs import as_in_a_run, assert_same, planned_once, run_world
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from rule_world import WORLD as RULES
from world import World
from world_models import study_of

from abspark.pipeline.events import mask_names, value_names
from abspark.pipeline.keys import key_hi
from abspark.pipeline.ledger import event_drops
from abspark.pipeline.row_counts import event_counts
from abspark.pipeline.spreading import MANY, SAMPLED_ROWS, Spread, spread_over

UNTRIGGERED = replace(KINDS, metrics=tuple(m for m in KINDS.metrics if m.trigger is None))


def half_of_the_units(spark: SparkSession, world: World) -> Spread:
    """Half of all units of a world's logs over three keys each, the rest left alone."""
    ids = sorted(
        {row["unit"] for log in (*world.exposures, *world.events) for row in log.rows if row["unit"]}
    )
    keyed = spark.createDataFrame([(unit,) for unit in ids], "unit string").select(key_hi(F.col("unit")))
    return Spread(tuple(sorted(row[0] for row in keyed.collect())[::2]), 3)


@pytest.mark.parametrize("world", [
    pytest.param(RULES, id="rules"),
    pytest.param(UNTRIGGERED, id="untriggered", marks=pytest.mark.long),
    pytest.param(KINDS, id="kinds"),
])  # fmt: skip
def test_spread_units_are_as_others(spark: SparkSession, world: World) -> None:
    with as_in_a_run(spark), planned_once(spark):
        found = run_world(spark, world, spread=half_of_the_units(spark, world))
    assert_same(found.outcome, oracle.run(world))


def test_only_units_with_many_events_are_spread() -> None:
    enough = MANY // SAMPLED_ROWS
    assert spread_over([]) is None
    assert spread_over([{7: enough - 1}, {}]) is None
    assert spread_over([{7: enough}]) == Spread((7,), 64)
    assert spread_over([{7: enough // 2, 8: 3}, {7: enough // 2, 9: enough - 1}]) == Spread((7,), 64)
    assert spread_over([{7: enough, -8: 5 * enough // 2}]) == Spread((-8, 7), 160)


def test_pieces_and_units_have_a_limit() -> None:
    crowd = dict.fromkeys(range(300), MANY // SAMPLED_ROWS)
    assert spread_over([crowd | {299: 16 * MANY // SAMPLED_ROWS}]) == Spread((*range(255), 299), 1024)
    assert spread_over([crowd | {299: 900 * MANY // SAMPLED_ROWS}]) == Spread((*range(255), 299), 1024)


def test_units_with_many_events_are_found(spark: SparkSession) -> None:
    """2,000,000 events of one unit: 488 rows in the sample, give or take 22; 400,000 of 4,000 others."""
    study = study_of(RULES)
    source = study.sources[0]
    coded = many_events(spark, 2_000_000, 400_000).withColumns(
        {name: F.col("t") % 100 for name in value_names(study)}
        | {name: F.lit(0).cast("bigint") for name in mask_names(study, "w")}
    )
    plain, sampled = (event_counts(coded, study, source, sampled=s).collect() for s in (False, True))
    drops, tally = event_drops(sampled, study, source)
    assert (drops, replace(tally, busy={})) == event_drops(plain, study, source)
    assert tally.kept == 2_400_000
    [(unit, rows)] = tally.busy.items()
    assert unit == -1
    assert 400 < rows < 580


def many_events(spark: SparkSession, crowded: int, others: int) -> DataFrame:
    number = F.col("id")
    unit = F.when(number < crowded, -1).otherwise(number % 4000)
    return spark.range(crowded + others).select(
        F.lit(None).cast("string").alias("reason"),
        unit.alias("hi"),
        (number * 1000).alias("t"),
        F.array().cast("array<boolean>").alias("bad"),
    )
