from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from abspark.storage.prune_plan import CommittedRun, RunRecord, runs_to_prune

NOW = datetime(2026, 10, 8, tzinfo=UTC)


def run(name: str, days_ago: float, status: str = "committed", **experiments: str) -> RunRecord:
    return RunRecord(name, status, NOW - timedelta(days=days_ago), experiments)


def plan(records: list[RunRecord], commits: list[CommittedRun], keep: int, *orphans: str) -> tuple[str, ...]:
    stored = {record.run_id for record in records} | set(orphans)
    return runs_to_prune(stored, records, commits, keep=keep, now=NOW)


def test_newest_committed_runs_of_each_experiment_stay() -> None:
    records = [
        run("d4", 4, a="committed"),
        run("d3", 3, a="committed", b="committed"),
        run("d2", 2, a="committed"),
        run("d1", 1, a="committed"),
    ]
    commits = [CommittedRun("a", "d1", "d2"), CommittedRun("b", "d3", None)]
    assert plan(records, commits, 1) == ("d4", "d2")
    assert plan(records, commits, 2) == ("d4",)
    assert plan(records, commits, 4) == ()


def test_committed_run_stays_even_when_others_started_later() -> None:
    records = [run("slow", 6, a="committed"), run("quick", 5, a="committed"), run("next", 4, a="committed")]
    commits = [CommittedRun("a", "slow", "next")]
    assert plan(records, commits, 1) == ("quick", "next")
    assert plan(records, commits, 2) == ("quick",)


def test_runs_that_committed_nothing_go_at_once_unless_they_may_still_run() -> None:
    records = [
        run("failed", 0.1, "failed", a="failed: no such file"),
        run("lost", 0.2, "conflict", a="conflict"),
        run("running", 0.99, "running", a="running"),
        run("dead", 1.01, "running", a="running"),
        run("head", 3, a="committed"),
    ]
    assert plan(records, [CommittedRun("a", "head", None)], 7) == ("dead", "lost", "failed")


def test_rows_without_any_record_go_first() -> None:
    assert plan([run("failed", 5, "failed")], [], 7, "orphan") == ("orphan", "failed")


def test_run_that_died_between_its_commit_and_its_last_record_counts_as_committed() -> None:
    records = [run("before", 5, "running", a="running"), run("head", 4, "running", a="running")]
    commits = [CommittedRun("a", "head", "before")]
    assert plan(records, commits, 2) == ()
    assert plan(records, commits, 1) == ("before",)


def test_run_of_which_only_a_later_one_tells_that_it_had_committed_counts_as_committed() -> None:
    """It was killed once it had committed; two more have committed since, so commits names it no more."""
    silent = run("silent", 2.1, "running", a="running")
    later = replace(run("r2", 1, a="committed"), predecessors={"a": "silent", "b": None})
    records = [silent, later, run("head", 0.5, a="committed"), run("dead", 2, "running", a="running")]
    commits = [CommittedRun("a", "head", "r2")]
    assert plan(records, commits, 3) == ("dead",)
    assert plan(records, commits, 2) == ("silent", "dead")


def test_partly_committed_run_counts_only_for_what_it_committed() -> None:
    records = [
        run("part", 3, "partly_committed", a="committed", b="conflict"),
        run("a2", 2, a="committed"),
        run("b1", 4, b="committed"),
    ]
    commits = [CommittedRun("a", "a2", "part"), CommittedRun("b", "b1", None)]
    assert plan(records, commits, 1) == ("part",)
    assert plan(records, commits, 2) == ()
