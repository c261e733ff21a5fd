from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from storage_samples import events

from abspark.errors import DataError
from abspark.storage import pin, require_open_columns

pytestmark = pytest.mark.spark


@pytest.mark.parametrize("kind", ["parquet", "csv", "json"])
def test_a_folder_that_hides_what_its_files_say(spark: SparkSession, tmp_path: Path, kind: str) -> None:
    log = tmp_path / "log"
    frame = spark.sql("SELECT 'u1' AS user, '2026-10-01 12:00:00' AS ts, 7 AS n, 'a b' AS kind").coalesce(1)
    folder = log / "ts=2026-10-01" / "n=7" / "kind=a%20b"
    frame.write.options(header=True).format(kind).save(str(folder))

    def require(path: Path = log, **given: object) -> None:
        source = events(path, format=kind, **given)
        require_open_columns(spark, source, pin(spark, source))

    hidden = r"source purchases: the folder ts=2026-10-01 hides the column ts .* has 2026-10-01 12:00:00\.\n.*recurs"
    with pytest.raises(DataError, match=hidden):
        require()
    with pytest.raises(DataError, match=hidden):
        require(options={"basePath": str(log)})
    require(options={"recursiveFileLookup": "true"})
    require(columns={"unit": "user", "time": "n", "event": "kind"}, partition_date="ts")
    require(folder)
