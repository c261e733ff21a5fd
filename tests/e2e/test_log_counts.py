"""Logs that are counted beside the first stages: who waits for them, and who does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from project_builder import AS_OF_INSTANT, make_project
from pyspark.sql import SparkSession

from abspark import runner
from abspark.errors import DataError
from abspark.pipeline.ledger import SourceTally
from abspark.progress import Progress
from abspark.stages import log_counts
from abspark.stages.log_counts import LogCounts, counted_log
from abspark.stages.state import RunState
from abspark.storage import run_settings

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture
def state(spark: SparkSession, tmp_path: Path) -> RunState:
    """A run whose sources are pinned."""
    begun = runner.begin(spark, make_project(tmp_path).load(), as_of=AS_OF_INSTANT)
    runner.pin_all(begun)
    return begun


def test_an_error_does_not_wait_for_the_counts(
    spark: SparkSession, state: RunState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A count that takes minutes is cancelled, those that wait for their turn never begin."""
    begun: list[str] = []

    def slow(_state: RunState, _study: Any, name: str) -> Any:
        begun.append(name)
        sleep = "reflect('java.lang.Thread', 'sleep', 100L)"
        spark.range(0, 20_000, 1, 20_000).selectExpr(sleep).collect()

    monkeypatch.setattr(log_counts, "_of_exposures", slow)
    counts: list[LogCounts] = []

    def fail_beside() -> None:
        with log_counts.logs_counted_beside(state) as under_way:
            counts.append(under_way)
            while not spark.sparkContext.statusTracker().getActiveJobsIds():
                pass
            raise DataError("the lake is gone")

    with pytest.raises(DataError, match="the lake is gone"):
        fail_beside()
    assert begun == ["exposures"]
    assert isinstance(counts[0].by_source["exposures"].result(), Exception)
    assert counts[0].by_source["purchases"].cancelled()
    assert list(spark.sparkContext.statusTracker().getActiveJobsIds()) == []


def test_counts_of_other_experiments_are_not_taken(spark: SparkSession, state: RunState) -> None:
    with run_settings(spark), log_counts.logs_counted_beside(state) as counts:
        found = {name: counted_log(state, name, counts) for name in counts.by_source}
        of_others = LogCounts(("button",), {})
        assert found == {name: counted_log(state, name, of_others) for name in found}
        assert found == {name: counted_log(state, name, None) for name in found}
    assert set(found) == {"exposures", "purchases", "visits"}
    assert all(tally.read > 0 for _, tally in found.values())


def test_what_a_count_failed_of_is_told_to_who_asks(
    spark: SparkSession, state: RunState, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(_state: RunState, _study: Any, name: str) -> Any:
        raise DataError(f"{name} can't be read")

    monkeypatch.setattr(log_counts, "_of_events", unreadable)
    state.progress = Progress()
    with run_settings(spark), log_counts.logs_counted_beside(state) as counts:
        _, tally = counted_log(state, "exposures", counts)
        with pytest.raises(DataError, match="purchases can't be read"):
            counted_log(state, "purchases", counts)
        with pytest.raises(DataError, match="visits can't be read"):
            counted_log(state, "visits", counts)
    assert isinstance(tally, SourceTally)
    assert set(state.progress.seconds) == {"count exposures"}
