"""The pipeline against the oracle on generated logs, and what must not change its results."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import reduce

import oracle
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle_values import Assigned
from pipeline_logs import quantile_worlds, with_rows, worlds
from pipeline_runs import as_in_a_run, assert_same, planned_once, raw_frame, run_world
from pyspark.sql import DataFrame, SparkSession
from world import Log, World

COMMON = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow,
        HealthCheck.large_base_example, HealthCheck.data_too_large],
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _as_in_a_run(spark: SparkSession) -> Iterator[None]:
    with as_in_a_run(spark), planned_once(spark):
        yield


@settings(max_examples=4, **COMMON)
@given(world=worlds, partitions=st.sampled_from([1, 7]), seed=st.integers(0, 99), parts=st.integers(1, 3))
def test_all_tables_whatever_the_order_partitions_and_files(
    spark: SparkSession, world: World, partitions: int, seed: int, parts: int
) -> None:
    frames = {
        log.name: _rearranged(spark, log, random.Random(seed), parts).repartition(partitions)
        for log in (*world.exposures, *world.events)
    }
    expected = oracle.run(world)._replace(unit_metrics={})
    assert_same(run_world(spark, world, frames, per_unit=False).outcome, expected)


@settings(max_examples=2, **COMMON)
@given(world=quantile_worlds)
def test_quantiles_and_caps_that_are_quantiles(spark: SparkSession, world: World) -> None:
    assert_same(run_world(spark, world, per_unit=False).outcome, oracle.run(world)._replace(unit_metrics={}))


@settings(max_examples=2, **COMMON)
@given(world=worlds, seed=st.integers(0, 99))
def test_duplicates_of_exposures_and_of_events_with_an_id_change_nothing(
    spark: SparkSession, world: World, seed: int
) -> None:
    chosen = random.Random(seed)
    rows = {log.name: log.rows for log in (*world.exposures, *world.events)}
    doubled = {
        "shown": [row for row in rows["shown"] for _ in range(chosen.choice([1, 2, 3]))],
        "orders": [
            row for row in rows["orders"] for _ in range(chosen.choice([1, 2]) if row["event_id"] else 1)
        ],
    }
    found = run_world(spark, with_rows(world, doubled), per_unit=False).outcome
    base = oracle.run(world)._replace(unit_metrics={})
    assert _uncounted(found.assignments) == _uncounted(base.assignments)
    late = ("units", "pairs")
    assert {k: n for k, n in found.drops.items() if k[1] in late} == {
        k: n for k, n in base.drops.items() if k[1] in late
    }
    assert_same(found._replace(assignments=base.assignments, drops=base.drops), base)


def _uncounted(assignments: dict[tuple[str, str], Assigned]) -> dict[tuple[str, str], Assigned]:
    return {key: row._replace(exposures=0) for key, row in assignments.items()}


def _rearranged(spark: SparkSession, log: Log, chosen: random.Random, parts: int) -> DataFrame:
    """The rows of a log in another order, as a union of several frames."""
    rows = chosen.sample(list(log.rows), len(log.rows))
    pieces = [replace(log, rows=rows[start::parts]) for start in range(parts)]
    return reduce(DataFrame.unionByName, (raw_frame(spark, piece) for piece in pieces))
