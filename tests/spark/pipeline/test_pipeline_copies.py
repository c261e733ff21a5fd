"""Copies of an event, where their source says how far apart they are: what is left out, and what belies it."""

from __future__ import annotations

from dataclasses import replace

import oracle
import pytest
from pipeline_runs import Tables, as_in_a_run, assert_same, planned_once, run_world
from pyspark.sql import SparkSession
from rule_world import DAY, HOUR, METRICS, SHOWN, START, WORLD, did, seen
from world import Log, World

FIRST = START - DAY
"""Where the earliest window begins: spent_before looks back a day."""
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
    assert _drops(found) == {"outside_windows": 1, "duplicate_event": 3, "distant_copy": 1}
    values = {key[1:]: row.num for key, row in found.outcome.unit_metrics.items()}
    assert values["early", "spent_before"] == 32.0 + 128 + 256
    assert (values["near", "ordered"], values["far", "ordered"]) == (1.0, 4.0)


def test_none_is_too_early_where_nothing_is_said(spark: SparkSession) -> None:
    found = _run(spark, _world(None))
    assert_same(found.outcome, oracle.run(_world(None)))
    assert _drops(found) == {"duplicate_event": 5}
    assert found.outcome.unit_metrics["red", "early", "spent_before"].num == 128.0 + 256


@pytest.mark.parametrize(("within", "distant"), [(0, 3), (HOUR + 1, 0)])
def test_distance_is_from_the_first_copy(spark: SparkSession, within: int, distant: int) -> None:
    found = _run(spark, _world(within))
    assert _drops(found).get("distant_copy", 0) == distant
