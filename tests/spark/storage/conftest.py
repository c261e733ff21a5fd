from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from abspark.config.environment import Lake as LakeConfig
from abspark.storage import open_lake, run_settings
from abspark.storage.lake import Lake


@pytest.fixture(autouse=True)
def _as_in_a_run(request: pytest.FixtureRequest) -> Iterator[None]:
    if "spark" not in request.fixturenames:
        yield
        return
    with run_settings(request.getfixturevalue("spark")):
        yield


@pytest.fixture(params=["delta", "parquet"])
def lake(request: pytest.FixtureRequest, spark: SparkSession, tmp_path: Path) -> Lake:
    return open_lake(spark, LakeConfig(path=str(tmp_path / "lake"), format=request.param))


@pytest.fixture
def delta_lake(spark: SparkSession, tmp_path: Path) -> Lake:
    return open_lake(spark, LakeConfig(path=str(tmp_path / "lake")))


@pytest.fixture
def catalog_lake(spark: SparkSession, tmp_path: Path) -> Iterator[Lake]:
    schema = f"experiments_{tmp_path.name[-8:].replace('-', '_')}"
    yield open_lake(spark, LakeConfig.model_validate({"catalog": "spark_catalog", "schema": schema}))
    spark.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE").collect()
