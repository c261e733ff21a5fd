"""Logs that are counted beside the first stages: who waits for them, and who does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from committed_tables import committed, heads
from project_builder import AS_OF_INSTANT, exposure_rows, make_project, purchases
from pyspark.sql import SparkSession

from abspark import runner
from abspark.errors import AbsparkError, DataError, LedgerError
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
    assert counts[0].by_source["exposures"].exception() is not None
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


def test_logs_are_counted_again_for_the_experiments_that_are_left(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without event ids the ledger leaves out what no metric wants, and that depends on who is in the run."""
    tiny = make_project(tmp_path, "parquet")
    tiny.edit("sources/logs.yaml", "value: amount, event_id: id}", "value: amount}")
    tiny.edit("experiments/button.yaml", ", secondary: [revenue]", "")
    tiny.edit("experiments/banner.yaml", "[visit_count]", "[revenue, visit_count]")
    as_it_is = log_counts._of_events

    def damaged(state: RunState, study: Any, name: str) -> Any:
        if name == "visits":
            raise DataError("visits can't be read")
        return as_it_is(state, study, name)

    monkeypatch.setattr(log_counts, "_of_events", damaged)
    with pytest.raises(AbsparkError, match=r"(?s)the others are committed:.banner: visits can't be read"):
        runner.run(spark, tiny.load(), as_of=AS_OF_INSTANT)
    assert list(heads(spark, tiny.load())) == ["button"]
    drops = committed(spark, tiny.load())["drops"]
    left_out = {
        row["reason"]: row["rows"]
        for row in drops
        if (row["source"], row["stage"]) == ("purchases", "events")
    }
    assert left_out["no_metric"] == purchases()["kind"].count("view")


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


@pytest.mark.parametrize(
    ("log", "rows"), [("exposures", len(exposure_rows())), ("purchases", len(purchases()["user"]))]
)
def test_a_log_that_has_more_rows_than_were_read_commits_nothing(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: str, rows: int
) -> None:
    """One row more, as the files themselves count."""

    def counted(_spark: SparkSession, source: Any, _pinned: Any) -> int | None:
        return rows + 1 if source.name == log else None

    monkeypatch.setattr(log_counts, "row_count", counted)
    project = make_project(tmp_path, "parquet").load()
    told = (
        f"the ledger does not add up: rows of {log}: {rows + 1} counted on their own, {rows} in the main read"
    )
    with pytest.raises(LedgerError, match=told):
        runner.run(spark, project, as_of=AS_OF_INSTANT, experiments=["button"])
    assert heads(spark, project) == {}
