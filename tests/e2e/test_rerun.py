from __future__ import annotations

import pytest
from committed_tables import COMMITTED, assert_same, committed, rows_of_run, run_records
from project_builder import AS_OF, Undisturbed
from pyspark.sql import SparkSession

from abspark.cli import cli, invoke
from abspark.runner import lake_of

pytestmark = [pytest.mark.spark, pytest.mark.e2e]


@pytest.fixture(scope="module")
def second_run(spark: SparkSession, undisturbed: Undisturbed) -> str:
    """The id of a run with the same inputs and as_of, in the same lake."""
    assert invoke(cli, undisturbed.project.command("run", "--as-of", AS_OF)) == 0
    return str(run_records(spark, undisturbed.project.load())[0]["run_id"])


def test_rerun_gives_the_same_tables(spark: SparkSession, undisturbed: Undisturbed, second_run: str) -> None:
    project = undisturbed.project.load()
    lake = lake_of(spark, project)
    assert set(lake.heads().values()) == {second_run} != {undisturbed.run_id}
    assert_same(committed(spark, project), undisturbed.tables)
    assert rows_of_run(spark, project, second_run) == {
        name: len(rows) for name, rows in undisturbed.tables.items()
    }


def test_commits_name_the_run_before(spark: SparkSession, undisturbed: Undisturbed, second_run: str) -> None:
    chain = {row.experiment_id: row for row in lake_of(spark, undisturbed.project.load()).commits()}
    assert chain.keys() == {"banner", "button"}
    for row in chain.values():
        assert (row.run_id, row.previous_run_id) == (second_run, undisturbed.run_id)


def test_records_of_both_runs(spark: SparkSession, undisturbed: Undisturbed, second_run: str) -> None:
    newest, oldest = run_records(spark, undisturbed.project.load())
    assert (newest["run_id"], oldest["run_id"]) == (second_run, undisturbed.run_id)
    assert newest["predecessors"] == dict.fromkeys(("banner", "button"), undisturbed.run_id)
    assert oldest["predecessors"] == dict.fromkeys(("banner", "button"), None)
    same = (
        "status",
        "experiments",
        "as_of",
        "configuration_hash",
        "inputs",
        "code_version",
        "schema_version",
    )
    assert {name: newest[name] for name in same} == {name: oldest[name] for name in same}
    assert newest["status"] == "committed"
    assert {found["source"]: (found["rows"], found["kept"]) for found in newest["inputs"]} == {
        "exposures": (294, 240),
        "purchases": (211, 180),
        "visits": (120, 120),
    }


def test_records_say_what_each_stage_cost(
    spark: SparkSession, undisturbed: Undisturbed, second_run: str
) -> None:
    newest, _ = run_records(spark, undisturbed.project.load())
    assert newest["run_id"] == second_run
    cost = {row["stage"]: row for row in newest["costs"]}
    assert cost.keys() == newest["seconds"].keys()
    assert {row["stage"]: row["seconds"] for row in newest["costs"]} == newest["seconds"]
    assert cost["moments"]["cpu_seconds"] > 0
    assert cost["moments"]["bytes_shuffled"] > 0
    # the rows of the two event logs, and of the assignments: 240, to which bookkeeping of the lake may add
    assert cost["moments"]["rows_in"] >= 211 + 120 + 240
    assert cost["assignments"]["rows_out"] >= 240
    assert cost["start Spark"]["cpu_seconds"] is None


def test_prune_removes_the_superseded_run_alone(
    spark: SparkSession, undisturbed: Undisturbed, second_run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    project = undisturbed.project.load()
    assert invoke(cli, undisturbed.project.command("prune", "--keep", "2")) == 0
    assert capsys.readouterr().out == "0 runs removed\n"
    assert invoke(cli, undisturbed.project.command("prune", "--keep", "1")) == 0
    assert capsys.readouterr().out == f"1 run removed\n  {undisturbed.run_id}\n"
    assert rows_of_run(spark, project, undisturbed.run_id) == dict.fromkeys(COMMITTED, 0)
    assert_same(committed(spark, project), undisturbed.tables)
    assert [row["run_id"] for row in run_records(spark, project)] == [second_run, undisturbed.run_id]


def test_prune_keeps_at_least_the_committed_run(
    undisturbed: Undisturbed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(cli, undisturbed.project.command("prune", "--keep", "0")) == 2
    assert "keep = 0: the committed run itself has to stay." in capsys.readouterr().err
