"""Driver's rows as frames: whatever their number, and whatever is in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from chispa import assert_df_equality
from pyspark.sql import SparkSession

from abspark.local_frame import local_frame

DDL = "id bigint, name string, share double, sizes array<bigint>, at timestamp, of struct<low: bigint, kind: string>"
AT = datetime(2026, 10, 25, 0, 30, 0, 123456, tzinfo=UTC)
ROWS: list[tuple[Any, ...]] = [
    (1, "it's \"quoted\"; \\n \n -- 'x'", 0.1 + 0.2, [1, 2**62], AT, {"low": -(2**63), "kind": "ü🙂"}),
    (2, None, None, None, None, None),
    (3, "", -0.0, [], AT, {"low": None, "kind": "}"}),
]


@pytest.mark.parametrize("count", [1, 3, 2_000, 2_001, 5_000])
def test_rows_survive_whatever_their_number(spark: SparkSession, count: int) -> None:
    rows = [(number, *ROWS[number % 3][1:]) for number in range(count)]
    found = local_frame(spark, rows, DDL)
    expected = spark.createDataFrame(rows, DDL)
    assert_df_equality(found, expected, ignore_row_order=True, ignore_nullable=True)


@pytest.mark.parametrize("count", [1, 2_001])
def test_instants_are_instants_in_whatever_session(spark: SparkSession, count: int) -> None:
    meant, other = "spark.sql.timestampType", "TIMESTAMP_NTZ"
    before = spark.conf.get(meant)
    spark.conf.set(meant, other)
    try:
        found = local_frame(spark, [(AT,)] * count, "at timestamp").first()
    finally:
        spark.conf.set(meant, str(before))
    assert found is not None
    assert found["at"].astimezone(UTC) == AT


def test_no_rows_have_the_columns(spark: SparkSession) -> None:
    found = local_frame(spark, [], DDL)
    assert_df_equality(found, spark.createDataFrame([], DDL), ignore_nullable=True)


def test_few_rows_take_no_job(spark: SparkSession) -> None:
    plan = local_frame(spark, ROWS, DDL)._jdf.queryExecution().executedPlan().toString()  # type: ignore[operator]
    assert plan.startswith("LocalTableScan"), plan


def test_a_value_of_another_type_is_no_null(spark: SparkSession) -> None:
    with pytest.raises(Exception, match="MALFORMED_RECORD_IN_PARSING"):
        local_frame(spark, [("many",)], "n bigint").collect()
