"""Expressions evaluated over one made row before a log is read: what raises whatever the row is told."""

from __future__ import annotations

import function_examples
import pytest
from pyspark.sql import SparkSession

from abspark.stages.expressions import Stated, fault_of
from abspark.storage import first_line

pytestmark = pytest.mark.spark


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("word rlike '('", "The value of parameter(s) `regexp` in `rlike` is invalid: '('."),
        ("word = 'a' and i > 0 and not word rlike '['",
         "The value of parameter(s) `regexp` in `rlike` is invalid: '['."),
        ("case when word = 'a' then regexp_replace(word, '(', '') = 'b' end",
         "The value of parameter(s) `regexp` in `regexp_replace` is invalid: '('."),
        ("size(split(word, '(')) = 1", "Unclosed group near index 1"),
        ("date_format(t, 'YYYY') = '2026'", "You may get a different result due to the upgrading to Spark >= 3.0: "
         "Fail to recognize 'YYYY' pattern in the DateTimeFormatter."),
        ("coalesce(t, to_timestamp(word, 'foo')) = t", "Unrecognized datetime pattern: 'foo'. You can form a valid "
         "datetime pattern with the guide from 'https://spark.apache.org/docs/latest/sql-ref-datetime-pattern.html'."),
        ("try_to_number(word, 'x') = 1",
         "The format is invalid: 'X'. The format string requires at least one number digit."),
    ],
)  # fmt: skip
def test_what_raises_on_any_row(spark: SparkSession, expression: str, said: str) -> None:
    rows = spark.sql(function_examples.ROW)
    stated = [Stated("filter", "i > 1", "boolean"), Stated("where of metric m", expression, "boolean")]
    fault = fault_of(rows, stated)
    assert fault is not None
    assert first_line(fault) == said


def test_what_raises_on_no_row(spark: SparkSession) -> None:
    rows = spark.sql(function_examples.ROW)
    assert fault_of(rows, [Stated("value", call, None) for call in function_examples.EXAMPLES]) is None


def test_every_type_has_a_value(spark: SparkSession) -> None:
    numbers = ("tinyint", "smallint", "bigint", "float", "decimal(38,2)")
    types = (*numbers, "char(3)", "varchar(4)", "binary", "timestamp_ntz", "boolean")
    columns = ", ".join(f"cast(null as {kind}) as c{j}" for j, kind in enumerate(types))
    nested = r"map(array(1), named_struct('it\'s \\ `', date '2026-01-01')) as `a ``b`"
    rows = spark.sql(f"select {columns}, {nested}")
    texts = [f"`{name.replace('`', '``')}` is not null and 'x' rlike '('" for name in rows.columns]
    assert [
        first_line(fault) for text in texts if (fault := fault_of(rows, [Stated("where", text, "boolean")]))
    ] == ["The value of parameter(s) `regexp` in `rlike` is invalid: '('."] * len(texts)


def test_no_job_is_run(spark: SparkSession) -> None:
    spark.sparkContext.setJobGroup("sample", "expressions over one made row")
    try:
        fault_of(spark.sql(function_examples.ROW), [Stated("value", "n + 1", "double")])
        assert spark.sparkContext.statusTracker().getJobIdsForGroup("sample") == []
    finally:
        spark.sparkContext.setLocalProperty("spark.jobGroup.id", None)
