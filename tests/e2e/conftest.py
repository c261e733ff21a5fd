"""Real data sets, found through ABSPARK_REAL_DATA; their absence skips a test on a laptop and fails it in CI.
And one undisturbed run of the tiny project, with which other ways of running it are compared."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from project_builder import AS_OF_INSTANT, Undisturbed, make_project

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = os.environ.get("ABSPARK_REAL_DATA")
    if folder:
        return Path(folder).resolve()
    if os.environ.get("CI"):
        pytest.fail("ABSPARK_REAL_DATA is not set, and CI must not skip the real data")
    pytest.skip("ABSPARK_REAL_DATA is not set: the real data sets are not part of the repository")


@pytest.fixture(scope="session")
def undisturbed(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    from committed_tables import committed

    from abspark import runner

    project = make_project(tmp_path_factory.mktemp("undisturbed"))
    outcome = runner.run(spark, project.load(), as_of=AS_OF_INSTANT)
    return Undisturbed(project, outcome.run_id, committed(spark, project.load()))


@pytest.fixture(scope="module")
def compiling(spark: SparkSession) -> Iterator[SparkSession]:
    """The session with plans compiled: here are rows enough for that to pay."""
    settings = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}
    before = {name: spark.conf.get(name) for name in settings}
    for name, value in settings.items():
        spark.conf.set(name, value)
    yield spark
    for name, value in before.items():
        spark.conf.set(name, str(value))
