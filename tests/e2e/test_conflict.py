from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from committed_tables import COMMITTED, assert_same, committed, heads, rows_of_run, run_records
from project_builder import AS_OF, AS_OF_INSTANT, TinyProject, Undisturbed, make_project
from pyspark.sql import SparkSession
from test_jobs import exit_code

import jobs.analyze
import jobs.assignments
import jobs.moments
from abspark import runner
from abspark.cli import cli, invoke
from abspark.errors import ConflictError
from abspark.stages.analyze import analyze, commit
from abspark.stages.measure import measure
from abspark.stages.state import RunState
from abspark.storage import run_settings

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.long]

Seen = dict[tuple[str, str], int]
"""Rows by experiment and run."""


class Poller:
    """A reader that looks at two tables again and again: what it saw of each experiment, every distinct view once."""

    def __init__(self, spark: SparkSession, tiny: TinyProject) -> None:
        self._lake = runner.lake_of(spark, tiny.load())
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._poll)
        self.views: list[dict[str, Seen]] = []
        self.errors: list[Exception] = []

    def _poll(self) -> None:
        last = False
        while not last:
            last = self._ended.is_set()
            try:
                view = {table: self._look(table) for table in ("results", "assignments")}
            except Exception as error:
                self.errors.append(error)
                return
            if view not in self.views:
                self.views.append(view)
            self._ended.wait(0.2)

    def _look(self, table: str) -> Seen:
        return Counter(map(tuple, self._lake.current(table).select("experiment_id", "run_id").collect()))

    @contextmanager
    def watching(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join()
        assert self.errors == []


Overlapping = tuple[TinyProject, RunState, RunState, list[dict[str, Seen]], str]


def begin(spark: SparkSession, tiny: TinyProject, *experiments: str) -> RunState:
    return runner.begin(spark, tiny.load(), experiments=experiments, as_of=AS_OF_INSTANT)


def up_to_results(state: RunState) -> None:
    runner.first_stage(state)
    measure(state)
    analyze(state)


@pytest.fixture(scope="module")
def overlapping(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Overlapping:
    """Of two runs under way at once, the first commits `button`, the second wants both.

    Both runs, the views of a reader that looked all the while, and the second run's error.
    """
    tiny = make_project(tmp_path_factory.mktemp("overlapping"))
    poller = Poller(spark, tiny)
    with run_settings(spark), poller.watching():
        first, second = begin(spark, tiny, "button"), begin(spark, tiny)
        up_to_results(first)
        up_to_results(second)
        assert poller.views == [{"results": {}, "assignments": {}}]
        commit(first)
        with pytest.raises(ConflictError) as told, runner.recorded_failure(second):
            commit(second)
    return tiny, first, second, poller.views, str(told.value)


def test_the_later_run_of_an_experiment_reports_the_conflict(overlapping: Overlapping) -> None:
    _, first, second, _, told = overlapping
    assert told == (
        f"button: run {first.run_id} committed while {second.run_id} was under way\n"
        "  do: its results are the current ones; run again if you need yours"
    )


def test_each_experiment_has_the_rows_of_its_winner(
    spark: SparkSession, overlapping: Overlapping, undisturbed: Undisturbed
) -> None:
    tiny, first, second, *_ = overlapping
    project = tiny.load()
    assert heads(spark, project) == {"banner": second.run_id, "button": first.run_id}
    # the ledger and the checks drawn from it also speak of what all experiments of a run leave over together
    tables = tuple(table for table in COMMITTED if table not in ("drops", "health"))
    expected = {table: undisturbed.tables[table] for table in tables}
    assert_same(committed(spark, project, names=tables), expected)
    assert rows_of_run(spark, project, second.run_id) == {
        table: len(rows) for table, rows in undisturbed.tables.items()
    }


def test_records_say_how_each_run_ended(spark: SparkSession, overlapping: Overlapping) -> None:
    tiny, first, second, *_ = overlapping
    records = {row["run_id"]: row for row in run_records(spark, tiny.load())}
    assert {run: row["status"] for run, row in records.items()} == {
        first.run_id: "committed",
        second.run_id: "partly_committed",
    }
    assert records[second.run_id]["experiments"] == {
        "banner": "committed",
        "button": f"conflict: {first.run_id} committed first",
    }


def test_a_reader_never_saw_part_of_a_run(overlapping: Overlapping, undisturbed: Undisturbed) -> None:
    _, first, second, views, _ = overlapping
    button, banner = ("button", first.run_id), ("banner", second.run_id)
    allowed = {
        table: [{key: sizes[key[0]] for key in there} for there in ([], [button], [button, banner])]
        for table in ("results", "assignments")
        for sizes in [Counter(row["experiment_id"] for row in undisturbed.tables[table])]
    }
    for view in views:
        for table, seen in view.items():
            assert seen in allowed[table]
    assert views[-1] == {table: states[-1] for table, states in allowed.items()}


def test_conflict_through_the_jobs(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three runs begin before any commits: two of different experiments commit, the third loses."""
    tiny = make_project(tmp_path)
    ids = {}
    for name, experiment in (("banner", "banner"), ("winner", "button"), ("loser", "button")):
        assert exit_code(jobs.assignments, tiny, "--as-of", AS_OF, "--experiment", experiment) == 0
        ids[name] = capsys.readouterr().out.strip()
    for run_id in ids.values():
        assert exit_code(jobs.moments, tiny, "--run-id", run_id) == 0
    assert exit_code(jobs.analyze, tiny, "--run-id", ids["banner"]) == 0
    assert exit_code(jobs.analyze, tiny, "--run-id", ids["winner"]) == 0
    capsys.readouterr()
    assert exit_code(jobs.analyze, tiny, "--run-id", ids["loser"]) == 1
    told = f"error: button: run {ids['winner']} committed while {ids['loser']} was under way\n"
    assert told in capsys.readouterr().err
    project = tiny.load()
    assert heads(spark, project) == {"banner": ids["banner"], "button": ids["winner"]}
    records = {row["run_id"]: row["status"] for row in run_records(spark, project)}
    assert records == {ids["banner"]: "committed", ids["winner"]: "committed", ids["loser"]: "conflict"}
    assert rows_of_run(spark, project, ids["loser"])["results"] > 0
    assert all(
        row["run_id"] != ids["loser"] for row in runner.lake_of(spark, project).current("results").collect()
    )


@pytest.fixture
def tiny_parquet(tmp_path: Path) -> TinyProject:
    return make_project(tmp_path, "parquet")


def test_one_missing_source_leaves_the_others_committed(
    spark: SparkSession, tiny_parquet: TinyProject, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(tiny_parquet.root / "data" / "visits")
    assert invoke(cli, tiny_parquet.command("run", "--as-of", AS_OF)) == 1
    told = capsys.readouterr().err
    place = tiny_parquet.root / "data"
    assert (
        "error: some experiments failed, the others are committed:\n"
        f"banner: source visits: no files, or only empty ones, at {place / 'visits'}.\n"
        f"  allowed: {place} has exposures, purchases\n"
    ) in told
    at_once = told.index(
        f"  banner: failed, the others go on: source visits: no files, or only empty ones, at {place}"
    )
    assert at_once < told.index("\n  assignments ")
    project = tiny_parquet.load()
    [record] = run_records(spark, project)
    assert heads(spark, project) == {"button": record["run_id"]}
    assert record["status"] == "partly_committed"
    assert record["experiments"]["banner"].startswith("failed: source visits: no files")
    found = committed(spark, project)
    assert {row["experiment_id"] for row in found["results"]} == {"button"}
    assert {row["experiment_id"] for row in found["drops"]} == {"button", "*"}


def test_all_failing_on_data_is_exit_3_and_commits_nothing(
    spark: SparkSession, tiny_parquet: TinyProject, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(tiny_parquet.root / "data" / "visits")
    tiny_parquet.edit("experiments/banner.yaml", "[conversion], secondary: [visit_count]", "[visit_count]")
    tiny_parquet.edit("sources/logs.yaml", "user, time: ts, event: kind", "buyer, time: ts, event: kind")
    assert invoke(cli, tiny_parquet.command("run", "--as-of", AS_OF)) == 3
    told = capsys.readouterr().err
    assert "error: all experiments failed:\n" in told
    assert "banner: source visits: no files" in told
    assert "button: source purchases names 1 column that is not there:\n    columns.unit: buyer" in told
    project = tiny_parquet.load()
    assert heads(spark, project) == {}
    [record] = run_records(spark, project)
    assert record["status"] == "failed"
    assert {status[:15] for status in record["experiments"].values()} == {"failed: source "}
