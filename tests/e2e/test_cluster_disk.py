"""A standalone cluster on which one worker's disk fills up while a run is under way."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cluster import Cluster, standalone
from committed_tables import assert_same, committed, heads, run_records
from project_builder import AS_OF, TinyProject, Undisturbed, make_project
from pyspark.sql import SparkSession

from abspark import runner

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.long]

EARLIER = datetime(2026, 3, 6, tzinfo=UTC)
LONGEST = 900.0
FULL = "no space left on device"
GO_ON = 'spark.excludeOnFailure.enabled: "true"'


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Its first worker has a disk of 400 MB, of which Delta's jars take a part."""
    mounts = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--mount", "true"]
    if shutil.which("unshare") is None or subprocess.run(mounts, capture_output=True).returncode != 0:
        pytest.skip("no process can mount a small disk of its own here")
    with standalone(tmp_path_factory.mktemp("cluster"), small_disk="400m") as found:
        yield found


@pytest.fixture
def ballast(cluster: Cluster) -> Iterator[Path]:
    """A file on the small disk, as the worker sees it, that takes whatever room is left once it is filled."""
    path = Path(f"/proc/{cluster.workers[0].pid}/root{cluster.scratch[0]}/ballast")
    yield path
    path.unlink(missing_ok=True)


def fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 20))
        except OSError as error:
            assert error.errno == errno.ENOSPC  # noqa: PT017 - any other error is a fault of the test


def ended(tiny: TinyProject, ballast: Path | None = None) -> tuple[int, list[str]]:
    """Exit code of a run on the cluster and what it said; the disk is filled once executors have worked."""
    program = Path(sys.executable).parent / "abspark"
    keep = {key: value for key, value in os.environ.items() if not key.startswith(("PYSPARK", "SPARK"))}
    process = subprocess.Popen(
        [str(program), *tiny.command("run", "--as-of", AS_OF, env="cluster")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**keep, "SPARK_LOCAL_IP": "127.0.0.1", "PYTHONUNBUFFERED": "1"},
    )
    said = []
    try:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line.rstrip("\n"))
            if ballast is not None and line.strip().startswith("count exposures  "):
                fill(ballast)
        return process.wait(LONGEST), said
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def test_a_full_disk_ends_the_run_in_one_screen(
    spark: SparkSession, cluster: Cluster, ballast: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    tiny = make_project(tmp_path)
    cluster.environment(tiny)
    earlier = runner.run(spark, tiny.load(), as_of=EARLIER).run_id
    tables = committed(spark, tiny.load())
    code, said = ended(tiny, ballast)
    assert code == 1, said
    told = said[next(place for place, line in enumerate(said) if line.startswith("error: ")) :]
    assert FULL in told[0]
    assert told[1].startswith("  do: free space")
    assert len(told) == 2
    assert set(heads(spark, tiny.load()).values()) == {earlier}
    assert_same(committed(spark, tiny.load()), tables)
    [failed, _] = run_records(spark, tiny.load())
    assert failed["status"] == "failed"
    assert all(FULL in status for status in failed["experiments"].values())
    ballast.unlink()
    code, said = ended(tiny)
    assert code == 0, said
    assert_same(committed(spark, tiny.load()), undisturbed.tables)


def test_where_failing_executors_are_left_out_the_run_completes(
    spark: SparkSession, cluster: Cluster, ballast: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    tiny = make_project(tmp_path)
    cluster.environment(tiny, GO_ON)
    code, said = ended(tiny, ballast)
    assert code == 0, said
    assert_same(committed(spark, tiny.load()), undisturbed.tables)
