from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from storage_samples import events

from abspark.errors import DataError
from abspark.storage import parquet_types, pin, read, require_one_type, run_settings

pytestmark = pytest.mark.spark

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
NS, US = pa.timestamp("ns", "UTC"), pa.timestamp("us", "UTC")


def require(
    spark: SparkSession, folder: Path, *columns: pa.Array, options: dict[str, str] | None = None
) -> None:
    """Look at a log of a file for each column, which is `n`; `note` differs from file to file and is not named."""
    folder.mkdir()
    for position, column in enumerate(columns):
        note = pa.array([None] * len(column), pa.null() if position % 2 and options is None else pa.string())
        columns_of = {"user": ["u1"] * len(column), "ts": [NOON] * len(column), "n": column, "note": note}
        pq.write_table(pa.table(columns_of), folder / f"{position}.parquet", store_decimal_as_integer=True)
    source = events(folder, format="parquet", properties={"n": "double"}, options=options or {})
    with run_settings(spark):
        pinned = pin(spark, source)
        require_one_type(spark, source, pinned, read(spark, source, pinned).schema)


@pytest.mark.parametrize(
    ("first", "later", "said"),
    [
        (pa.array([0], NS), pa.array([0], US), "bigint in .*/0.parquet, timestamp in "),
        (
            pa.array([0], pa.int64()),
            pa.array([Decimal("24.97")], pa.decimal128(18, 2)),
            r"decimal\(18,2\) in ",
        ),
        (
            pa.array([0.5]),
            pa.array([Decimal("24.97")], pa.decimal128(9, 2)),
            r"double in .*, decimal\(9,2\) in ",
        ),
        (pa.array([0], pa.int32()), pa.array([date(2026, 10, 1)]), "date in "),
        (pa.array([1], pa.int8()), pa.array([300], pa.int32()), "tinyint in .*, int in "),
        (pa.array([0.5]), pa.array([4_000_000_000], pa.uint32()), "bigint in "),
    ],
)
def test_a_file_that_would_be_read_as_another_number(
    spark: SparkSession, tmp_path: Path, first: pa.Array, later: pa.Array, said: str
) -> None:
    """Whatever else differs between files, and wherever in the list it lies."""
    with pytest.raises(DataError, match=rf"source purchases: .* type of column n: .*{said}.*/4.parquet"):
        require(spark, tmp_path / "log", first, first, first, first, later)


def test_files_of_other_types_that_spark_reads_as_they_are(spark: SparkSession, tmp_path: Path) -> None:
    wide, narrow = pa.array([5_000_000_000, None]), pa.array([3, None], pa.int8())
    require(spark, tmp_path / "whole", wide, narrow, pa.array([None], pa.null()), wide)
    require(spark, tmp_path / "fraction", pa.array([0.5]), pa.array([1.5], pa.float32()), narrow)


def test_footers_that_were_merged_are_not_read_again(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    monkeypatch.setattr(parquet_types, "_schemas", lambda *given: looks.append(given) or iter(()))
    for folder, options, looked in (
        ("as_first", {"mergeSchema": "false"}, 1),
        ("all", {"MergeSchema": "True"}, 1),
    ):
        require(spark, tmp_path / folder, pa.array([1]), pa.array([2]), options=options)
        assert len(looks) == looked
