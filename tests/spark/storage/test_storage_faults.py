from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from storage_samples import events

from abspark.errors import AbsparkError, DataError, LakeError
from abspark.storage import PinnedSource, as_data_error, as_fault_of, pin, read

pytestmark = pytest.mark.spark

OTHER = PinnedSource("other", "csv", "/elsewhere", files=("file:/elsewhere/a.csv",))


def failure(frame: DataFrame) -> Exception:
    with pytest.raises(Exception) as raised:  # noqa: PT011 - Spark's classes differ by kind of session
        frame.collect()
    return raised.value


def cut_in_half(file: Path) -> None:
    """Keeps the footer, so that the fault shows only when the rows are read."""
    content = file.read_bytes()
    (file.parent / f".{file.name}.crc").unlink(missing_ok=True)
    file.write_bytes(b"PAR1" + bytes(len(content) // 3) + content[4 + len(content) // 3 :])


def test_parquet_broken_inside(spark: SparkSession, tmp_path: Path) -> None:
    spark.range(1000).selectExpr("uuid() AS user").coalesce(1).write.parquet(str(tmp_path / "log"))
    source = events(tmp_path / "log", format="parquet")
    pinned = pin(spark, source)
    frame = read(spark, source, pinned)
    file = next((tmp_path / "log").glob("*.parquet"))
    cut_in_half(file)
    told = as_data_error(failure(frame), [OTHER, pinned])
    assert isinstance(told, DataError)
    assert str(told).splitlines() == [
        f"source purchases: cannot read file://{file}: its content is damaged: it begins and ends like a Parquet file, "
        "and what lies between cannot be read",
        "  do: write the file again, or take it out of the source's path",
    ]


def test_parquet_without_its_end(spark: SparkSession, tmp_path: Path) -> None:
    for _ in range(2):
        spark.range(10).coalesce(1).write.mode("append").parquet(str(tmp_path / "log"))
    source = events(tmp_path / "log", format="parquet")
    pinned = pin(spark, source)
    frame = read(spark, source, pinned)
    (tmp_path / "log" / Path(pinned.files[1]).name).write_text("no parquet")
    told = as_data_error(failure(frame), [pinned])
    assert str(told).startswith(
        f"source purchases: cannot read file://{pinned.files[1][5:]}: it is no Parquet file"
    )


def test_parquet_files_of_two_types(spark: SparkSession, tmp_path: Path) -> None:
    for folder, user in (("log/a", "'u1'"), ("log/b", "7")):
        spark.sql(f"SELECT {user} AS user").coalesce(1).write.parquet(str(tmp_path / folder))
    source = events(tmp_path / "log/*", format="parquet")
    told = as_data_error(failure(read(spark, source, pinned := pin(spark, source))), [pinned])
    assert "/log/b/" in str(told)
    assert "its column user is of type INT32, which in the first file of the source is string" in str(told)


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        (lambda packed: packed[: len(packed) // 2], "it ends too early: it was not written or copied to its end"),
        (lambda packed: packed[:40] + b"\xff" * 60 + packed[100:], "what is packed in it is damaged"),
        (gzip.decompress, "its name says that it is packed (.gz, .bz2 …), and its content is not"),
    ],
)  # fmt: skip
def test_packed_files(
    spark: SparkSession, tmp_path: Path, spoilt: Callable[[bytes], bytes], why: str
) -> None:
    rows = "".join(f"u{number},{number * 7919 % 1000}\n" for number in range(400))
    (tmp_path / "log.csv.gz").write_bytes(spoilt(gzip.compress(f"user,ts\n{rows}".encode())))
    source = events(tmp_path / "log.csv.gz", format="csv")
    pinned = pin(spark, source)
    with pytest.raises(Exception) as raised:  # noqa: PT011 - Spark's classes differ by kind of session
        read(spark, source, pinned).collect()
    told = raised.value if isinstance(raised.value, DataError) else as_data_error(raised.value, [pinned])
    assert str(told).splitlines()[0].endswith(f"log.csv.gz: {why}")


def test_file_removed_during_the_run(spark: SparkSession, tmp_path: Path) -> None:
    spark.range(10).coalesce(1).write.parquet(str(tmp_path / "log"))
    source = events(tmp_path / "log", format="parquet")
    pinned = pin(spark, source)
    frame = read(spark, source, pinned)
    (tmp_path / "log" / Path(pinned.files[0]).name).unlink()
    told = as_data_error(failure(frame), [pinned])
    assert "it was removed after the run had started\n  do: run again" in str(told)


def test_csv_files_with_differing_headers(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user,ts\nu1,1\n")
    (tmp_path / "b.csv").write_text("ts,user\n2,u2\n")
    source = events(tmp_path, format="csv")
    pinned = pin(spark, source)
    told = as_data_error(failure(read(spark, source, pinned)), [OTHER, pinned])
    assert isinstance(told, DataError)
    assert str(told).startswith("source purchases: cannot read file://")
    assert str(told).splitlines()[0].endswith("its header differs from the other files' header")


def test_delta_table_that_lost_a_file(spark: SparkSession, tmp_path: Path) -> None:
    spark.range(10).coalesce(1).write.format("delta").save(str(tmp_path / "log"))
    source = events(tmp_path / "log", format="delta")
    pinned = pin(spark, source)
    frame = read(spark, source, pinned)
    next((tmp_path / "log").glob("*.parquet")).unlink()
    told = as_data_error(failure(frame), [pinned])
    assert isinstance(told, DataError)
    assert str(told).startswith("source purchases: ")


def test_session_without_the_reader(spark: SparkSession) -> None:
    with pytest.raises(Exception, match="nosuch") as raised:
        spark.read.format("nosuch").load("/tmp").collect()
    told = as_data_error(raised.value, [OTHER])
    assert type(told) is AbsparkError
    assert str(told).startswith(
        "source other: this Spark session lacks a reader: Failed to find the data source"
    )


def test_full_disk_is_told_of_the_disk() -> None:
    text = (
        "Job aborted due to stage failure\nCaused by: java.io.IOException: No space left on device\n\tat java"
    )
    told = as_data_error(RuntimeError(text), [OTHER])
    assert isinstance(told, LakeError)
    assert str(told).startswith("The disk is full: no space left on device.\n  do: free space")


def test_full_disk_of_a_worker_is_told_with_its_name() -> None:
    text = (
        "Job aborted due to stage failure: Task 0 in stage 9.0 failed 4 times, most recent failure: Lost task 0.3 in "
        "stage 9.0 (TID 20) (10.0.0.7 executor 2): java.io.IOException: No space left on device\n\tat java"
    )
    told = as_data_error(RuntimeError(text), [OTHER])
    assert str(told).startswith(
        "The disk is full: no space left on device of the worker 10.0.0.7.\n  do: free space"
    )
    told = as_data_error(RuntimeError(text.replace("executor 2", "executor driver")), [OTHER])
    assert str(told).startswith("The disk is full: no space left on device.\n")


@pytest.mark.parametrize(
    "said",
    [
        "Not enough memory to build and broadcast the table to all worker nodes. As a workaround, you can either",
        "Cannot broadcast the table that is larger than 8.0 GiB: 9.1 GiB.",
    ],
)
def test_what_is_too_much_to_broadcast_is_told_of_the_driver(said: str) -> None:
    text = (
        f"An error occurred while calling o1490.parquet.\n: org.apache.spark.SparkException: {said}\n\tat x"
    )
    told = as_data_error(RuntimeError(text), [OTHER])
    assert type(told) is AbsparkError
    assert str(told).startswith("Spark's driver has not enough memory for a table that it broadcasts")
    assert 'spark.sql.optimizer.disableHints: "true"' in str(told)


def test_error_of_another_kind_is_left_alone(spark: SparkSession) -> None:
    error = failure(spark.sql("SELECT raise_error('mine')"))
    assert as_data_error(error, [OTHER]) is None


def test_condition_raised_over_the_rows_of_a_source(spark: SparkSession) -> None:
    spark.conf.set("spark.sql.ansi.enabled", "false")
    try:
        told = as_fault_of(
            "purchases", failure(spark.sql("SELECT url_decode('q=' || id || '%') FROM range(3)"))
        )
    finally:
        spark.conf.set("spark.sql.ansi.enabled", "true")
    assert isinstance(told, DataError)
    assert str(told).startswith("source purchases: The provided URL cannot be decoded: q=")
    assert "(CANNOT_DECODE_URL)\n  do: look at the source's rows" in str(told)


@pytest.mark.parametrize(
    "error",
    [
        KeyError("[CANNOT_DECODE_URL]"),
        PySparkException("[INTERNAL_ERROR] The Spark SQL phase planning failed."),
        PySparkException("[SPARK_JOB_CANCELLED] Job 3 cancelled"),
        PySparkException("java.lang.NullPointerException"),
    ],
    ids=lambda error: str(error)[:20],
)
def test_errors_that_no_source_is_to_blame_for(error: Exception) -> None:
    assert as_fault_of("purchases", error) is None
