from __future__ import annotations

import re
from pathlib import Path

import pytest
from committed_tables import assert_same, committed, heads, rows_of_run, run_records
from project_builder import AS_OF, TinyProject, Undisturbed, make_project
from pyspark.sql import SparkSession

import jobs.analyze
import jobs.assignments
import jobs.moments
import jobs.run
from abspark.errors import DataError
from abspark.runner import lake_of

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.long]


def exit_code(job: object, project: TinyProject, *options: str) -> int:
    with pytest.raises(SystemExit) as ended:
        job.main(["--conf", str(project.conf), "--env", "here", *options])  # type: ignore[attr-defined]
    return int(ended.value.code or 0)


def test_three_stage_jobs_equal_one_run(
    spark: SparkSession, undisturbed: Undisturbed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = make_project(tmp_path)
    project = tiny.load()
    assert exit_code(jobs.assignments, tiny, "--as-of", AS_OF) == 0
    run_id = capsys.readouterr().out.strip()
    assert rows_of_run(spark, project, run_id)["assignments"] == len(undisturbed.tables["assignments"])
    assert exit_code(jobs.analyze, tiny, "--run-id", run_id) == 2
    assert f"run {run_id} has no moments yet" in capsys.readouterr().err
    assert exit_code(jobs.moments, tiny, "--run-id", run_id) == 0
    assert exit_code(jobs.moments, tiny, "--run-id", run_id) == 2
    assert f"run {run_id} already has moments" in capsys.readouterr().err
    assert heads(spark, project) == {}
    assert [row["status"] for row in run_records(spark, project)] == ["running"]
    assert exit_code(jobs.analyze, tiny, "--run-id", run_id) == 0
    assert heads(spark, project) == {"banner": run_id, "button": run_id}
    assert_same(committed(spark, project), undisturbed.tables)
    [record] = run_records(spark, project)
    assert (record["run_id"], record["status"]) == (run_id, "committed")
    assert {"assignments", "moments", "results", "commit"} <= record["seconds"].keys()
    assert {row["stage"] for row in record["costs"]} == record["seconds"].keys()
    assert all(row["cpu_seconds"] for row in record["costs"] if row["stage"] in ("assignments", "moments"))
    capsys.readouterr()
    assert exit_code(jobs.analyze, tiny, "--run-id", run_id) == 2
    assert f"run {run_id} has ended: committed" in capsys.readouterr().err


@pytest.fixture
def begun(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[TinyProject, str]:
    """A run of `button` that has its assignments."""
    tiny = make_project(tmp_path, "parquet")
    assert exit_code(jobs.assignments, tiny, "--as-of", AS_OF, "--experiment", "button", "--quiet") == 0
    output = capsys.readouterr()
    assert output.err == ""
    return tiny, output.out.strip()


@pytest.mark.usefixtures("spark")
def test_later_jobs_refuse_what_has_changed(
    begun: tuple[TinyProject, str], capsys: pytest.CaptureFixture[str]
) -> None:
    tiny, run_id = begun
    assert exit_code(jobs.moments, tiny, "--run-id", "nonsense") == 2
    assert "no run nonsense in the lake" in capsys.readouterr().err
    tiny.edit("experiments/button.yaml", "status: running", "status: paused")
    assert exit_code(jobs.moments, tiny, "--run-id", run_id) == 2
    assert f"the configuration has changed since run {run_id} began" in capsys.readouterr().err
    tiny.edit("experiments/button.yaml", "status: paused", "status: running")
    (tiny.root / "data" / "exposures" / "more.csv").write_text("experiment,user,variant,ts,id,platform\n")
    assert exit_code(jobs.moments, tiny, "--run-id", run_id) == 3
    assert f"have changed since run {run_id} began" in capsys.readouterr().err


def test_a_stage_that_failed_is_not_done_again(
    begun: tuple[TinyProject, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its run has ended with it; a job that failed before its stage began has changed nothing."""
    tiny, run_id = begun
    log = tiny.root / "data" / "purchases" / "part.parquet"
    away = log.rename(tiny.root / "away")
    assert exit_code(jobs.moments, tiny, "--run-id", run_id) == 3
    away.rename(log)
    with monkeypatch.context() as broken:
        broken.setattr("abspark.stages.measure.measure", _failing)
        assert exit_code(jobs.moments, tiny, "--run-id", run_id) == 3
    capsys.readouterr()
    assert exit_code(jobs.moments, tiny, "--run-id", run_id) == 2
    assert f"run {run_id} has ended: failed" in capsys.readouterr().err


def _failing(_state: object) -> None:
    raise DataError("the log can't be read")


def test_a_failed_experiment_is_named_at_the_end(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The job that finds the fault and the one that commits are different processes.

    What happens to its log meanwhile concerns nobody.
    """
    tiny = make_project(tmp_path, "parquet")
    tiny.write_csv("visits", [("user-001", "2026-03-02")], ("user", "seen_at"))
    assert exit_code(jobs.assignments, tiny, "--as-of", AS_OF) == 0
    run_id = capsys.readouterr().out.strip()
    (tiny.root / "data" / "visits" / "more.csv").write_text("user,seen_at\n")
    assert exit_code(jobs.moments, tiny, "--run-id", run_id) == 0
    assert exit_code(jobs.analyze, tiny, "--run-id", run_id) == 1
    told = capsys.readouterr().err
    assert "some experiments failed, the others are committed:\nbanner: source visits names 1 column" in told
    assert heads(spark, tiny.load()) == {"button": run_id}


def test_a_job_that_died_between_two_tables_is_not_done_twice(
    begun: tuple[TinyProject, str], spark: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny, run_id = begun
    row = {
        "run_id": run_id,
        "experiment_id": "button",
        "unit_key_hi": 1,
        "unit_key_lo": 1,
        "metric": "conversion",
    }
    lake_of(spark, tiny.load()).append_rows("unit_metrics", [row])
    assert exit_code(jobs.moments, tiny, "--run-id", run_id) == 2
    assert f"run {run_id} already has moments" in capsys.readouterr().err


def test_the_last_job_can_fail_on_health(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of the units are in a variant that ought to have a tenth; the run is committed all the same."""
    tiny = make_project(tmp_path, "parquet")
    tiny.edit("experiments/button.yaml", "control, weight: 0.5}, {key: treatment, weight: 0.5}",
              "control, weight: 0.9}, {key: treatment, weight: 0.1}")  # fmt: skip
    assert exit_code(jobs.assignments, tiny, "--as-of", AS_OF, "--experiment", "button", "--quiet") == 0
    run_id = capsys.readouterr().out.strip()
    assert exit_code(jobs.moments, tiny, "--run-id", run_id) == 0
    assert exit_code(jobs.analyze, tiny, "--run-id", run_id, "--fail-on-health") == 4
    assert re.search(r"health checks failed:\n(  button: \w+: .*\n)*  button: srm: ", capsys.readouterr().err)
    assert heads(spark, tiny.load()) == {"button": run_id}


def test_help_names_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    for job, option in (
        (jobs.run, "--fail-on-health"),
        (jobs.assignments, "--as-of"),
        (jobs.analyze, "--run-id"),
    ):
        with pytest.raises(SystemExit) as ended:
            job.main(["--help"])
        assert ended.value.code == 0
        assert option in capsys.readouterr().out
