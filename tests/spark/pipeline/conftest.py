from __future__ import annotations

from collections.abc import Iterator

import pytest
from pipeline_runs import as_in_a_run
from pyspark.sql import SparkSession


@pytest.fixture(scope="module", autouse=True)
def _as_in_a_run(spark: SparkSession) -> Iterator[None]:
    with as_in_a_run(spark):
        yield
