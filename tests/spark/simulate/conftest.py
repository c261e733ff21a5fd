from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from simulated_logs import FAULTY, Logs, collect


@pytest.fixture(scope="session")
def faulty(spark: SparkSession) -> Logs:
    return collect(spark, FAULTY)


@pytest.fixture(scope="session")
def clean(spark: SparkSession) -> Logs:
    return collect(spark, FAULTY.clean())
