"""Copies of an event, where their source says how far apart they are: what is left out, and whether it is true."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import oracle
import pytest
from pipeline_runs import Tables, as_in_a_run, assert_same, planned_once, run_world
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from rule_world import BUYS, DAY, HOUR, METRICS, NOT_BUYS, SHOWN, START, WORLD, did, seen
from world import Experiment, Log, Metric, World
from world_models import study_of

from abspark.pipeline.copies import Copies
from abspark.pipeline.events import coded_events, identity_names
from abspark.pipeline.ledger import event_drops
from abspark.pipeline.row_counts import event_counts

FIRST = START - DAY
"""Where the earliest window begins: spent_before looks back a day."""
AT = datetime(2026, 10, 1, 12, 0, 0, 250_000)
ORDERS = [
    did("near", SHOWN, 1.0, event_id="a"), did("near", SHOWN + HOUR, 2.0, event_id="a"),
    # an hour and a microsecond after the first, though a second after another copy
    did("far", SHOWN, 4.0, event_id="a"), did("far", SHOWN + HOUR - 999_999, 8.0, event_id="a"),
    did("far", SHOWN + HOUR + 1, 16.0, event_id="a"),
    # the last instant that is left out, and the first that is not: it counts for nothing, nor does its copy
    did("early", FIRST - HOUR - 1, 1.0, event_id="a"), did("early", FIRST, 32.0, event_id="a"),
    did("early", FIRST - HOUR, 1.0, event_id="b"), did("early", FIRST, 64.0, event_id="b"),
    # rows without an id, and ids of another unit, are no copies
    did("early", FIRST, 128.0), did("early", FIRST + 9 * HOUR, 256.0), did("near", FIRST, 1.0, event_id="b"),
]  # fmt: skip
SPENT_BEFORE = next(metric for metric in METRICS if metric.name == "spent_before")
ORDERED = next(metric for metric in METRICS if metric.name == "ordered")


def _world(copies_within: int | None) -> World:
    red = replace(WORLD.experiments[0], metrics=("ordered", "spent_before"), segments=())
    return World(
        (red,),
        (ORDERED, replace(SPENT_BEFORE, source="orders", start=-DAY)),
        (
            Log(
                "screens",
                [seen(unit, SHOWN) for unit in ("near", "far")] + [seen("early", START)],
                carries_experiment=True,
            ),
        ),
        (Log("orders", ORDERS, has_event_id=True, copies_within=copies_within),),
        WORLD.as_of,
    )


def _run(spark: SparkSession, world: World) -> Tables:
    with as_in_a_run(spark), planned_once(spark):
        return run_world(spark, world)


def _drops(tables: Tables) -> dict[str, int]:
    return {
        reason: rows
        for (_, stage, _, reason, _), (rows, _) in tables.outcome.drops.items()
        if stage == "events"
    }


def test_events_too_early_to_be_copies_are_left_out(spark: SparkSession) -> None:
    found = _run(spark, _world(HOUR))
    assert_same(found.outcome, oracle.run(_world(HOUR)))
    assert _drops(found) == {"outside_windows": 1, "duplicate_event": 4}
    values = {key[1:]: row.num for key, row in found.outcome.unit_metrics.items()}
    assert values["early", "spent_before"] == 32.0 + 128 + 256
    assert (values["near", "ordered"], values["far", "ordered"]) == (1.0, 4.0)


def test_none_is_too_early_where_nothing_is_said(spark: SparkSession) -> None:
    found = _run(spark, _world(None))
    assert_same(found.outcome, oracle.run(_world(None)))
    assert _drops(found) == {"duplicate_event": 5}
    assert found.outcome.unit_metrics["red", "early", "spent_before"].num == 128.0 + 256


@pytest.mark.parametrize(
    ("within", "distant"), [(0, 4), (HOUR - 1, 4), (HOUR, 2), (HOUR + 1, 0)],
    ids=["none apart", "less than an hour", "an hour", "all"],
)  # fmt: skip
def test_all_rows_are_compared_those_too_early_as_well(
    spark: SparkSession, within: int, distant: int
) -> None:
    """near, far and early have two rows or three of one id, of which an hour and a microsecond is the most."""
    found = _run(spark, _world(within))
    assert found.tallies["orders"].copies == Copies(5, distant)


def test_of_a_long_log_some_units_are_compared(spark: SparkSession) -> None:
    study = study_of(_world(HOUR))
    ids = F.col("id")
    coded = spark.range(512 * 3).select(
        F.lit(None).cast("string").alias("reason"),
        F.pmod(ids, F.lit(512)).alias("lo"),
        F.lit(7).cast("bigint").alias("hi"),
        F.lit(5).cast("bigint").alias("e"),
        # the third row of unit 256 is an hour and a microsecond after its first, as is that of unit 1
        F.when(ids == 1024 + 256, HOUR + 1).when(ids == 1024 + 1, HOUR + 1).otherwise(0).alias("t"),
        F.lit(1.0).alias("d0"),
        F.array().cast("array<boolean>").alias("bad"),
        F.lit(0).cast("bigint").alias("w0"),
    )
    found = {
        sampled: event_drops(event_counts(coded, study, "orders", sampled=sampled).collect(), study, "orders")
        for sampled in (False, True)
    }
    assert found[False][1].copies == Copies(512, 2)
    assert found[True][1].copies == Copies(2, 1)
    assert replace(found[True][1], copies=None) == replace(found[False][1], copies=None)
    assert found[True][0] == found[False][0]


def test_rows_without_id_or_time_are_not_compared(spark: SparkSession) -> None:
    rows = [
        did("near", SHOWN, 1.0), did("near", SHOWN, 1.0, event_id=""), did("near", None, 1.0, event_id="a"),
        did(None, SHOWN, 1.0, event_id="a"), did("near", WORLD.as_of, 1.0, event_id="a"),
    ]  # fmt: skip
    world = _world(0)
    world = replace(world, events=(replace(world.events[0], rows=rows),))
    assert _run(spark, world).tallies["orders"].copies == Copies(0, 0)
    assert _run(spark, _world(None)).tallies["orders"].copies is None


def test_of_copies_that_differ_in_kind_alone_the_same_one_counts_whatever_a_run_asks_for(
    spark: SparkSession,
) -> None:
    """Forty events logged twice at one instant with one value, as a purchase and as a look.

    Which of the two kinds counts is not said; it is the same for all events, and in each run.
    """
    units = [f"u{n}" for n in range(40)]
    metrics = (Metric("buys", "shop", 0, DAY, where=BUYS), Metric("looks", "shop", 0, DAY, where=NOT_BUYS))
    wants = {"red": ("buys",), "blue": ("looks",), "both": ("buys", "looks")}
    events = [did(u, SHOWN, 1.0, event=kind, event_id="e") for u in units for kind in ("look", "buy")]

    def counted(*chosen: str) -> dict[tuple[str, str], float]:
        names = {name for experiment in chosen for name in wants[experiment]}
        world = World(
            tuple(Experiment(e, ("a", "b"), START, START + 9 * DAY, wants[e], "log") for e in chosen),
            tuple(metric for metric in metrics if metric.name in names),
            (
                Log(
                    "log",
                    [seen(u, SHOWN, "a", experiment=e) for e in chosen for u in units],
                    carries_experiment=True,
                ),
            ),
            (Log("shop", events, has_event_id=True),),
            WORLD.as_of,
        )
        found = _run(spark, world).outcome.moments
        return {(e, name): found[e, "a", name, None, None].mean for e in chosen for name in wants[e]}

    every = counted("red", "blue", "both")
    assert counted("red") | counted("blue") | counted("both") == every
    assert every["red", "buys"] == every["both", "buys"]
    assert {every["red", "buys"], every["blue", "looks"]} == {0.0, 1.0}


DIFFERENT = (
    {"value": None}, {"value": float("nan")}, {"value": float("inf")}, {"value": -1e200}, {"value": 1.0},
    {"tags": None}, {"tags": []}, {"tags": [None]}, {"tags": ["a", "b"]}, {"tags": ["a, b"]}, {"tags": [None, "null"]},
    {"tags": ["null", None]},
    {"part": {"at": AT}}, {"part": {"at": AT + timedelta(microseconds=1)}}, {"part": {"at": None}},
    {"counts": {"a": 1}}, {"counts": {"a": None}}, {"counts": {}},
)  # fmt: skip


def test_what_decides_between_copies_tells_apart_all_that_a_condition_can(spark: SparkSession) -> None:
    """Were two such rows the same to it, which of them counts would be left to the order in which they come."""
    study = study_of(_world(None))
    given = study.event_sources[0]
    source = given.model_copy(update={"properties": dict.fromkeys(("tags", "part", "counts"), "declared")})
    schema = (
        "unit string, time timestamp, event_id string, event string, value double, tags array<string>, "
        "part struct<at: timestamp_ntz>, counts map<string, int>"
    )
    same = {
        "unit": "u",
        "time": AT,
        "event_id": "e",
        "event": "buy",
        "value": 2.0,
        "tags": ["x"],
        "part": None,
    }
    rows = [same | {"counts": None} | other for other in (*DIFFERENT, {}, {})]
    frame = spark.createDataFrame([tuple(row.values()) for row in rows], schema)
    with as_in_a_run(spark):
        names = ("d0", *identity_names(study))
        coded = coded_events(frame, source, replace(study, event_sources=(source,))).select(*names).collect()
    found = [tuple(row) for row in coded]
    assert found[-1] == found[-2]
    assert len(set(found)) == len(DIFFERENT) + 1
