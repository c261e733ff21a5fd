"""Which kind of lake a configuration means."""

from __future__ import annotations

from pyspark.sql import SparkSession

from abspark.config.environment import Lake as LakeConfig
from abspark.storage.lake import Lake
from abspark.storage.lake_delta import DeltaLake
from abspark.storage.lake_parquet import ParquetLake


def open_lake(spark: SparkSession, config: LakeConfig) -> Lake:
    """The lake of an environment; nothing is read or written yet.

    Raises:
        UsageError: a Parquet lake that is not on this machine's disk.
        LakeError: a Parquet lake in a folder that has one of Delta.
    """
    if config.catalog is not None and config.schema_name is not None:
        return DeltaLake.in_catalog(spark, config.catalog, config.schema_name)
    path = str(config.path)
    return ParquetLake(spark, path) if config.format == "parquet" else DeltaLake.in_folder(spark, path)
