"""`kill -9` of a whole run, Python and Java, at ten moments; readers see committed runs only, and whole ones."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from committed_tables import Tables, assert_same, committed, heads, run_records
from driver_process import LONGEST, started
from project_builder import TinyProject, Undisturbed, make_project
from pyspark.sql import SparkSession

from abspark import runner

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.long]

EARLIER = datetime(2026, 3, 6, tzinfo=UTC)
MOMENTS = [
    # the stage whose end has been told, and the seconds after that
    ("start Spark", 0.0),
    ("open the lake", 0.0),
    ("open the lake", 0.5),
    ("count exposures", 0.1),
    ("count exposures", 1.0),
    ("assignments", 0.0),
    ("count visits", 0.5),
    ("moments", 0.1),
    ("write moments", 0.0),
    ("results", 0.0),
]


@dataclass
class Lake:
    """The lake that the runs are killed over, and what a reader has to see in it."""

    tiny: TinyProject
    run_id: str
    tables: Tables


@pytest.fixture(scope="module")
def lake(spark: SparkSession, undisturbed: Undisturbed, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """One committed run, with a cut of time that leaves out some units, so that the killed runs differ from it."""
    tiny = make_project(tmp_path_factory.mktemp("killed"))
    outcome = runner.run(spark, tiny.load(), as_of=EARLIER)
    tables = committed(spark, tiny.load())
    with pytest.raises(AssertionError, match="assignments"):
        assert_same(tables, undisturbed.tables)
    return Lake(tiny, outcome.run_id, tables)


def killed_after(process: subprocess.Popen[str], stage: str, pause: float) -> Sequence[str]:
    """Kill the group when a stage has ended, and a little later; what it had told until then."""
    lines = []
    assert process.stderr is not None
    try:
        for line in process.stderr:
            lines.append(line)
            if line.strip().startswith(f"{stage}  "):
                time.sleep(pause)
                break
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=LONGEST)
        process.stderr.close()
    return lines


@pytest.mark.parametrize(("stage", "pause"), MOMENTS)
def test_a_killed_run_leaves_what_was_committed(
    spark: SparkSession, lake: Lake, undisturbed: Undisturbed, stage: str, pause: float
) -> None:
    process = started(lake.tiny)
    told = killed_after(process, stage, pause)
    assert process.returncode == -signal.SIGKILL, "".join(told)
    assert told[-1].strip().startswith(stage), "".join(told)
    project = lake.tiny.load()
    head = heads(spark, project)
    assert set(head) == {"banner", "button"}
    if set(head.values()) != {lake.run_id}:
        # the switch itself got through before the process died: then all of the new run counts
        assert stage in ("write moments", "results")
        assert len(set(head.values())) == 1
        lake.run_id, lake.tables = head["button"], undisturbed.tables
    assert_same(committed(spark, project), lake.tables)


@pytest.mark.parametrize("stage", ["start Spark", "count exposures", "count visits"])
def test_a_run_stopped_by_ctrl_c_says_so_in_one_line(spark: SparkSession, tmp_path: Path, stage: str) -> None:
    tiny = make_project(tmp_path)
    process = started(tiny)
    assert process.stderr is not None
    for line in process.stderr:
        if line.strip().startswith(f"{stage}  "):
            break
    time.sleep(0.7)
    os.kill(process.pid, signal.SIGINT)
    told = process.communicate(timeout=LONGEST)[1]
    assert process.returncode == 1
    stages = [line for line in told.splitlines() if line and not line.startswith("  ")]
    assert stages == ["stopped; what was committed before still counts"], told
    project = tiny.load()
    assert heads(spark, project) == {}
    for record in run_records(spark, project):
        assert record["status"] == "failed"
        assert set(record["experiments"].values()) == {"failed: stopped by the user"}


def test_the_next_run_equals_an_undisturbed_one(
    spark: SparkSession, lake: Lake, undisturbed: Undisturbed
) -> None:
    """Over whatever the killed runs left behind, when these tests ran before."""
    process = started(lake.tiny)
    _, told = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, told
    project = lake.tiny.load()
    newest = run_records(spark, project)[0]
    assert newest["status"] == "committed"
    assert newest["predecessors"] == dict.fromkeys(("banner", "button"), lake.run_id)
    assert heads(spark, project) == dict.fromkeys(("banner", "button"), newest["run_id"])
    assert_same(committed(spark, project), undisturbed.tables)
