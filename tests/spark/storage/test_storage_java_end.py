"""Spark's Java is killed under a session: what is told of it, and that another session can be had."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from abspark.storage import run_settings
from abspark.storage.java_end import java_has_ended

pytestmark = pytest.mark.spark

_SCRIPT = """
import json, os, signal, sys
from abspark.config import Environment
from abspark.storage import open_session, run_settings

own = {"master": "local[1]", "conf": {"spark.driver.memory": "600m"}}
wanted = own if sys.argv[1] == "own" else None
environment = Environment.model_validate({"name": "test", "lake": {"path": "lake"}, "spark": wanted})
try:
    with open_session(environment) as spark, run_settings(spark):
        os.kill(spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid(), signal.SIGKILL)
        spark.range(3).count()
except Exception as error:
    print(type(error).__name__, error)
if wanted:
    with open_session(environment) as spark:
        print(spark.range(3).count())
"""


@pytest.mark.parametrize("whose", ["own", pytest.param("default", marks=pytest.mark.long)])
def test_the_end_of_java_is_told_as_that(tmp_path: Path, whose: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _SCRIPT, whose], capture_output=True, text=True, timeout=180, check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    first, advice, *after = ended.stdout.splitlines()
    logs = list(tmp_path.glob("abspark-spark-*.log"))
    said = f"; what it said is in {logs[0]}" if logs else ""
    assert first == (
        "AbsparkError Spark's Java process has ended before its work was done: it was killed, or ran out of "
        f"memory{said}. What was committed before still counts."
    )
    assert "spark.driver.memory" in advice
    assert (len(logs), after) == ((1, ["3"]) if whose == "own" else (0, []))
    assert "Traceback" not in ended.stderr


def test_a_session_that_works_has_its_java_after_any_error(spark: SparkSession) -> None:
    assert not java_has_ended(spark)
    with pytest.raises(ZeroDivisionError), run_settings(spark):
        _ = 1 / 0
    assert not java_has_ended(spark)
    assert spark.range(3).count() == 3
