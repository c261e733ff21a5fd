"""Codes packed in longs group rows as the codes themselves do."""

from __future__ import annotations

from typing import Any

import pytest
from chispa import assert_df_equality
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from abspark.pipeline.packing import Small, grouped

pytestmark = pytest.mark.spark

WIDE = (1 << 62) - 1
SMALLS = [
    Small("x", 3),
    Small("m", 2, low=-1),
    Small("lead", 1, type="boolean"),
    Small("h", WIDE, type="bigint"),
    Small("day", 1 << 20),
    Small("other", (1 << 40) - 1, type="bigint"),
]
"""21 bits and 63 and 41: what shares a long, what fills one, what is left for a third."""
ROWS: list[tuple[Any, ...]] = [
    ("a", 0, -1, False, 0, 0, 0, 1.0),
    ("a", 0, -1, False, 0, 0, 0, 2.0),
    ("a", None, -1, False, 0, 0, 0, 4.0),
    ("a", 0, None, False, 0, 0, 0, 8.0),
    ("a", 0, -1, None, 0, 0, 0, 16.0),
    ("a", 0, -1, False, None, 0, 0, 32.0),
    ("a", 0, -1, False, 0, None, 0, 64.0),
    ("a", 0, -1, False, 0, 0, None, 128.0),
    ("b", 3, 2, True, WIDE, 1 << 20, (1 << 40) - 1, 1.0),
    (None, None, None, None, None, None, None, 1.0),
    (None, None, None, None, None, None, None, 2.0),
]
SCHEMA = "k string, x int, m int, lead boolean, h bigint, day int, other bigint, value double"


def test_groups_are_those_of_the_columns_themselves(spark: SparkSession) -> None:
    frame = spark.createDataFrame(ROWS, SCHEMA)
    sums = [F.sum("value").alias("value"), F.count("*").alias("n")]
    found = grouped(frame, ["k"], SMALLS, sums)
    expected = frame.groupBy("k", *(small.name for small in SMALLS)).agg(*sums)
    assert found.count() == 9
    assert_df_equality(found, expected, ignore_row_order=True, ignore_nullable=True)


def test_a_column_wider_than_a_long_is_refused(spark: SparkSession) -> None:
    frame = spark.createDataFrame(ROWS, SCHEMA)
    with pytest.raises(ValueError, match="h needs 64 bits of 63"):
        grouped(frame, ["k"], [Small("h", 1 << 63, type="bigint")], [F.sum("value")])
