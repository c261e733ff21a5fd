"""Clusters: executors that are processes of their own, and Spark Connect. Both have to give what a run here gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyspark
import pytest
from committed_tables import assert_same, committed, run_records
from project_builder import AS_OF, TinyProject, Undisturbed, make_project
from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.long]

REPOSITORY = Path(__file__).parents[2]
CONF = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.sql.shuffle.partitions": "2",
    "spark.driver.memory": "1g",
    "spark.ui.enabled": "false",
    "spark.log.level": "ERROR",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}
PACKAGES = "io.delta:delta-spark_4.2_2.13:4.4.0"
LONGEST = 500.0
_CONNECT = """
import json, sys
from datetime import datetime
from pathlib import Path
from typing import Any
from pyspark.sql import SparkSession
from abspark import load_project, rows, run

builder = SparkSession.builder.remote("local[2]")
for key, value in json.loads(sys.argv[2]).items():
    builder = builder.config(key, value)
spark = builder.getOrCreate()
project = load_project(Path(sys.argv[1]), "here")
outcome = run(spark, project, as_of=datetime.fromisoformat(sys.argv[3]))
print(type(spark).__module__, len(rows(spark, project, "results")), outcome.run_id)
"""

_STOP_OVER_CONNECT = """
import threading, time
from pyspark.sql import SparkSession
from abspark.storage import cancel_tagged, tagged

spark = SparkSession.builder.remote("local[2]").config("spark.ui.enabled", "false").getOrCreate()
ends = {}

def work(name, tasks):
    pause = "reflect('java.lang.Thread', 'sleep', 100L)"
    try:
        with tagged(spark, name):
            spark.range(0, tasks, 1, tasks).selectExpr(pause).collect()
        ends[name] = "done"
    except Exception as error:
        ends[name] = "cancelled" if "OPERATION_CANCELED" in str(error) else str(error)

threads = [threading.Thread(target=work, args=given) for given in (("mine", 20_000), ("stranger", 100))]
for thread in threads:
    thread.start()
time.sleep(2)
cancel_tagged(spark, "mine")
for thread in threads:
    thread.join()
print(sorted(ends.items()), spark.getTags())
"""


def told(stderr: str) -> str:
    """The last of what a process said, without Java's frames."""
    return "\n".join(line[:500] for line in stderr.splitlines() if "\tat " not in line)[-6000:]


@pytest.fixture
def tiny(tmp_path: Path) -> TinyProject:
    return make_project(tmp_path)


@pytest.fixture
def spark_home(tmp_path: Path) -> Path:
    """The installed Spark under another name, as executors leave their logs in its folder."""
    home = tmp_path / "spark"
    home.mkdir()
    for entry in Path(pyspark.__file__).parent.iterdir():
        (home / entry.name).symlink_to(entry)
    return home


def ended(arguments: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    # what this process's own Spark has set would be taken for an order by the new one
    keep = {key: value for key, value in os.environ.items() if not key.startswith(("PYSPARK", "SPARK"))}
    here = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable, **variables}
    return subprocess.run(
        arguments,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**keep, **here, "PYTHONPATH": str(REPOSITORY), "SPARK_LOCAL_IP": "127.0.0.1"},
        timeout=LONGEST,
        check=False,
    )


def assert_equals_undisturbed(spark: SparkSession, tiny: TinyProject, undisturbed: Undisturbed) -> None:
    assert [row["status"] for row in run_records(spark, tiny.load())] == ["committed"]
    assert_same(committed(spark, tiny.load()), undisturbed.tables)


def costs(spark: SparkSession, tiny: TinyProject) -> list[dict[str, Any]]:
    [record] = run_records(spark, tiny.load())
    return list(record["costs"])


def test_spark_submit_to_executor_processes(
    spark: SparkSession, tiny: TinyProject, undisturbed: Undisturbed, tmp_path: Path, spark_home: Path
) -> None:
    options = [part for key, value in CONF.items() for part in ("--conf", f"{key}={value}")]
    program = [str(spark_home / "bin" / "spark-submit"), "--master", "local-cluster[2,1,1024]"]
    job = [str(REPOSITORY / "jobs" / "run.py"), *tiny.command("run", "--as-of", AS_OF)[1:]]
    done = ended([*program, "--packages", PACKAGES, *options, *job], tmp_path, SPARK_HOME=str(spark_home))
    assert done.returncode == 0, told(done.stderr)
    assert list((spark_home / "work").glob("app-*/[01]")) != []
    assert " committed: banner, button\n" in done.stdout  # spark-submit merges what Python writes
    assert_equals_undisturbed(spark, tiny, undisturbed)
    assert all(row["tasks"] > 0 for row in costs(spark, tiny) if row["stage"] in ("assignments", "moments"))


def test_spark_connect(
    spark: SparkSession, tiny: TinyProject, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    conf = json.dumps({**CONF, "spark.jars.packages": PACKAGES})
    done = ended([sys.executable, "-c", _CONNECT, str(tiny.conf), conf, AS_OF], tmp_path)
    assert done.returncode == 0, told(done.stderr)
    module, results, run_id = done.stdout.splitlines()[-1].split()
    assert (module, int(results)) == ("pyspark.sql.connect.session", len(undisturbed.tables["results"]))
    assert run_records(spark, tiny.load())[0]["run_id"] == run_id
    assert_equals_undisturbed(spark, tiny, undisturbed)
    assert {row["stage"] for row in costs(spark, tiny)} >= {"assignments", "moments", "results"}
    assert {row[name] for row in costs(spark, tiny) for name in row if name not in ("stage", "seconds")} == {
        None
    }


def test_a_tag_is_cancelled_over_spark_connect(tmp_path: Path) -> None:
    done = ended([sys.executable, "-c", _STOP_OVER_CONNECT], tmp_path)
    assert done.returncode == 0, told(done.stderr)
    assert done.stdout.splitlines()[-1] == "[('mine', 'cancelled'), ('stranger', 'done')] set()"
