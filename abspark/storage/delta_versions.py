"""Which version of a Delta table is which: a table that is dropped and made again counts its versions anew."""

from __future__ import annotations

import hashlib
from typing import Final

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

_WRITTEN: Final = "written"


def newest_version(spark: SparkSession, table: str) -> tuple[int, str]:
    """The newest version of a table, by its name in SQL, and the version's mark: a hash of when it was written."""
    [(version, mark)] = _newest_versions(spark, table, 1).items()
    return version, mark


def has_version(spark: SparkSession, table: str, version: int, mark: str) -> bool:
    """Whether a table still has the version of that mark; so it is taken to be where its log no longer tells."""
    newest, found = newest_version(spark, table)
    if newest <= version:
        return (newest, found) == (version, mark)
    # the version is the first of those asked for: Delta dates later ones by those before, where clocks went back
    return _newest_versions(spark, table, newest - version + 1).get(version, mark) == mark


def _newest_versions(spark: SparkSession, table: str, count: int) -> dict[int, str]:
    history = spark.sql(f"DESCRIBE HISTORY {table} LIMIT {count}")
    rows = history.select("version", F.unix_micros("timestamp").alias(_WRITTEN)).collect()
    return {
        int(row["version"]): hashlib.sha256(f"{row['version']}\t{row[_WRITTEN]}".encode()).hexdigest()
        for row in rows
    }
