"""A run that its user stops: all of its own work ends, in both of its threads, and nobody else's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from project_builder import AS_OF_INSTANT, make_project
from pyspark.sql import SparkSession

from abspark import runner

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(120)]


def test_stopping_a_run_ends_its_jobs_and_no_others(spark: SparkSession, tmp_path: Path) -> None:
    state = runner.begin(spark, make_project(tmp_path).load(), as_of=AS_OF_INSTANT)
    tracker = spark.sparkContext.statusTracker()
    ends: dict[str, str] = {}

    def job(name: str, tasks: int) -> Callable[[], None]:
        def work() -> None:
            try:
                pause = "reflect('java.lang.Thread', 'sleep', 100L)"
                spark.range(0, tasks, 1, tasks).selectExpr(pause).collect()
                ends[name] = "done"
            except Exception as error:
                ends[name] = "cancelled" if "cancelled" in str(error).lower() else str(error)

        return work

    def begun(jobs: int) -> None:
        while len(tracker.getActiveJobsIds()) < jobs:
            time.sleep(0.05)

    stranger = threading.Thread(target=job("stranger", 60))
    stranger.start()
    begun(1)

    def stopped() -> None:
        state.aside.start(job("aside", 20_000))
        begun(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), runner.recorded_failure(state):
        stopped()
    stranger.join()
    assert ends == {"aside": "cancelled", "stranger": "done"}
    assert set(state.experiments.values()) == {"failed: stopped by the user"}
    assert not spark.sparkContext.getJobTags()


def test_the_main_line_of_a_run_is_tagged(spark: SparkSession, tmp_path: Path) -> None:
    state = runner.begin(spark, make_project(tmp_path).load(), as_of=AS_OF_INSTANT)
    with runner.recorded_failure(state):
        assert state.tag in spark.sparkContext.getJobTags()
        assert state.tag in state.aside.start(spark.sparkContext.getJobTags).result()
    assert not spark.sparkContext.getJobTags()
