"""Spark's Java is killed during a run, as by a machine without memory: one screen says so, what is committed counts."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from committed_tables import assert_same, committed, heads, run_records
from driver_process import LONGEST, started
from project_builder import AS_OF_INSTANT, TinyProject, Undisturbed
from pyspark.sql import SparkSession

from abspark import runner

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.long]

SCREEN = 12
"""Lines, stages apart, that are one screen."""


@pytest.fixture
def tiny(undisturbed: Undisturbed, tmp_path: Path) -> TinyProject:
    """A copy of the project that was run once, with its lake."""
    shutil.copytree(undisturbed.project.root, tmp_path / "copy")
    return TinyProject(tmp_path / "copy")


def told_without_java(process: subprocess.Popen[str], stage: str, pause: float = 0.0) -> str:
    """Kill the run's Java when a stage has ended, or a little later; what is told on stderr beside the stages."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.strip().startswith(f"{stage}  "):
            break
    time.sleep(pause)
    killed = [child for child in psutil.Process(process.pid).children() if child.name() == "java"]
    assert len(killed) == 1
    killed[0].kill()
    told = process.communicate(timeout=LONGEST)[1]
    return "".join(line for line in told.splitlines(keepends=True) if not re.search(r"\d s\b", line))


@pytest.mark.parametrize("stage", ["open the lake", "assignments", "count units"])
def test_a_run_whose_java_is_killed_says_so_and_is_on_record(
    spark: SparkSession, undisturbed: Undisturbed, tiny: TinyProject, tmp_path: Path, stage: str
) -> None:
    process = started(tiny, TMPDIR=str(tmp_path))
    told = told_without_java(process, stage)
    assert process.returncode == 1, told
    assert "Traceback" not in told
    assert len(told.splitlines()) <= SCREEN, told
    (log,) = tmp_path.glob("abspark-spark-*.log")
    assert told.startswith("error: Spark's Java process has ended")
    assert f"what it said is in {log}" in told
    assert "What was committed before still counts." in told
    project = tiny.load()
    newest = run_records(spark, project)[0]
    assert newest["status"] == "failed"
    assert set(newest["experiments"].values()) == {"failed: Spark's Java process has ended"}
    assert heads(spark, project) == dict.fromkeys(("banner", "button"), undisturbed.run_id)
    assert_same(committed(spark, project), undisturbed.tables)


def test_the_run_after_one_whose_java_was_killed_completes(
    spark: SparkSession, undisturbed: Undisturbed, tiny: TinyProject
) -> None:
    told_without_java(started(tiny), "assignments", 0.7)
    again = runner.run(spark, tiny.load(), as_of=AS_OF_INSTANT)
    assert heads(spark, tiny.load()) == dict.fromkeys(("banner", "button"), again.run_id)
    assert_same(committed(spark, tiny.load()), undisturbed.tables)


def test_a_run_that_commits_without_java_has_not_failed(
    spark: SparkSession, tiny: TinyProject, tmp_path: Path
) -> None:
    """In a folder of this machine the commit and the record of it take no Java."""
    process = started(tiny, TMPDIR=str(tmp_path))
    told = told_without_java(process, "results")
    newest = run_records(spark, tiny.load())[0]
    assert (process.returncode, newest["status"]) == (0, "committed"), told
    assert told == f"run {newest['run_id']} committed: banner, button\n"
    assert heads(spark, tiny.load()) == dict.fromkeys(("banner", "button"), newest["run_id"])
    assert list(tmp_path.glob("abspark-spark-*.log")) == []
