"""A standalone cluster, a master and two workers, whose executors and drivers are killed in the midst of runs."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from cluster import Cluster, standalone
from committed_tables import Tables, assert_same, committed, heads, run_records
from driver_process import Driver
from project_builder import TinyProject, Undisturbed, make_project
from pyspark.sql import SparkSession

from abspark import runner

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.long]

EARLIER = datetime(2026, 3, 6, tzinfo=UTC)
STAGES = [
    ("count exposures", "count purchases"),
    ("assignments", "count visits"),
    ("segment values", "moments"),
    ("count assignments", "count units"),
]
"""Every stage that has tasks; some go on beside others, and an executor that dies then may be at work on those."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with standalone(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture(scope="module")
def tiny(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> TinyProject:
    tiny = make_project(tmp_path_factory.mktemp("fire"))
    cluster.environment(tiny)
    return tiny


@pytest.fixture(scope="module")
def earlier(spark: SparkSession, tiny: TinyProject) -> Tables:
    """What a committed run left that leaves out some units, so that it differs from those whose processes die."""
    runner.run(spark, tiny.load(), as_of=EARLIER)
    return committed(spark, tiny.load())


@pytest.mark.parametrize("stage", ["count purchases", "moments"])
def test_a_driver_that_dies_leaves_what_was_committed(
    spark: SparkSession,
    cluster: Cluster,
    tiny: TinyProject,
    earlier: Tables,
    stage: str,
) -> None:
    head = heads(spark, tiny.load())
    driver = Driver(tiny, "cluster", cluster.workers)
    assert driver.run("driver", stage) is None
    assert driver.end() == -signal.SIGKILL
    assert heads(spark, tiny.load()) == head
    assert_same(committed(spark, tiny.load()), earlier)


@pytest.fixture(scope="module")
def driver(cluster: Cluster, tiny: TinyProject) -> Iterator[Driver]:
    found = Driver(tiny, "cluster", cluster.workers)
    yield found
    found.end()


@pytest.mark.parametrize("stages", STAGES)
def test_a_run_whose_executors_die_completes(
    spark: SparkSession, driver: Driver, tiny: TinyProject, undisturbed: Undisturbed, stages: tuple[str, ...]
) -> None:
    outcome = driver.run("executor", *stages)
    assert outcome is not None
    assert outcome["error"] is None
    assert set(outcome["killed"]) == set(stages)
    assert outcome["lost"] >= len(stages)
    [newest, *_] = run_records(spark, tiny.load())
    assert newest["status"] == "committed"
    assert set(heads(spark, tiny.load()).values()) == {newest["run_id"]}
    assert_same(committed(spark, tiny.load()), undisturbed.tables)
